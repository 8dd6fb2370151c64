package placement

import (
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// A job that comes under an epoch above 0 was at another scheduler before, or at this one in another life. Workers may run its tasks
// still, and have results of it. So before anything of it is launched they are asked (EffectClaim): what they run is adopted and what
// they have is taken over. The claim is also a fence: it keeps the scheduler before from starting anything more. When all have
// answered, or enough time has passed, the tasks that nobody holds are sampled for. What turns up later is adopted all the same.

// claim asks a worker for what it holds of a job.
func (c *Core) claim(j *job, w *worker, out []Effect) []Effect {
	if j.claiming && !j.asked.has(w.id) {
		j.asked.add(w.id)
		j.unanswered++
	}
	c.stats.Claims++
	return append(out, Effect{Kind: EffectClaim, Worker: w.id, Ref: j.ref})
}

// claimAll asks all workers that a job's tasks may have been at.
func (c *Core) claimAll(now time.Duration, j *job, out []Effect) []Effect {
	j.claiming, j.claimUntil = true, after(now, c.cfg.ClaimWait)
	if j.atMostOnce {
		j.claimUntil = after(now, c.cfg.DoubtWait)
	}
	for i := range c.workers {
		if w := c.worker(probe.WorkerID(i)); w != nil && j.set.matches(c.offer(w)) {
			out = c.claim(j, w, out)
		}
	}
	return out
}

// answered notes that a worker has said all that it holds of a job, or will not any more.
func (c *Core) answered(now time.Duration, j *job, w probe.WorkerID, out []Effect) []Effect {
	if !j.claiming || !j.asked.has(w) {
		return out
	}
	j.asked.remove(w)
	j.unanswered--
	if j.unanswered > 0 {
		return out
	}
	return c.claimed(now, j, out)
}

// claimed lets a job's tasks be launched that nobody holds; of one whose tasks may start once only they end, since nobody can say that they
// have not started.
func (c *Core) claimed(now time.Duration, j *job, out []Effect) []Effect {
	j.claiming, j.claimUntil, j.unanswered = false, never, 0
	j.asked = j.asked[:0]
	c.timers.update(j)
	if !j.atMostOnce {
		return c.replenish(now, j, out)
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

// Adopt takes a worker's word that it runs an attempt: one that was launched before the connection broke, or one of a job that was
// claimed. It is bound there from now on. Of a task that runs elsewhere too the other attempt is killed: this one has the longer way behind
// it. One that is of no use any more, because its task has its outcome, is killed.
func (c *Core) Adopt(now time.Duration, w probe.WorkerID, m probe.Adopt, out []Effect) []Effect {
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
		case ahead < 0, ahead == 0 && s.state == slotKilled:
			c.stats.Stale++
			return out
		case ahead == 0 && s.state.binds() && j != nil && s.holds(m.Ref, m.Task, m.Call):
			s.state = slotBound
			return out
		case s.state.binds():
			out = c.lose(now, wk, s, out) // it is not what runs there
			j = c.find(m.Ref)
		}
	}
	*s = slot{job: uint32(m.Ref), task: m.Task, call: m.Call, attempt: m.Attempt, state: slotKilled}
	if j == nil || int64(m.Task) >= int64(len(j.tasks)) || j.tasks[m.Task].state == stateEnded {
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
	r.attempt = min(max(r.attempt, m.Attempt, 1), j.maxAttempts)
	r.launched, r.service = max(now-m.Elapsed, j.submitted), 0
	s.state = slotBound
	if j.waiting() == 0 {
		return c.settled(j, out)
	}
	return out
}

// Found takes a worker's word of how an attempt ended of which the report was lost, or came too late, or went to another
// scheduler. If the task has no outcome yet, an OK or permanent failure is its outcome, and an attempt that runs elsewhere is killed; another
// end counts as an attempt that it has had. Body is the caller's business, as with [Core.Finished].
func (c *Core) Found(now time.Duration, w probe.WorkerID, m probe.Finished, out []Effect) []Effect {
	wk, j := c.worker(w), c.find(m.Ref)
	if wk != nil && j != nil && int(m.Slot) < len(wk.slots) {
		if s := &wk.slots[m.Slot]; s.state.binds() && s.holds(m.Ref, m.Task, m.Call) {
			return c.Finished(now, w, m, out)
		}
	}
	if wk == nil || j == nil || int64(m.Task) >= int64(len(j.tasks)) || j.tasks[m.Task].state == stateEnded {
		c.stats.Stale++
		return out
	}
	c.stats.Found++
	r := &j.tasks[m.Task]
	switch m.Status {
	case probe.StatusOK, probe.StatusPermanent:
		if r.state == stateRunning {
			out = c.kill(j, m.Task, out)
			c.wait(j, m.Task)
		}
		r.attempt = min(max(r.attempt, m.Attempt, 1), j.maxAttempts)
		r.launched, r.service = max(now-max(m.Service, 0), j.submitted), max(m.Service, 0)
		r.worker, r.hasWorker = w, true
		if m.Status == probe.StatusOK {
			return c.endWaiting(now, j, m.Task, task.OK, causeNone, out)
		}
		return c.endWaiting(now, j, m.Task, task.Failed, causePermanent, out)
	case probe.StatusFailed, probe.StatusTimeout, probe.StatusKilled:
	}
	if r.state == stateRunning || m.Attempt <= r.attempt {
		return out // it is counted already
	}
	why := causeAppFailed
	switch m.Status {
	case probe.StatusTimeout:
		why = causeTaskTimeout
	case probe.StatusKilled:
		why = causeWorkerLost
	case probe.StatusOK, probe.StatusPermanent, probe.StatusFailed:
	}
	if r.state == stateFresh {
		c.unlink(j, m.Task)
		r.state = stateReturned
		j.returned.push(j.tasks, m.Task)
	}
	r.attempt = min(m.Attempt, j.maxAttempts)
	r.worker, r.hasWorker = w, true
	r.launched, r.service = max(now-max(m.Service, 0), j.submitted), max(m.Service, 0)
	if r.attempt >= j.maxAttempts || j.atMostOnce {
		return c.endWaiting(now, j, m.Task, why.outcome(), why, out)
	}
	return c.replenish(now, j, out)
}

// Told takes a worker's word that it has said all that it holds: with Ref 0, of this scheduler's, once after it has
// connected; otherwise of a job that was claimed. A task that was bound there when the connection broke and was not said
// has never started, and waits again as if it had not been launched; unless results were dropped, when it may have run, and counts
// as lost.
func (c *Core) Told(now time.Duration, w probe.WorkerID, m probe.Told, out []Effect) []Effect {
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
		case m.Dropped:
			out = c.lose(now, wk, s, out)
		default:
			out = c.unlaunch(now, wk, s, out)
		}
	}
	return out
}

