package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// Fifty workers join while each of many schedulers has jobs that wait, too small for a fair share of them to come to
// anything. Together the schedulers give each worker something to do for every slot, and do not flood it: 2 per slot,
// and now and then one more that is a fair share.
func TestSchedulersDealAmongThemselves(t *testing.T) {
	for _, n := range []int{1, 3, 10, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			const before, joining, slots, jobs = 3000, 50, 3, 8
			got := make([]int, joining)
			for self := range n {
				c := placement.New(placement.Config{}, rand.New(rand.NewPCG(uint64(self), 1)))
				c.Peers(self, n)
				for w := range before {
					c.WorkerUp(0, probe.WorkerID(w), placement.Worker{Slots: slots, Apps: []string{"app"}}, nil)
				}
				for range jobs {
					if _, _, err := c.Submit(0, placement.Spec{App: "app", Tasks: 1, ProbeRatio: 1}, nil); err != nil {
						t.Fatal(err)
					}
				}
				for w := range joining {
					for _, e := range c.WorkerUp(0, probe.WorkerID(before+w), placement.Worker{Slots: slots, Apps: []string{"app"}}, nil) {
						if e.Kind == placement.EffectReserve {
							got[w] += int(e.Count)
						}
					}
				}
				if err := c.CheckInvariants(); err != nil {
					t.Fatal(err)
				}
			}
			more := 0
			for w, given := range got {
				if given < 2*slots {
					t.Errorf("worker %d got %d reservations for %d slots", w, given, slots)
				}
				more += given - 2*slots
			}
			if fair := float64(n*jobs*joining) / before; float64(more) > 2*fair+6 {
				t.Errorf("%d workers got %d reservations beyond 2 per slot; %.1f are their fair share of all", joining, more, fair)
			}
		})
	}
}
