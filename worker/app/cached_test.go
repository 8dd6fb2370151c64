package app

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/worker"
)

// TestSleepCached sleeps with keys: a key that was met lately is a hit, and another one takes as many times as long.
func TestSleepCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Sleeper
		for i, step := range []struct {
			payload, want string
			takes         time.Duration
		}{
			{"20ms 1 5 2", "miss", 100 * time.Millisecond},
			{"20ms 1 5 2", "hit", 20 * time.Millisecond},
			{" 10ms 2 2.5 2\n", "miss", 25 * time.Millisecond},
			{"20ms 1 5 2", "hit", 20 * time.Millisecond},
			{"20ms 3 5 2", "miss", 100 * time.Millisecond}, // and 2 is forgotten
			{"20ms 1 5 2", "hit", 20 * time.Millisecond},
			{"20ms 2 5 2", "miss", 100 * time.Millisecond},
			{"20ms 2 5 3", "miss", 100 * time.Millisecond}, // another cache
			{"20ms", "", 20 * time.Millisecond},
		} {
			start := time.Now()
			got, err := s.Handle(t.Context(), worker.Task{Payload: []byte(step.payload)})
			if took := time.Since(start); err != nil || string(got) != step.want || took != step.takes {
				t.Errorf("step %d: %q, %v after %v; want %q after %v", i, got, err, took, step.want, step.takes)
			}
		}
	})
}

func TestSleepCachedFaults(t *testing.T) {
	var s Sleeper
	for _, payload := range []string{
		"20ms 1", "20ms 1 5", "20ms 1 5 2 3", "20 1 5 2", "-1ms 1 5 2", "20ms -1 5 2", "20ms x 5 2", "20ms 1 0.5 2", "20ms 1 NaN 2", "20ms 1 5 0", "20ms 1 5 1000001", "48h 1 5 2",
	} {
		_, err := s.Handle(t.Context(), worker.Task{Payload: []byte(payload)})
		if err == nil || !strings.Contains(err.Error(), "want a duration such as 100ms, or DURATION KEY MISS-COST KEYS, got ") {
			t.Errorf("%q: %v", payload, err)
		}
	}
}

func FuzzParseCached(f *testing.F) {
	for _, s := range []string{"20ms 1 5 2", "", "1h 2 3 4 5", "20ms 1 Inf 2", "20ms 18446744073709551615 1e3 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := parseCached(s); ok && (c.hit < 0 || c.keys < 1 || c.keys > maxCachedKeys || c.miss < 1 || c.miss > maxMissCost) {
			t.Fatalf("%q is %+v", s, c)
		}
	})
}
