package placement

import (
	"time"

	"dunnock/probe"
)

// group is the tasks of one job under the same constraints: what waits of them, and the reservations that it counts on.
// The tasks of a plain job are one group. Those of a job whose tasks have constraints of their own, or that is spread,
// are several, and each is sampled for on its own, among the workers that it may run on (Ousterhout et al., SOSP 2013,
// §5).
type group struct {
	*extra // its own, or Core.usual

	set     *set     // which workers its tasks may be sampled to now
	unbound taskList // tasks that are fresh. Of a job of several groups
	fresh   int32    // tasks
	left    int32    // reservations that are outstanding
	resHead uint32   // first of them, index + 1. Of a job of several groups

	relaxAt time.Duration // when set gives way; never: not by time
	since   time.Duration // when the tasks that are near began to wait
	timer   waker         // of a job's first group the job's
	key     probe.Key     // of all of its tasks; 0: they have none
	from    uint32        // its key has chosen the workers from here on
	nears   uint16        // of its job's nears, so many
	asked   uint16        // of them, the first ones
	near    bool          // only these workers will do
	trying  bool          // some others as well, for a while
	tries   uint8         // of that, that are over
	wide    bool          // every eligible worker got several reservations
	touched bool          // scratch: it has lost reservations
	queued  bool          // among those of its set that wait for offers
}

// extra is what most groups of a job with very many of them have alike: those of tasks with a key of their own that
// wait for the first time. These share one that is never changed. A job's first group has always one of its own.
type extra struct {
	cost      int64    // of each task of the group, in parts of a slot: see costOf
	wider     [2]*set  // what its set gives way to, in this order; nil: nothing
	returned  taskList // tasks that wait at the head, for any eligible worker
	displaced taskList // tasks that wait at the head, for some of them
	owned     int32    // of the group's outstanding reservations, those that belong to displaced tasks
	bare      int32    // displaced tasks that have no reservation of their own

	resampleAt time.Duration // never: not put off
	backoff    uint8
	prefers    bool // set is of the workers that are preferred

	nextWaiting, prevWaiting *group // while it is queued
}

// own gives a group an extra that may be changed.
func (c *Core) own(g *group) *extra {
	if g.extra == c.usual {
		n := len(c.extras)
		if n > 0 {
			g.extra, c.extras = c.extras[n-1], c.extras[:n-1]
		} else {
			g.extra = &extra{}
		}
		*g.extra = *c.usual
	}
	return g.extra
}

// disown has the extra of a group used by another, unless it is part of a job.
func (c *Core) disown(g *group) {
	if e := g.extra; e != c.usual && g.timer.index > 0 {
		*e = extra{}
		c.extras = append(c.extras, e)
	}
	g.extra = nil
}

// newGroup makes group i of a job, of tasks with a key or of tasks without one.
func (c *Core) newGroup(j *job, i int, p *planned, k probe.Key) {
	g := j.at(i)
	*g = group{extra: c.usual, set: p.set, relaxAt: never, key: k, near: k != 0, timer: waker{j: j, index: uint32(i)}}
	if i == 0 {
		j.extra, g.extra = *c.usual, &j.extra
	}
	if cost := c.costOf(p.set); cost != g.cost {
		c.own(g).cost = cost
	}
	if p.wider[0] != nil {
		c.own(g).wider, g.prefers = p.wider, p.prefers
	}
}

// groups counts them.
func (j *job) groups() int { return 1 + len(j.more) }

// at returns group i, from 0.
func (j *job) at(i int) *group {
	if i == 0 {
		return &j.first
	}
	return &j.more[i-1]
}

// of returns the group of a task.
func (j *job) of(t uint32) *group {
	if len(j.more) == 0 {
		return &j.first
	}
	return j.at(int(j.tasks[t].group))
}

// several reports whether tasks of the job differ in their constraints.
func (j *job) several() bool { return len(j.more) > 0 }

// waiting counts the tasks of a job that wait.
func (j *job) waiting() int {
	n := j.first.waiting()
	for i := range j.more {
		n += j.more[i].waiting()
	}
	return n
}

// anywhere counts the waiting tasks that any eligible worker may run.
func (g *group) anywhere() int { return int(g.fresh + g.returned.n) }

// waiting counts the tasks that wait.
func (g *group) waiting() int { return g.anywhere() + int(g.displaced.n) }

// onOffers reports whether a group's tasks wait for offers, not for reservations.
func (j *job) onOffers(g *group) bool { return j.offers && g.set.need == nil && !g.near }

// deficit is how many waiting tasks have no reservation to count on, though they should.
func (j *job) deficit(g *group) int {
	if j.halted() || j.onOffers(g) {
		return 0
	}
	return g.lack() + int(g.bare)
}

// lack is how many of the waiting tasks that any eligible worker may run have no reservation to count on.
func (g *group) lack() int { return max(0, g.anywhere()-int(g.left-g.owned)) }

// base is the set without what gives way.
func (g *group) base() *set {
	for i := len(g.wider) - 1; i >= 0; i-- {
		if g.wider[i] != nil {
			return g.wider[i]
		}
	}
	return g.set
}

// dissolve forgets a group whose job is done.
func (c *Core) dissolve(g *group) {
	c.timers.Remove(&g.timer.Timer)
	c.leave(g)
	c.unpin(g.set)
	for _, s := range g.wider {
		c.unpin(s)
	}
	c.disown(g)
}

// yield has a group let go of the narrowest thing that it insists on.
func (c *Core) yield(now time.Duration, j *job, g *group, out []Effect) []Effect {
	if g.near {
		return c.spill(now, j, g, out)
	}
	return c.relax(now, j, g, out)
}

// relax lets a group's constraints give way to the next ones, and samples what waits among the workers that these
// allow.
func (c *Core) relax(now time.Duration, j *job, g *group, out []Effect) []Effect {
	c.stats.Relaxed++
	n := g.waiting()
	if j.halted() {
		n = 0
	}
	g.wait(-n)
	c.leave(g)
	c.unpin(g.set)
	g.set, c.own(g).wider = g.wider[0], [2]*set{g.wider[1]}
	g.prefers = false
	g.wait(n)
	c.changed(g, n)
	if g.relaxAt != never {
		g.relaxAt = never
		c.rewake(j, g)
	}
	if n == 0 {
		return out
	}
	if lack := g.anywhere(); lack > 0 {
		out = c.sample(j, g, lack, out)
	}
	return c.replenish(now, j, g, out)
}

// gives reports whether a group's constraints give way because nobody satisfies them, and somebody would satisfy the
// next.
func (g *group) gives() bool {
	return !g.near && len(g.set.eligible) == 0 && g.wider[0] != nil && (len(g.wider[0].eligible) > 0 || g.wider[1] != nil && len(g.wider[1].eligible) > 0)
}
