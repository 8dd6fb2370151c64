package placement

import (
	"time"

	"dunnock/probe"
)

// Suspects. A task that kills its worker takes along what runs beside it, and each of those has used up an attempt as
// it has. Which of them it was nobody can say: a task under which a worker was lost is a suspect. If they all met again
// and again, a single one could fail all the others. So the last attempt that a suspect may have is kept apart: it is
// not launched at a worker that runs another suspect, nor is a suspect launched beside it. Whoever kills its worker on
// its second attempt or later meets none on its last, and none meets it: it costs each other task one attempt less than
// that may have, at most.
//
// Suspects that have more attempts left may run together, since most workers are not killed by a task, and what ran
// there had better be run again at once, wherever there is room. What is kept apart waits for at most as many others as
// there are suspects, and no slot stays empty for it: tasks that are none go on. It is known only of tasks of this
// scheduler, and of its own launches.

// suspect reports whether a worker was lost under a task that has not ended.
func (r *taskRec) suspect() bool { return r.cause == causeWorkerLost && r.state != stateEnded }

// keptApart reports whether a waiting task must not be launched at a worker because of what runs there.
func (c *Core) keptApart(j *job, r *taskRec, w *worker) bool {
	if !r.suspect() {
		return false
	}
	last := r.attempt+1 >= j.maxAttempts
	for i := range w.slots {
		s := &w.slots[i]
		if !s.state.binds() {
			continue
		}
		other := c.bound(s)
		if other == nil {
			continue
		}
		if o := &other.tasks[s.task]; o.suspect() && (last || o.attempt >= other.maxAttempts) {
			c.apart = true
			c.stats.KeptApart++
			return true
		}
	}
	return false
}

// maxApartShift bounds the wait for what is kept apart, by doublings of the shortest one: what it waits for is mostly
// over soon.
const maxApartShift = 3

// putOffApart has a group sample anew after a while: a call was answered with nothing although something waits, and
// would be again at once.
func (c *Core) putOffApart(now time.Duration, j *job, g *group) {
	if g.resampleAt != never || j.deficit(g) == 0 {
		return
	}
	delay := min(c.cfg.MinBackoff<<min(g.backoff, maxApartShift), c.cfg.MaxBackoff)
	if g.backoff < maxApartShift {
		c.own(g).backoff++
	}
	c.own(g).resampleAt = now + delay - time.Duration(probe.Below(c.rng, uint64(delay/2)+1))
	c.rewake(j, g)
}
