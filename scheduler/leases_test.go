package scheduler_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/scheduler"
	"dunnock/worker"
)

// Of two nodes with different leases the longer one holds between them: who beats more seldom than the other would wait
// for is not given up.
func TestLeasesAgree(t *testing.T) {
	slow := stream.Config{BeatInterval: 4 * time.Second, Lease: 8 * time.Second}
	fast := stream.Config{BeatInterval: 100 * time.Millisecond, Lease: 200 * time.Millisecond}
	for name, test := range map[string]struct{ scheduler, worker stream.Config }{
		"a slow scheduler": {slow, fast},
		"a slow worker":    {fast, slow},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				s := f.Scheduler("s1", func(c *scheduler.Config) { c.Stream = test.scheduler })
				w := f.Worker("w1", 2, apps(nil), func(c *worker.Config) { c.Stream, c.OrphanGrace = test.worker, 10*time.Second })
				synctest.Wait()
				c, err := client.New(client.Config{Schedulers: []string{s.Addr}, Dial: f.Dial, Stream: test.worker})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				h := fleettest.Submit(t, c, echoJob(4, "30s"))
				results, err := h.Wait(t.Context())
				if err != nil {
					t.Error(err)
				}
				for _, r := range results {
					if r.Attempt != 1 {
						t.Errorf("%+v", r)
					}
				}
				if n := s.Metric("dunnock_lease_expiries_total"); n != 0 {
					t.Errorf("%v leases have expired", n)
				}
				// And who is silent indeed is given up, after the longer one.
				if h, err = c.Submit(t.Context(), echoJob(1, "1h")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				f.Drop(w, true)
				time.Sleep(3 * time.Second)
				if n := s.Metric("dunnock_lease_expiries_total"); n != 0 {
					t.Errorf("%v leases have expired after 3 s", n)
				}
				time.Sleep(9 * time.Second)
				f.Drop(w, false)
				if n := s.Metric("dunnock_lease_expiries_total") + w.Metric("dunnock_lease_expiries_total"); n == 0 {
					t.Error("no lease has expired after 12 s")
				}
				h.Cancel()
			})
		})
	}
}

// Leases that would give up peers that are well, or end what others count on, are refused with the reason.
func TestLeasesAreValidated(t *testing.T) {
	t.Parallel()
	times := func(beat, lease time.Duration) stream.Config {
		return stream.Config{BeatInterval: beat, Lease: lease}
	}
	for want, cfg := range map[string]scheduler.Config{
		"":                                          {Stream: times(time.Second, 2*time.Second), ResultGrace: 25 * time.Second},
		"beat: want at least 10ms, got 1ms":         {Stream: times(time.Millisecond, 0)},
		"lease: want at least two beats (2s)":       {Stream: times(time.Second, 0)},
		"lease: want two beats (1s) to 1m0s":        {Stream: times(0, time.Hour)},
		"lease: want two beats (1s) to 1m0s, got -": {Stream: times(0, -1)},
		"result grace: at most 25s, got 26s":        {ResultGrace: 26 * time.Second},
		"result grace: want at least 0":             {ResultGrace: -1},

		"result grace: want at least the client grace (21s), got 20s": {ClientGrace: 21 * time.Second},
		"result grace: want at least the client grace (1s), got 1ms":  {ResultGrace: time.Millisecond},
		"result grace: want at least the client grace (3s), got 2s":   {ClientGrace: 3 * time.Second, ResultGrace: 2 * time.Second},
	} {
		err := cfg.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for want, cfg := range map[string]worker.Config{
		"":                                  {Stream: times(time.Second, 2*time.Second)},
		"beat: want at least 10ms, got 1ms": {Stream: times(time.Millisecond, 0)},
		"orphan grace: want at least the lease (3s)":   {Stream: times(time.Second, 3*time.Second)},
		"orphan grace: want at least the lease (1.5s)": {OrphanGrace: time.Second},
	} {
		cfg.Apps = apps(nil)
		err := cfg.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := client.New(client.Config{Schedulers: []string{"s:1"}, Stream: times(time.Second, time.Second)}); err == nil || !strings.Contains(err.Error(), "lease: want") {
		t.Error(err)
	}
}
