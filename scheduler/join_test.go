package scheduler_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
)

// A worker that joins while several schedulers have small jobs waiting is given something to do by all of them together, and not by each
// of them: they know of each other.
func TestJoiningWorkerIsNotFlooded(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		const schedulers, workers, waiting = 5, 60, 4
		var nodes []*fleettest.Node
		for i := range schedulers {
			nodes = append(nodes, f.Scheduler(fmt.Sprintf("s%d", i), lateBinding))
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
		f.Worker("late", 1, apps(nil), nil)
		time.Sleep(100 * time.Millisecond)
		// Its fair share of 20 waiting tasks is a third of one.
		if got := given() - before; got < 2 || got > 4 {
			t.Errorf("a worker with one slot got %v reservations", got)
		}
	})
}
