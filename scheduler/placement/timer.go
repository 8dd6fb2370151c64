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

// timers is a binary heap of live jobs by when each wants to be looked at:
// its deadline, the resampling that it waits for, or the end of its claims. A job knows its place, so that it
// leaves in O(log n) when it is done.
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
	at := c.trialAt
	if len(c.timers) > 0 {
		at = min(at, c.timers[0].at)
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
		j := c.timers[0].j
		if now >= j.deadline {
			out = c.expire(now, j, out)
			continue
		}
		if now >= j.claimUntil {
			out = c.claimed(now, j, out)
			continue
		}
		j.resampleAt = never
		c.timers.update(j)
		out = c.resample(now, j, out)
	}
	return out
}

// putOff has the job sample anew after its backoff, unless that is due already.
func (c *Core) putOff(now time.Duration, j *job) {
	if j.resampleAt != never {
		return
	}
	// The shift is bounded because the backoff stops growing at MaxBackoff ≤ 1 m, within 16 doublings of MinBackoff ≥ 1 ms.
	delay := c.cfg.MinBackoff << j.backoff
	if delay >= c.cfg.MaxBackoff {
		delay = c.cfg.MaxBackoff
	} else {
		j.backoff++
	}
	// Jobs refused by one worker at one moment must not come back together.
	delay -= time.Duration(probe.Below(c.rng, uint64(delay/2)+1))
	j.resampleAt = now + delay
	c.timers.update(j)
	c.stats.Delayed++
}
