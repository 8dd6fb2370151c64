package owner

import (
	"math"
	"time"

	"dunnock/task"
)

// place hands a job that waits to a scheduler, or sees to it that it is looked at again when that may be possible.
//
// The scheduler is chosen by rendezvous hashing of the job's id, so that all who submit one job agree (and its second
// submission joins the first), among those that are connected and have not refused it just now. A new job waits a
// little for the connection to its first choice. One that has lost its scheduler does not: whoever is there takes it.
func (c *Core) place(now time.Duration, j *job, out []Effect) []Effect {
	if now < j.patient && j.refused == 0 {
		s := c.choose(j, func(s *scheduler) bool { return s.state == up || !s.suspect })
		if s != None && c.schedulers[s].state != up {
			c.lookAgain(j, j.patient)
			return c.connect(s, out)
		}
	}
	if s := c.choose(j, func(s *scheduler) bool { return s.state == up }); s != None {
		return c.submit(now, j, s, c.connectFavourite(now, j, out))
	}
	coming := false
	for i := range c.schedulers {
		s := &c.schedulers[i]
		if s.state == closed && s.redialAt <= now {
			out = c.connect(Scheduler(i), out)
		}
		coming = coming || s.state == dialling && j.refused&(1<<i) == 0
	}
	switch {
	case coming && now < j.patient:
		c.lookAgain(j, j.patient)
	case j.refused != 0:
		return c.backOff(now, j, out)
	}
	return out // the next connection takes it
}

// connectFavourite dials the scheduler that a job prefers to all others, if it is gone: for jobs to come, since a
// client that has found another would not look for it otherwise.
func (c *Core) connectFavourite(now time.Duration, j *job, out []Effect) []Effect {
	if c.connected == len(c.schedulers) {
		return out
	}
	s := c.choose(j, func(*scheduler) bool { return true })
	if s == None || c.schedulers[s].state != closed || c.schedulers[s].redialAt > now {
		return out
	}
	return c.connect(s, out)
}

// choose returns the first choice of a job among the schedulers of a kind that have not refused it, those that drain
// only if there are no others; None if there is none at all.
func (c *Core) choose(j *job, among func(*scheduler) bool) Scheduler {
	best, most, stays := None, uint64(0), false
	for i := range c.schedulers {
		s := &c.schedulers[i]
		if j.refused&(1<<i) != 0 || !among(s) || (stays && s.leaving) {
			continue
		}
		r := rank(j.hash, s.hash)
		if best == None || r > most || (!stays && !s.leaving) {
			best, most, stays = Scheduler(i), r, !s.leaving
		}
	}
	return best
}

