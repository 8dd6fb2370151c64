package queue

import (
	"time"

	"dunnock/probe"
)

// newPriority serves the highest priority first.
//
// With ageing, whoever has waited for so long counts as of one priority more. All that wait age alike, so who is ahead
// of whom never changes, and the key can say it once: the arrival, earlier by the ageing for each priority.
func newPriority(ageing time.Duration) *ordered {
	if ageing == 0 {
		return newOrdered(func(_ time.Duration, c *probe.Class) int64 { return -int64(c.Priority) })
	}
	return newOrdered(func(now time.Duration, c *probe.Class) int64 { return int64(now) - int64(c.Priority)*int64(ageing) })
}
