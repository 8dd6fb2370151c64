package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/task"
	"dunnock/worker"
)

// places gives schedulers addresses that outlive them.
type places struct {
	f     *fleettest.Fleet
	mu    sync.Mutex
	nodes map[string]*fleettest.Node
}

func (p *places) set(address string, n *fleettest.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes[address] = n
}

func (p *places) dial(ctx context.Context, network, address string) (net.Conn, error) {
	p.mu.Lock()
	n := p.nodes[address]
	p.mu.Unlock()
	return p.f.Dial(ctx, network, n.Addr)
}

// named returns the node of a name.
func (p *places) named(name string) *fleettest.Node {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// withPlaces runs a test over a fleet of two workers of two slots and some schedulers s1, s2, …, at addresses s1:1,
// s2:1, ….
func withPlaces(t *testing.T, schedulers int, test func(t *testing.T, p *places, c *client.Client, starts *atomic.Int32)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		p := &places{f: f, nodes: make(map[string]*fleettest.Node)}
		cfg := client.Config{Dial: p.dial, Logger: slog.New(slog.DiscardHandler)}
		for i := range schedulers {
			name := fmt.Sprintf("s%d", i+1)
			p.set(name+":1", f.Scheduler(name, nil))
			cfg.Schedulers = append(cfg.Schedulers, name+":1")
		}
		var starts atomic.Int32
		echo := func(ctx context.Context, t worker.Task) ([]byte, error) {
			starts.Add(1)
			return fleettest.Echo(ctx, t)
		}
		for _, name := range []string{"w1", "w2"} {
			f.Worker(name, 2, map[string]worker.Handler{"echo": echo}, nil)
		}
		synctest.Wait()
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		test(t, p, c, &starts)
	})
}

// wait requires each task to have one outcome, ok, with its own payload as the value.
func wait(t *testing.T, h *client.Handle, job task.Job) {
	t.Helper()
	results, err := h.Wait(t.Context())
	if err != nil || h.Outcome() != task.OK {
		t.Fatalf("%v, %v", h.Outcome(), err)
	}
	n := 0
	seen := make(map[int]bool)
	for r := range h.Results() {
		n++
		seen[r.Task] = true
	}
	if n != len(job.Tasks) || len(seen) != n {
		t.Errorf("%d outcomes of %d tasks; there are %d", n, len(seen), len(job.Tasks))
	}
	for i, r := range results {
		if string(r.Value) != string(job.Tasks[i].Payload) {
			t.Errorf("task %d: %q", i, r.Value)
		}
	}
}

func wideJob(tasks int, payload string) task.Job {
	j := task.Job{App: "echo", Tasks: make([]task.Task, tasks)}
	for i := range j.Tasks {
		j.Tasks[i].Payload = []byte(payload)
	}
	return j
}

// A killed scheduler's job goes on at another: what had finished or runs does not start again, and the next job goes
// there at once.
func TestSchedulerDies(t *testing.T) {
	withPlaces(t, 2, func(t *testing.T, p *places, c *client.Client, starts *atomic.Int32) {
		job := wideJob(40, "100ms")
		h := fleettest.Submit(t, c, job)
		time.Sleep(550 * time.Millisecond) // 20 have finished and 4 run
		first := h.Scheduler()
		p.named(first).Kill()
		wait(t, h, job)
		if n := starts.Load(); n != 40 {
			t.Errorf("%d starts for 40 tasks, of which 20 had finished and 4 ran when the scheduler died", n)
		}
		if h.Scheduler() == first {
			t.Error("the dead scheduler has the job")
		}
		for range 10 {
			began := time.Now()
			again := fleettest.Submit(t, c, wideJob(1, "0s"))
			if _, err := again.Wait(t.Context()); err != nil || again.Scheduler() == first {
				t.Errorf("by %s: %v", again.Scheduler(), err)
			}
			if took := time.Since(began); took > 10*time.Millisecond {
				t.Errorf("a job took %v because a scheduler is gone that it does not need", took)
			}
		}
	})
}

