package queue

import (
	"time"

	"dunnock/probe"
)

// newEDF serves the job first whose deadline comes first: it meets all deadlines of one slot wherever any order does
// (Liu and Layland, J. ACM 1973). A Reserve says how long is left, so that no clocks are compared; the time it took to
// come counts as time that is left.
func newEDF() *ordered {
	return newOrdered(func(now time.Duration, c *probe.Class) int64 { return int64(after(now, c.Deadline)) })
}
