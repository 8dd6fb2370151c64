package queue

import (
	"math"
	"time"

	"dunnock/probe"
)

// newSRPT serves the job first of which the least is left, as it says itself: the shortest remaining time first, which
// is best for the mean (Schrage, Operations Research 1968). What is left is what was when the reservation was made; the
// queue does not hear of the job's progress elsewhere. A job that does not say comes after all that do, since otherwise
// it would pay to say nothing.
//
// It starves long jobs where short ones never end. So what has waited for the bound is served next, the oldest first:
// under a load that makes everything wait for so long, that is FIFO.
func newSRPT(bound time.Duration) *ordered {
	q := newOrdered(func(_ time.Duration, c *probe.Class) int64 {
		if c.Work == 0 {
			return math.MaxInt64
		}
		return int64(c.Work)
	})
	q.bound = bound
	return q
}
