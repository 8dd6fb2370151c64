package placement

import (
	"time"

	"dunnock/probe"
)

// enqueue puts a group among those of its set that wait, by the age of its job. What comes to wait is mostly of the
// newest job, or of one of the oldest, when a task is tried again.
func (c *Core) enqueue(g *group) {
	q := c.request(g.set)
	if g.queued {
		return
	}
	g.queued = true
	c.own(g)
	order := g.timer.j.order
	before, after := q.tail, q.head // g goes behind before, and ahead of after
	for {
		if before == nil || before.timer.j.order <= order {
			after = q.head
			if before != nil {
				after = before.nextWaiting
			}
			break
		}
		if after.timer.j.order > order {
			before = after.prevWaiting
			break
		}
		before, after = before.prevWaiting, after.nextWaiting
	}
	g.prevWaiting, g.nextWaiting = before, after
	if before == nil {
		q.head = g
	} else {
		before.nextWaiting = g
	}
	if after == nil {
		q.tail = g
	} else {
		after.prevWaiting = g
	}
	if q.place == 0 {
		c.idle.waiting = append(c.idle.waiting, g.set)
		q.place = len(c.idle.waiting)
	}
}

// dequeue takes a group out of those of its set that wait.
func (c *Core) dequeue(g *group) {
	if !g.queued {
		return
	}
	q := g.set.request
	if g.prevWaiting == nil {
		q.head = g.nextWaiting
	} else {
		g.prevWaiting.nextWaiting = g.nextWaiting
	}
	if g.nextWaiting == nil {
		q.tail = g.prevWaiting
	} else {
		g.nextWaiting.prevWaiting = g.prevWaiting
	}
	g.queued, g.prevWaiting, g.nextWaiting = false, nil, nil
	if q.head == nil {
		x := c.idle
		last := x.waiting[len(x.waiting)-1]
		x.waiting[q.place-1], last.request.place = last, q.place
		x.waiting[len(x.waiting)-1] = nil
		x.waiting = x.waiting[:len(x.waiting)-1]
		q.place = 0
	}
}

// changed notes that n tasks more of a group are to be launched, or fewer. Under other policies nobody needs to know.
func (c *Core) changed(g *group, n int) {
	if c.idle == nil || n == 0 || g.set.need != nil || g.near {
		return
	}
	if n > 0 {
		c.enqueue(g)
	} else if g.waiting() == 0 || g.timer.j.halted() {
		c.dequeue(g)
	}
	c.stir(g.set, n > 0 || g.set.request.deep)
}

// leave takes a group out of its set.
func (c *Core) leave(g *group) {
	if g.queued {
		c.dequeue(g)
		c.stir(g.set, g.set.request.deep)
	}
}

// oldestFor returns the group that has waited longest of those of which a worker may run a task, of one app unless that
// is empty; nil if there is none. Of one job's it is the one that has the fewest workers to run on: others would take
// from it what they may have elsewhere.
func (c *Core) oldestFor(w *worker, app string) *group {
	var oldest *group
	for _, s := range c.idle.waiting {
		q := s.request
		if oldest != nil && q.head.timer.j.order > oldest.timer.j.order || app != "" && s.app != app || !s.matches(c.offer(w)) {
			continue
		}
		g := q.head
		for n := 0; g != nil && n < scanLimit && !c.usable(g, w); n++ {
			g = g.nextWaiting
		}
		switch {
		case g == nil:
		case !c.usable(g, w):
			q.deep = true
		case oldest == nil || g.timer.j.order < oldest.timer.j.order:
			oldest = g
		case g.timer.j == oldest.timer.j && len(g.set.eligible) < len(oldest.set.eligible):
			oldest = g
		}
	}
	return oldest
}

// nextFor is oldestFor, for a launch: jobs that it meets whose time is over are ended.
func (c *Core) nextFor(now time.Duration, w *worker, app string, out []Effect) (*group, []Effect) {
	for {
		g := c.oldestFor(w, app)
		if g == nil || now < g.timer.j.deadline {
			return g, out
		}
		out = c.expire(now, g.timer.j, out)
	}
}

// usable reports whether a worker may run a task of a group that waits, as far as it is worth looking.
func (c *Core) usable(g *group, w *worker) bool {
	if g.fresh > 0 {
		return true
	}
	j := g.timer.j
	for _, l := range []*taskList{&g.returned, &g.displaced} {
		i := l.head
		for n := 0; i != 0 && n < scanLimit; n++ {
			r := &j.tasks[i-1]
			if c.mayRun(g, r, w) && !c.keptApart(j, r, w) {
				return true
			}
			i = r.next
		}
	}
	return false
}

// serve launches what waits under a set on the offers that are held.
func (c *Core) serve(now time.Duration, s *set, out []Effect) []Effect {
	var unfit []offer
	s.request.deep = false
	for s.waiting > 0 {
		t, w, ok := c.takeAhead(now, s)
		if !ok {
			t, w, ok = c.takeFor(now, s)
		}
		if !ok {
			break
		}
		var g *group
		launched := false
		if g, out = c.nextFor(now, w, c.appOf(&t), out); g != nil {
			out, launched = c.launchOn(now, g, w, t, out)
		}
		if launched {
			c.used(&w.slots[t.lane], t)
		} else {
			unfit = append(unfit, t) // all that wait have failed there
		}
	}
	for _, t := range unfit {
		c.keepOffer(now, t)
	}
	return out
}

// answerOldest answers a call with the oldest task that its worker may run, whatever the reservation was for.
func (c *Core) answerOldest(now time.Duration, w *worker, m *probe.GetTask, out []Effect) []Effect {
	if j := c.find(m.Ref); j != nil {
		if now >= j.deadline {
			out = c.expire(now, j, out)
		} else if spent, g, _, owner := c.spend(j, w.id, m.Res, 1); spent > 0 && g.key != 0 && !j.halted() && w.standing != quarantined {
			var ok bool
			if out, ok = c.answerNear(now, j, g, w, m, owner, out); ok {
				return out
			}
		}
	}
	return c.answerAny(now, w, m, out)
}

// answerAny answers a call for which its reservation has been used up.
func (c *Core) answerAny(now time.Duration, w *worker, m *probe.GetTask, out []Effect) []Effect {
	if w.standing != quarantined {
		var g *group
		if g, out = c.nextFor(now, w, "", out); g != nil {
			var ok bool
			if out, ok = c.launchOn(now, g, w, offer{worker: w.id, lane: m.Slot, call: m.Call}, out); ok {
				c.idle.proof.asked(now, netHops*c.hop())
				return out
			}
		}
	}
	return c.noTask(w.id, m, out)
}
