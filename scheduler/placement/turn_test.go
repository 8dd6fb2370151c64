package placement_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// flooded is a core whose ten workers of one slot have run 200 of a job's 500 tasks at a rate of 100 a second, and
// others that have come.
func flooded(t *testing.T, sorts bool, spec placement.Spec, others ...placement.Spec) (*placement.Core, time.Duration) {
	t.Helper()
	c := placement.New(placement.Config{MaxQueueTime: 10 * time.Second}, rand.New(rand.NewPCG(1, 1)))
	for w := range probe.WorkerID(10) {
		c.WorkerUp(0, w, placement.Worker{Slots: 1, Apps: []string{"app"}, Sorts: sorts}, nil)
	}
	spec.App, spec.Tasks, spec.Deadline = "app", 500, time.Hour
	ref, out, err := c.Submit(0, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	res := map[probe.WorkerID]uint32{}
	for _, e := range out {
		res[e.Worker] = e.Res
	}
	for _, o := range others {
		o.App, o.Tasks, o.Deadline = "app", 1, time.Hour
		if _, _, err := c.Submit(0, o, nil); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Duration(0)
	for call := uint32(1); call <= 20; call++ {
		for w := range probe.WorkerID(10) {
			now += 10 * time.Millisecond
			out = c.GetTask(now, w, probe.GetTask{Call: call, Ref: ref, Res: res[w]}, out[:0])
			if len(out) != 1 || out[0].Kind != placement.EffectLaunch {
				t.Fatalf("call %d of worker %d: %v", call, w, out)
			}
			c.Finished(now, w, probe.Finished{Call: call, Ref: ref, Task: out[0].Task, Attempt: 1, Status: probe.StatusOK, Service: time.Millisecond}, nil)
		}
	}
	return c, now
}

// TestTurnsDecideWhoIsAhead: 300 tasks wait for three seconds in all. Where workers serve by what a job has, one that
// goes before them and has two seconds is taken; one that goes behind them is not, nor is any where workers serve who
// came first.
func TestTurnsDecideWhoIsAhead(t *testing.T) {
	for _, tt := range []struct {
		sorts  bool
		others int64 // turn of those that wait
		turn   int64
		taken  bool
	}{
		{true, 1000, 10, true},
		{true, 1000, 999, true},
		{true, 1000, 1000, false},
		{true, 1000, 5000, false},
		{true, 1000, 0, false},
		{true, 0, 10, false},
		{false, 1000, 10, false},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			c, now := flooded(t, tt.sorts, placement.Spec{Turn: tt.others})
			_, _, err := c.Submit(now, placement.Spec{App: "app", Tasks: 10, Deadline: 2 * time.Second, Turn: tt.turn}, nil)
			if (err == nil) != tt.taken {
				t.Errorf("taken %v, want %v: %v", err == nil, tt.taken, err)
			}
			if e, ok := errors.AsType[*task.Error](err); ok && e.Code != task.CodeOverloaded {
				t.Error(err)
			}
			if err := c.CheckInvariants(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTurnsOfMany: what goes before is known of the oldest jobs, and of the others in proportion.
func TestTurnsOfMany(t *testing.T) {
	others := make([]placement.Spec, 3000)
	for i := range others {
		others[i].Turn = []int64{2000, 500}[i%2]
	}
	c, now := flooded(t, true, placement.Spec{Turn: 1000}, others...)
	for turn, taken := range map[int64]bool{100: true, 600: false} { // 15 s for half of them
		if _, _, err := c.Submit(now, placement.Spec{App: "app", Tasks: 1, Deadline: time.Hour, Turn: turn}, nil); (err == nil) != taken {
			t.Errorf("turn %d: taken %v: %v", turn, err == nil, err)
		}
	}
}
