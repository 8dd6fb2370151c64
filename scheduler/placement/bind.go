package placement

import (
	"time"

	"dunnock/probe"
)

// scanLimit bounds how many tasks of a job's head one GetTask looks at for one that may run at its worker.
const scanLimit = 16

// GetTask answers a free slot that asks on the strength of a reservation, with the job's waiting
// task at the head or with NoTask (late binding: Ousterhout et al., SOSP 2013, §3). A call is answered once:
//
//   - the slot's last call again gets the same answer again, unless the task has
//     ended since: then NoTask, since the slot may still wait;
//   - an older call gets nothing;
//   - a new call from a slot whose last task is still bound says that the slot is free although its end was
//     never reported: on an ordered stream that report can only be lost. The attempt counts as lost, as
//     if its worker had died, and is tried elsewhere, because the task may or may not have run.
//
// A call for a job that is done, or on a reservation that is used up, is normal: it crossed a Cancel. The latter still
// gets a task if one waits that the worker may run.
func (c *Core) GetTask(now time.Duration, w probe.WorkerID, m probe.GetTask, out []Effect) []Effect {
	return c.attend(now, c.getTask(now, w, &m, out))
}

func (c *Core) getTask(now time.Duration, w probe.WorkerID, m *probe.GetTask, out []Effect) []Effect {
	c.stats.GetTasks++
	wk := c.worker(w)
	if wk == nil {
		c.stats.Stale++
		return out
	}
	s := c.slot(wk, m.Slot)
	if s == nil {
		c.stats.Stale++
		return out
	}
	if s.state != slotSilent {
		// Call numbers wrap around; the difference as a signed number does not mind.
		switch ahead := int32(m.Call - s.call); {
		case ahead < 0:
			c.stats.Stale++
			return out
		case ahead == 0:
			return c.repeat(now, wk, m, out)
		}
		if s.state.binds() {
			if c.crosses(now, s) {
				return c.putCallBy(now, wk, m, out)
			}
			out = c.lose(now, wk, s, out)
		}
	}
	if c.idle != nil {
		c.unoffer(s)
	}
	s.call, s.state = m.Call, slotOver
	j := c.find(m.Ref)
	if c.idle != nil && c.anybodys(j) {
		return c.answerOldest(now, wk, m, out)
	}
	return c.answer(now, wk, j, m, out)
}

// anybodys reports whether a call on a reservation of a job, nil if that is over, may be answered with whatever has
// waited longest. Not if it may have more set aside than a slot: nobody knows what, once the job is over.
func (c *Core) anybodys(j *job) bool {
	if j == nil {
		return len(c.needs) == 0 && c.onOffers()
	}
	return !j.needs && (j.offers || j.waiting() == 0 && c.onOffers())
}

// answer answers a call with a task of the job that its reservation was for.
func (c *Core) answer(now time.Duration, wk *worker, j *job, m *probe.GetTask, out []Effect) []Effect {
	w := wk.id
	if j != nil && now >= j.deadline {
		out = c.expire(now, j, out)
		j = nil
	}
	if j == nil {
		return c.noTask(w, m, out)
	}
	spent, asked, last, owner := c.spend(j, w, m.Res, 1)
	if spent == 0 && j.unlike {
		return c.noTask(w, m, out) // nobody knows what was set aside for it
	}
	if j.onOffers(asked) {
		return c.answerAny(now, wk, m, out)
	}
	if j.halted() || wk.standing == quarantined {
		return c.noTask(w, m, out)
	}
	if asked.waiting() == 0 && !j.several() { // it crossed the Cancel
		return c.noTask(w, m, out)
	}
	c.apart = false
	g, t, ok := asked, uint32(0), false
	if spent > 0 || c.fits(g, wk) {
		t, out, ok = c.pick(j, g, wk, owner, out)
	}
	if !ok && j.several() {
		g, t, out, ok = c.pickOther(j, g, wk, out)
	}
	if !ok {
		if c.apart {
			c.putOffApart(now, j, asked)
		}
		return c.replenish(now, j, asked, c.noTask(w, m, out))
	}
	out = c.bind(now, j, t, wk, m, out)
	switch {
	case g.waiting() == 0:
		out = c.settled(j, g, out)
	case g == asked && last && g.wide && wk.active && g.anywhere() > 0:
		out = c.renew(j, g, w, out)
	}
	if g != asked {
		out = c.replenish(now, j, g, out)
	}
	return c.replenish(now, j, asked, out)
}

// pickOther chooses a waiting task that a worker gets of another group than the one that its reservation was for, of
// which none waits any more, and which needs the same. It looks at some groups, beginning behind that one.
func (c *Core) pickOther(j *job, asked *group, w *worker, out []Effect) (*group, uint32, []Effect, bool) {
	n := j.groups()
	for i := range min(n-1, scanLimit) {
		g := j.at((int(asked.timer.index) + 1 + i) % n)
		if g.waiting() == 0 || !c.fits(g, w) || !g.set.need.equal(asked.set.need) {
			continue
		}
		var t uint32
		var ok bool
		if t, out, ok = c.pick(j, g, w, 0, out); ok {
			return g, t, out, true
		}
	}
	return asked, 0, out, false
}

// repeat answers a slot's last call again.
func (c *Core) repeat(now time.Duration, w *worker, m *probe.GetTask, out []Effect) []Effect {
	c.stats.Repeated++
	s := &w.slots[m.Slot]
	if s.state.binds() {
		j := c.bound(s)
		if now < j.deadline {
			s.state = slotBound // it asks on this connection, and on this one it is answered
			return append(out, c.launch(now, j, s, w.id, m))
		}
		out = c.expire(now, j, out)
	}
	return append(out, Effect{Kind: EffectNoTask, Worker: w.id, Slot: m.Slot, Call: m.Call})
}

