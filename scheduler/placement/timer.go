package placement

import (
	"time"

	"dunnock/internal/timer"
	"dunnock/probe"
)

// never is later than any time that the core is asked about.
const never = timer.Never

// after returns now + d, which is never if it is beyond all time.
func after(now, d time.Duration) time.Duration { return timer.After(now, d) }

// waker is what is woken at a time: a job, for its deadline, the end of its claims and what its first group waits for,
// or another group of it, for what that one waits for.
type waker struct {
	timer.Timer        // in Core.timers
	index       uint32 // of the group in its job; 0: the job, and its first group
	j           *job
}

// at is when it wants to be looked at.
func (w *waker) at() time.Duration {
	if w.index > 0 {
		return w.j.at(int(w.index)).wake()
	}
	return min(w.j.deadline, w.j.claimUntil(), w.j.first.wake())
}

// wake is when a group wants to be looked at.
func (g *group) wake() time.Duration { return min(g.resampleAt, g.relaxAt) }

// rewake notes that a group wants to be woken at another time.
func (c *Core) rewake(j *job, g *group) {
	w := &g.timer
	switch {
	case w.index == 0:
		c.rewakeJob(j)
	case g.wake() == never:
		c.timers.Remove(&w.Timer)
	case !w.Set():
		c.timers.Add(w.at(), w)
	default:
		c.timers.Move(&w.Timer, w.at())
	}
}

// rewakeJob notes that a job wants to be woken at another time.
func (c *Core) rewakeJob(j *job) { c.timers.Move(&j.first.timer.Timer, j.first.timer.at()) }

// NextWake says when [Core.Tick] is next due; false: not before another event. It may change with every call.
func (c *Core) NextWake() (time.Duration, bool) {
	at, _ := c.timers.First()
	at = min(at, c.trialAt)
	if c.idle != nil {
		at = min(at, c.idle.wake)
	}
	return at, at != never
}

// Tick ends the jobs whose deadline has come and samples anew for those that had put it off, and takes quarantined
// workers back on trial. Calling it early or often does no harm.
func (c *Core) Tick(now time.Duration, out []Effect) []Effect {
	if c.trialAt <= now {
		out = c.trials(now, out)
	}
	for {
		at, w := c.timers.First()
		if at > now {
			break
		}
		j, g := w.j, w.j.at(int(w.index))
		if w.index == 0 {
			if now >= j.deadline {
				out = c.expire(now, j, out)
				continue
			}
			if now >= j.claimUntil() {
				out = c.claimed(now, j, out)
				continue
			}
		}
		if now >= g.relaxAt {
			if g.near {
				out = c.overdue(now, j, g, out)
				continue
			}
			out = c.relax(now, j, g, out)
			continue
		}
		g.resampleAt = never
		c.rewake(j, g)
		out = c.resample(now, j, g, out)
	}
	if c.idle != nil {
		if c.idle.wake <= now {
			out = c.lookAfter(now, out)
		}
		out = c.attend(now, out)
	}
	return out
}

// putOff has the group sample anew after its backoff, unless that is due already.
func (c *Core) putOff(now time.Duration, j *job, g *group) {
	if g.resampleAt != never {
		return
	}
	// The shift is bounded because the backoff stops growing at MaxBackoff ≤ 1 m, within 16 doublings of MinBackoff ≥ 1
	// ms.
	delay := c.cfg.MinBackoff << g.backoff
	if delay >= c.cfg.MaxBackoff {
		delay = c.cfg.MaxBackoff
	} else {
		c.own(g).backoff++
	}
	// Jobs refused by one worker at one moment must not come back together.
	delay -= time.Duration(probe.Below(c.rng, uint64(delay/2)+1))
	c.own(g).resampleAt = now + delay
	c.rewake(j, g)
	c.stats.Delayed++
}
