package fleet_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dunnock/client"
	"dunnock/internal/api"
	"dunnock/internal/fleet"
	"dunnock/task"
	"dunnock/worker"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// leavesNothing checks that no goroutine is left once the test is over, but for
// those that the libraries let nobody wait for and that end by themselves.
func leavesNothing(t *testing.T) {
	t.Helper()
	options := []goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),   // asleep, for at most 10 s
		goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"), // a probe under way, for at most 4 s
	}
	t.Cleanup(func() { goleak.VerifyNone(t, options...) })
}

func submit(t *testing.T, schedulers []string, job task.Job) []task.Result {
	t.Helper()
	c, err := client.New(client.Config{Schedulers: schedulers, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	h, err := c.Submit(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	results, err := h.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// When Start returns, a job through any scheduler can use every worker.
func TestFleetIsWholeAtOnce(t *testing.T) {
	leavesNothing(t)
	f, err := fleet.Start(t.Context(), fleet.Config{Schedulers: 2, Workers: 3, Slots: 2, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range f.Schedulers() {
		c, err := api.NewCaller(url)
		if err != nil {
			t.Fatal(err)
		}
		seen, err := c.Fleet(t.Context())
		if err != nil || seen.Workers != 3 || seen.Connected != 3 || seen.Schedulers != 2 || seen.Slots != 6 {
			t.Errorf("%s: %+v, %v", url, seen, err)
		}
		tasks := make([]task.Task, 60)
		for i := range tasks {
			tasks[i].Payload = []byte("5ms")
		}
		workers := map[string]int{}
		for _, r := range submit(t, []string{url}, task.Job{App: "sleep", Tasks: tasks}) {
			workers[r.Worker]++
		}
		if len(workers) != 3 {
			t.Errorf("%s: the tasks ran on %v, want three workers", url, workers)
		}
	}
	if err := f.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// Stop lets what runs finish.
func TestStopDrains(t *testing.T) {
	leavesNothing(t)
	started, release := make(chan struct{}), make(chan struct{})
	f, err := fleet.Start(t.Context(), fleet.Config{
		Schedulers: 1, Workers: 1, Slots: 1, Logger: quiet(),
		Apps: map[string]worker.Handler{"wait": func(context.Context, worker.Task) ([]byte, error) {
			close(started)
			<-release
			return []byte("done"), nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Schedulers: f.Schedulers(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.Submit(t.Context(), task.Job{App: "wait", Tasks: make([]task.Task, 1)})
	if err != nil {
		t.Fatal(err)
	}
	<-started
	stopped := make(chan error, 1)
	go func() { stopped <- f.Stop(context.WithoutCancel(t.Context())) }()
	close(release)
	results, err := h.Wait(t.Context())
	if err != nil || string(results[0].Value) != "done" {
		t.Errorf("got %v, %v", results, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// When its context is done, Stop does not wait for a handler that is in no hurry.
func TestStopAtOnce(t *testing.T) {
	leavesNothing(t)
	started := make(chan struct{})
	f, err := fleet.Start(t.Context(), fleet.Config{
		Schedulers: 1, Workers: 1, Slots: 1, Logger: quiet(), DrainTimeout: time.Hour,
		Apps: map[string]worker.Handler{"wait": func(ctx context.Context, _ worker.Task) ([]byte, error) {
			close(started)
			<-ctx.Done()
			return nil, ctx.Err()
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Schedulers: f.Schedulers(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.Submit(t.Context(), task.Job{App: "wait", Tasks: make([]task.Task, 1)})
	if err != nil {
		t.Fatal(err)
	}
	<-started
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Stop(now); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil { // or the job would wait for another fleet, until its deadline
		t.Error(err)
	}
	if _, err := h.Wait(t.Context()); err == nil {
		t.Error("the job ended ok")
	}
}

// A fleet that cannot start says why and leaves nothing behind.
func TestStartFails(t *testing.T) {
	leavesNothing(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		cfg  fleet.Config
		want string
	}{
		"port in use":        {t.Context(), fleet.Config{HTTP: l.Addr().String()}, "in use"},
		"too many":           {t.Context(), fleet.Config{Workers: fleet.MaxWorkers + 1}, "workers: want 1 to"},
		"negative":           {t.Context(), fleet.Config{Schedulers: -1}, "schedulers: want 1 to"},
		"slots":              {t.Context(), fleet.Config{Slots: -1}, "slots: want 1 to"},
		"not loopback":       {t.Context(), fleet.Config{HTTP: "0.0.0.0:0"}, "--insecure"},
		"cancelled":          {cancelled, fleet.Config{}, context.Canceled.Error()},
		"not within a while": {t.Context(), fleet.Config{StartTimeout: time.Nanosecond}, "not connected within 1ns"},
	} {
		c.cfg.Logger = quiet()
		f, err := fleet.Start(c.ctx, c.cfg)
		if err == nil {
			err = errors.Join(errors.New("it started"), f.Stop(t.Context()))
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
