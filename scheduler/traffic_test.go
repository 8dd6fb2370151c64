package scheduler_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// traffic is what a fleet has sent by a time.
type traffic struct{ clientWrites, clientBytes, workerWrites, workerBytes, messages, tasks float64 }

func trafficOf(f *fleettest.Fleet, s *fleettest.Node) traffic {
	clients, workers := f.Traffic(probe.RoleScheduler), f.Traffic(probe.RoleWorker)
	t := traffic{
		clientWrites: float64(clients.Writes.Load()), clientBytes: float64(clients.Bytes.Load()),
		workerWrites: float64(workers.Writes.Load()), workerBytes: float64(workers.Bytes.Load()),
	}
	launches, noTasks := s.Metric("dunnock_launches_total"), s.Metric("dunnock_notask_total")
	t.tasks = s.Metric(`dunnock_tasks_total{result="ok"}`)
	t.messages = s.Metric("dunnock_reserve_messages_total") + s.Metric("dunnock_cancel_messages_total") +
		2*(launches+noTasks) + // each answers a GetTask
		t.tasks // Finished
	return t
}

// What a task costs on the network, in virtual time, where it does not depend on the machine: messages between
// scheduler and workers (acknowledgements and beats apart), and writes and bytes on either hop. The lines it prints
// with -v are those of a benchmark.
func TestTrafficOfTasks(t *testing.T) {
	fmt.Fprintln(t.Output(), "pkg: dunnock/scheduler")
	for _, tt := range []struct {
		name           string
		workers, slots int
		tasks          int // of a job
		service        time.Duration
		messages       float64 // per task, at most
		writes         float64 // per task, at most, of both hops
	}{
		{"one-worker", 1, 16, 10, 0, 3.3, 0.45},
		{"many-workers", 8, 2, 10, 0, 6.2, 3.1},
		{"single-tasks", 8, 2, 1, 0, 8.1, 5.8},
		{"10ms", 8, 2, 10, 10 * time.Millisecond, 5.1, 4.6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fleettest.New(t)
				defer f.Stop()
				f.Delay(probe.RoleScheduler, 170*time.Microsecond)
				f.Delay(probe.RoleWorker, 110*time.Microsecond)
				s := f.Scheduler("s1", nil)
				app := func(context.Context, worker.Task) ([]byte, error) { time.Sleep(tt.service); return nil, nil }
				for i := range tt.workers {
					f.Worker(fmt.Sprint("w", i), tt.slots, map[string]worker.Handler{"app": app}, nil)
				}
				c := f.Client(s)
				synctest.Wait()
				time.Sleep(time.Second)
				before := trafficOf(f, s)
				var drivers sync.WaitGroup
				for i := range 8 {
					drivers.Go(func() {
						time.Sleep(time.Duration(i) * 37 * time.Microsecond) // so that they do not go in step
						for range 50 {
							runJob(t, c, task.Job{App: "app", Tasks: make([]task.Task, tt.tasks)})
						}
					})
				}
				drivers.Wait()
				after := trafficOf(f, s)
				n := after.tasks - before.tasks
				if want := float64(8 * 50 * tt.tasks); n != want {
					t.Fatalf("%v tasks were run, want %v", n, want)
				}
				messages := (after.messages - before.messages) / n
				writes := (after.clientWrites - before.clientWrites + after.workerWrites - before.workerWrites) / n
				bytes := (after.clientBytes - before.clientBytes + after.workerBytes - before.workerBytes) / n
				if messages > tt.messages || (writes > tt.writes && !raceEnabled) {
					t.Errorf("%.2f messages and %.2f writes for each task, at most %v and %v are meant", messages, writes, tt.messages, tt.writes)
				}
				counts := fmt.Sprintf("%.3f messages/task %.1f B/task", messages, bytes)
				if tt.service == 0 { // results that come singly are gathered as it happens
					counts += fmt.Sprintf(" %.3f writes/task", writes)
				}
				fmt.Fprintf(t.Output(), "BenchmarkTraffic/%s %v %s\n", tt.name, n, counts)
			})
		})
	}
}
