package scheduler

import (
	"time"

	"dunnock/probe"
)

// classNow says what workers go by whose discipline is not first in, first out. It is valid until the next call.
func (j *job) classNow(now time.Duration) *probe.Class {
	c := j.class
	if c == nil { // most fleets never ask
		c = &probe.Class{User: []byte(j.spec.User), Priority: j.spec.Priority}
		j.class = c
	}
	c.Deadline = max(j.accepted+j.spec.Deadline-now, 0)
	c.Work = probe.Work(j.spec.Estimate, j.tasks.len()-j.before-len(j.order))
	return c
}
