package scheduler_test

import (
	"context"
	"strconv"
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

// Payloads that take far longer to arrive than an idle offer is good for, one alone or many behind one another, are
// launched once each: no task is in doubt or has lost an attempt, and hardly any travels twice. A line carries a window
// of 256 KiB in a delay.
func TestPayloadsSlowerThanOffers(t *testing.T) {
	const size = 2 << 20
	for _, tt := range []struct {
		name       string
		delay      time.Duration // 8 of them for each payload
		slots      int
		tasks      int
		schedulers int
	}{
		{"one by one", 700 * time.Millisecond, 1, 2, 1},
		{"behind one another", 500 * time.Millisecond, 8, 8, 1},
		{"of two schedulers", 500 * time.Millisecond, 4, 6, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				var starts atomic.Int32
				f.Delay(probe.RoleWorker, tt.delay)
				tune := func(c *scheduler.Config) { c.Limits.MaxPayloadBytes = 2 * size; c.Limits.MaxJobBytes = 256 << 20 }
				var nodes []*fleettest.Node
				for _, name := range []string{"s1", "s2"}[:tt.schedulers] {
					nodes = append(nodes, f.Scheduler(name, tune))
				}
				f.Worker("w1", tt.slots, map[string]worker.Handler{"take": func(_ context.Context, wt worker.Task) ([]byte, error) {
					starts.Add(1)
					return strconv.AppendInt(nil, int64(len(wt.Payload)), 10), nil
				}}, nil)
				time.Sleep(12 * time.Second)
				synctest.Wait()
				before := f.Traffic(probe.RoleWorker).Bytes.Load()
				for _, once := range []bool{true, false} {
					for _, node := range nodes {
						job := task.Job{App: "take", Tasks: make([]task.Task, tt.tasks/len(nodes))}
						if once {
							job.Delivery, job.MaxAttempts = task.AtMostOnce, 1
						}
						for i := range job.Tasks {
							job.Tasks[i].Payload = make([]byte, size)
						}
						h := fleettest.Submit(t, f.Client(node), job)
						results := fleettest.Wait(t, h)
						for _, r := range results {
							if r.Outcome != task.OK || r.Attempt != 1 || string(r.Value) != strconv.Itoa(size) {
								t.Errorf("once %v: task %d ended %v after attempt %d: %v", once, r.Task, r.Outcome, r.Attempt, r.Err)
							}
						}
					}
				}
				if n := starts.Load(); int(n) != 2*tt.tasks {
					t.Errorf("%d starts of %d tasks", n, 2*tt.tasks)
				}
				all := uint64(2 * tt.tasks * size)
				if sent := f.Traffic(probe.RoleWorker).Bytes.Load() - before; sent > 2*all {
					t.Errorf("%d MiB were sent for %d MiB", sent>>20, all>>20)
				}
			})
		})
	}
}
