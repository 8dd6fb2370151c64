package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// apps are the handlers of most tests; starts counts attempts by task index.
func apps(starts *[1024]atomic.Int32) map[string]worker.Handler {
	return map[string]worker.Handler{
		"echo": func(ctx context.Context, t worker.Task) ([]byte, error) {
			if starts != nil {
				starts[t.Index].Add(1)
			}
			return fleettest.Echo(ctx, t)
		},
	}
}

// startedOnce says which tasks did not start exactly once.
func startedOnce(t *testing.T, starts []atomic.Int32) {
	t.Helper()
	for i := range starts {
		if n := starts[i].Load(); n != 1 {
			t.Errorf("task %d started %d times", i, n)
		}
	}
}

func echoJob(tasks int, payload string) task.Job {
	j := task.Job{App: "echo", Tasks: make([]task.Task, tasks)}
	for i := range j.Tasks {
		j.Tasks[i].Payload = []byte(payload)
	}
	return j
}

// inBubble runs a test over a fleet in virtual time.
func inBubble(t *testing.T, test func(t *testing.T, f *fleettest.Fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		test(t, f)
	})
}

// A job of more tasks than the fleet has slots runs each task once, on all workers.
func TestWideJob(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		for i := range 3 {
			f.Worker(fmt.Sprintf("w%d", i+1), 2, apps(&starts), nil)
		}
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(1000, "10ms"))
		began := time.Now()
		results := fleettest.Wait(t, h)
		perWorker := make(map[string]int)
		for i, r := range results {
			perWorker[r.Worker]++
			if r.Task != i || r.Outcome != task.OK || string(r.Value) != "10ms" || r.Attempt != 1 || starts[i].Load() != 1 {
				t.Fatalf("task %d: %+v, started %d times", i, r, starts[i].Load())
			}
		}
		if len(perWorker) != 3 {
			t.Errorf("workers used: %v", perWorker)
		}
		// 1,000 tasks of 10 ms on 6 slots take 1.67 s of virtual time if no slot idles.
		if took := time.Since(began); took < 1660*time.Millisecond || took > 1800*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// When a worker dies, what it ran is run elsewhere, and nothing else is run twice.
func TestWorkerDies(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		w1 := f.Worker("w1", 4, apps(&starts), nil)
		f.Worker("w2", 4, apps(&starts), nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(100, "100ms"))
		time.Sleep(250 * time.Millisecond)
		w1.Kill()
		results := fleettest.Wait(t, h)
		again := 0
		for i, r := range results {
			if n := int(starts[i].Load()); n != r.Attempt {
				t.Errorf("task %d started %d times and says attempt %d", i, n, r.Attempt)
			} else if n > 1 {
				again++
			}
		}
		if again != 4 {
			t.Errorf("%d tasks ran again; w1 ran 4 when it died", again)
		}
	})
}

// A worker behind a network that drops everything is given up after the lease, by both sides: its tasks run elsewhere,
// and it stops what it ran when nobody has asked for it during the grace. When the network has healed it works again.
func TestSilentWorker(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var stopped atomic.Int32
		s := f.Scheduler("s1", nil)
		w1 := f.Worker("w1", 2, map[string]worker.Handler{"echo": func(ctx context.Context, t worker.Task) ([]byte, error) {
			v, err := fleettest.Echo(ctx, t)
			if ctx.Err() != nil {
				stopped.Add(1)
			}
			return v, err
		}}, nil)
		f.Worker("w2", 2, apps(nil), nil)
		synctest.Wait()
		c := f.Client(s)
		h := fleettest.Submit(t, c, echoJob(4, "10s"))
		time.Sleep(time.Second)
		f.Drop(w1, true)
		time.Sleep(4 * time.Second)
		if stopped.Load() != 2 {
			t.Errorf("the silent worker has stopped %d of 2 tasks", stopped.Load())
		}
		f.Drop(w1, false)
		results := fleettest.Wait(t, h)
		again := 0
		for _, r := range results {
			if r.Attempt == 2 {
				again++
			}
		}
		if again != 2 {
			t.Errorf("%d tasks ran again, w1 had 2", again)
		}
		h = fleettest.Submit(t, c, echoJob(4, "1s"))
		results = fleettest.Wait(t, h)
		used := make(map[string]int)
		for _, r := range results {
			used[r.Worker]++
		}
		if used["w1"] != 2 {
			t.Errorf("after healing: %v", used)
		}
	})
}

