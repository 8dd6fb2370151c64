package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/task"
	"dunnock/worker"
)

// A worker that fails every task at once is always idle and would attract them all. It is given nothing any more after
// a few, jobs succeed on the others, listings say so, and when it is mended it works again.
func TestBlackHole(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		for i := range 9 {
			f.Worker(fmt.Sprintf("good%d", i), 2, apps(nil), nil)
		}
		var broken atomic.Bool
		var failed, worked atomic.Int32
		broken.Store(true)
		f.Worker("bad", 2, map[string]worker.Handler{"echo": func(ctx context.Context, t worker.Task) ([]byte, error) {
			if broken.Load() {
				failed.Add(1)
				return nil, errors.New("out of disk")
			}
			worked.Add(1)
			return fleettest.Echo(ctx, t)
		}}, nil)
		synctest.Wait()
		c := f.Client(s)
		run := func(jobs int) {
			for range jobs {
				h := fleettest.Submit(t, c, echoJob(60, "20ms"))
				if _, err := h.Wait(t.Context()); err != nil {
					t.Errorf("a job failed: %v", err)
				}
			}
		}
		// While the first tasks run nobody can know that they succeed elsewhere; from then on it is only tried, now and
		// then.
		run(1)
		first := failed.Load()
		run(19)
		if n := failed.Load() - first; first == 0 || n > 20 {
			t.Errorf("the broken worker failed %d tasks of the first job, and %d of 19 more", first, n)
		}
		if n := s.Metric("dunnock_quarantined_workers"); n != 1 {
			t.Errorf("%v workers are quarantined", n)
		}
		if out := get(t, f, s, "/v1/workers"); strings.Count(out, `"state":"quarantined"`) != 1 {
			t.Errorf("no worker is listed as quarantined: %s", out)
		}
		broken.Store(false)
		time.Sleep(5 * time.Second)
		run(20)
		if n := s.Metric("dunnock_quarantined_workers"); n != 0 || worked.Load() == 0 {
			t.Errorf("mended, it has worked on %d tasks, and %v workers are quarantined", worked.Load(), n)
		}
	})
}

// A job that is broken itself is no worker's fault.
func TestBrokenJobQuarantinesNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		for i := range 10 {
			f.Worker(fmt.Sprintf("w%d", i), 2, map[string]worker.Handler{"echo": func(context.Context, worker.Task) ([]byte, error) {
				return nil, errors.New("no such table")
			}}, nil)
		}
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(1000, ""))
		if _, err := h.Wait(t.Context()); !errors.Is(err, task.CodeAppFailed) {
			t.Error(err)
		}
		if n := s.Metric("dunnock_quarantines_total"); n != 0 {
			t.Errorf("%v workers were quarantined", n)
		}
	})
}

// get asks a node over HTTP.
func get(t *testing.T, f *fleettest.Fleet, n *fleettest.Node, path string) string {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: f.Dial, DisableKeepAlives: true}}
	res, err := c.Get("http://" + n.Addr + path) //nolint:noctx // a bubble's network answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
