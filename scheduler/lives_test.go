package scheduler_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/worker"
)

// A worker that is restarted under its name takes up work in its new life, and what its old life ran is run again once.
func TestWorkerRestarts(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		for range 3 {
			w := f.Worker("w1", 2, apps(&starts), nil)
			synctest.Wait()
			h := fleettest.Submit(t, f.Client(s), echoJob(6, "1s"))
			time.Sleep(1500 * time.Millisecond)
			w.Kill()
			f.Worker("w1", 2, apps(&starts), nil)
			began := time.Now()
			results := fleettest.Wait(t, h)
			again := 0
			for _, r := range results {
				again += r.Attempt - 1
			}
			if took := time.Since(began); again != 2 || took > 3*time.Second {
				t.Errorf("%d attempts were lost with the worker, which ran 2; the rest took %v", again, took)
			}
			f.Forget(probe.RoleWorker, "w1") // all of its lives
			time.Sleep(time.Second)
		}
	})
}

// Membership that loses a worker and finds it again, at any moment around the end of its connection, has it connected
// in the end.
func TestMembershipFlaps(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", func(c *scheduler.Config) {
			c.Stream.Lease = 200 * time.Millisecond
			c.Stream.BeatInterval = 50 * time.Millisecond
		})
		w := f.Worker("w1", 2, apps(nil), func(c *worker.Config) {
			c.Stream.Lease = 200 * time.Millisecond
			c.Stream.BeatInterval = 50 * time.Millisecond
		})
		synctest.Wait()
		for i := range 40 {
			f.Drop(w, true)
			time.Sleep(time.Duration(i) * 10 * time.Millisecond)
			f.Hide(probe.RoleWorker, "w1", true)
			if i%2 == 0 {
				synctest.Wait()
			}
			f.Drop(w, false)
			f.Hide(probe.RoleWorker, "w1", false)
			time.Sleep(3 * time.Second)
			h, err := f.Client(s).Submit(t.Context(), echoJob(1, "1ms"))
			if err != nil {
				t.Fatalf("flap %d: %v", i, err)
			}
			if _, err := h.Wait(t.Context()); err != nil {
				t.Fatalf("flap %d: %v", i, err)
			}
		}
	})
}
