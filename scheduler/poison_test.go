package scheduler_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker"
)

// A task that kills its worker each time fails, and no other does, in a fleet so small that they meet each time; also
// where slots offer themselves.
func TestPoison(t *testing.T) {
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		t.Run(policy.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				const tasks = 8
				var starts [tasks]atomic.Int32
				dead := make(chan struct{}, 1)
				handlers := map[string]worker.Handler{"echo": func(ctx context.Context, t worker.Task) ([]byte, error) {
					starts[t.Index].Add(1)
					if t.Index == 0 {
						time.Sleep(50 * time.Millisecond)
						dead <- struct{}{}
						<-ctx.Done()
						return nil, ctx.Err()
					}
					return fleettest.Echo(ctx, t)
				}}
				s := f.Scheduler("s1", func(c *scheduler.Config) { c.Policy = policy })
				w := f.Worker("w0", 4, handlers, nil)
				synctest.Wait()
				h := fleettest.Submit(t, f.Client(s), echoJob(tasks, "200ms"))
				c, said := newCaller(t, f, s), false
				deaths := 0
				for over := false; !over; {
					select {
					case <-h.Done():
						over = true
					case <-dead:
						deaths++
						w.Kill()
						w = f.Worker(fmt.Sprintf("w%d", deaths), 4, handlers, nil)
						time.Sleep(20 * time.Millisecond)
						var d struct{ Why string }
						c.do("GET", "/v1/jobs/"+h.ID().String(), "", 200, &d)
						said = said || strings.Contains(d.Why, " have one attempt left and have lost a worker before")
					}
				}
				results, err := h.Wait(t.Context())
				if err == nil || deaths != task.DefaultMaxAttempts {
					t.Errorf("%d workers died: %v", deaths, err)
				}
				for i, r := range results {
					if n := starts[i].Load(); (r.Outcome == task.OK) != (i > 0) || n > task.DefaultMaxAttempts {
						t.Errorf("task %d started %d times: %+v", i, n, r)
					}
				}
				if !said {
					t.Error("nobody was told why tasks wait")
				}
				if s.Metric("dunnock_suspects_kept_apart_total") == 0 {
					t.Error("nothing was kept apart")
				}
			})
		})
	}
}
