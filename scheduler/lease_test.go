package scheduler_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
)

// A worker whose connection breaks and that cannot be reached again is given up when its lease is over: its tasks run
// elsewhere.
func TestLeaseVoids(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s := f.Scheduler("s1", nil)
		w1 := f.Worker("w1", 1, apps(&starts), nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s), echoJob(1, "3s"))
		time.Sleep(time.Second)
		f.Worker("w2", 1, apps(&starts), nil)
		f.Drop(w1, true)
		f.Break(w1)
		began := time.Now()
		fleettest.Wait(t, h)
		f.Drop(w1, false)
		if took := time.Since(began); starts[0].Load() != 2 || took > 6*time.Second {
			t.Errorf("started %d times, done %v after the break", starts[0].Load(), took)
		}
		f.Forget(probe.RoleWorker, "w1")
	})
}
