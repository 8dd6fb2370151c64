package scheduler_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// A small job overtakes large payloads, and large results, on every connection that it shares with them, however much
// waits there. A connection carries a window of 256 KiB in a delay, so that to wait for a single payload would take
// four delays more.
func TestSmallJobOvertakesLargePayloads(t *testing.T) {
	const (
		size  = 1 << 20
		large = 12 // payloads or results of that size
		hop   = time.Millisecond
		most  = 14 * hop // seven hops with the service, and as much again for what is in the windows already; all large ones take at least 48 hops
	)
	payload := bytes.Repeat([]byte("x"), size)
	for _, tt := range []struct {
		name    string
		app     string
		payload []byte
		apart   bool // small tasks have a worker of their own: a slot asks for nothing before its own large result has gone
	}{
		{"payloads", "drop", payload, false},
		{"both", "echo", payload, false},
		{"results", "make", nil, true},
		{"results of busy slots", "make", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fleettest.New(t)
				defer f.Stop()
				f.Delay(probe.RoleScheduler, hop)
				f.Delay(probe.RoleWorker, hop)
				s := f.Scheduler("s1", nil)
				drop := func(context.Context, worker.Task) ([]byte, error) { time.Sleep(hop); return nil, nil }
				apps := map[string]worker.Handler{
					"drop": drop, "echo": fleettest.Echo,
					"make": func(context.Context, worker.Task) ([]byte, error) { time.Sleep(20 * hop); return payload, nil },
				}
				small := "drop"
				if tt.apart {
					small = "apart"
					f.Worker("w2", 1, map[string]worker.Handler{"apart": drop}, nil)
				}
				f.Worker("w1", 16, apps, nil)
				c := f.Client(s)
				synctest.Wait()
				time.Sleep(time.Second)
				ended := make(chan error, 1)
				go func() {
					job := task.Job{App: tt.app, Tasks: make([]task.Task, large)}
					for i := range job.Tasks {
						job.Tasks[i].Payload = tt.payload
					}
					h, err := c.Submit(t.Context(), job)
					if err == nil {
						_, err = h.Wait(t.Context())
					}
					ended <- err
				}()
				overtook, slowest := 0, time.Duration(0)
				for ; len(ended) == 0; overtook++ {
					began := time.Now()
					runJob(t, c, task.Job{App: small, Tasks: make([]task.Task, 1)})
					slowest = max(slowest, time.Since(began))
				}
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				t.Logf("%d small jobs overtook, the slowest took %v", overtook, slowest)
				if overtook < 5 {
					t.Errorf("only %d small jobs had their results before the large one", overtook)
				}
				if slowest > most {
					t.Errorf("a small job took %v beside large ones, want at most %v", slowest, most)
				}
			})
		})
	}
}
