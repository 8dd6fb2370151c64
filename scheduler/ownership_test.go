package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/task"
	"dunnock/worker"
)

// A client whose connection breaks comes back to its jobs: nothing starts twice, and every result is told once.
func TestBrokenClientConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 4, apps(&starts), nil)
		f.Worker("w2", 4, apps(&starts), nil)
		synctest.Wait()
		job := echoJob(60, "")
		for i := range job.Tasks {
			job.Tasks[i].Payload = []byte((time.Duration(50+7*i) * time.Millisecond).String())
		}
		h := fleettest.Submit(t, f.Client(s), job)
		for range 20 {
			time.Sleep(71 * time.Millisecond)
			f.Break(s)
		}
		fleettest.Wait(t, h)
		seen := make(map[int]int)
		for r := range h.Results() {
			seen[r.Task]++
			if n := starts[r.Task].Load(); n != 1 || r.Attempt != 1 || seen[r.Task] != 1 || string(r.Value) != string(job.Tasks[r.Task].Payload) {
				t.Errorf("task %d started %d times, told %d times: %+v", r.Task, n, seen[r.Task], r)
			}
		}
	})
}

// The result that was on its way when a connection broke, and the end of the job with it, are not lost, although the
// scheduler has let the finished job go: its worker has the result.
func TestBrokenAtTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 4, apps(&starts), nil)
		synctest.Wait()
		f.Delay(probe.RoleScheduler, 20*time.Millisecond)
		h := fleettest.Submit(t, f.Client(s), echoJob(4, "100ms"))
		time.Sleep(90 * time.Millisecond) // the attempts end in 100 − 20 ms from here, the client hears of it 20 ms later
		f.Break(s)
		fleettest.Wait(t, h)
		startedOnce(t, starts[:4])
	})
}

// When a scheduler dies, the next one adopts what runs and finds what has ended: nothing starts twice.
func TestAdoption(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		schedulers := map[string]*fleettest.Node{"s1": f.Scheduler("s1", nil), "s2": f.Scheduler("s2", nil)}
		for i := range 4 {
			f.Worker(fmt.Sprintf("w%d", i+1), 4, apps(&starts), nil)
		}
		synctest.Wait()
		c := f.Client(schedulers["s1"], schedulers["s2"])
		job := echoJob(100, "")
		for i := range job.Tasks {
			job.Tasks[i].Payload = []byte((time.Duration(50+3*i) * time.Millisecond).String())
		}
		for _, delivery := range []task.Delivery{task.AtLeastOnce, task.AtMostOnce} {
			for i := range starts {
				starts[i].Store(0)
			}
			job.Delivery = delivery
			h := fleettest.Submit(t, c, job)
			time.Sleep(450 * time.Millisecond)
			first := h.Scheduler()
			schedulers[first].Kill()
			results, err := h.Wait(t.Context())
			unknown := 0
			for i, r := range results {
				n := starts[i].Load()
				if r.Outcome == task.Unknown && delivery == task.AtMostOnce && n == 0 {
					unknown++
					continue
				}
				if n != 1 || r.Outcome != task.OK || r.Worker == "" {
					t.Errorf("task %d started %d times: %+v", i, n, r)
				}
			}
			if delivery == task.AtLeastOnce && err != nil || delivery == task.AtMostOnce && (!errors.Is(err, task.CodeSchedulerLost) || unknown == 0 || unknown > 80) {
				t.Errorf("%d tasks that may start once are unknown: %v", unknown, err)
			}
			schedulers[first] = f.Scheduler(first, nil)
			c = f.Client(schedulers["s1"], schedulers["s2"])
			time.Sleep(5 * time.Second)
		}
	})
}

// Attempts are counted across schedulers. The second one dies at the very moment at which the last attempt starts, and
// must not tell that as the attempt's end.
func TestAttemptsAcrossSchedulers(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts atomic.Int32
		schedulers := map[string]*fleettest.Node{"s1": f.Scheduler("s1", nil), "s2": f.Scheduler("s2", nil), "s3": f.Scheduler("s3", nil)}
		f.Worker("w1", 1, map[string]worker.Handler{"fail": func(context.Context, worker.Task) ([]byte, error) {
			starts.Add(1)
			time.Sleep(time.Second)
			return nil, errors.New("no luck")
		}}, nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(schedulers["s1"], schedulers["s2"], schedulers["s3"]), task.Job{App: "fail", MaxAttempts: 4, Tasks: make([]task.Task, 1)})
		for range 2 {
			time.Sleep(1500 * time.Millisecond)
			schedulers[h.Scheduler()].Kill()
		}
		results, err := h.Wait(t.Context())
		if !errors.Is(err, task.CodeAppFailed) || results[0].Attempt != 4 || starts.Load() != 4 {
			t.Errorf("%d starts: %+v", starts.Load(), results[0])
		}
	})
}

// A failed attempt is counted by the client, also if nobody who ran it is left.
func TestAttemptsAreTold(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts atomic.Int32
		fail := map[string]worker.Handler{"fail": func(context.Context, worker.Task) ([]byte, error) {
			starts.Add(1)
			time.Sleep(time.Second)
			return nil, errors.New("no luck")
		}}
		schedulers := map[string]*fleettest.Node{"s1": f.Scheduler("s1", nil), "s2": f.Scheduler("s2", nil)}
		w1 := f.Worker("w1", 1, fail, nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(schedulers["s1"], schedulers["s2"]), task.Job{App: "fail", Tasks: make([]task.Task, 1)})
		time.Sleep(1500 * time.Millisecond) // one has failed, the second runs
		w1.Kill()
		time.Sleep(10 * time.Millisecond)
		schedulers[h.Scheduler()].Kill()
		f.Worker("w2", 1, fail, nil)
		results, err := h.Wait(t.Context())
		if !errors.Is(err, task.CodeAppFailed) || results[0].Attempt != 3 || starts.Load() != 3 {
			t.Errorf("%d starts: %+v", starts.Load(), results[0])
		}
	})
}

