package scheduler_test

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"testing"

	"dunnock/client"
	"dunnock/gossip/view"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker"
)

// fixed is a membership that does not change.
type fixed struct{ v *view.View }

func (f fixed) View() *view.View { return f.v }
func (f fixed) Changed(since *view.View) <-chan struct{} {
	changed := make(chan struct{})
	if since != f.v {
		close(changed)
	}
	return changed
}
func (f fixed) SetState(view.State) error { return nil }

// loopback starts a scheduler, a worker with 16 slots and a client over real sockets in this process.
func loopback(tb testing.TB, policy placement.Policy, value []byte) *client.Client {
	tb.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		return l
	}
	sl, wl := listen(), listen()
	members := fixed{view.New(view.Member{
		Name: "w1", Role: probe.RoleWorker, Incarnation: 1, Addr: wl.Addr().String(), Slots: 16, State: view.Active, Version: probe.Version,
	})}
	quiet := slog.New(slog.DiscardHandler)
	s, err := scheduler.New(scheduler.Config{Name: "s1", Listener: sl, Members: members, Logger: quiet, Seed: 1, Policy: policy})
	if err != nil {
		tb.Fatal(err)
	}
	w, err := worker.New(worker.Config{Name: "w1", Slots: 16, Incarnation: 1, Listener: wl, Members: members, Logger: quiet, Apps: map[string]worker.Handler{
		"value": func(context.Context, worker.Task) ([]byte, error) { return value, nil },
	}})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := client.New(client.Config{Schedulers: []string{sl.Addr().String()}, Logger: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- s.Run(ctx) }()
	go func() { ended <- w.Run(ctx) }()
	tb.Cleanup(func() {
		_ = c.Close()
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				tb.Error(err)
			}
		}
	})
	for { // until the worker is connected
		if h, err := c.Submit(tb.Context(), valueJob(1)); err == nil {
			<-h.Done()
			return c
		}
		runtime.Gosched()
	}
}

func valueJob(tasks int) task.Job {
	j := task.Job{App: "value", Tasks: make([]task.Task, tasks)}
	for i := range j.Tasks {
		j.Tasks[i].Payload = []byte("0123456789")
	}
	return j
}

func runJob(tb testing.TB, c *client.Client, job task.Job) {
	tb.Helper()
	h, err := c.Submit(tb.Context(), job)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := h.Wait(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// A task through client, scheduler and worker may allocate what its own user keeps of it, and no more: the attempt that
// its handler sees, and the value that the client returns. So the scheduler allocates nothing, and either of the others
// once.
func TestAllocationsPerTask(t *testing.T) {
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		for name, value := range map[string][]byte{"with a result": []byte("result"), "without": nil} {
			t.Run(policy.String()+" "+name, func(t *testing.T) {
				c := loopback(t, policy, value)
				const tasks = 2000
				job := valueJob(tasks)
				for range 3 {
					runJob(t, c, job)
				}
				perTask := testing.AllocsPerRun(5, func() { runJob(t, c, job) }) / tasks
				t.Logf("%.3f allocations per task", perTask)
				most := 2.1
				if value == nil {
					most = 1.1
				}
				if perTask > most {
					t.Errorf("%.3f allocations per task, at most %.1f are meant", perTask, most)
				}
			})
		}
	}
}

func BenchmarkTasks(b *testing.B) {
	c := loopback(b, 0, []byte("result")) // under the default policy
	job := valueJob(10)
	b.ReportAllocs()
	for b.Loop() {
		runJob(b, c, job)
	}
}
