package scheduler_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
)

// What ends while a job's owner is away, and the job with it, is not done again when the owner is back within the
// grace: the worker keeps the results, as many as they are.
func TestEndsWithoutItsOwner(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		const tasks = 100 // more than are acknowledged with one message
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		f.Worker("w1", tasks, apps(&starts), nil)
		synctest.Wait()
		f.Delay(probe.RoleScheduler, 100*time.Millisecond)
		h := fleettest.Submit(t, f.Client(s), echoJob(tasks, "300ms"))
		f.Break(s)
		fleettest.Wait(t, h)
		for i := range tasks {
			if n := starts[i].Load(); n != 1 {
				t.Fatalf("task %d started %d times", i, n)
			}
		}
	})
}
