package owner

import (
	"time"

	"dunnock/internal/bitmap"
	"dunnock/internal/submission"
	"dunnock/task"
)

// at returns the job that a scheduler speaks of, if it is in this state there. What a scheduler says of an older
// submission, or of one that was made to another, is about a job that is not its any more.
func (c *Core) at(s Scheduler, seq uint32, in state) *job {
	j := c.bySeq[seq]
	if j == nil || j.state != in || (j.place != s && c.without != protectSeq) {
		c.stats.Stale++
		return nil
	}
	return j
}

// Accepted takes a scheduler's promise of an outcome for every task of a job.
func (c *Core) Accepted(now time.Duration, s Scheduler, m submission.Accepted, out []Effect) []Effect {
	j := c.at(s, m.Seq, submitted)
	if j == nil {
		return out
	}
	j.state = accepted
	j.tries, j.refused, j.notBefore = 0, 0, 0
	if !j.owned {
		j.owned, j.accepted = true, now
		c.limit(j, now)
		c.rewake(j)
	}
	return append(out, Effect{Kind: EffectAccepted, Ref: j.ref, Scheduler: s, Epoch: j.epoch})
}

// Rejected takes a scheduler's refusal. A job that was accepted before, or that is refused for now (overloaded,
// no_workers, draining), goes to the next scheduler; any other refusal is final.
func (c *Core) Rejected(now time.Duration, s Scheduler, m submission.Rejected, out []Effect) []Effect {
	j := c.at(s, m.Seq, submitted)
	if j == nil {
		return out
	}
	c.stats.Refusals++
	c.leave(j)
	// It did not take the job, and so no later epoch is needed to take it back; unless it says that somebody else has
	// the job under this epoch: then only a later one is better.
	j.raise = j.owned && m.Err.Code == task.CodeConflict
	forNow := j.owned
	switch m.Err.Code {
	case task.CodeDraining:
		c.schedulers[s].leaving = true
		forNow = true
	case task.CodeOverloaded, task.CodeNoWorkers:
		forNow = true
	}
	if over, out := c.settle(j, out); over {
		return out
	}
	if !forNow {
		return c.refuse(j, m.Err.Code, out)
	}
	j.refused |= 1 << s
	j.notBefore = max(j.notBefore, now+time.Duration(min(m.Err.RetryAfterMS, maxRetryAfterMS))*time.Millisecond)
	j.code = m.Err.Code
	return c.connectMore(now, c.place(now, j, out))
}

// maxRetryAfterMS bounds what a scheduler may ask for; no job lives longer.
const maxRetryAfterMS = int64(task.MaxDeadline / time.Millisecond)

// TaskRetry notes that an attempt of a task has failed, so that the next scheduler does not begin to count anew. One
// that was known is not told again.
func (c *Core) TaskRetry(s Scheduler, m *submission.TaskRetry, out []Effect) []Effect {
	j := c.at(s, m.Seq, accepted)
	if j == nil {
		return out
	}
	if m.Task >= uint32(j.tasks) || j.isFinished(m.Task) {
		c.stats.Stale++
		return out
	}
	known := j.attempts != nil && int(m.Attempt) <= int(j.attempts[m.Task])
	if known || m.Attempt == 0 {
		c.stats.Stale++
		return out
	}
	c.noteAttempt(j, m.Task, int(m.Attempt))
	return append(out, Effect{Kind: EffectRetry, Ref: j.ref, Task: m.Task})
}

// noteAttempt notes failed starts up to a number.
func (c *Core) noteAttempt(j *job, t uint32, failed int) {
	if j.attempts == nil {
		j.attempts = make([]uint8, j.tasks)
	}
	j.attempts[t] = max(j.attempts[t], uint8(max(0, min(failed, int(j.maxAttempts)))))
}

// TaskDone takes the outcome of a task. A second one changes nothing; that happens when a job is joined again, which is
// told from its beginning. One with code superseded is none: another scheduler has the job under a later epoch, and so
// may have the task.
func (c *Core) TaskDone(now time.Duration, s Scheduler, m *submission.TaskDone, out []Effect) []Effect {
	j := c.at(s, m.Seq, accepted)
	if j == nil {
		return out
	}
	if m.Code == task.CodeSuperseded && c.without != protectUsurped {
		return c.superseded(now, j, out)
	}
	if m.Task >= uint32(j.tasks) || (j.isFinished(m.Task) && c.without != protectOnce) {
		c.stats.Stale++
		return out
	}
	c.stats.Outcomes++
	j.usurped = 0
	return c.conclude(j, m.Task, m.Outcome, "", out)
}

// JobDone takes a scheduler's last word about a job. It has told every outcome by then; should one be missing, it is
// unknown.
func (c *Core) JobDone(s Scheduler, m submission.JobDone, out []Effect) []Effect {
	j := c.at(s, m.Seq, accepted)
	if j == nil {
		return out
	}
	c.leave(j)
	return c.giveUp(j, m.Outcome, task.Unknown, task.CodeInternal, out)
}

