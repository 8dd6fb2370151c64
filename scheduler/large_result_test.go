package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// A slot that has ended with a large result offers itself behind that, however the task had come: on an offer, or in
// answer to a call. Were the offer to get ahead of the result, which takes four delays, the scheduler would have to
// believe that the end was lost: a task that may start once would end unknown.
func TestOffersStayBehindLargeResults(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		const tasks = 12
		f.Delay(probe.RoleWorker, 100*time.Millisecond)
		s := f.Scheduler("s1", nil)
		w := f.Worker("w1", 2, map[string]worker.Handler{"make": func(context.Context, worker.Task) ([]byte, error) {
			time.Sleep(10 * time.Millisecond)
			return make([]byte, 1<<20), nil
		}}, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), task.Job{App: "make", Delivery: task.AtMostOnce, MaxAttempts: 1, Tasks: make([]task.Task, tasks)})
		results := fleettest.Wait(t, h)
		for _, r := range results {
			if r.Outcome != task.OK || len(r.Value) != 1<<20 {
				t.Errorf("task %d ended %v with %d bytes: %v", r.Task, r.Outcome, len(r.Value), r.Err)
			}
		}
		used, made := s.Metric(`dunnock_offers_total{result="used"}`), w.Metric(`dunnock_offers_total{result="made"}`)
		if used == 0 || used == tasks || made <= 2 {
			t.Errorf("%v of %d tasks came by an offer, of which %v were made: want some by a call", used, tasks, made)
		}
	})
}