// Without its owner a job starts nothing. What runs is stopped when the owner has not come back in time, or finishes if
// the job asks for that.
func TestOwnerGone(t *testing.T) {
	for name, test := range map[string]struct {
		then              task.OnDisconnect
		finished, stopped int32
	}{"cancel": {task.CancelJob, 0, 2}, "drain": {task.DrainJob, 2, 0}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				var starts, finished, stopped atomic.Int32
				s := f.Scheduler("s1", nil)
				f.Worker("w1", 2, map[string]worker.Handler{"echo": func(ctx context.Context, t worker.Task) ([]byte, error) {
					starts.Add(1)
					v, err := fleettest.Echo(ctx, t)
					if err != nil {
						stopped.Add(1)
					} else {
						finished.Add(1)
					}
					return v, err
				}}, nil)
				synctest.Wait()
				job := echoJob(10, "5s")
				job.OnDisconnect = test.then
				if _, err := f.Client(s).Submit(t.Context(), job); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				f.Drop(s, true) // what the client says is not heard any more
				time.Sleep(10 * time.Second)
				if starts.Load() != 2 || finished.Load() != test.finished || stopped.Load() != test.stopped {
					t.Errorf("%d started, %d finished, %d stopped", starts.Load(), finished.Load(), stopped.Load())
				}
			})
		})
	}
}

// A job that comes back under a later epoch than the next may have been elsewhere meanwhile: the workers are asked
// anew. Who followed the job before comes back to it, and nothing starts twice. No attempt looks lost when its worker
// gives it to the later submission, or else the one before would end with it, and with that what the other worker runs.
func TestReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 2, apps(&starts), nil)
		f.Worker("w2", 2, apps(&starts), nil)
		synctest.Wait()
		job := echoJob(12, "1s")
		job.ID, job.MaxAttempts, job.OnFailure = task.JobID{1}, 1, task.CancelRest
		before := fleettest.Submit(t, f.Client(s), job)
		time.Sleep(1500 * time.Millisecond)
		later := job
		later.Epoch, later.Finished = 5, []byte{0b1}
		h := fleettest.Submit(t, f.Client(s), later)
		for _, h := range []*client.Handle{before, h} {
			if _, err := h.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for i := range job.Tasks {
			if n := starts[i].Load(); n != 1 {
				t.Errorf("task %d started %d times", i, n)
			}
		}
	})
}

// slowClient is a client that stops reading at the first result until it is told to go on.
type slowClient struct {
	conn    *stream.Conn
	job     *task.Job
	results int
	resume  chan struct{}
	done    chan struct{}
}

func (c *slowClient) Flush() { c.conn.Flush() }

func (c *slowClient) Message(kind uint8, _ []byte) error {
	if submission.Kind(kind) == submission.KindLimits {
		c.conn.Send(uint8(submission.KindSubmit), nil, submission.AppendSubmit(nil, 1, c.job))
	}
	if submission.Kind(kind) == submission.KindTaskDone {
		<-c.resume
		c.results++
	}
	if submission.Kind(kind) == submission.KindJobDone {
		close(c.done)
	}
	return nil
}

// A client that does not read stalls its own job, which starts nothing beyond what may be unread, and no other; when it
// reads again its job goes on to its end.
func TestCredit(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", func(c *scheduler.Config) { c.MaxUnreadBytes = 1 << 20 })
		f.Worker("w1", 4, apps(&starts), nil)
		synctest.Wait()
		conn, err := stream.Dial(t.Context(), func(ctx context.Context, n, a string) (net.Conn, error) { return f.Dial(ctx, n, a) }, s.Addr, probe.StreamPath, nil, stream.Config{MaxMessageBytes: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		job := echoJob(100, strings.Repeat("x", 100_000)).WithDefaults()
		c := &slowClient{conn: conn, job: &job, resume: make(chan struct{}), done: make(chan struct{})}
		hello := probe.Hello{Version: probe.Version, Role: probe.RoleClient}
		conn.End(probe.AppendHello(conn.Begin(uint8(probe.KindHello)), &hello))
		var wg sync.WaitGroup
		wg.Go(func() { _ = conn.Run(t.Context(), c) })
		time.Sleep(20 * time.Second)
		n := 0
		for i := range 100 {
			n += int(starts[i].Load())
		}
		if n < 10 || n > 20 {
			t.Errorf("%d of 100 tasks have started, with room for 10 results", n)
		}
		other := fleettest.Submit(t, f.Client(s), echoJob(10, "1ms"))
		if _, err := other.Wait(t.Context()); err != nil {
			t.Errorf("another job: %v", err)
		}
		close(c.resume)
		select {
		case <-c.done:
		case <-time.After(time.Minute):
			t.Error("the job has not ended")
		}
		conn.Close(nil)
		wg.Wait()
		if c.results != 100 {
			t.Errorf("%d results", c.results)
		}
	})
}