// Ask answers a scheduler that wants to know which jobs of its are still owned.
func (c *Core) Ask(s Scheduler, _ submission.Ask, out []Effect) []Effect {
	if int(s) >= len(c.schedulers) || c.schedulers[s].state != up {
		c.stats.Stale++
		return out
	}
	return append(out, Effect{Kind: EffectStill, Scheduler: s})
}

// Leave takes a scheduler's last word. What it has not answered by now it has not taken, so that such a job goes to the
// next as one that was refused, and is in no doubt there. What it has accepted and not ended is as good as lost, which
// [Core.SchedulerDown] says next.
func (c *Core) Leave(now time.Duration, s Scheduler, _ submission.Leave, out []Effect) []Effect {
	if int(s) >= len(c.schedulers) || c.schedulers[s].state != up {
		c.stats.Stale++
		return out
	}
	c.schedulers[s].leaving = true
	var next *job
	for j := c.schedulers[s].jobs.first; j != nil; j = next {
		next = j.next
		if j.state == submitted && c.without != protectLeave {
			out = c.Rejected(now, s, submission.Rejected{Seq: j.seq, Err: errLeaving}, out)
		}
	}
	return out
}

var errLeaving = task.Errorf(task.CodeDraining, "the scheduler has left")

// superseded takes a job back from a scheduler that has lost it to another owner, such as a client of its own that
// submitted the same job elsewhere while the fleet was in parts. Under a later epoch it comes back with all that has
// finished; two owners who want it at the same time back off from each other, and each turn of theirs leaves more of it
// finished.
func (c *Core) superseded(now time.Duration, j *job, out []Effect) []Effect {
	c.stats.Superseded++
	c.leave(j)
	if over, out := c.settle(j, out); over {
		return out
	}
	if j.usurped++; j.usurped > c.cfg.Tries {
		return c.giveUp(j, task.Unknown, task.Unknown, task.CodeSuperseded, out)
	}
	j.backsOff, j.patient = true, 0
	c.lookAgain(j, now+c.backoff(j.usurped+superseding))
	return c.connectMore(now, out)
}

// superseding is how many doublings above the shortest wait a superseded job begins with: claims take some tens of
// milliseconds.
const superseding = 2

// conclude gives a task its outcome.
func (c *Core) conclude(j *job, t uint32, outcome task.Outcome, code task.Code, out []Effect) []Effect {
	if !j.isFinished(t) {
		bitmap.Add(j.finished, t)
		j.unfinished--
	}
	if outcome != task.OK {
		j.notOK++
		j.failed = j.leads
	}
	return append(out, Effect{Kind: EffectOutcome, Ref: j.ref, Task: t, Outcome: outcome, Code: code})
}

// giveUp ends a job that waits: tasks without an outcome get this one. A job that nobody has accepted is refused
// instead.
func (c *Core) giveUp(j *job, outcome, rest task.Outcome, code task.Code, out []Effect) []Effect {
	if !j.owned {
		return c.refuse(j, code, out)
	}
	for t := uint32(0); j.unfinished > 0; t++ {
		if !j.isFinished(t) {
			c.stats.Ended++
			out = c.conclude(j, t, rest, code, out)
		}
	}
	return c.done(j, outcome, out)
}

// done ends a job whose tasks all have their outcome. A scheduler that says OK knows only what ran there, and where all
// ended OK it does not matter any more what ended the job.
func (c *Core) done(j *job, outcome task.Outcome, out []Effect) []Effect {
	switch {
	case j.notOK == 0:
		outcome = task.OK
	case outcome == task.OK:
		outcome = task.Failed
	}
	c.stats.Done++
	out = append(out, Effect{Kind: EffectDone, Ref: j.ref, Outcome: outcome, Count: uint32(j.notOK)})
	c.release(j)
	return out
}

// refuse ends a job that was never accepted.
func (c *Core) refuse(j *job, code task.Code, out []Effect) []Effect {
	c.stats.Refused++
	out = append(out, Effect{Kind: EffectRefused, Ref: j.ref, Code: code})
	c.release(j)
	return out
}

// overdue ends a job without its scheduler's word, some time after its deadline.
func (c *Core) overdue(j *job, out []Effect) []Effect {
	if c.without == protectDeadline {
		j.limit = never
		c.rewake(j)
		return out
	}
	if j.state != waits {
		if !j.cancels {
			out = append(out, Effect{Kind: EffectCancel, Scheduler: j.place, Seq: j.seq}) // should it live after all
		}
		c.leave(j)
	}
	return c.giveUp(j, task.Timeout, task.Timeout, task.CodeDeadline, out)
}
