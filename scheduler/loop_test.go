package scheduler_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker"
)

// Clients that each submit one task and wait for it, over and over, are never kept waiting for a timer: where messages
// and tasks take no time, no time passes. It would if a message were left unwritten or unread until a beat or a guard's
// next look, and each then takes milliseconds instead of microseconds. That every one has its own task's result says
// that what they submit with, and the scheduler decodes into, is nobody else's meanwhile.
func TestClosedLoopWaitsForNoTimer(t *testing.T) {
	const clients, inFlight, jobs = 2, 64, 20
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		t.Run(policy.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				s := f.Scheduler("s1", func(c *scheduler.Config) { c.Policy = policy })
				for i := range 2 {
					f.Worker(fmt.Sprintf("w%d", i+1), 16, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
				}
				synctest.Wait()
				time.Sleep(time.Second) // what a worker does when it joins is over
				began := time.Now()
				var drivers sync.WaitGroup
				for client := range clients {
					c := f.Client(s)
					for loop := range inFlight {
						drivers.Go(func() {
							for i := range jobs {
								payload := fmt.Sprintf("%d/%d/%d", client, loop, i)
								h, err := c.Submit(t.Context(), task.Job{App: "echo", Tasks: []task.Task{{Payload: []byte(payload)}}})
								if err != nil {
									t.Error(err)
									return
								}
								results, err := h.Wait(t.Context())
								if err != nil || len(results) != 1 || string(results[0].Value) != payload {
									t.Errorf("the result of %q: %+v, %v", payload, results, err)
									return
								}
							}
						})
					}
				}
				drivers.Wait()
				if waited := time.Since(began); waited != 0 {
					t.Errorf("%d jobs waited for timers, %v in all", clients*inFlight*jobs, waited)
				}
			})
		})
	}
}
