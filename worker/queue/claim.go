package queue

import (
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// held is what is kept of a slot's attempt for a scheduler that comes back or takes over.
type held struct {
	job     task.JobID
	limit   time.Duration // when the attempt's time is up, whoever owns it
	verdict probe.Status  // and what it ends with then
	epoch   uint32
}

// fence is who may start tasks of a job that has changed hands.
type fence struct {
	owner probe.SchedulerID
	epoch uint32
}

// fenced is when a job was fenced, for its time to run out.
type fenced struct {
	job   task.JobID
	at    time.Duration
	epoch uint32
}

// fences remember jobs that were submitted more than once. A job's first submission needs none, so in a fleet
// in which nothing fails there are none.
type fences struct {
	byJob map[task.JobID]fence
	order []fenced // oldest first; of several with one job the last one counts
}

const (
	// fenceTTL is how long a fence stands. What it keeps out are launches of a scheduler that does not know yet
	// that its job is another's; its leases end that much sooner.
	fenceTTL  = 10 * time.Minute
	maxFences = 1 << 16
)

// raise lets only the owner start tasks of a job from now on, under this epoch. It reports false if
// another has a better right.
func (f *fences) raise(now time.Duration, job task.JobID, epoch uint32, owner probe.SchedulerID) bool {
	switch old, known := f.byJob[job]; {
	case !known || epoch > old.epoch:
	case epoch == old.epoch && owner == old.owner:
		return true
	default:
		return false
	}
	for len(f.order) > 0 && (len(f.order) >= maxFences || now-f.order[0].at > fenceTTL) {
		if first := f.order[0]; f.byJob[first.job].epoch == first.epoch {
			delete(f.byJob, first.job)
		}
		f.order = f.order[1:]
	}
	if f.byJob == nil {
		f.byJob = make(map[task.JobID]fence)
	}
	f.byJob[job] = fence{owner, epoch}
	f.order = append(f.order, fenced{job, now, epoch})
	return true
}

// admits reports whether a scheduler may start a task of a job under an epoch.
func (f *fences) admits(now time.Duration, m *probe.Launch, s probe.SchedulerID) bool {
	if m.Epoch > 0 {
		return f.raise(now, m.Job, m.Epoch, s)
	}
	if len(f.byJob) == 0 {
		return true
	}
	_, known := f.byJob[m.Job]
	return !known
}

// Claim gives a job to a scheduler that took it over. From here on nobody else starts its tasks here under this epoch
// or a lower one; its attempts that run are the new owner's, and what is kept of those that have ended is said to it,
// and last that this was all. A job that another has claimed under the same epoch or a higher one is declined as
// fenced.
func (c *Core) Claim(now time.Duration, s probe.SchedulerID, m probe.Claim, out []Effect) []Effect {
	if !c.connected(s) || c.keep == nil {
		c.stats.StaleClaims++
		return out
	}
	if !c.keep.fences.raise(now, m.Job, m.Epoch, s) {
		c.stats.FencedClaims++
		return append(out, Effect{Kind: EffectDecline, Scheduler: s, Ref: m.Ref, Reason: probe.RefusedFenced})
	}
	c.stats.Claims++
	for i := range c.size {
		sl := &c.slots[i]
		if (sl.state == Running || sl.state == Stopping) && c.keep.held[i].job == m.Job {
			out = c.adopt(now, i, s, m.Ref, out)
		}
	}
	if c.offering {
		out = c.fenceHeld(m.Job, out)
	}
	dropped := false
	for _, l := range c.keep.lives {
		for i := range l.live {
			if l.ring[l.index(i)].job == m.Job {
				out = found(out, s, m.Ref, l, i)
			}
		}
		dropped = dropped || l.dropped || l.gone > 0
	}
	return append(out, Effect{Kind: EffectTold, Scheduler: s, Ref: m.Ref, Dropped: dropped})
}

// adopt makes a slot's attempt a scheduler's own. Who had it before learns so, if it is another that is connected.
func (c *Core) adopt(now time.Duration, slot uint16, s probe.SchedulerID, ref probe.Ref, out []Effect) []Effect {
	sl := &c.slots[slot]
	if sl.scheduler != s && !sl.orphan {
		out = append(out, Effect{
			Kind: EffectDecline, Scheduler: sl.scheduler, Slot: slot, Call: sl.call, Ref: sl.ref, Task: sl.task, Reason: probe.RefusedFenced,
		})
	}
	c.stats.Adopted++
	if sl.scheduler != s {
		// Who comes back and does not hear of it must not believe that it never started.
		c.life(sl.scheduler).dropped = true
	}
	sl.scheduler, sl.ref = s, ref
	c.own(slot)
	return c.tell(now, slot, out)
}

// own ends a slot's being an orphan: its attempt has the time again that it was launched with.
func (c *Core) own(slot uint16) {
	sl := &c.slots[slot]
	if sl.orphan && sl.state == Running {
		c.setEnd(slot, c.keep.held[slot].limit)
		sl.verdict = c.keep.held[slot].verdict
	}
	sl.orphan = false
}

// abandon makes a slot's attempt an orphan: it runs on until the grace has passed.
func (c *Core) abandon(now time.Duration, slot uint16) {
	sl := &c.slots[slot]
	c.stats.Orphans++
	sl.orphan = true
	if end := after(now, c.keep.grace); sl.state == Running && end < c.keep.held[slot].limit {
		c.setEnd(slot, end)
		sl.verdict = probe.StatusKilled
	}
}

// tell says that a slot's attempt is here.
func (c *Core) tell(now time.Duration, slot uint16, out []Effect) []Effect {
	sl := &c.slots[slot]
	return append(out, Effect{
		Kind: EffectAdopt, Scheduler: sl.scheduler, Slot: slot, Call: sl.call, Ref: sl.ref, Task: sl.task, Attempt: sl.attempt,
		Service: max(now-sl.launched, 0),
	})
}

// state says all that a scheduler's life has here, once it is connected: attempts that run, results above
// taken, and that this is all.
func (c *Core) state(now time.Duration, l *life, taken uint64, out []Effect) []Effect {
	for i := range c.size {
		sl := &c.slots[i]
		if (sl.state == Running || sl.state == Stopping) && sl.scheduler == l.id {
			c.own(i)
			out = c.tell(now, i, out)
		}
	}
	for i := range l.live {
		if l.first()+uint64(i) > taken {
			out = found(out, l.id, l.ring[l.index(i)].ref, l, i)
		}
	}
	out = append(out, Effect{Kind: EffectTold, Scheduler: l.id, Seq: l.first() - 1, Dropped: l.dropped || l.gone > taken})
	return out
}
