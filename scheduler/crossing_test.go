package scheduler_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// Launches on offers cross what their lanes go on to, most of all when a scheduler leaves and every worker makes its
// offers anew. None of these has begun, so that no task that may start once is in doubt and none has lost an attempt.
func TestLaunchesCrossOffers(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		f.Delay(probe.RoleWorker, 2*time.Millisecond)
		var nodes []*fleettest.Node
		for i := range 3 {
			nodes = append(nodes, f.Scheduler(fmt.Sprintf("s%d", i+1), func(c *scheduler.Config) { c.Policy = placement.IdleOffer }))
		}
		for i := range 5 {
			f.Worker(fmt.Sprintf("w%d", i+1), 4, apps(&starts), nil)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		c := f.Client(nodes...)
		const jobs, tasks = 300, 10
		var running sync.WaitGroup
		for i := range jobs {
			if i == jobs/2 {
				nodes[2].Drain()
			}
			job := echoJob(tasks, "")
			for n := range job.Tasks {
				job.Tasks[n].Payload = []byte((5*time.Millisecond + time.Duration((i*tasks+n)*7%46)*time.Millisecond).String())
			}
			if i%2 == 0 {
				job.Delivery, job.MaxAttempts = task.AtMostOnce, 1
			}
			running.Go(func() {
				h, err := c.Submit(t.Context(), job)
				if err != nil {
					t.Errorf("job %d: %v", i, err)
					return
				}
				results, err := h.Wait(t.Context())
				if err != nil {
					t.Errorf("job %d: %v", i, err)
				}
				for _, r := range results {
					if r.Attempt != 1 {
						t.Errorf("job %d task %d: attempt %d, and nothing has failed", i, r.Task, r.Attempt)
					}
				}
			})
			time.Sleep(15 * time.Millisecond)
		}
		running.Wait()
		for i := range tasks {
			if n := starts[i].Load(); n != jobs {
				t.Errorf("%d starts of task %d of %d jobs", n, i, jobs)
			}
		}
	})
}
