package placement

import (
	"math"
	"time"

	"dunnock/probe"
)

// never is later than any time that the core is asked about.
const never = time.Duration(math.MaxInt64)

// after returns now + d, which is never if it is beyond all time.
func after(now, d time.Duration) time.Duration {
	if d >= never-now {
		return never
	}
	return now + d
}

// waker is what is woken at a time: a job, for its deadline, the end of its claims and what its first group waits for, or another
// group of it, for what that one waits for.
type waker struct {
	place int // in Core.timers, from 1; 0: it is not there
	j     *job
	g     *group // nil: the job
}

// at is when it wants to be looked at.
func (w *waker) at() time.Duration {
	if w.g != nil {
		return w.g.wake()
	}
	return min(w.j.deadline, w.j.claimUntil, w.j.first.wake())
}

// wake is when a group wants to be looked at.
func (g *group) wake() time.Duration { return min(g.resampleAt, g.relaxAt) }

// timers is a binary heap of live jobs, and of groups of theirs, by when each wants to be looked at. Each knows its place, so that it
// leaves in O(log n).
type timers []timer

type timer struct {
	at time.Duration
	of *waker
}

func (h *timers) add(w *waker) {
	*h = append(*h, timer{w.at(), w})
	h.up(len(*h) - 1)
}

// remove takes it out, if it is there.
func (h *timers) remove(w *waker) {
	if w.place == 0 {
		return
	}
	i, last := w.place-1, len(*h)-1
	(*h)[i] = (*h)[last]
	(*h)[i].of.place = i + 1
	(*h)[last] = timer{}
	*h = (*h)[:last]
	if i < last {
		h.fix(i)
	}
	w.place = 0
}

// update puts what wants to be woken at another time in its place.
func (h *timers) update(w *waker) {
	(*h)[w.place-1].at = w.at()
	h.fix(w.place - 1)
}

// rewake notes that a group wants to be woken at another time.
func (c *Core) rewake(j *job, g *group) {
	w := &g.timer
	switch {
	case g.index == 0:
		c.timers.update(&j.timer)
	case g.wake() == never:
		c.timers.remove(w)
	case w.place == 0:
		c.timers.add(w)
	default:
		c.timers.update(w)
	}
}

func (h *timers) fix(i int) {
	h.down(i)
	h.up(i)
}

func (h *timers) up(i int) {
	s := *h
	t := s[i]
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent].at <= t.at {
			break
		}
		s[i] = s[parent]
		s[i].of.place = i + 1
		i = parent
	}
	s[i] = t
	t.of.place = i + 1
}

func (h *timers) down(i int) {
	s := *h
	t := s[i]
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].at < s[child].at {
			child++
		}
		if t.at <= s[child].at {
			break
		}
		s[i] = s[child]
		s[i].of.place = i + 1
		i = child
	}
	s[i] = t
	t.of.place = i + 1
}

// NextWake says when [Core.Tick] is next due; false: not before another event. It may change with every call.
func (c *Core) NextWake() (time.Duration, bool) {
	at := c.trialAt
	if len(c.timers) > 0 {
		at = min(at, c.timers[0].at)
	}
	if c.idle != nil {
		at = min(at, c.idle.wake)
	}
	return at, at != never
}

// Tick ends the jobs whose deadline has come and samples anew for those that had
// put it off, and takes quarantined workers back on trial. Calling it early or often does no harm.
func (c *Core) Tick(now time.Duration, out []Effect) []Effect {
	if c.trialAt <= now {
		out = c.trials(now, out)
	}
	for len(c.timers) > 0 && c.timers[0].at <= now {
		j, g := c.timers[0].of.j, c.timers[0].of.g
		if g == nil {
			g = &j.first
			if now >= j.deadline {
				out = c.expire(now, j, out)
				continue
			}
			if now >= j.claimUntil {
				out = c.claimed(now, j, out)
				continue
			}
		}
		if now >= g.relaxAt {
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
	// The shift is bounded because the backoff stops growing at MaxBackoff ≤ 1 m, within 16 doublings of MinBackoff ≥ 1 ms.
	delay := c.cfg.MinBackoff << g.backoff
	if delay >= c.cfg.MaxBackoff {
		delay = c.cfg.MaxBackoff
	} else {
		g.backoff++
	}
	// Jobs refused by one worker at one moment must not come back together.
	delay -= time.Duration(probe.Below(c.rng, uint64(delay/2)+1))
	g.resampleAt = now + delay
	c.rewake(j, g)
	c.stats.Delayed++
}