// Two deaths in a row, the second before the first is overcome.
func TestTwoSchedulersDie(t *testing.T) {
	withPlaces(t, 3, func(t *testing.T, p *places, c *client.Client, _ *atomic.Int32) {
		var jobs []task.Job
		var handles []*client.Handle
		for i := range 10 {
			job := wideJob(8, "300ms")
			job.ID = task.JobID{byte(i + 1)}
			h := fleettest.Submit(t, c, job)
			jobs, handles = append(jobs, job), append(handles, h)
		}
		time.Sleep(400 * time.Millisecond)
		p.named("s1").Kill()
		time.Sleep(time.Millisecond)
		p.named("s3").Kill()
		for i, h := range handles {
			wait(t, h, jobs[i])
			if h.Scheduler() != "s2" {
				t.Errorf("job %d ended at %s", i, h.Scheduler())
			}
		}
	})
}

// All schedulers are gone for a while, and come back in other lives.
func TestAllSchedulersDown(t *testing.T) {
	withPlaces(t, 2, func(t *testing.T, p *places, c *client.Client, _ *atomic.Int32) {
		job := wideJob(12, "300ms")
		h := fleettest.Submit(t, c, job)
		time.Sleep(400 * time.Millisecond)
		p.named("s1").Kill()
		p.named("s2").Kill()
		time.Sleep(10 * time.Second)
		select {
		case <-h.Done():
			t.Fatal("the job has ended without a scheduler")
		default:
		}
		if _, err := c.Submit(t.Context(), wideJob(1, "0s")); !errors.Is(err, task.CodeSchedulerLost) {
			t.Errorf("a job that nobody has accepted: %v", err)
		}
		p.set("s2:1", p.f.Scheduler("s4", nil))
		wait(t, h, job)
		if h.Scheduler() != "s4" {
			t.Errorf("ended at %s", h.Scheduler())
		}
	})
}

