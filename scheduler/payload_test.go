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

// A small job overtakes large payloads, and large results, on every connection that it shares with them: what is sent between its submit and its
// result is a few times what a connection holds on its way, however much waits there. Each connection carries its window
// in a delay, so bytes are time.
func TestSmallJobOvertakesLargePayloads(t *testing.T) {
	const (
		size  = 1 << 20
		large = 24      // payloads or results of that size
		most  = 2 << 20 // bytes on all connections while the small job is on its way: two windows of 256 KiB both ways on two hops
	)
	payload := bytes.Repeat([]byte("x"), size)
	for _, tt := range []struct {
		name    string
		app     string
		payload []byte
	}{
		{"payloads", "drop", payload},
		{"results", "make", nil},
		{"both", "echo", payload},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fleettest.New(t)
				defer f.Stop()
				f.Delay(probe.RoleScheduler, time.Millisecond)
				f.Delay(probe.RoleWorker, time.Millisecond)
				s := f.Scheduler("s1", nil)
				f.Worker("w1", 32, map[string]worker.Handler{
					"drop": func(context.Context, worker.Task) ([]byte, error) { return nil, nil },
					"make": func(context.Context, worker.Task) ([]byte, error) { return payload, nil },
					"echo": fleettest.Echo,
				}, nil)
				c := f.Client(s)
				synctest.Wait()
				time.Sleep(time.Second)
				sent := func() uint64 {
					return f.Traffic(probe.RoleScheduler).Bytes.Load() + f.Traffic(probe.RoleWorker).Bytes.Load()
				}
				before := sent()
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
				small, among := 0, uint64(0)
				for sent()-before < large*size/4 { // well on its way
					time.Sleep(time.Millisecond)
				}
				for ; len(ended) == 0; small++ {
					began := sent()
					runJob(t, c, task.Job{App: "drop", Tasks: make([]task.Task, 1)})
					among = max(among, sent()-began)
				}
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				t.Logf("%d small jobs overtook; at most %d KiB went along with one, of %d", small, among>>10, (sent()-before)>>10)
				if small < 3 {
					t.Errorf("only %d small jobs had their results before the large one", small)
				}
				if among > most {
					t.Errorf("%d bytes were sent while a small job was on its way, want at most %d", among, most)
				}
			})
		})
	}
}
