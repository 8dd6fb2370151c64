package queue

import (
	"errors"
	"fmt"

	"dunnock/probe"
)

// CheckInvariants walks the whole state and returns the first contradiction it finds. It costs as
// much as there are slots and reservations: for tests and simulations, at every step.
func (c *Core) CheckInvariants() error {
	if err := c.checkQueue(); err != nil {
		return err
	}
	if err := c.checkFree(); err != nil {
		return err
	}
	var in [len(c.in)]uint16
	for i := range c.size {
		in[c.slots[i].state]++
		if err := c.checkSlot(i); err != nil {
			return fmt.Errorf("slot %d: %w", i, err)
		}
	}
	if in != c.in {
		return fmt.Errorf("slots by state: counted %v, recorded %v", in, c.in)
	}
	if err := c.checkAlarms(); err != nil {
		return err
	}
	if err := c.checkKept(); err != nil {
		return err
	}
	return c.checkBooks()
}

func (c *Core) checkQueue() error {
	for i, s := range c.far {
		if s < nearSchedulers || (i > 0 && c.far[i-1] >= s) {
			return fmt.Errorf("schedulers not ascending from %d on: %v", nearSchedulers, c.far)
		}
	}
	sum, err := c.queue.check(c.connected)
	switch {
	case err != nil:
		return err
	case sum != c.waiting:
		return fmt.Errorf("queue: counted %d reservations, recorded %d", sum, c.waiting)
	case c.queue.len() > int(c.limit):
		return fmt.Errorf("queue: %d entries, limit %d", c.queue.len(), c.limit)
	case c.waiting > 0 && c.draining:
		return errors.New("queue: not empty while draining")
	case c.waiting > 0 && c.free != noSlot:
		return fmt.Errorf("queue: not empty while slot %d is free", c.free)
	}
	return nil
}

// checkFree verifies that the list of free slots holds each free slot once and no other.
func (c *Core) checkFree() error {
	n := 0
	for i := c.free; i != noSlot; i = c.slots[i].next {
		if c.slots[i].state != Free {
			return fmt.Errorf("slot %d is %v and in the list of free slots", i, c.slots[i].state)
		}
		if n++; n > int(c.size) {
			return errors.New("the list of free slots is a circle")
		}
	}
	if n != int(c.in[Free]) {
		return fmt.Errorf("the list of free slots has %d of %d", n, c.in[Free])
	}
	return nil
}

func (c *Core) checkSlot(i uint16) error {
	sl := &c.slots[i]
	timed := sl.state == Running || sl.state == Stopping
	switch {
	case sl.state < Free || sl.state > Stuck:
		return errors.New(sl.state.String())
	case sl.state != Free && sl.call == 0:
		return fmt.Errorf("%v without a call", sl.state)
	case sl.state == Asking && sl.fate(sl.call) != notStarted:
		return errors.New("asks with a call that was answered")
	case sl.state.holdsAttempt() && sl.fate(sl.call) != started:
		return fmt.Errorf("%v without a Launch", sl.state)
	case timed && sl.verdict != probe.StatusTimeout && sl.verdict != probe.StatusKilled:
		return fmt.Errorf("%v, and would end with status %d", sl.state, sl.verdict)
	case sl.state == Running && sl.orphan && c.keep == nil:
		return errors.New("runs without a scheduler")
	case timed && sl.orphan && c.keep != nil && c.connected(sl.scheduler):
		return fmt.Errorf("%v as an orphan of scheduler %d, which is connected", sl.state, sl.scheduler)
	case timed && c.keep != nil && c.life(sl.scheduler) == nil:
		return fmt.Errorf("%v for scheduler %d, of which nothing is known", sl.state, sl.scheduler)
	case (sl.state == Asking || (timed && !sl.orphan)) && !c.connected(sl.scheduler):
		return fmt.Errorf("%v for scheduler %d, which is not connected", sl.state, sl.scheduler)
	case !timed && sl.alarm != never:
		return fmt.Errorf("%v with an alarm", sl.state)
	}
	return nil
}

// checkKept verifies what is kept for schedulers that come back.
func (c *Core) checkKept() error {
	if c.keep == nil {
		return nil
	}
	n, bytes := 0, 0
	for i, l := range c.keep.lives {
		if i > 0 && c.keep.lives[i-1].id >= l.id {
			return fmt.Errorf("lives not ascending: %d before %d", c.keep.lives[i-1].id, l.id)
		}
		if l.up != c.connected(l.id) {
			return fmt.Errorf("scheduler %d: connected %v, recorded %v", l.id, c.connected(l.id), l.up)
		}
		if l.live > len(l.ring) || len(l.ring)&(len(l.ring)-1) != 0 || uint64(l.live) > l.last {
			return fmt.Errorf("scheduler %d: %d results, up to number %d, in a ring of %d", l.id, l.live, l.last, len(l.ring))
		}
		for k := range l.live {
			r := &l.ring[l.index(k)]
			n, bytes = n+1, bytes+len(r.body)
			if r.status < probe.StatusOK || r.status > probe.StatusKilled {
				return fmt.Errorf("scheduler %d: a result with status %d", l.id, r.status)
			}
			if after(r.at, c.keep.ttl) < c.keep.due {
				return fmt.Errorf("scheduler %d: a result of %v, and the first is due at %v", l.id, r.at, c.keep.due)
			}
		}
	}
	switch {
	case n != c.keep.results || bytes != c.keep.bytes:
		return fmt.Errorf("results: counted %d with %d bytes, recorded %d with %d", n, bytes, c.keep.results, c.keep.bytes)
	case n > c.keep.maxResults || (bytes > c.keep.maxBytes && n > 1):
		return fmt.Errorf("results: %d with %d bytes, limits %d and %d", n, bytes, c.keep.maxResults, c.keep.maxBytes)
	case len(c.keep.fences.byJob) > len(c.keep.fences.order) || len(c.keep.fences.order) > maxFences:
		return fmt.Errorf("fences: %d jobs, %d remembered", len(c.keep.fences.byJob), len(c.keep.fences.order))
	}
	return nil
}

func (c *Core) checkAlarms() error {
	for b, low := range c.alarms {
		if at := c.earliest(b); low > at || c.alarm > low {
			return fmt.Errorf("alarms: block %d has a bound of %v, the whole of %v, its earliest alarm is %v", b, low, c.alarm, at)
		}
	}
	return nil
}

// checkBooks verifies that nothing got lost: each reservation, call and attempt is still held or
// went exactly one way.
func (c *Core) checkBooks() error {
	s := &c.stats
	if out := s.GetTasks + s.Cancelled + s.Dropped + s.Drained; s.Reserved != out+c.waiting {
		return fmt.Errorf("%d reservations taken, %d gone, %d queued", s.Reserved, out, c.waiting)
	}
	if out := s.NoTasks + s.DeclinedApp + s.DeclinedFenced + s.Abandoned + s.Launches; s.GetTasks != out+uint64(c.in[Asking]) {
		return fmt.Errorf("%d calls made, %d answered, %d out", s.GetTasks, out, c.in[Asking])
	}
	if out := s.Finished + s.Unreported; s.Launches != out+uint64(c.in[Running])+uint64(c.in[Stopping]) {
		return fmt.Errorf("%d attempts started, %d ended, %d running, %d stopping", s.Launches, out, c.in[Running], c.in[Stopping])
	}
	return nil
}
