package queue

import (
	"errors"
	"fmt"

	"dunnock/probe"
)

// checkWide verifies that nobody has what another has, that all of it together is what the worker has, and that no wide
// reservation waits for what is free.
func (c *Core) checkWide() error {
	w := c.wide
	if w == nil {
		return nil
	}
	sum, joined := w.free, 0
	for i := range w.lanes {
		x := &w.lanes[i]
		if state := c.slots[i].state; state != Asking && !state.holdsAttempt() && *x != (extent{first: noSlot}) {
			return fmt.Errorf("lane %d is %v and has %+v", i, state, *x)
		}
		n := &w.needs[x.need]
		slots, err := c.countJoined(x.first, uint16(i))
		if want := int(n.Slots) - 1; err != nil || slots != want && x.need != 0 {
			return fmt.Errorf("lane %d has %d slots beside its first, and needs %d: %w", i, slots, want, err)
		}
		joined += slots
		for r := range sum {
			sum[r] += n.Resources[r]
		}
	}
	if k := &w.line; k.on {
		slots, err := c.countJoined(k.first, joinedLane)
		if err != nil || slots != int(k.n) {
			return fmt.Errorf("the collector has %d slots, recorded %d: %w", slots, k.n, err)
		}
		joined += slots
		for r := range sum {
			sum[r] += k.got[r]
		}
		if err := c.checkCollector(k); err != nil {
			return err
		}
	}
	if joined != int(w.joined) || sum != w.has {
		return fmt.Errorf("%d slots joined, recorded %d; resources %v of %v", joined, w.joined, sum, w.has)
	}
	return c.checkTurn()
}

// checkCollector verifies that a collector has taken what is free, and holds no slot before it has the rest.
func (c *Core) checkCollector(k *collector) error {
	w := c.wide
	n := &w.needs[k.need]
	switch {
	case k.ready != (k.got == n.Resources):
		return fmt.Errorf("the collector has %v of %v, ready %v", k.got, n.Resources, k.ready)
	case !k.ready && k.n > 0:
		return fmt.Errorf("the collector holds %d slots before it has the rest", k.n)
	case k.ready && c.freeSlots() > 0:
		return fmt.Errorf("the collector lacks slots while %d are free", c.freeSlots())
	case !c.connected(k.scheduler):
		return fmt.Errorf("the collector is of scheduler %d, which is not connected", k.scheduler)
	}
	for r := range n.Resources {
		if k.got[r] < n.Resources[r] && w.free[r] > 0 {
			return fmt.Errorf("the collector lacks resource %d, of which %d are free", r, w.free[r])
		}
	}
	return nil
}

// checkTurn verifies that nobody whose turn it is waits for what is free.
func (c *Core) checkTurn() error {
	if c.freeSlots() == 0 || c.queue.len() == 0 || c.draining {
		return nil
	}
	if !c.wide.line.on {
		return fmt.Errorf("%d reservations wait while %d slots are free", c.waiting, c.freeSlots())
	}
	if c.queue.len() > lookahead || c.named == Fair {
		return nil
	}
	var err error
	c.queue.each(func(e *entry) {
		if c.fits(e) {
			err = fmt.Errorf("a reservation waits that fits: %+v", *e)
		}
	})
	return err
}

// countJoined counts the slots of a list that belong to a lane.
func (c *Core) countJoined(first, lane uint16) (int, error) {
	n := 0
	for s := first; s != noSlot; n++ {
		if n > probe.MaxSlots {
			return n, errors.New("the list of its slots is a circle")
		}
		if c.offering {
			if st := &c.offers.seats[s]; st.lane != lane || st.offer != noLane {
				return n, fmt.Errorf("seat %d has lane %d and is offered in %d", s, st.lane, st.offer)
			}
			s = c.offers.seats[s].next
			continue
		}
		if c.slots[s].state != Joined {
			return n, fmt.Errorf("slot %d is %v", s, c.slots[s].state)
		}
		s = c.slots[s].next
	}
	return n, nil
}