func (c *Core) noTask(w probe.WorkerID, m *probe.GetTask, out []Effect) []Effect {
	c.stats.NoTasks++
	return append(out, Effect{Kind: EffectNoTask, Worker: w, Slot: m.Slot, Call: m.Call})
}

// pick chooses the waiting task that a worker gets: the displaced one whose own reservation it used (owner,
// from 1), else the first at the head that it may run, else the first fresh one.
func (c *Core) pick(j *job, g *group, w *worker, owner uint32, out []Effect) (uint32, []Effect, bool) {
	if owner != 0 && !c.keptApart(j, &j.tasks[owner-1], w) {
		return owner - 1, out, true
	}
	i := g.returned.head
	for n := 0; i != 0 && n < scanLimit; n++ {
		t, r := i-1, &j.tasks[i-1]
		i = r.next
		switch {
		case !c.mayRun(g, r, w):
			out = c.displace(j, g, t, out) // it had nowhere else to go when it came back, and now it has
		case !c.keptApart(j, r, w):
			return t, out, true
		}
	}
	i = g.displaced.head
	for n := 0; i != 0 && n < scanLimit; n++ {
		r := &j.tasks[i-1]
		if c.mayRun(g, r, w) && !c.keptApart(j, r, w) {
			return i - 1, out, true
		}
		i = r.next
	}
	switch {
	case g.fresh == 0:
		return 0, out, false
	case j.several():
		return g.unbound.head - 1, out, true
	}
	for j.tasks[j.cursor].state != stateFresh {
		j.cursor++
	}
	return uint32(j.cursor), out, true
}

// bind gives a waiting task to the slot that asked.
func (c *Core) bind(now time.Duration, j *job, t uint32, w *worker, m *probe.GetTask, out []Effect) []Effect {
	r := &j.tasks[t]
	c.occupy(j, t, w, m.Slot)
	r.attempt++
	r.launched, r.service = now, 0
	s := &w.slots[m.Slot]
	s.state, s.job, s.task, s.attempt = slotBound, uint32(j.ref), t, r.attempt
	s.sure = likely
	c.stats.Launches++
	g := j.of(t)
	g.set.meter.count(now)
	if g.key != 0 {
		c.met(now, j, g, w.id)
	}
	out = append(out, c.launch(now, j, s, w.id, m))
	if c.idle != nil && g.set.need == nil {
		q := c.request(g.set)
		q.launched = now
		f := &out[len(out)-1]
		f.Service, f.More = c.foresee(now, q.forecast, launched{ref: j.ref, task: t, at: now}), g.set.waiting > 0
		c.busy(now, w, q.forecast)
	}
	return out
}

// occupy makes a waiting task run in a slot.
func (c *Core) occupy(j *job, t uint32, w *worker, slot uint16) {
	g := j.of(t)
	c.unlink(j, g, t)
	r := &j.tasks[t]
	r.state = stateRunning
	r.worker, r.slot, r.hasWorker = w.id, slot, true
	j.running++
	c.runs(j, g, 1)
	c.waits(j, g, -1)
}

func (c *Core) launch(now time.Duration, j *job, s *slot, w probe.WorkerID, m *probe.GetTask) Effect {
	r := &j.tasks[s.task]
	return Effect{
		Kind: EffectLaunch, Worker: w, Slot: m.Slot, Call: m.Call, Ref: j.ref, Task: s.task, Attempt: s.attempt,
		Deadline: j.deadline - now, Wait: r.launched - j.submitted,
	}
}

// unlink takes a waiting task out of where it waits; its own reservations are anybody's from now on.
func (c *Core) unlink(j *job, g *group, t uint32) {
	r := &j.tasks[t]
	switch r.state {
	case stateFresh:
		g.fresh--
		if j.several() {
			g.unbound.remove(j.tasks, t)
		}
	case stateReturned:
		g.returned.remove(j.tasks, t)
	case stateDisplaced:
		g.displaced.remove(j.tasks, t)
		if r.probes == 0 {
			g.bare--
		}
		g.owned -= int32(r.probes)
		r.probes = 0
	case stateRunning, stateEnded:
	}
}

// displace makes a waiting task wait for a worker that it has not failed on, with reservations of its own.
func (c *Core) displace(j *job, g *group, t uint32, out []Effect) []Effect {
	c.unlink(j, g, t)
	r := &j.tasks[t]
	r.state = stateDisplaced
	r.round++
	c.own(g).displaced.push(j.tasks, t)
	g.bare++
	return c.place(j, g, t, out)
}

// settled is when the last waiting task of a group has been bound: what reservations are left are needed no more
// (proactive cancellation: Ousterhout et al., SOSP 2013, §3).
func (c *Core) settled(j *job, g *group, out []Effect) []Effect {
	if g.resampleAt != never {
		g.resampleAt = never
		c.rewake(j, g)
	}
	c.disarm(j, g)
	if c.cfg.Policy == LateBindingNoCancel {
		return out
	}
	return c.cancelGroup(j, g, out)
}

// renew gives a worker that has used up its share of a wide job a new one, as
// large as sampling now would make it. Shares are equal whatever a worker's slots and speed, so without this
// a fast worker would be idle while the job's tasks wait for slow ones. Shares shrink with what waits, so there are
// few renewals but for the last tasks, where it is at most one per launch.
func (c *Core) renew(j *job, g *group, w probe.WorkerID, out []Effect) []Effect {
	eligible := len(c.pool(g))
	if eligible == 0 || g.near && !g.chosen(w) {
		return out
	}
	n := max(1, int(float64(j.ratio*float64(g.anywhere()))/float64(eligible)))
	c.stats.Renewed += uint64(n)
	return c.reserve(j, g, w, n, 0, out)
}
