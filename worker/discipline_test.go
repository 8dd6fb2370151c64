package worker_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/task"
	"dunnock/worker"
)

// TestDisciplines floods a worker of one slot with one user's tasks, and then sends it jobs that each discipline gives
// another place. Everything that decides goes from the client through the scheduler.
func TestDisciplines(t *testing.T) {
	flood := task.Job{User: "org/flood", Deadline: time.Minute, Estimate: time.Second, Tasks: named("f", 6)}
	small := task.Job{User: "org/small", Deadline: 2 * time.Minute, Tasks: named("s", 1)}
	for _, tc := range []struct {
		discipline string
		tune       func(flood, small *task.Job)
		place      int // of the small job among the flood's six, the first of which runs when it comes
	}{
		{"fifo", func(_, small *task.Job) {
			small.Priority, small.Deadline, small.Estimate = 9, time.Second*30, time.Millisecond
		}, 6},
		{"fair", func(_, _ *task.Job) {}, 1},
		{"priority", func(_, small *task.Job) { small.Priority = 1 }, 1},
		{"priority", func(flood, _ *task.Job) { flood.Priority = 1 }, 6},
		{"edf", func(_, small *task.Job) { small.Deadline = 30 * time.Second }, 1},
		{"edf", func(_, _ *task.Job) {}, 6},
		{"srpt", func(_, small *task.Job) { small.Estimate = 2 * time.Second }, 1},
		{"srpt", func(_, _ *task.Job) {}, 6}, // it does not say
	} {
		synctest.Test(t, func(t *testing.T) {
			f := fleettest.New(t)
			defer f.Stop()
			s := f.Scheduler("s1", nil)
			var ran []string
			w := f.Worker("w1", 1, map[string]worker.Handler{"nap": func(_ context.Context, task worker.Task) ([]byte, error) {
				ran = append(ran, string(task.Payload))
				time.Sleep(100 * time.Millisecond)
				return nil, nil
			}}, func(cfg *worker.Config) { cfg.Discipline, cfg.StarvationBound = tc.discipline, time.Hour })
			synctest.Wait()
			c := f.Client(s)
			a, b := flood, small
			tc.tune(&a, &b)
			a.App, b.App = "nap", "nap"
			first := fleettest.Submit(t, c, a)
			time.Sleep(time.Millisecond)
			second := fleettest.Submit(t, c, b)
			for range first.Results() {
			}
			for range second.Results() {
			}
			if got := slices.Index(ran, "s0"); got != tc.place {
				t.Errorf("%s: the small job ran at place %d of %v, want %d", tc.discipline, got, ran, tc.place)
			}
			if name := fmt.Sprintf("dunnock_discipline{discipline=%q}", tc.discipline); w.Metric(name) != 1 {
				t.Errorf("%s is %v", name, w.Metric(name))
			}
		})
	}
}

func named(prefix string, n int) []task.Task {
	list := make([]task.Task, n)
	for i := range list {
		list[i].Payload = fmt.Appendf(nil, "%s%d", prefix, i)
	}
	return list
}
