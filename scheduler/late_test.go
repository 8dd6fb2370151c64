package scheduler_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// A client that nobody could reach for so long that its job was given up comes to another scheduler later. What had
// ended by then is not done again, also what was on its way when the job was given up; and of tasks that may start once
// it is not unknown.
func TestLateClient(t *testing.T) {
	for _, delivery := range []task.Delivery{task.AtLeastOnce, task.AtMostOnce} {
		for _, then := range []task.OnDisconnect{task.CancelJob, task.DrainJob} {
			t.Run(fmt.Sprint(delivery, then), func(t *testing.T) {
				ended := 0
				const steps = 20
				for i := range steps { // the job is given up about 2.6 s after its tasks have started
					inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
						ended += comeLate(t, f, delivery, then, 1500*time.Millisecond+time.Duration(i)*100*time.Millisecond)
					})
				}
				if ended < steps/4 || (ended == steps) != (then == task.DrainJob) {
					t.Errorf("in %d of %d runs the tasks had ended", ended, steps)
				}
			})
		}
	}
}

// comeLate returns 1 if the tasks, which take so long, had ended before the client came.
func comeLate(t *testing.T, f *fleettest.Fleet, delivery task.Delivery, then task.OnDisconnect, takes time.Duration) int {
	t.Helper()
	const tasks = 3
	var starts, ends atomic.Int32
	handler := func(ctx context.Context, t worker.Task) ([]byte, error) {
		starts.Add(1)
		v, err := fleettest.Echo(ctx, t)
		if err == nil {
			ends.Add(1)
		}
		return v, err
	}
	// What is claimed is waited for for 50 ms, and the answer takes 400. Under late binding a task takes that long on
	// its way too, and is found to have ended; under idle offers it would be launched at once.
	schedulers := []*fleettest.Node{f.Scheduler("s1", lateBinding), f.Scheduler("s2", lateBinding)}
	f.Delay(probe.RoleWorker, 200*time.Millisecond)
	w := f.Worker("w1", tasks, map[string]worker.Handler{"echo": handler}, nil)
	time.Sleep(2 * time.Second)
	job := echoJob(tasks, takes.String())
	job.Delivery, job.OnDisconnect = delivery, then
	h := fleettest.Submit(t, f.Client(schedulers...), job)
	time.Sleep(time.Second)
	for _, s := range schedulers {
		f.Drop(s, true)
	}
	time.Sleep(15 * time.Second)
	ended := int(ends.Load() / tasks)
	for _, s := range schedulers {
		if s.Name != h.Scheduler() {
			f.Drop(s, false)
		}
	}
	results, err := h.Wait(t.Context())
	if err != nil && (delivery == task.AtLeastOnce || ended == 1) {
		t.Errorf("tasks of %v: %v", takes, err)
	}
	for i, r := range results {
		if ended == 1 && r.Attempt != 1 {
			t.Errorf("task %d of %v: %+v", i, takes, r)
		}
	}
	if n := int(starts.Load()); n != tasks && (n != 2*tasks || ended == 1 || delivery == task.AtMostOnce) {
		t.Errorf("%d starts of %d tasks of %v, of which %d had ended", n, tasks, takes, ended*tasks)
	}
	time.Sleep(25 * time.Second)
	if n := w.Metric("dunnock_unacked_results"); n != 0 {
		t.Errorf("%v results are kept for good", n)
	}
	return ended
}
