package scheduler

import (
	"math"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// turnOf is what workers of a discipline go by of a job that comes now: what has less goes first. 0: who came first, or
// what nobody knows here.
func turnOf(discipline string, j *task.Job, now time.Duration) int64 {
	switch discipline {
	case probe.DisciplinePriority:
		return turnOfNone - int64(j.Priority)
	case probe.DisciplineEDF:
		return int64(now + j.Deadline)
	case probe.DisciplineSRPT:
		if work := probe.Work(j.Estimate, len(j.Tasks)); work > 0 {
			return int64(work)
		}
		return math.MaxInt64
	}
	return 0
}

// turnOfNone is that of priority 0: all priorities are above 0.
const turnOfNone = 1 << 20

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
