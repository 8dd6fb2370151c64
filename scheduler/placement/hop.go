package placement

import (
	"slices"
	"time"
)

const (
	usualHop  = 500 * time.Microsecond // until something has been measured
	firstTrip = 8                      // round trips of which the first estimate is made
	trips     = 32                     // of which each further one is
	mostHop   = time.Second
)

// hops measures what a message takes from here to a worker: half of what passes between a launch and the word of its
// end, without the service itself. Launches that may have waited for a slot do not count. Of 32 the median is taken,
// since that is what the next one will take; the shortest is what none takes on a busy machine.
type hops struct {
	hop    time.Duration
	trips  [trips]time.Duration
	n, all int // in trips, and those that the next estimate takes
}

func newHops() hops { return hops{hop: usualHop, all: firstTrip} }

// learn takes a round trip.
func (h *hops) learn(d time.Duration) {
	h.trips[h.n] = max(d, 0)
	if h.n++; h.n < h.all {
		return
	}
	list := h.trips[:h.n]
	slices.Sort(list)
	h.hop = min(list[len(list)/2]/2, mostHop)
	h.n, h.all = 0, trips
}

// Hop is about what a message to a worker takes, one way: what [Config] says, or half the median of the last 8 to 32
// round trips that were measured. 500 µs before that.
func (c *Core) Hop() time.Duration { return c.hop() }

func (c *Core) hop() time.Duration {
	if c.cfg.Hop != 0 {
		return max(c.cfg.Hop, 0)
	}
	return c.hops.hop
}

// timed takes the round trip of a launch whose attempt has ended.
func (c *Core) timed(now time.Duration, r *taskRec, s *slot, service time.Duration) {
	if c.cfg.Hop == 0 && (s.sure == likely || s.sure == perhaps) {
		c.hops.learn(now - r.launched - service)
	}
}
