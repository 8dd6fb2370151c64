package scheduler_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
)

// Workers keep results until they are acknowledged, and they are: also those before a connection broke, and those
// behind one that was given up, and also the last few, on an idle fleet.
func TestResultsAreAcknowledged(t *testing.T) {
	for name, between := range map[string]func(f *fleettest.Fleet, w *fleettest.Node){
		"connected": func(*fleettest.Fleet, *fleettest.Node) {},
		"broken":    func(f *fleettest.Fleet, w *fleettest.Node) { f.Break(w) },
		"given up": func(f *fleettest.Fleet, w *fleettest.Node) {
			f.Drop(w, true)
			time.Sleep(5 * time.Second)
			f.Drop(w, false)
			time.Sleep(5 * time.Second)
		},
		"away for so long that its numbers are forgotten": func(f *fleettest.Fleet, w *fleettest.Node) {
			f.Drop(w, true)
			time.Sleep(20 * time.Minute)
			f.Drop(w, false)
			time.Sleep(5 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				s := f.Scheduler("s1", nil)
				w := f.Worker("w1", 4, apps(nil), nil)
				synctest.Wait()
				for i := range 3 {
					h := fleettest.Submit(t, f.Client(s), echoJob(100, "1ms"))
					fleettest.Wait(t, h)
					time.Sleep(3 * time.Second)
					if n := w.Metric("dunnock_unacked_results"); n != 0 {
						t.Errorf("after %d jobs the worker keeps %v results that everybody has", i+1, n)
					}
					between(f, w)
					time.Sleep(100 * time.Millisecond)
				}
			})
		})
	}
}

// A draining worker whose connection breaks is not taken for one that has left, and does not leave before it has told
// its results: nothing starts twice.
func TestBrokenWhileDraining(t *testing.T) {
	for _, left := range []time.Duration{400 * time.Millisecond, time.Millisecond} { // until the tasks end
		inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
			var starts [1024]atomic.Int32
			s := f.Scheduler("s1", nil)
			w := f.Worker("w1", 2, apps(&starts), nil)
			f.Worker("w2", 2, apps(&starts), nil)
			synctest.Wait()
			h := fleettest.Submit(t, f.Client(s), echoJob(4, "1s"))
			time.Sleep(300 * time.Millisecond)
			w.Drain()
			time.Sleep(700*time.Millisecond - left)
			f.Break(w)
			fleettest.Wait(t, h)
			for i := range 4 {
				if n := starts[i].Load(); n != 1 {
					t.Errorf("%v before its end task %d lost its connection; it started %d times", left, i, n)
				}
			}
			began := time.Now()
			if err := w.Wait(); err != nil || time.Since(began) > 3*time.Second {
				t.Errorf("left after %v: %v", time.Since(began), err)
			}
			f.Forget(probe.RoleWorker, "w1")
		})
	}
}

// A scheduler that comes while a worker drains asks it too: what that runs is not run again.
func TestAskedWhileDraining(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts [1024]atomic.Int32
		s1 := f.Scheduler("s1", nil)
		w := f.Worker("w1", 2, apps(&starts), nil)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(s1), echoJob(2, "3s"))
		time.Sleep(300 * time.Millisecond)
		f.Worker("w2", 2, apps(&starts), nil)
		w.Drain()
		time.Sleep(100 * time.Millisecond)
		s2 := f.Scheduler("s2", nil)
		other := f.Client(s2)
		time.Sleep(100 * time.Millisecond)
		s1.Kill()
		job := echoJob(2, "3s")
		job.ID, job.Epoch = h.ID(), 1
		again := fleettest.Submit(t, other, job)
		fleettest.Wait(t, again)
		startedOnce(t, starts[:2])
		if err := w.Wait(); err != nil {
			t.Error(err)
		}
	})
}
