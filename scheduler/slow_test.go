package scheduler_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
)

// Payloads that take seconds to arrive cross offers that are made anew meanwhile: nothing has failed, and no task is in
// doubt or has lost an attempt.
func TestSlowPayloadsCrossOffers(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		f.Delay(probe.RoleWorker, 100*time.Millisecond)
		s := f.Scheduler("s1", idleOffer)
		f.Worker("w1", 16, apps(&starts), nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		c := f.Client(s)
		for _, once := range []bool{true, false} {
			job := task.Job{App: "echo", Tasks: make([]task.Task, 16)}
			if once {
				job.Delivery, job.MaxAttempts = task.AtMostOnce, 1
			}
			for i := range job.Tasks {
				job.Tasks[i].Payload = make([]byte, 1<<20)
			}
			h := fleettest.Submit(t, c, job)
			results, _ := h.Wait(t.Context())
			for _, r := range results {
				if r.Outcome != task.OK || r.Attempt != 1 {
					t.Errorf("once %v: task %d ended %v after attempt %d: %v", once, r.Task, r.Outcome, r.Attempt, r.Err)
				}
			}
			time.Sleep(2 * time.Second)
		}
	})
}
