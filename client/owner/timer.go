package owner

import (
	"time"

	"dunnock/internal/timer"
	"dunnock/probe"
)

// never is later than any time that the core is asked about.
const never = timer.Never

// NextWake says when [Core.Tick] is next due; false: not before another event. It may change with every call.
func (c *Core) NextWake() (time.Duration, bool) {
	at, _ := c.timers.First()
	if c.load.Waiting > 0 || c.lacks() {
		for i := range c.schedulers {
			if s := &c.schedulers[i]; c.wants(s) {
				at = min(at, s.redialAt)
			}
		}
	}
	return at, at != never
}

// Tick does what has come due: it ends jobs whose time is up, hands out again those that were refused, and dials.
// Calling it early or often does no harm.
func (c *Core) Tick(now time.Duration, out []Effect) []Effect {
	for {
		at, j := c.timers.First()
		if at > now {
			break
		}
		if now >= j.limit {
			out = c.overdue(j, out)
			continue
		}
		if j.backsOff {
			j.backsOff, j.refused = false, 0
		}
		j.lookAt = never
		c.rewake(j)
		out = c.place(now, j, out)
	}
	return c.connectMore(now, out)
}

// rewake notes that a job wants to be looked at at another time.
func (c *Core) rewake(j *job) { c.timers.Move(&j.timer, j.wake()) }

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