// With all schedulers gone the job ends by its deadline, and what had finished is not lost.
func TestSchedulersStayDown(t *testing.T) {
	withPlaces(t, 1, func(t *testing.T, p *places, c *client.Client, _ *atomic.Int32) {
		job := task.Job{App: "echo", Deadline: 5 * time.Second, Tasks: []task.Task{{Payload: []byte("0s")}, {Payload: []byte("1m")}}}
		h := fleettest.Submit(t, c, job)
		began := time.Now()
		time.Sleep(time.Second)
		p.named("s1").Kill()
		results, err := h.Wait(t.Context())
		if !errors.Is(err, task.CodeDeadline) || h.Outcome() != task.Timeout || results[0].Outcome != task.OK || results[1].Outcome != task.Timeout {
			t.Errorf("%v, %v, %+v", err, h.Outcome(), results)
		}
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// What is refused for now is handed out again when the scheduler said, and accepted then.
func TestRefusedForNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		s := f.Scheduler("s1", func(c *scheduler.Config) { c.MaxJobs = 1 })
		f.Worker("w1", 4, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
		synctest.Wait()
		c := f.Client(s)
		long := fleettest.Submit(t, c, wideJob(1, "700ms"))
		began := time.Now()
		job := wideJob(1, "0s")
		h := fleettest.Submit(t, c, job)
		if took := time.Since(began); took < 700*time.Millisecond || took > 2*time.Second {
			t.Errorf("accepted after %v", took)
		}
		wait(t, h, job)
		<-long.Done()

		for _, test := range []struct {
			tries  int
			within time.Duration
		}{{1, 0}, {3, 3 * time.Second}} {
			once, err := client.New(client.Config{Schedulers: []string{s.Addr}, Tries: test.tries, Dial: f.Dial, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			long := fleettest.Submit(t, c, wideJob(1, "1m"))
			began := time.Now()
			_, err = once.Submit(t.Context(), job)
			var refused *task.Error
			if took := time.Since(began); !errors.As(err, &refused) || refused.Code != task.CodeOverloaded || refused.RetryAfterMS == 0 || took > test.within {
				t.Errorf("%d tries: %v after %v", test.tries, err, took)
			}
			_ = once.Close()
			long.Cancel()
			<-long.Done()
		}
	})
}

// A job that is cancelled while it has no scheduler ends at once, and is not handed on.
func TestCancelDuringFailover(t *testing.T) {
	withPlaces(t, 1, func(t *testing.T, p *places, c *client.Client, starts *atomic.Int32) {
		h := fleettest.Submit(t, c, wideJob(3, "10s"))
		time.Sleep(time.Second)
		p.named("s1").Kill()
		time.Sleep(time.Second)
		h.Cancel()
		results, err := h.Wait(t.Context())
		if !errors.Is(err, task.CodeCancelled) || h.Outcome() != task.Cancelled || results[2].Outcome != task.Cancelled {
			t.Errorf("%v, %v", h.Outcome(), err)
		}
		before := starts.Load()
		p.set("s1:1", p.f.Scheduler("s2", nil))
		time.Sleep(10 * time.Second)
		if n := starts.Load(); n != before {
			t.Errorf("%d starts behind the cancellation", n-before)
		}
	})
}

// The context of a submission that finds nobody ends it.
func TestSubmissionIsGivenUp(t *testing.T) {
	withPlaces(t, 1, func(t *testing.T, p *places, c *client.Client, _ *atomic.Int32) {
		p.named("s1").Kill()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if _, err := c.Submit(ctx, wideJob(1, "0s")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		closing := make(chan error)
		go func() {
			_, err := c.Submit(t.Context(), wideJob(1, "0s"))
			closing <- err
		}()
		time.Sleep(time.Millisecond)
		_ = c.Close()
		if err := <-closing; !errors.Is(err, task.CodeSchedulerLost) {
			t.Errorf("closed meanwhile: %v", err)
		}
	})
}

// A client that is closed while its job is between two schedulers ends it, and nothing of it starts any more.
func TestCloseDuringFailover(t *testing.T) {
	withPlaces(t, 2, func(t *testing.T, p *places, c *client.Client, starts *atomic.Int32) {
		h := fleettest.Submit(t, c, wideJob(20, "1s"))
		time.Sleep(1500 * time.Millisecond)
		p.named("s1").Kill()
		p.named("s2").Kill()
		_ = c.Close()
		_ = c.Close()
		if _, err := h.Wait(t.Context()); !errors.Is(err, task.CodeSchedulerLost) || h.Outcome() != task.Unknown {
			t.Errorf("%v, %v", h.Outcome(), err)
		}
		before := starts.Load()
		time.Sleep(5 * time.Second)
		if n := starts.Load(); n != before {
			t.Errorf("%d starts behind the end", n-before)
		}
	})
}

// A scheduler that may not wait for its jobs any longer when it drains leaves them to others, with what runs.
func TestDrainTimeoutHandsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		schedulers := make(map[string]*fleettest.Node)
		for _, name := range []string{"s1", "s2"} {
			schedulers[name] = f.Scheduler(name, func(c *scheduler.Config) { c.DrainTimeout = time.Second })
		}
		var starts atomic.Int32
		f.Worker("w1", 4, map[string]worker.Handler{"echo": func(ctx context.Context, t worker.Task) ([]byte, error) {
			starts.Add(1)
			return fleettest.Echo(ctx, t)
		}}, nil)
		synctest.Wait()
		job := wideJob(8, "3s")
		h := fleettest.Submit(t, f.Client(schedulers["s1"], schedulers["s2"]), job)
		time.Sleep(time.Second)
		first := h.Scheduler()
		schedulers[first].Drain()
		if err := schedulers[first].Wait(); err != nil {
			t.Error(err)
		}
		wait(t, h, job)
		if h.Scheduler() == first || starts.Load() != 8 {
			t.Errorf("ended at %s after %d starts of 8 tasks", h.Scheduler(), starts.Load())
		}
	})
}
