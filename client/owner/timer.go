package owner

import (
	"math"
	"time"

	"dunnock/probe"
)

// never is later than any time that the core is asked about.
const never = time.Duration(math.MaxInt64)

// timers is a binary heap of jobs by when each wants to be looked at. A job knows its place, so that it leaves in
// O(log n). Jobs of one deadline come in the order of their times, which costs no step at all.
type timers []timer

type timer struct {
	at time.Duration
	j  *job
}

func (h *timers) add(j *job) {
	*h = append(*h, timer{j.wake(), j})
	h.up(len(*h) - 1)
}

func (h *timers) remove(j *job) {
	i, last := j.timer, len(*h)-1
	(*h)[i] = (*h)[last]
	(*h)[i].j.timer = i
	(*h)[last] = timer{}
	*h = (*h)[:last]
	if i < last {
		h.fix(i)
	}
}

// update puts a job whose wake time has changed in its place.
func (h *timers) update(j *job) {
	(*h)[j.timer].at = j.wake()
	h.fix(j.timer)
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
		s[i].j.timer = i
		i = parent
	}
	s[i] = t
	t.j.timer = i
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
		s[i].j.timer = i
		i = child
	}
	s[i] = t
	t.j.timer = i
}

// NextWake says when [Core.Tick] is next due; false: not before another event. It may change with every call.
func (c *Core) NextWake() (time.Duration, bool) {
	at := never
	if len(c.timers) > 0 {
		at = c.timers[0].at
	}
	if c.load.Waiting > 0 || c.lacks() {
		for i := range c.schedulers {
			if s := &c.schedulers[i]; c.wants(s) {
				at = min(at, s.redialAt)
			}
		}
	}
	return at, at != never
}

// Tick does what has come due: it ends jobs whose time is up, hands out again those that were refused, and dials. Calling it
// early or often does no harm.
func (c *Core) Tick(now time.Duration, out []Effect) []Effect {
	for len(c.timers) > 0 && c.timers[0].at <= now {
		j := c.timers[0].j
		if now >= j.limit {
			out = c.overdue(j, out)
			continue
		}
		if j.backsOff {
			j.backsOff, j.refused = false, 0
		}
		j.lookAt = never
		c.timers.update(j)
		out = c.place(now, j, out)
	}
	return c.connectMore(now, out)
}

// backoff is the n-th wait, from 0.
func (c *Core) backoff(n int) time.Duration {
	delay := c.cfg.MaxBackoff
	if n < 16 { // MaxBackoff ≤ 1 m is within 16 doublings of MinBackoff ≥ 1 ms
		delay = min(delay, c.cfg.MinBackoff<<n)
	}
	return delay - c.below(delay/2) // clients of one scheduler must not come back together
}

// below draws from 0…d.
func (c *Core) below(d time.Duration) time.Duration {
	return time.Duration(probe.Below(c.rng, uint64(d)+1))
}
