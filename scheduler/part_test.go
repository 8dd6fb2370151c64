package scheduler_test

import (
	"bytes"
	"context"
	"strconv"
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

// A scheduler that drains says of every job whether it has taken it, also of those that come while it leaves: nothing
// of them is in doubt, and so tasks that may start once are run elsewhere.
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

// The last word of a scheduler that drains does not get ahead of large results, which go in pieces: its client, which
// hangs up at that word and may know no other scheduler, has them all.
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
		h := fleettest.Submit(t, f.Client(s), task.Job{App: "make", Tasks: make([]task.Task, 8), Deadline: 10 * time.Second})
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

// A worker that leaves starts nothing more, and its schedulers know: launches on what it had offered cross its last
// word, and the tasks start elsewhere, also those that may start once.
func TestLaunchesThatCrossALeavingWorker(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		f.Delay(probe.RoleWorker, 2*time.Millisecond)
		s1, s2 := f.Scheduler("s1", nil), f.Scheduler("s2", nil)
		f.Worker("stays", 8, apps(&starts), nil)
		leaving := make([]*fleettest.Node, 8)
		for i := range leaving {
			leaving[i] = f.Worker("w"+strconv.Itoa(i), 8, apps(&starts), nil)
		}
		time.Sleep(time.Second)
		c := f.Client(s1, s2)
		const jobs, tasks = 400, 4
		handles := make([]*client.Handle, jobs)
		for i := range handles {
			if n := i - jobs/4; n >= 0 && n%(jobs/16) == 0 && n/(jobs/16) < len(leaving) {
				leaving[n/(jobs/16)].Drain()
			}
			job := echoJob(tasks, "1ms")
			job.Delivery, job.MaxAttempts = task.AtMostOnce, 1
			h := fleettest.Submit(t, c, job)
			handles[i] = h
			time.Sleep(500 * time.Microsecond)
		}
		for i, h := range handles {
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

// A worker that has a result for a scheduler that is gone waits for a while whether somebody comes for it, and leaves
// when nobody has: nothing else happens then.
func TestWorkerLeavesWhenItMay(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		leaves := f.Worker("leaves", 1, apps(nil), func(c *worker.Config) { c.DrainTimeout = time.Hour })
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(1, "1ms"))
		fleettest.Wait(t, h)
		s.Kill() // before it has acknowledged the result
		leaves.Drain()
		began := time.Now()
		if err := leaves.Wait(); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited < 2*time.Second || waited > 3*time.Second {
			t.Errorf("it left after %v", waited)
		}
	})
}

// A worker that must leave while a task runs has no such last word: what was launched there may have run.
func TestDrainTimeoutLeavesDoubt(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		leaves := f.Worker("leaves", 1, apps(&starts), func(c *worker.Config) { c.DrainTimeout = time.Second })
		synctest.Wait()
		job := echoJob(1, "1h")
		job.Delivery, job.Deadline = task.AtMostOnce, 2*time.Hour
		h := fleettest.Submit(t, f.Client(s), job)
		synctest.Wait()
		f.Worker("stays", 1, apps(&starts), nil)
		leaves.Drain()
		r, err := h.Wait(t.Context())
		if err == nil || h.Outcome() != task.Failed || r[0].Outcome != task.Unknown || starts[0].Load() != 1 {
			t.Errorf("ended %v (%v) after %d starts: %v", h.Outcome(), r, starts[0].Load(), err)
		}
	})
}
