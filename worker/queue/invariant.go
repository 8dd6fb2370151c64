package queue

import (
	"errors"
	"fmt"
	"slices"

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
	if err := c.checkStagger(); err != nil {
		return err
	}
	var in [len(c.in)]uint16
	for i := range c.size {
		if state := c.slots[i].state; state <= Stuck {
			in[state]++
		} else {
			in[Free]++ // it has no slot
		}
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
	if err := c.checkOffers(); err != nil {
		return err
	}
	if err := c.checkWide(); err != nil {
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
	if c.wide != nil && c.wide.line.on {
		sum++
	}
	switch {
	case err != nil:
		return err
	case sum != c.waiting:
		return fmt.Errorf("queue: counted %d reservations, recorded %d", sum, c.waiting)
	case c.queue.len() > int(c.limit):
		return fmt.Errorf("queue: %d entries, limit %d", c.queue.len(), c.limit)
	case c.waiting > 0 && c.draining:
		return errors.New("queue: not empty while draining")
	case c.waiting > 0 && c.free != noSlot && !c.offering && c.wide == nil && !c.heldBack():
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
	if c.offering {
		n += int(c.offers.open) + len(c.offers.held) + len(c.offers.coming)
	}
	if c.wide != nil && !c.offering {
		n += int(c.wide.joined)
	}
	if n != int(c.in[Free]) {
		return fmt.Errorf("the list of free slots has %d of %d", n, c.in[Free])
	}
	return nil
}

func (c *Core) checkSlot(i uint16) error {
	sl := &c.slots[i]
	timed := sl.state == Running || sl.state == Stopping
	coming := c.offering && sl.state == Coming
	apart := c.offering && (sl.state == Offered || sl.state == Held)
	switch {
	case sl.state == Joined && c.wide != nil && !c.offering && sl.alarm == never:
		return nil
	case sl.state < Free || (sl.state > Stuck && !apart && !coming):
		return errors.New(sl.state.String())
	case sl.state != Free && sl.call == 0:
		return fmt.Errorf("%v without a call", sl.state)
	case (sl.state == Asking || apart || coming) && sl.fate(sl.call) != notStarted:
		return fmt.Errorf("%v with a call that was answered", sl.state)
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
	case (sl.state == Asking || apart || coming || (timed && !sl.orphan)) && !c.connected(sl.scheduler):
		return fmt.Errorf("%v for scheduler %d, which is not connected", sl.state, sl.scheduler)
	case !timed && (sl.alarm != never) != apart:
		return fmt.Errorf("%v with an alarm at %v", sl.state, sl.alarm)
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
	s, offers := &c.stats, c.OfferStats()
	var held, open uint64
	if c.offering {
		held, open = uint64(len(c.offers.held)+len(c.offers.coming)), uint64(c.offers.open)
	}
	if out := offers.Launched + offers.Declined + offers.Voided; offers.Offers != out+open {
		return fmt.Errorf("%d offers made, %d over, %d open", offers.Offers, out, open)
	}
	unbegun := offers.Early + offers.HeldKilled + offers.HeldDropped + held
	if out := s.GetTasks + s.Cancelled + s.Dropped + s.Drained; s.Reserved != out+c.waiting {
		return fmt.Errorf("%d reservations taken, %d gone, %d queued", s.Reserved, out, c.waiting)
	}
	calls := s.GetTasks + offers.Launched + offers.Declined
	if out := s.NoTasks + s.DeclinedApp + s.DeclinedFenced + s.Abandoned + s.Launches + unbegun; calls != out+uint64(c.in[Asking]) {
		return fmt.Errorf("%d calls made, %d answered, %d out", calls, out, c.in[Asking])
	}
	if out := s.Finished + s.Unreported; s.Launches+offers.HeldKilled != out+uint64(c.in[Running])+uint64(c.in[Stopping]) {
		return fmt.Errorf("%d attempts started, %d ended, %d running, %d stopping", s.Launches, out, c.in[Running], c.in[Stopping])
	}
	return nil
}

// checkOffers verifies seats and lanes against each other, and that no free seat is left without its offer.
func (c *Core) checkOffers() error {
	if !c.offering {
		return nil
	}
	o := c.offers
	open, bare, free, taken := 0, 0, 0, 0
	if c.wide != nil {
		taken = int(c.wide.joined)
	}
	for i := range c.size {
		sl := &c.slots[i]
		st := &o.seats[sl.next%uint16(len(o.seats))]
		switch {
		case sl.state == Free:
		case sl.next == noSlot && sl.state == Offered:
			open++
		case sl.next == noSlot && (sl.state == Held || sl.state == Coming):
			if !slices.Contains(o.held, i) && !slices.Contains(o.coming, i) {
				return fmt.Errorf("lane %d is %v and not in line", i, sl.state)
			}
		case int(sl.next) >= len(o.seats):
			return fmt.Errorf("lane %d is %v at seat %d", i, sl.state, sl.next)
		case sl.state == Offered || sl.state == Held || sl.state == Coming:
			if st.offer != i {
				return fmt.Errorf("lane %d is %v for seat %d, which is offered in %d", i, sl.state, sl.next, st.offer)
			}
			switch {
			case sl.state == Offered:
				open++
			case sl.state == Held && !slices.Contains(o.held, i), sl.state == Coming && !slices.Contains(o.coming, i):
				return fmt.Errorf("lane %d is %v and not in line", i, sl.state)
			}
		default:
			if taken++; st.lane != i {
				return fmt.Errorf("lane %d is %v in seat %d, which lane %d has", i, sl.state, sl.next, st.lane)
			}
		}
	}
	for i := range o.seats {
		st := &o.seats[i]
		if st.lane == noLane {
			free++
			if st.offer == noLane {
				bare++
			}
		}
		if at := st.offer; at != noLane && c.slots[at].next != uint16(i) {
			return fmt.Errorf("seat %d is offered in lane %d, which is of seat %d", i, at, c.slots[at].next)
		}
		if len(o.takers) > 0 && st.home != o.homeOf(uint16(i)) {
			return fmt.Errorf("seat %d has its home at %d, not at %d", i, st.home, o.homeOf(uint16(i)))
		}
	}
	listed := 0
	for s, prev := o.free, noSlot; s != noSlot; prev, s = s, o.seats[s].next {
		if o.seats[s].lane != noLane || o.seats[s].prev != prev {
			return fmt.Errorf("seat %d does not belong into the list of free ones behind %d", s, prev)
		}
		listed++
	}
	if err := c.checkBrief(); err != nil {
		return err
	}
	return c.countOffers(open, bare, free, taken, listed)
}

// checkBrief verifies the books of what is offered for brief apps.
func (c *Core) checkBrief() error {
	b := &c.offers.brief
	var open, ahead, slow uint16
	of := make(map[uint16]uint16)
	for i := range c.size {
		l := &c.offers.lanes[i]
		switch sl := &c.slots[i]; {
		case sl.state.holdsAttempt() && l.slow:
			slow++
		case (sl.state == Offered || sl.state == Held || sl.state == Coming) && sl.next == noSlot:
			ahead++
			of[l.app]++
			if sl.state != Offered {
				break
			}
			open++
			if !b.trusts(l.app) || c.draining {
				return fmt.Errorf("lane %d is offered for app %d, which is not brief, or by a worker that drains", i, l.app)
			}
		}
	}
	for app := range b.apps {
		if t := &b.apps[app]; t.ahead != of[uint16(app)] || t.score < 0 || t.score > 2*b.proof {
			return fmt.Errorf("app %d: %+v, counted %d", app, *t, of[uint16(app)])
		}
	}
	if open != b.open || ahead != b.ahead || slow != b.slow || int(ahead) > max(int(c.size)-2*len(c.offers.seats), 0) {
		return fmt.Errorf("counted %d offers of %d lanes for brief apps, and %d slow seats, recorded %d of %d and %d", open, ahead, slow, b.open, b.ahead, b.slow)
	}
	return nil
}

func (c *Core) countOffers(open, bare, free, taken, listed int) error {
	o := c.offers
	offers := len(o.takers) > 0 && !c.draining
	switch {
	case taken+free != len(o.seats) || listed != free:
		return fmt.Errorf("%d seats: %d taken, %d free, %d listed", len(o.seats), taken, free, listed)
	case open != int(o.open) || bare != int(o.bare):
		return fmt.Errorf("counted %d offers and %d seats without, recorded %d and %d", open, bare, o.open, o.bare)
	case len(o.held)+len(o.coming) > 0 && free > 0:
		return fmt.Errorf("%d launches wait and %d are coming while %d seats are free", len(o.held), len(o.coming), free)
	case c.waiting > 0 && free > 0 && c.wide == nil && !c.heldBack():
		return fmt.Errorf("%d reservations wait while %d seats are free", c.waiting, free)
	case offers && bare > 0:
		return fmt.Errorf("%d seats are free and not offered", bare)
	case !offers && open > 0:
		return fmt.Errorf("%d offers to nobody", open)
	}
	for _, i := range o.held {
		if c.slots[i].state != Held {
			return fmt.Errorf("lane %d waits in line and is %v", i, c.slots[i].state)
		}
	}
	for _, i := range o.coming {
		if c.slots[i].state != Coming {
			return fmt.Errorf("lane %d is in line for a launch that is coming, and is %v", i, c.slots[i].state)
		}
	}
	for i, s := range o.takers {
		if !c.connected(s) || (i > 0 && o.takers[i-1] >= s) {
			return fmt.Errorf("takers %v", o.takers)
		}
	}
	return nil
}
