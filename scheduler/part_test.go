package scheduler_test

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// A scheduler that drains says of every job whether it has taken it, also of those that come while it leaves: nothing of them is in doubt,
// and so tasks that may start once are run elsewhere.
func TestDrainLeavesNoDoubt(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		f.Delay(probe.RoleScheduler, 2*time.Millisecond) // so that some jobs are under way whenever it leaves
		s1, s2 := f.Scheduler("s1", nil), f.Scheduler("s2", nil)
		f.Worker("w1", 4, apps(&starts), nil)
		synctest.Wait()
		c := f.Client(s1, s2)
		const jobs, tasks = 200, 2
		handles := make([]*client.Handle, jobs)
		var submissions sync.WaitGroup
		for i := range jobs {
			if i == jobs/2 {
				s1.Drain()
			}
			submissions.Go(func() {
				job := echoJob(tasks, "1ms")
				job.Delivery, job.MaxAttempts = task.AtMostOnce, 1
				h, err := c.Submit(t.Context(), job)
				if err != nil {
					t.Errorf("job %d: %v", i, err)
					return
				}
				handles[i] = h
			})
			time.Sleep(time.Millisecond)
		}
		submissions.Wait()
		for i, h := range handles {
			if h == nil {
				continue
			}
			if _, err := h.Wait(t.Context()); err != nil || h.Outcome() != task.OK {
				t.Errorf("job %d ended %v: %v", i, h.Outcome(), err)
			}
		}
		for i := range tasks {
			if n := starts[i].Load(); n != jobs {
				t.Errorf("%d starts of task %d of %d jobs", n, i, jobs)
			}
		}
	})
}

// The last word of a scheduler that drains does not get ahead of large results, which go in pieces: its client, which hangs up at that word and may know no other
// scheduler, has them all.
func TestDrainDeliversLargeResults(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		f.Delay(probe.RoleScheduler, 5*time.Millisecond)
		s := f.Scheduler("s1", nil)
		value := bytes.Repeat([]byte("x"), 1<<20)
		f.Worker("w1", 4, map[string]worker.Handler{
			"make": func(context.Context, worker.Task) ([]byte, error) {
				time.Sleep(20 * time.Millisecond)
				return value, nil
			},
		}, nil)
		synctest.Wait()
		h, err := f.Client(s).Submit(t.Context(), task.Job{App: "make", Tasks: make([]task.Task, 8), Deadline: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		s.Drain()
		results, err := h.Wait(t.Context())
		if err != nil || h.Outcome() != task.OK {
			t.Errorf("the job ended %v: %v", h.Outcome(), err)
		}
		for _, r := range results {
			if r.Outcome != task.OK || !bytes.Equal(r.Value, value) {
				t.Errorf("task %d ended %v with %d bytes: %v", r.Task, r.Outcome, len(r.Value), r.Err)
			}
		}
	})
}
