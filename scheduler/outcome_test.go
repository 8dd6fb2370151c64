package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/task"
	"dunnock/worker"
)

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
			h := fleettest.Submit(t, c, echoJob(4, ""))
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
			"goexit": func(context.Context, worker.Task) ([]byte, error) {
				attempts.Add(1)
				runtime.Goexit()
				return nil, nil
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
			{task.Job{App: "goexit", MaxAttempts: 5}, task.Failed, task.CodeAppFailed, 5, time.Second},
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
			h := fleettest.Submit(t, c, test.job)
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
		h := fleettest.Submit(t, f.Client(s), j)
		results := fleettest.Wait(t, h)
		for i, r := range results {
			if string(r.Value) != string(j.Tasks[i].Payload) {
				t.Errorf("task %d: the result differs from the payload", i)
			}
		}
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