// rank is the number by which a job prefers a scheduler (Thaler and Ravishankar, "A name-based mapping scheme for
// rendezvous", 1996): the hashes of both, mixed by the finalizer of MurmurHash3.
func rank(job, scheduler uint64) uint64 {
	x := job ^ scheduler
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// submit hands a job to a connected scheduler.
func (c *Core) submit(now time.Duration, j *job, s Scheduler, out []Effect) []Effect {
	left := j.deadline
	if j.owned {
		left -= now - j.accepted
	}
	if left <= 0 {
		return c.giveUp(j, task.Timeout, task.Timeout, task.CodeDeadline, out)
	}
	if j.raise {
		c.stats.HandedOn++
		if c.without != protectEpoch && j.epoch < math.MaxUint32 {
			j.epoch++
		}
	}
	j.raise, j.backsOff = true, false
	c.lookAgain(j, never)
	c.enter(j, s)
	c.stats.Submissions++
	return append(out, Effect{Kind: EffectSubmit, Scheduler: s, Seq: j.seq, Ref: j.ref, Epoch: j.epoch, Deadline: left})
}

// backOff ends a round in which everybody who is there has refused a job. It waits for as long as they say, or the
// submission has failed.
func (c *Core) backOff(now time.Duration, j *job, out []Effect) []Effect {
	delay := c.backoff(j.tries)
	if told := j.notBefore - now; told > 0 {
		delay = max(delay, told+c.below(told/2)) // so that those refused at one moment do not come back together
	}
	if c.without == protectRetryWait {
		delay = 0
	}
	j.tries++
	if !j.owned && (j.tries >= c.cfg.Tries || delay >= j.limit-c.cfg.Grace-now) {
		return c.refuse(j, j.code, out)
	}
	j.backsOff = true
	c.lookAgain(j, now+delay)
	return out
}

func (c *Core) lookAgain(j *job, at time.Duration) {
	if j.lookAt != at {
		j.lookAt = at
		c.rewake(j)
	}
}

// connect asks for a connection, unless there is one or one is being made.
func (c *Core) connect(s Scheduler, out []Effect) []Effect {
	sc := &c.schedulers[s]
	if sc.state != closed {
		return out
	}
	sc.state = dialling
	c.dialled++
	return append(out, Effect{Kind: EffectConnect, Scheduler: s})
}

// lacks reports whether there are fewer connections than are to be kept while there are jobs.
func (c *Core) lacks() bool {
	return c.load.Jobs > 0 && c.connected+c.dialled < min(1+max(c.cfg.Spares, 0), len(c.schedulers))
}

// wants reports whether a scheduler is to be dialled as soon as it may be: to have enough connections, or because jobs
// wait and it was there once. One that was never tried is dialled by the job that wants it.
func (c *Core) wants(s *scheduler) bool {
	return s.state == closed && (c.lacks() || s.suspect && c.load.Waiting > 0)
}

// connectMore dials what is wanted and may be dialled.
func (c *Core) connectMore(now time.Duration, out []Effect) []Effect {
	if c.load.Waiting == 0 && !c.lacks() {
		return out
	}
	for i := range c.schedulers {
		n := (c.spare + i) % len(c.schedulers)
		if s := &c.schedulers[n]; c.wants(s) && s.redialAt <= now {
			out = c.connect(Scheduler(n), out)
		}
	}
	return out
}

// SchedulerUp says that a scheduler is connected. Jobs that wait are handed to it.
func (c *Core) SchedulerUp(now time.Duration, s Scheduler, out []Effect) []Effect {
	if int(s) >= len(c.schedulers) || c.schedulers[s].state == up {
		c.stats.Stale++
		return out
	}
	sc := &c.schedulers[s]
	if sc.state == dialling {
		c.dialled--
	}
	c.connected++
	sc.state, sc.suspect, sc.leaving, sc.redialAt, sc.upSince = up, false, false, 0, now
	var next *job
	for j := c.waiting.first; j != nil; j = next {
		next = j.next
		if j.backsOff && j.refused == 0 {
			continue // from another owner, whoever is there
		}
		j.refused &^= 1 << s
		out = c.place(now, j, out)
	}
	return c.connectMore(now, out)
}

// SchedulerDown says that a connection has ended, or that none could be made. The jobs that the scheduler had go to the
// next; nothing that it said and that comes in later counts.
func (c *Core) SchedulerDown(now time.Duration, s Scheduler, out []Effect) []Effect {
	if int(s) >= len(c.schedulers) || c.schedulers[s].state == closed {
		c.stats.Stale++
		return out
	}
	sc := &c.schedulers[s]
	wasUp := sc.state == up
	if wasUp {
		c.connected--
		c.stats.Lost++
		if now-sc.upSince >= c.cfg.MaxBackoff { // a shorter one counts as a failed try, or one that hangs up at once would be dialled without end
			sc.fails = 0
		}
	} else {
		c.dialled--
		c.stats.Unreachable++
	}
	sc.state, sc.suspect = closed, true
	sc.redialAt = now + c.backoff(sc.fails)
	sc.fails++

	var next *job
	for j := c.waiting.first; j != nil; j = next {
		next = j.next
		if !wasUp && !j.owned {
			j.misses++
		}
		out = c.unreachable(now, j, out)
	}
	for j := sc.jobs.first; j != nil; j = sc.jobs.first {
		out = c.lost(now, j, out)
	}
	return c.connectMore(now, out)
}

// unreachable takes a job that waits on after a connection has failed, unless its submission has.
func (c *Core) unreachable(now time.Duration, j *job, out []Effect) []Effect {
	switch {
	case j.backsOff:
		return out
	case !j.owned && c.connected+c.dialled == 0 && j.misses >= c.cfg.Tries*len(c.schedulers):
		return c.refuse(j, task.CodeSchedulerLost, out)
	}
	return c.place(now, j, out)
}

// lost takes a job from a scheduler that is gone, and hands it on if there is anything left to do.
func (c *Core) lost(now time.Duration, j *job, out []Effect) []Effect {
	c.leave(j)
	if over, out := c.settle(j, out); over {
		return out
	}
	if c.without == protectHandOn {
		return c.giveUp(j, task.Unknown, task.Unknown, task.CodeSchedulerLost, out)
	}
	j.patient = 0
	return c.place(now, j, out)
}

// settle ends a job that has left its scheduler and need not go to another.
func (c *Core) settle(j *job, out []Effect) (over bool, _ []Effect) {
	switch {
	case j.unfinished == 0 && j.owned:
		return true, c.done(j, task.OK, out)
	case j.cancels:
		return true, c.giveUp(j, task.Cancelled, task.Cancelled, task.CodeCancelled, out)
	case j.failed:
		return true, c.giveUp(j, task.Failed, task.Cancelled, task.CodeCancelled, out)
	}
	return false, out
}