// A worker that drains finishes what it runs, and no task is run twice for it.
func TestWorkerDrains(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		w1 := f.Worker("w1", 4, apps(&starts), nil)
		f.Worker("w2", 4, apps(&starts), nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(100, "100ms"))
		time.Sleep(250 * time.Millisecond)
		w1.Drain()
		if err := w1.Wait(); err != nil {
			t.Errorf("the drained worker failed: %v", err)
		}
		fleettest.Wait(t, h)
		startedOnce(t, starts[:100])
	})
}

// A worker that joins while tasks wait is used, to the end of the job.
func TestWorkerJoins(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 2, apps(nil), nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(400, "10ms"))
		time.Sleep(100 * time.Millisecond)
		f.Worker("w2", 2, apps(nil), nil)
		results := fleettest.Wait(t, h)
		joined := 0
		for _, r := range results {
			if r.Worker == "w2" {
				joined++
			}
		}
		if joined < 150 { // 380 tasks were left for two equal workers
			t.Errorf("the worker that joined ran %d of the last 380 tasks", joined)
		}
	})
}

// What membership believes kills nothing: a forgotten worker finishes its tasks, and gets new ones when it is found
// again.
func TestGossipKillsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 4, apps(&starts), nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(4, "1s"))
		time.Sleep(100 * time.Millisecond)
		f.Forget(probe.RoleWorker, "w1")
		fleettest.Wait(t, h)
		startedOnce(t, starts[:4])
	})
}

// A client that goes away takes its jobs with it: nothing starts any more, and what runs is stopped.
func TestClientLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts, stops atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 2, map[string]worker.Handler{"echo": func(ctx context.Context, _ worker.Task) ([]byte, error) {
			starts.Add(1)
			<-ctx.Done()
			stops.Add(1)
			return nil, ctx.Err()
		}}, nil)
		synctest.Wait()
		c := f.Client(s)
		h := fleettest.Submit(t, c, echoJob(10, ""))
		synctest.Wait()
		_ = c.Close()
		synctest.Wait()
		if starts.Load() != 2 || stops.Load() != 2 {
			t.Errorf("%d started and %d stopped, want 2 and 2", starts.Load(), stops.Load())
		}
		if results, err := h.Wait(t.Context()); !errors.Is(err, task.CodeSchedulerLost) || results[9].Outcome != task.Unknown {
			t.Errorf("the closed client's job: %v", err)
		}
	})
}

// A second submission of a job joins it; another job under its id is refused.
func TestJoinAndConflict(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 4, apps(&starts), nil)
		synctest.Wait()
		c1, c2 := f.Client(s), f.Client(s)
		j := echoJob(8, "1s")
		j.ID[0] = 1
		h1 := fleettest.Submit(t, c1, j)
		time.Sleep(1500 * time.Millisecond)
		h2 := fleettest.Submit(t, c2, j)
		other := j
		other.Priority = 1
		if _, err := c2.Submit(t.Context(), other); !errors.Is(err, task.CodeConflict) {
			t.Errorf("another job under the same id: %v", err)
		}
		_ = c1.Close() // the second client still wants the job
		results := fleettest.Wait(t, h2)
		for i, r := range results {
			if string(r.Value) != "1s" || starts[i].Load() != 1 {
				t.Errorf("task %d: %+v, started %d times", i, r, starts[i].Load())
			}
		}
		<-h1.Done()
	})
}

// A draining scheduler finishes what it has accepted, and then ends.
func TestSchedulerDrains(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 2, apps(nil), nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(10, "1s"))
		s.Drain()
		if _, err := h.Wait(t.Context()); err != nil {
			t.Errorf("a job accepted before the drain: %v", err)
		}
		if err := s.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// A connection that breaks between two processes that live costs nothing: what runs runs on, what has ended meanwhile
// is said when they are connected again, and no task starts a second time.
func TestBrokenConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		w1 := f.Worker("w1", 4, apps(&starts), nil)
		w2 := f.Worker("w2", 4, apps(&starts), nil)
		synctest.Wait()
		c := f.Client(s)
		job := echoJob(40, "100ms")
		for i := range job.Tasks {
			job.Tasks[i].Payload = []byte((time.Duration(50+7*i) * time.Millisecond).String())
		}
		h := fleettest.Submit(t, c, job)
		for i := range 20 {
			time.Sleep(43 * time.Millisecond)
			f.Break([]*fleettest.Node{w1, w2}[i%2])
		}
		results := fleettest.Wait(t, h)
		for i, r := range results {
			if n := starts[i].Load(); n != 1 || r.Attempt != 1 {
				t.Errorf("task %d started %d times, and says attempt %d", i, n, r.Attempt)
			}
		}
	})
}