// unlaunch takes back a launch that never reached its worker.
func (c *Core) unlaunch(now time.Duration, _ *worker, s *slot, out []Effect) []Effect {
	j := c.bound(s)
	s.state = slotOver
	c.stats.Unlaunched++
	if j == nil {
		return out
	}
	r := &j.tasks[s.task]
	r.attempt--
	r.hasWorker = false
	return c.replenish(now, j, c.requeue(j, s.task, out))
}

// supersede ends a job that another scheduler has taken over. Its attempts run on: they are the other's, or will be.
func (c *Core) supersede(now time.Duration, j *job, out []Effect) []Effect {
	c.stats.Superseded++
	return c.endAll(now, j, causeSuperseded, task.Unknown, out)
}

// Suspend keeps a job from launching anything until [Core.Resume]: its owner may be gone, or does not keep up with its results. Its reservations
// are taken back; what runs runs on, and its end counts. An unknown Ref is no mistake.
func (c *Core) Suspend(_ time.Duration, ref probe.Ref, out []Effect) []Effect {
	j := c.find(ref)
	if j == nil || j.suspended {
		c.stats.Stale++
		return out
	}
	j.suspended = true
	if j.resampleAt != never {
		j.resampleAt = never
		c.timers.update(j)
	}
	return c.cancelAll(j, out)
}

// Resume lets a suspended job launch again.
func (c *Core) Resume(now time.Duration, ref probe.Ref, out []Effect) []Effect {
	j := c.find(ref)
	if j == nil || !j.suspended {
		c.stats.Stale++
		return out
	}
	j.suspended = false
	return c.replenish(now, j, out)
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
