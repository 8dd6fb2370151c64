package placement

import (
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// A job that comes under an epoch above 0 was at another scheduler before, or at this one in another life. Workers may
// run its tasks still, and have results of it. So before anything of it is launched they are asked (EffectClaim): what
// they run is adopted and what they have is taken over. The claim is also a fence: it keeps the scheduler before from
// starting anything more. When all have answered, or enough time has passed, the tasks that nobody holds are sampled
// for. What turns up later is adopted all the same.

// claim is what is known of a claim while answers are due.
type claim struct {
	until      time.Duration // when tasks that nobody has said to hold are let go
	asked      bitset        // workers that owe an answer
	unanswered int           // of them
}

// claimUntil is when a job's claim ends; never: it is not claiming.
func (j *job) claimUntil() time.Duration {
	if j.claim == nil {
		return never
	}
	return j.claim.until
}

// claim asks a worker for what it holds of a job. One that is severed is asked when it is back.
func (c *Core) claim(j *job, w *worker, out []Effect) []Effect {
	if a := j.claim; a != nil && !a.asked.has(w.id) {
		a.asked.add(w.id)
		a.unanswered++
	}
	if !w.up {
		return out
	}
	c.stats.Claims++
	return append(out, Effect{Kind: EffectClaim, Worker: w.id, Ref: j.ref})
}

// claimAll asks all workers that a job's tasks may have been at.
func (c *Core) claimAll(now time.Duration, j *job, out []Effect) []Effect {
	c.hold(j, true, j.suspended)
	j.claim = &claim{until: after(now, c.cfg.ClaimWait)}
	if j.atMostOnce {
		j.claim.until = after(now, c.cfg.DoubtWait)
	}
	c.rewakeJob(j)
	for i := range c.workers {
		if w := c.known(probe.WorkerID(i)); w != nil && j.concerns(c.offer(w)) {
			out = c.claim(j, w, out)
		}
	}
	return out
}

// concerns reports whether tasks of a job may be or have been at a worker. Of a job whose tasks differ in their
// constraints every worker with the app may have one: asking a few in vain costs less than looking at all constraints
// for each.
func (j *job) concerns(w *Worker) bool {
	if j.mixed {
		return slices.Contains(w.Apps, j.first.set.app)
	}
	return j.first.base().matches(w)
}

// hold has a job launch nothing while it is claiming or suspended. What waits of it holds up nobody in the meantime.
func (c *Core) hold(j *job, claiming, suspended bool) {
	was := j.halted()
	j.claiming, j.suspended = claiming, suspended
	is := j.halted()
	for i := range j.groups() {
		switch g := j.at(i); {
		case is && !was:
			g.wait(-g.waiting())
			c.changed(g, -g.waiting())
		case was && !is:
			g.wait(g.waiting())
			c.changed(g, g.waiting())
		}
	}
}

// answered notes that a worker has said all that it holds of a job, or will not any more.
func (c *Core) answered(now time.Duration, j *job, w probe.WorkerID, out []Effect) []Effect {
	a := j.claim
	if a == nil || !a.asked.has(w) {
		return out
	}
	a.asked.remove(w)
	if a.unanswered--; a.unanswered > 0 {
		return out
	}
	return c.claimed(now, j, out)
}

// claimed lets a job's tasks be launched that nobody holds; of one whose tasks may start once only they end, since
// nobody can say that they have not started.
func (c *Core) claimed(now time.Duration, j *job, out []Effect) []Effect {
	j.claim = nil
	c.rewakeJob(j)
	c.hold(j, false, j.suspended)
	if !j.atMostOnce {
		return c.proceed(now, j, out)
	}
	for i := range j.tasks {
		if t := uint32(i); j.tasks[i].state.waits() {
			if out = c.endWaiting(now, j, t, task.Unknown, causeDoubt, out); j.unfinished == 0 {
				break
			}
		}
	}
	return out
}

// proceed lets a job launch that was not to for a while.
func (c *Core) proceed(now time.Duration, j *job, out []Effect) []Effect {
	if j.halted() {
		return out
	}
	if !j.begun {
		return c.begin(now, j, out)
	}
	for i := range j.groups() {
		c.arm(now, j, j.at(i))
		out = c.replenish(now, j, j.at(i), out)
	}
	return out
}

// Adopt takes a worker's word that it runs an attempt: one that was launched before the connection broke, or one of a
// job that was claimed. It is bound there from now on. Of two attempts at one task the one that has run for longer goes
// on and the other is killed. One that is of no use any more, because its task has its outcome, is killed.
func (c *Core) Adopt(now time.Duration, w probe.WorkerID, m probe.Adopt, out []Effect) []Effect {
	return c.attend(now, c.adopt(now, w, m, out))
}

func (c *Core) adopt(now time.Duration, w probe.WorkerID, m probe.Adopt, out []Effect) []Effect {
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
	j := c.find(m.Ref)
	if s.state != slotSilent {
		switch ahead := int32(m.Call - s.call); {
		case ahead < 0, ahead == 0 && s.state == slotKilled, s.state == slotOver && s.sure == ended && s.holds(m.Ref, m.Task, m.Call): // or it comes twice
			c.stats.Stale++
			return out
		case ahead == 0 && s.state.binds() && j != nil && s.holds(m.Ref, m.Task, m.Call):
			s.state, s.sure = slotBound, started
			return out
		case s.state.binds() && c.crosses(now, s) && c.setAside(wk, m.Slot):
			s = &wk.slots[m.Slot]
		case s.state.binds():
			out = c.lose(now, wk, s, out) // it is not what runs there
			j = c.find(m.Ref)
		}
	}
	if c.idle != nil {
		c.unoffer(s)
	}
	*s = slot{job: uint32(m.Ref), task: m.Task, call: m.Call, attempt: m.Attempt, state: slotBound, sure: started}
	launched := now - max(m.Elapsed, 0)
	wanted := j != nil && j.lacks(m.Task)
	if wanted {
		j.hadAttempt(&j.tasks[m.Task], m.Attempt)
	}
	if !wanted || c.runsLonger(j, m.Task, launched) {
		s.state = slotKilled
		c.stats.Killed++
		return append(out, Effect{
			Kind: EffectKill, Worker: w, Slot: m.Slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Attempt: m.Attempt,
		})
	}
	c.stats.Adopted++
	r := &j.tasks[m.Task]
	if r.state == stateRunning {
		out = c.kill(j, m.Task, out)
		c.wait(j, m.Task)
	}
	c.occupy(j, m.Task, wk, m.Slot)
	r.launched, r.service = max(launched, j.submitted), 0
	if j.of(m.Task).waiting() == 0 {
		return c.settled(j, j.of(m.Task), out)
	}
	return out
}

// lacks reports whether a job has a task by that number and no outcome of it.
func (j *job) lacks(t uint32) bool {
	return int64(t) < int64(len(j.tasks)) && j.tasks[t].state != stateEnded
}

// runsLonger reports whether a task certainly runs, and since no later than that.
func (c *Core) runsLonger(j *job, t uint32, since time.Duration) bool {
	r := &j.tasks[t]
	if r.state != stateRunning || r.launched > since {
		return false
	}
	w := c.worker(r.worker)
	return w != nil && w.slots[r.slot].state == slotBound
}

// hadAttempt counts an attempt that a worker tells of: it makes as many as its number says, and one more if another
// runs.
func (j *job) hadAttempt(r *taskRec, attempt uint16) {
	n := max(int(attempt), 1)
	if r.state == stateRunning {
		n++
	}
	r.attempt = uint16(min(max(int(r.attempt), n), int(j.maxAttempts)))
}

// Found takes a worker's word of how an attempt ended of which the report was lost, or came too late, or went to
// another scheduler. If the task has no outcome yet, an OK or permanent failure is its outcome, and an attempt that
// runs elsewhere is killed. Another end counts as an attempt that the task has had, unless one with that number is
// counted already. Body is the caller's business, as with [Core.Finished].
func (c *Core) Found(now time.Duration, w probe.WorkerID, m probe.Finished, out []Effect) []Effect {
	out = c.found(now, w, &m, out)
	if len(c.tripped) > 0 {
		out = c.trip(now, out)
	}
	return c.attend(now, out)
}

func (c *Core) found(now time.Duration, w probe.WorkerID, m *probe.Finished, out []Effect) []Effect {
	wk, j := c.worker(w), c.find(m.Ref)
	if wk != nil && j != nil {
		if s := c.slotOf(wk, m.Slot, m.Ref, m.Task, m.Call); s != nil && s.state.binds() && s.holds(m.Ref, m.Task, m.Call) {
			return c.finished(now, w, m, out)
		}
	}
	if wk == nil || j == nil || !j.lacks(m.Task) {
		c.stats.Stale++
		return out
	}
	r := &j.tasks[m.Task]
	final := m.Status == probe.StatusOK || m.Status == probe.StatusPermanent
	switch {
	case r.state == stateRunning && final:
		out = c.kill(j, m.Task, out)
		c.wait(j, m.Task)
	case r.state == stateRunning:
		c.stats.Found++
		j.hadAttempt(r, m.Attempt)
		return out
	case m.Attempt <= r.attempt && !final:
		c.stats.Stale++
		return out // it is counted already
	}
	c.stats.Found++
	j.hadAttempt(r, m.Attempt)
	r.launched, r.service = max(now-max(m.Service, 0), j.submitted), max(m.Service, 0)
	r.worker, r.hasWorker = w, true
	return c.conclusion(now, j, wk, m, out)
}

// conclusion has the end of an attempt at a task that waits decide how the task goes on.
func (c *Core) conclusion(now time.Duration, j *job, w *worker, m *probe.Finished, out []Effect) []Effect {
	why := causeAppFailed
	switch m.Status {
	case probe.StatusOK:
		return c.endWaiting(now, j, m.Task, task.OK, causeNone, out)
	case probe.StatusPermanent:
		return c.endWaiting(now, j, m.Task, task.Failed, causePermanent, out)
	case probe.StatusTimeout:
		why = causeTaskTimeout
	case probe.StatusKilled:
		if now >= j.deadline { // that was the reason
			return c.expire(now, j, out)
		}
		why = causeWorkerLost
	case probe.StatusFailed:
	}
	r := &j.tasks[m.Task]
	if r.attempt >= j.maxAttempts || j.atMostOnce {
		return c.endWaiting(now, j, m.Task, why.outcome(), why, out)
	}
	out = c.retry(j, m.Task, w, why, out)
	g := j.of(m.Task)
	for (g.near || g.wider[0] != nil) && !c.hasElsewhere(g, r) {
		out = c.yield(now, j, g, out)
	}
	switch {
	case c.hasElsewhere(g, r):
		out = c.displace(j, g, m.Task, out)
	case r.state != stateReturned:
		c.unlink(j, g, m.Task)
		r.state = stateReturned
		c.own(g).returned.push(j.tasks, m.Task)
	}
	return c.replenish(now, j, g, out)
}

// Told takes a worker's word that it has said all that it holds: with Ref 0, of this scheduler's, once after it has
// connected; otherwise of a job that was claimed. A task that was bound there when the connection broke and was not
// said has never started, and waits again as if it had not been launched; unless results were dropped, or the worker
// had said before that this runs there, when it counts as lost.
func (c *Core) Told(now time.Duration, w probe.WorkerID, m probe.Told, out []Effect) []Effect {
	return c.attend(now, c.told(now, w, m, out))
}

func (c *Core) told(now time.Duration, w probe.WorkerID, m probe.Told, out []Effect) []Effect {
	wk := c.worker(w)
	if wk == nil {
		c.stats.Stale++
		return out
	}
	if m.Ref != 0 {
		if j := c.find(m.Ref); j != nil {
			return c.answered(now, j, w, out)
		}
		return out
	}
	for i := range wk.slots {
		s := &wk.slots[i]
		switch {
		case s.state != slotDoubted:
		case m.Dropped || s.sure == started:
			out = c.lose(now, wk, s, out)
		default:
			out = c.unlaunch(now, s, out)
		}
	}
	return out
}

// unlaunch takes back a launch that never reached its worker, or came too late.
func (c *Core) unlaunch(now time.Duration, s *slot, out []Effect) []Effect {
	j := c.bound(s)
	s.state = slotOver
	c.stats.Unlaunched++
	r := &j.tasks[s.task]
	r.attempt--
	r.hasWorker = false
	t := s.task
	return c.replenish(now, j, j.of(t), c.requeue(now, j, t, out))
}

// supersede ends a job that another scheduler has taken over. Its attempts run on: they are the other's, or will be.
func (c *Core) supersede(now time.Duration, j *job, out []Effect) []Effect {
	c.stats.Superseded++
	return c.endAll(now, j, causeSuperseded, task.Unknown, out)
}

// Supersede ends a job that a later submission at this scheduler has taken over, as if another scheduler had it: all
// its tasks end Unknown, its reservations are taken back, and its attempts run on, for the later submission to claim.
// An unknown Ref is no mistake.
func (c *Core) Supersede(now time.Duration, ref probe.Ref, out []Effect) []Effect {
	j := c.find(ref)
	if j == nil {
		c.stats.Stale++
		return out
	}
	return c.attend(now, c.supersede(now, j, out))
}

// Suspend keeps a job from launching anything until [Core.Resume]: its owner may be gone, or does not keep up with its
// results. Its reservations are taken back; what runs runs on, and its end counts. An unknown Ref is no mistake.
func (c *Core) Suspend(now time.Duration, ref probe.Ref, out []Effect) []Effect {
	j := c.find(ref)
	if j == nil || j.suspended {
		c.stats.Stale++
		return out
	}
	c.hold(j, j.claiming, true)
	for i := range j.groups() {
		if g := j.at(i); g.resampleAt != never {
			g.resampleAt = never
			c.rewake(j, g)
		}
	}
	return c.attend(now, c.cancelAll(j, out))
}

// Resume lets a suspended job launch again.
func (c *Core) Resume(now time.Duration, ref probe.Ref, out []Effect) []Effect {
	j := c.find(ref)
	if j == nil || !j.suspended {
		c.stats.Stale++
		return out
	}
	c.hold(j, j.claiming, false)
	return c.attend(now, c.proceed(now, j, out))
}

// bitset is a set of workers.
type bitset []uint64

func (b bitset) has(w probe.WorkerID) bool {
	return int(w/64) < len(b) && b[w/64]>>(w%64)&1 == 1
}

func (b *bitset) add(w probe.WorkerID) {
	for len(*b) <= int(w/64) {
		*b = append(*b, 0)
	}
	(*b)[w/64] |= 1 << (w % 64)
}

func (b bitset) remove(w probe.WorkerID) { b[w/64] &^= 1 << (w % 64) }
