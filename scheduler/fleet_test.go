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
	"dunnock/scheduler"
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
		h, err := f.Client(s).Submit(t.Context(), echoJob(1000, "10ms"))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		results, err := h.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
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
		h, err := f.Client(s).Submit(t.Context(), echoJob(100, "100ms"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(250 * time.Millisecond)
		w1.Kill()
		results, err := h.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
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

// A worker behind a network that drops everything is given up after the lease, by both sides: its tasks run elsewhere, and it
// stops what it ran. When the network has healed it works again.
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
		h, err := c.Submit(t.Context(), echoJob(4, "10s"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		f.Drop(w1, true)
		time.Sleep(2500 * time.Millisecond)
		if stopped.Load() != 2 {
			t.Errorf("the silent worker has stopped %d of 2 tasks", stopped.Load())
		}
		f.Drop(w1, false)
		results, err := h.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		again := 0
		for _, r := range results {
			if r.Attempt == 2 {
				again++
			}
		}
		if again != 2 {
			t.Errorf("%d tasks ran again, w1 had 2", again)
		}
		h, err = c.Submit(t.Context(), echoJob(4, "1s"))
		if err != nil {
			t.Fatal(err)
		}
		results, err = h.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
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
		h, err := f.Client(s).Submit(t.Context(), echoJob(100, "100ms"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(250 * time.Millisecond)
		w1.Drain()
		if err := w1.Wait(); err != nil {
			t.Errorf("the drained worker failed: %v", err)
		}
		if _, err := h.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if n := starts[i].Load(); n != 1 {
				t.Errorf("task %d started %d times", i, n)
			}
		}
	})
}

// A worker that joins while tasks wait is used, to the end of the job.
func TestWorkerJoins(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 2, apps(nil), nil)
		synctest.Wait()
		h, err := f.Client(s).Submit(t.Context(), echoJob(400, "10ms"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		f.Worker("w2", 2, apps(nil), nil)
		results, err := h.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
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

// What membership believes kills nothing: a forgotten worker finishes its tasks, and gets new ones when it is found again.
func TestGossipKillsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 4, apps(&starts), nil)
		synctest.Wait()
		h, err := f.Client(s).Submit(t.Context(), echoJob(4, "1s"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		f.Forget(probe.RoleWorker, "w1")
		if _, err := h.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			if n := starts[i].Load(); n != 1 {
				t.Errorf("task %d started %d times", i, n)
			}
		}
	})
}

// A failing task is tried again elsewhere, up to max_attempts.
func TestRetry(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		bad := map[string]worker.Handler{"echo": func(context.Context, worker.Task) ([]byte, error) { return nil, errors.New("broken here") }}
		f.Worker("bad1", 2, bad, nil)
		f.Worker("good", 2, apps(nil), nil)
		f.Worker("bad2", 2, bad, nil)
		synctest.Wait()
		c := f.Client(s)
		for range 20 {
			h, err := c.Submit(t.Context(), echoJob(4, ""))
			if err != nil {
				t.Fatal(err)
			}
			results, err := h.Wait(t.Context())
			if err != nil { // three attempts reach three different workers
				t.Fatal(err)
			}
			for _, r := range results {
				if r.Worker != "good" {
					t.Fatalf("%+v", r)
				}
			}
		}
		j := echoJob(2, "")
		j.MaxAttempts = 1
		j.ProbeRatio = 3
		j.Require = map[string]string{"no": "such"}
		if _, err := c.Submit(t.Context(), j); !errors.Is(err, task.CodeUnsatisfiable) {
			t.Errorf("unsatisfiable label: %v", err)
		}
	})
}

