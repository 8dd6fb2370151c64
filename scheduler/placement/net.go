package placement

import (
	"time"

	"dunnock/probe"
)

// The safety net. Tasks wait for offers, and offers can be lost with whoever holds them: until the worker makes them
// anew, or for good with a bug. So when nothing was launched under a set for a while though tasks wait, they get
// reservations as under late binding, one for each. A worker that asks on the strength of one gets the oldest task that
// it may run.
//
// That is no way to place tasks: what asks a scheduler with a reservation is not offered to those whose tasks have
// waited longer. With wide jobs a scheduler launches nothing for tens of milliseconds because others' jobs are older,
// and with a wait of 50 ms jobs of 100 tasks of 100 ms took 2 % longer.

const (
	minNetWait  = 250 * time.Millisecond
	maxNetWait  = 5 * time.Second
	netHops     = 20 // a wait is at least that many hops
	netServices = 2  // and mean services
)

// guard sees to it that somebody will look whether tasks under a set are launched.
func (c *Core) guard(now time.Duration, s *set) {
	q := s.request
	switch {
	case s.waiting == 0 || len(s.eligible) == 0:
		q.netAt, q.netWait = never, 0
	case q.netAt == never:
		q.netAt = after(now, c.netDelay(q))
	}
	c.idle.wake = min(c.idle.wake, q.at())
}

// netDelay draws how long nothing may be launched.
func (c *Core) netDelay(q *request) time.Duration {
	if q.netWait == 0 {
		q.netWait = min(max(minNetWait, netHops*c.hop(), netServices*q.forecast.mean), maxNetWait)
	}
	fifth := q.netWait / 5
	return q.netWait - fifth + time.Duration(probe.Below(c.rng, uint64(2*fifth)+1))
}

// net gives what waits under a set reservations if nothing was launched for too long.
func (c *Core) net(now time.Duration, s *set, out []Effect) []Effect {
	q := s.request
	if idle := now - q.launched; idle < q.netWait*4/5 {
		q.netWait = 0
		delay := c.netDelay(q)
		q.netAt = after(now, max(delay-idle, delay/5))
		return out
	}
	c.stats.Nets++
	given := 0
	for g := q.head; g != nil; g = g.nextWaiting {
		j := g.timer.j
		lack := min(g.waiting()-int(g.left), len(s.eligible))
		if lack <= 0 {
			continue
		}
		if j.res == nil {
			j.res = c.resPool.get(lack)
			if j.several() {
				j.links = c.linkPool.get(lack)
			}
		}
		probe.Sample(c.rng, s.eligible, lack)
		for _, w := range s.eligible[:lack] {
			out = c.reserve(j, g, w, 1, 0, out)
		}
		given += lack
	}
	c.idle.proof.begin(now, given)
	if q.netted > 0 && q.launched > q.netted { // the last ones were of use
		q.netWait = 0
	} else {
		q.netWait = min(2*q.netWait, maxNetWait)
	}
	q.netted = now
	q.netAt = after(now, c.netDelay(q))
	return c.tellAgain(now, s, out)
}

// tellAgain tells those peers again what waits that still owe something: what they were told may have been lost.
func (c *Core) tellAgain(now time.Duration, s *set, out []Effect) []Effect {
	q := s.request
	if q.ntold == 0 || s.needy() == 0 {
		return out
	}
	atOnce := uint32((s.needy() + q.ntold - 1) / q.ntold)
	each := max(atOnce, quota(s.needy(), q.ntold))
	for p := range q.told {
		if t := &q.told[p]; t.left > 0 {
			t.defined = false
			out = c.tell(now, s, PeerID(p), each, atOnce, out)
		}
	}
	return out
}

// at is when a set wants to be looked at.
func (q *request) at() time.Duration { return min(q.roundAt, q.netAt) }

// lookAfter does what is due for the sets whose tasks wait, or of which peers know.
func (c *Core) lookAfter(now time.Duration, out []Effect) []Effect {
	x := c.idle
	x.wake = never
	for _, s := range c.sets { // what it does may change their order, but not their number
		q := s.request
		if q == nil {
			continue
		}
		if q.roundAt <= now {
			out = c.round(now, s, out)
		}
		if q.netAt <= now {
			out = c.net(now, s, out)
		}
		c.retain(s)
		x.wake = min(x.wake, q.at())
	}
	x.wake = min(x.wake, c.callsWake(now), c.asideWake(now))
	return out
}
