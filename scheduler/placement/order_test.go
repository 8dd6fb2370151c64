package placement

import (
	"testing"

	"dunnock/probe"
)

// Where a job's reservations are as many as there are workers, or a multiple of it, nothing is left to draw but their
// order: whoever gets the first one is the first to ask. It must not be the same worker for all jobs.
func TestOrderIsRandom(t *testing.T) {
	const workers, jobs = 4, 400
	for _, ratio := range []float64{workers, 2 * workers} {
		c := newCore(Config{})
		for w := range probe.WorkerID(workers) {
			c.WorkerUp(0, w, Worker{Slots: 1, Apps: []string{"app"}}, nil)
		}
		var first [workers]int
		for range jobs {
			_, out, err := c.Submit(0, Spec{App: "app", Tasks: 1, ProbeRatio: ratio}, nil)
			if err != nil || len(out) != workers {
				t.Fatalf("%d effects, %v", len(out), err)
			}
			first[out[0].Worker]++
		}
		for w, n := range first {
			if n < jobs/workers/2 || n > jobs/workers*2 {
				t.Errorf("probe ratio %g: worker %d comes first in %d of %d jobs", ratio, w, n, jobs)
			}
		}
	}
}