// Failure for good, permanent failure, a timeout per attempt and a deadline each end a task with their own code.
func TestEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var attempts atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 2, map[string]worker.Handler{
			"fail": func(context.Context, worker.Task) ([]byte, error) { attempts.Add(1); return nil, errors.New("no luck") },
			"perm": func(context.Context, worker.Task) ([]byte, error) {
				attempts.Add(1)
				return nil, worker.Permanent(errors.New("never"))
			},
			"panic": func(context.Context, worker.Task) ([]byte, error) { attempts.Add(1); panic("oh") },
			"echo": func(ctx context.Context, t worker.Task) ([]byte, error) {
				attempts.Add(1)
				return fleettest.Echo(ctx, t)
			},
			"deaf": func(context.Context, worker.Task) ([]byte, error) {
				attempts.Add(1)
				time.Sleep(5 * time.Second)
				return nil, nil
			},
			"too-big": func(context.Context, worker.Task) ([]byte, error) { attempts.Add(1); return make([]byte, 2<<20), nil },
		}, nil)
		synctest.Wait()
		c := f.Client(s)
		for _, test := range []struct {
			job      task.Job
			outcome  task.Outcome
			code     task.Code
			attempts int32
			within   time.Duration
		}{
			{task.Job{App: "fail"}, task.Failed, task.CodeAppFailed, 3, time.Second},
			{task.Job{App: "perm"}, task.Failed, task.CodePermanent, 1, time.Second},
			{task.Job{App: "panic", MaxAttempts: 2}, task.Failed, task.CodeAppFailed, 2, time.Second},
			{task.Job{App: "echo", TaskTimeout: time.Second, Tasks: []task.Task{{Payload: []byte("3s")}}}, task.Timeout, task.CodeTaskTimeout, 3, 4 * time.Second},
			{task.Job{App: "echo", Deadline: time.Second, Tasks: []task.Task{{Payload: []byte("3s")}}}, task.Timeout, task.CodeDeadline, 1, 1100 * time.Millisecond},
			{task.Job{App: "too-big"}, task.Failed, task.CodeResultTooLarge, 1, time.Second},
			{task.Job{App: "deaf", Deadline: time.Second}, task.Timeout, task.CodeDeadline, 1, 1100 * time.Millisecond},
		} {
			attempts.Store(0)
			if test.job.Tasks == nil {
				test.job.Tasks = make([]task.Task, 1)
			}
			began := time.Now()
			h, err := c.Submit(t.Context(), test.job)
			if err != nil {
				t.Fatal(err)
			}
			results, err := h.Wait(t.Context())
			r := results[0]
			if !errors.Is(err, test.code) || r.Outcome != test.outcome || attempts.Load() != test.attempts || r.Err.Code != test.code {
				t.Errorf("%s: %v, %+v after %d attempts", test.job.App, err, r, attempts.Load())
			}
			if took := time.Since(began); took > test.within {
				t.Errorf("%s took %v", test.job.App, took)
			}
		}
		time.Sleep(10 * time.Second) // the deaf handler returns
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
		h, err := c.Submit(t.Context(), echoJob(10, ""))
		if err != nil {
			t.Fatal(err)
		}
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
		h1, err := c1.Submit(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		h2, err := c2.Submit(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		other := j
		other.Priority = 1
		if _, err := c2.Submit(t.Context(), other); !errors.Is(err, task.CodeConflict) {
			t.Errorf("another job under the same id: %v", err)
		}
		_ = c1.Close() // the second client still wants the job
		results, err := h2.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if string(r.Value) != "1s" || starts[i].Load() != 1 {
				t.Errorf("task %d: %+v, started %d times", i, r, starts[i].Load())
			}
		}
		<-h1.Done()
	})
}

// Refusals come before acceptance, with a code, and over-full schedulers say when to come back.
func TestRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", func(c *scheduler.Config) {
			c.MaxJobs, c.MaxWaitingTasks, c.MaxPayloadBytes = 2, 20, 1000
			c.Limits = task.Limits{MaxTasks: 30, MaxPayloadBytes: 500, MaxJobBytes: 900}
		})
		c := f.Client(s)
		refused := func(j task.Job, want task.Code) {
			t.Helper()
			_, err := c.Submit(t.Context(), j)
			var e *task.Error
			if !errors.As(err, &e) || e.Code != want {
				t.Errorf("got %v, want %s", err, want)
			} else if retry := want == task.CodeOverloaded || want == task.CodeNoWorkers || want == task.CodeDraining; retry != (e.RetryAfterMS > 0) {
				t.Errorf("%v: retry after %d ms", err, e.RetryAfterMS)
			}
		}
		refused(echoJob(1, ""), task.CodeNoWorkers)
		f.Worker("w1", 1, apps(nil), nil)
		synctest.Wait()
		refused(task.Job{App: "nope", Tasks: make([]task.Task, 1)}, task.CodeUnknownApp)
		refused(task.Job{App: "echo"}, task.CodeInvalidJob)
		refused(echoJob(31, ""), task.CodeTooLarge)
		refused(echoJob(1, string(make([]byte, 501))), task.CodeTooLarge)
		refused(echoJob(2, string(make([]byte, 451))), task.CodeTooLarge)
		refused(echoJob(21, "1s"), task.CodeOverloaded)
		for range 2 {
			if _, err := c.Submit(t.Context(), echoJob(1, "1m")); err != nil {
				t.Fatal(err)
			}
		}
		refused(echoJob(1, ""), task.CodeOverloaded)
		s.Drain()
		refused(echoJob(1, ""), task.CodeDraining)
	})
}

// A draining scheduler finishes what it has accepted, and then ends.
func TestSchedulerDrains(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 2, apps(nil), nil)
		synctest.Wait()
		h, err := f.Client(s).Submit(t.Context(), echoJob(10, "1s"))
		if err != nil {
			t.Fatal(err)
		}
		s.Drain()
		if _, err := h.Wait(t.Context()); err != nil {
			t.Errorf("a job accepted before the drain: %v", err)
		}
		if err := s.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// Payloads and results of all sizes arrive whole: those that cross in pieces, and those at the edge, which a
// handler that returns its payload must not see overwritten by the slot's next one.
func TestLargePayloads(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 1, apps(nil), nil)
		synctest.Wait()
		j := echoJob(60, "")
		for i := range j.Tasks {
			size := 1 << 20
			if i >= 8 {
				size = 65_536 - 100 + 4*(i-8)
			}
			j.Tasks[i].Payload = make([]byte, size)
			for k := range j.Tasks[i].Payload {
				j.Tasks[i].Payload[k] = byte(k * (i + 1) >> 7)
			}
		}
		h, err := f.Client(s).Submit(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		results, err := h.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if string(r.Value) != string(j.Tasks[i].Payload) {
				t.Errorf("task %d: the result differs from the payload", i)
			}
		}
	})
}
