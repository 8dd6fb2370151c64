package scheduler_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/scheduler"
)

// A worker that joins while several schedulers have small jobs waiting is given something to do by all of them
// together, and not by each of them: they know of each other. With idle offers it offers itself, and needs no more than
// that.
func TestJoiningWorkerIsNotFlooded(t *testing.T) {
	t.Run("late-binding", func(t *testing.T) { joinIsNoFlood(t, lateBinding, 2) })
	t.Run("idle-offer", func(t *testing.T) { joinIsNoFlood(t, idleOffer, 0) })
}

func joinIsNoFlood(t *testing.T, policy func(*scheduler.Config), least float64) {
	t.Helper()
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		const schedulers, workers, waiting = 5, 60, 4
		var nodes []*fleettest.Node
		for i := range schedulers {
			nodes = append(nodes, f.Scheduler(fmt.Sprintf("s%d", i), policy))
		}
		for i := range workers {
			f.Worker(fmt.Sprintf("w%d", i), 1, apps(nil), nil)
		}
		synctest.Wait()
		for i, s := range nodes {
			c := f.Client(s)
			submit := func(tasks int) {
				j := echoJob(tasks, "10s")
				j.ProbeRatio = 1
				if _, err := c.Submit(t.Context(), j); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			if i == 0 {
				submit(workers)
			}
			for range waiting {
				submit(1)
			}
		}
		given := func() (n float64) {
			for _, s := range nodes {
				n += s.Metric("dunnock_reservations_total")
			}
			return n
		}
		before := given()
		var starts [1024]atomic.Int32
		f.Worker("late", 1, apps(&starts), nil)
		time.Sleep(100 * time.Millisecond)
		// Its fair share of 20 waiting tasks is a third of one.
		if got := given() - before; got < least || got > 4 {
			t.Errorf("a worker with one slot got %v reservations", got)
		}
		n := int32(0)
		for i := range starts {
			n += starts[i].Load()
		}
		if n != 1 {
			t.Errorf("it has started %d tasks in one slot", n)
		}
	})
}
