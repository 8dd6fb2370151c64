package placement

import (
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// Finished takes the end of an attempt: of the task that is bound to that slot by that call. Any other is judged as
// [Core.Found] does.
// Body is the caller's business: it belongs to the EffectTaskDone or EffectRetry that names
// the message's Ref and Task.
//
// An OK or permanent failure ends the task. After a failure, a passed task_timeout, or a kill that the core
// did not ask for, the task waits again while attempts are left.
func (c *Core) Finished(now time.Duration, w probe.WorkerID, m probe.Finished, out []Effect) []Effect {
	out = c.finished(now, w, &m, out)
	if len(c.tripped) > 0 {
		out = c.trip(now, out)
	}
	return c.attend(now, out)
}

func (c *Core) finished(now time.Duration, w probe.WorkerID, m *probe.Finished, out []Effect) []Effect {
	wk := c.worker(w)
	if wk == nil {
		c.stats.Stale++
		return out
	}
	s := c.slotOf(wk, m.Slot, m.Ref, m.Task, m.Call)
	if s == nil {
		c.stats.Stale++
		return out
	}
	if s.state != slotSilent && int32(m.Call-s.call) < 0 {
		return c.found(now, w, m, out) // late: its binding was void, and its result may be what the task still lacks
	}
	if !s.holds(m.Ref, m.Task, m.Call) || s.attempt != m.Attempt {
		c.stats.Stale++
		return out
	}
	switch s.state {
	case slotBound, slotDoubted:
	case slotKilled: // as it was told
		s.state, s.sure = slotOver, ended
		if m.Status == probe.StatusOK && c.find(m.Ref) != nil {
			return c.found(now, w, m, out) // it gave way to another attempt, and was faster all the same
		}
		return out
	case slotSilent, slotOver, slotOffered, slotSoon, slotBrief, slotHanded, slotDormant:
		c.stats.Stale++
		return out
	}
	j := c.find(m.Ref)
	if j == nil { // a Ref of another generation, which no worker has from us
		c.stats.Stale++
		return out
	}
	c.timed(now, &j.tasks[m.Task], s, max(m.Service, 0))
	s.state, s.sure = slotOver, ended
	j.of(m.Task).backoff = 0 // its reservations lead to something
	j.tasks[m.Task].service = max(m.Service, 0)
	switch m.Status {
	case probe.StatusOK:
		if wk.standing != trusted {
			c.acquit(wk)
		}
		if c.idle != nil && j.of(m.Task).set.need == nil {
			c.learn(c.request(j.of(m.Task).set).forecast, j, max(m.Service, 0))
		}
		return c.end(now, j, m.Task, task.OK, causeNone, out)
	case probe.StatusPermanent:
		return c.end(now, j, m.Task, task.Failed, causePermanent, out)
	case probe.StatusTimeout:
		c.suspect(j, wk)
		return c.fail(now, j, m.Task, wk, causeTaskTimeout, out)
	case probe.StatusKilled:
		if now >= j.deadline {
			// The worker's timer for the deadline was faster than ours: this is no failure.
			c.wait(j, m.Task)
			return c.expire(now, j, out)
		}
		return c.fail(now, j, m.Task, wk, causeWorkerLost, out)
	case probe.StatusFailed:
	}
	c.suspect(j, wk)
	return c.fail(now, j, m.Task, wk, causeAppFailed, out)
}

// Decline takes back a launch that the worker did not start. The task waits again at the head as if it had not been
// launched: that was neither an attempt nor a failure. A worker that declines because it drains is sampled no more; one
// that declines for another reason than a stale call does not get this task again while another could. One that
// declines because the job is fenced, be it a launch, a claim (with Call 0) or an attempt that another scheduler has
// adopted, tells that the job is that scheduler's: all its tasks end Unknown here. One of no task, with Ref 0, takes
// back an offer.
func (c *Core) Decline(now time.Duration, w probe.WorkerID, m probe.Decline, out []Effect) []Effect {
	return c.attend(now, c.declined(now, w, m, out))
}

func (c *Core) declined(now time.Duration, w probe.WorkerID, m probe.Decline, out []Effect) []Effect {
	wk, j := c.worker(w), c.find(m.Ref)
	if wk != nil && m.Ref == 0 && c.hasLane(wk, m.Slot) && (wk.slots[m.Slot].state.offered() || wk.slots[m.Slot].state == slotDormant) && wk.slots[m.Slot].call == m.Call {
		c.stats.OffersDropped++
		c.unoffer(&wk.slots[m.Slot])
		return out
	}
	if wk != nil && j != nil && m.Reason == probe.RefusedFenced && m.Call == 0 && j.epoch > 0 {
		return c.supersede(now, j, out) // it was the claim that was declined
	}
	var s *slot
	if wk != nil {
		s = c.slotOf(wk, m.Slot, m.Ref, m.Task, m.Call)
	}
	if s != nil && s.state == slotKilled && s.call == m.Call {
		s.state = slotOver // there was nothing to be killed
		return out
	}
	if s == nil || j == nil {
		c.stats.Stale++
		return out
	}
	if !s.state.binds() || !s.holds(m.Ref, m.Task, m.Call) {
		c.stats.Stale++
		return out
	}
	switch {
	case m.Reason == probe.RefusedFenced:
		c.stats.Declined++
		return c.supersede(now, j, out)
	case s.sure == started:
		return c.lose(now, wk, s, out) // it has said itself that this began
	}
	switch m.Reason {
	case probe.RefusedDraining:
		c.profiles[w].leaving = true
		c.drain(now, wk)
	case probe.RefusedFull, probe.RefusedApp:
		c.avoidWorker(&j.tasks[m.Task], wk, false)
	case probe.RefusedStale, probe.RefusedFenced, probe.RefusedEarly:
	}
	return c.putBack(now, j, s, m.Reason, out)
}

// putBack has the task of a launch that was not started wait again, as if it had not been launched.
func (c *Core) putBack(now time.Duration, j *job, s *slot, reason probe.Refusal, out []Effect) []Effect {
	s.state = slotOver
	c.stats.Declined++
	r := &j.tasks[s.task]
	r.attempt--
	r.hasWorker = false
	out = c.requeue(now, j, s.task, out)
	return c.give(now, j, j.of(s.task), reason, out)
}

// Refuse takes back reservations that a worker did not queue, or gave up because it drains. Jobs that counted on them
// sample anew: at once if the worker drains, which takes it out of sampling, else after a backoff, since the next
// worker may well be as full.
func (c *Core) Refuse(now time.Duration, w probe.WorkerID, m probe.Refuse, out []Effect) []Effect {
	wk, j := c.worker(w), c.find(m.Ref)
	if wk != nil && m.Reason == probe.RefusedDraining {
		c.profiles[w].leaving = true
		c.drain(now, wk)
	}
	if wk == nil || j == nil {
		c.stats.Stale++
		return c.attend(now, out)
	}
	n, g, _, owner := c.spend(j, w, m.Res, m.Count)
	if n == 0 {
		c.stats.Stale++
		return c.attend(now, out)
	}
	c.stats.Refused += uint64(n)
	if m.Reason == probe.RefusedDraining && owner != 0 && j.tasks[owner-1].probes == 0 {
		out = c.place(j, g, owner-1, out)
	}
	return c.attend(now, c.give(now, j, g, m.Reason, out))
}

// give gets a group the reservations that it lacks after a worker gave some back for a reason.
func (c *Core) give(now time.Duration, j *job, g *group, reason probe.Refusal, out []Effect) []Effect {
	switch {
	case j.deficit(g) == 0:
		return out
	case reason == probe.RefusedDraining, g.near && (reason == probe.RefusedStale || reason == probe.RefusedEarly): // which says nothing of how full it is
		return c.resample(now, j, g, out)
	}
	c.putOff(now, j, g)
	return out
}

// fail takes the end of an attempt that may be tried again. It may end the task and with it the job.
func (c *Core) fail(now time.Duration, j *job, t uint32, w *worker, why cause, out []Effect) []Effect {
	r := &j.tasks[t]
	if r.attempt >= j.maxAttempts || j.atMostOnce {
		return c.end(now, j, t, why.outcome(), why, out)
	}
	out = c.retry(j, t, w, why, out)
	out = c.requeue(now, j, t, out)
	return c.replenish(now, j, j.of(t), out)
}

// retry tells that a task's last attempt is to be followed by another, and remembers where that is not to be.
func (c *Core) retry(j *job, t uint32, w *worker, why cause, out []Effect) []Effect {
	r := &j.tasks[t]
	c.stats.Retries++
	if why == causeWorkerLost && !w.up {
		r.cause = why // a suspect from now on
	}
	if w.up { // one that is gone needs no avoiding
		c.avoidWorker(r, w, why != causeWorkerLost)
	}
	return append(out, Effect{
		Kind: EffectRetry, Ref: j.ref, Task: t, Attempt: r.attempt, Worker: w.id, HasWorker: true, Code: why.code(),
		Wait: r.launched - j.submitted, Service: r.service,
	})
}

// wait puts a task that was running back among the returned ones.
func (c *Core) wait(j *job, t uint32) {
	j.running--
	g := j.of(t)
	c.runs(j, g, -1)
	c.waits(j, g, 1)
	j.tasks[t].state = stateReturned
	c.own(g).returned.push(j.tasks, t)
}

// runs notes that n tasks more of a group run, or fewer.
func (c *Core) runs(j *job, g *group, n int) {
	c.load.Running += n
	cost := int64(n) * g.cost
	c.taken += cost
	if j.account != nil {
		j.account.taken += cost
	}
}

// waits notes that n tasks more of a group wait, or fewer.
func (c *Core) waits(j *job, g *group, n int) {
	c.load.Waiting += n
	c.wanted += int64(n) * g.cost
	if j.account != nil {
		j.account.waiting += n
		j.account.wanted += int64(n) * g.cost
	}
	if !j.halted() {
		g.wait(n)
		c.changed(g, n)
	}
}

// requeue puts a task that was running back to the head, elsewhere if there is an elsewhere. What gives way does so
// rather than that a task is tried again where it failed.
func (c *Core) requeue(now time.Duration, j *job, t uint32, out []Effect) []Effect {
	c.wait(j, t)
	g, r := j.of(t), &j.tasks[t]
	c.arm(now, j, g)
	if r.avoid == 0 {
		return out
	}
	for (g.near || g.wider[0] != nil) && !c.hasElsewhere(g, r) {
		out = c.yield(now, j, g, out)
	}
	if c.hasElsewhere(g, r) {
		return c.displace(j, g, t, out)
	}
	return out
}

// end gives a running task its outcome. It may end the job.
func (c *Core) end(now time.Duration, j *job, t uint32, outcome task.Outcome, why cause, out []Effect) []Effect {
	j.running--
	c.runs(j, j.of(t), -1)
	return c.conclude(now, j, t, outcome, why, out)
}

// endWaiting gives a waiting task its outcome. It may end the job.
func (c *Core) endWaiting(now time.Duration, j *job, t uint32, outcome task.Outcome, why cause, out []Effect) []Effect {
	ref, g := j.ref, j.of(t)
	c.unlink(j, g, t)
	c.waits(j, g, -1)
	out = c.conclude(now, j, t, outcome, why, out)
	if j.ref == ref && g.waiting() == 0 {
		return c.settled(j, g, out)
	}
	return out
}

// conclude gives a task its outcome, and its job if it was the last.
func (c *Core) conclude(now time.Duration, j *job, t uint32, outcome task.Outcome, why cause, out []Effect) []Effect {
	out = c.record(now, j, t, outcome, why, out)
	switch {
	case outcome != task.OK && j.cancelOnFailure && j.unfinished > 0:
		return c.endAll(now, j, causeCancelled, task.Failed, out)
	case j.unfinished > 0:
		return out
	case j.failed > 0:
		return c.finish(j, task.Failed, out)
	}
	return c.finish(j, task.OK, out)
}

// record notes a task's outcome.
func (c *Core) record(now time.Duration, j *job, t uint32, outcome task.Outcome, why cause, out []Effect) []Effect {
	r := &j.tasks[t]
	r.state, r.outcome, r.cause = stateEnded, outcome, why
	if outcome == task.OK {
		c.succeeded++
		c.prove(r)
	}
	c.forgetAvoided(r)
	if r.attempt == 0 {
		r.launched = now
	}
	j.unfinished--
	if j.account != nil {
		j.account.unfinished--
	}
	if outcome != task.OK {
		j.failed++
	}
	c.stats.TasksDone++
	return append(out, Effect{
		Kind: EffectTaskDone, Ref: j.ref, Task: t, Outcome: outcome, Code: why.code(), Attempt: r.attempt,
		Worker: r.worker, HasWorker: r.hasWorker, Wait: r.launched - j.submitted, Service: r.service,
	})
}

// endAll ends all tasks that have no outcome yet, and the job: those that run are killed first, unless they are another
// scheduler's now.
func (c *Core) endAll(now time.Duration, j *job, why cause, outcome task.Outcome, out []Effect) []Effect {
	for i := range j.tasks {
		t := uint32(i)
		switch r := &j.tasks[i]; r.state {
		case stateEnded:
			continue
		case stateRunning:
			j.running--
			c.runs(j, j.of(t), -1)
			if why == causeSuperseded {
				c.let(r)
			} else {
				out = c.kill(j, t, out)
			}
		case stateFresh, stateReturned, stateDisplaced:
			g := j.of(t)
			c.unlink(j, g, t)
			c.waits(j, g, -1)
		}
		out = c.record(now, j, t, why.outcome(), why, out)
	}
	return c.finish(j, outcome, c.cancelAll(j, out))
}

// let lets a running attempt run, and forgets that it is bound.
func (c *Core) let(r *taskRec) {
	if w := c.known(r.worker); w != nil {
		w.slots[r.slot].state = slotOver
	}
}

// kill ends a running attempt, unless its worker is just going down. One that is severed is told when it is back and
// says that it runs that.
func (c *Core) kill(j *job, t uint32, out []Effect) []Effect {
	r := &j.tasks[t]
	w := c.worker(r.worker)
	if w == nil {
		c.let(r)
		return out
	}
	s := &w.slots[r.slot]
	s.state = slotKilled
	c.stats.Killed++
	return append(out, Effect{
		Kind: EffectKill, Worker: w.id, Slot: c.laneOf(w, r.slot), Call: s.call, Ref: j.ref, Task: t, Attempt: s.attempt,
	})
}

// finish ends a job all of whose tasks have ended.
func (c *Core) finish(j *job, outcome task.Outcome, out []Effect) []Effect {
	out = append(out, Effect{Kind: EffectJobDone, Ref: j.ref, Outcome: outcome, Count: uint32(j.failed)})
	c.release(j)
	return out
}
