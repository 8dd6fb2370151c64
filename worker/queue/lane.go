package queue

import "dunnock/probe"

// Lanes and seats. A core without idle offers has as many lanes as slots, and the two are one: the records in
// Core.slots. A core with them has twice as many lanes, so that a slot that is about to be free can be offered in one
// lane while its attempt still runs in another, and more for brief apps (brief.go). The records in Core.slots are then
// those of lanes, all messages name lanes, and the slots themselves are seats: there are Config.Slots of them, and
// whatever asks or runs has one. That is what bounds the attempts, not the lanes.
//
// A seat has at most two lanes: the one that asks or runs in it, and the one in which it is offered, to which a launch
// may already have come. Those that are offered for brief apps have no seat, and are counted. So a free lane is always
// at hand. Which lane and which seat go together may change for as long as nothing runs in the lane: offers are worth
// the same, and a launch that waits takes the first seat that is free.

// seat is one slot of a core that makes offers.
type seat struct {
	lane  uint16            // that asks or runs in it; noSlot: the seat is free
	offer uint16            // in which it is offered, or in which a launch waits for it; noSlot: none
	next  uint16            // free: the next one in the list, or noSlot
	prev  uint16            // free: the one before, or noSlot
	home  probe.SchedulerID // to whom it is offered; any if nobody takes offers
	crowd crowd
}

// lane is what a lane's record has no room for, since only offers need it.
type lane struct {
	moment
	app  uint16              // of what runs or waits, or is offered for
	last [beginnings]startOf // the launches that were started here last, the latest first

	announced uint32 // the last call of which it was said that its launch is coming
	renewed   uint8  // offered: how often it was made anew because nothing came of it
	slow      bool   // running: its app was not brief when it was started
	warned    bool   // held for a brief app: it has waited for long, with nothing started meanwhile
}

// beginnings is how many starts a lane remembers.
const beginnings = 4

// startOf names a launch that was started.
type startOf struct {
	ref       probe.Ref
	scheduler probe.SchedulerID
	task      uint32
	call      uint32 // 0: none
}

// note remembers a start.
func (l *lane) note(s probe.SchedulerID, m *probe.Launch) {
	copy(l.last[1:], l.last[:])
	l.last[0] = startOf{m.Ref, s, m.Task, m.Call}
}

// noLane says the same of lanes as noSlot of slots.
const noLane = noSlot

// leave frees a seat.
func (o *offers) leave(s uint16) {
	st := &o.seats[s]
	st.lane, st.prev, st.next = noLane, noSlot, o.free
	if o.free != noSlot {
		o.seats[o.free].prev = s
	}
	o.free = s
	if st.offer == noLane {
		o.bare++
	}
}

// joinedLane stands for the lane of a seat that the collector has.
const joinedLane = noLane - 1

// sit gives a free seat to a lane, which the caller then moves to another state.
func (c *Core) sit(s, i uint16) {
	c.seize(s, i)
	c.slots[i].next = s
}

// seize takes a seat out of the free ones.
func (c *Core) seize(s, i uint16) {
	o := c.offers
	st := &o.seats[s]
	if st.prev == noSlot {
		o.free = st.next
	} else {
		o.seats[st.prev].next = st.next
	}
	if st.next != noSlot {
		o.seats[st.next].prev = st.prev
	}
	if st.offer == noLane {
		o.bare--
	}
	st.lane = i
}

// occupy gives a seat to a lane in which one was offered. That is its own, if it is free; else the one that was freed
// last stands in for it, and what that one had promised passes to the seat that is still taken. If it had promised
// nothing, then the taken one no longer does. It reports false if no seat is free.
func (c *Core) occupy(i uint16) bool {
	o := c.offers
	own := c.slots[i].next
	if own == noSlot {
		return c.occupyBrief(i)
	}
	s := own
	if o.seats[own].lane != noLane {
		if s = o.free; s == noSlot {
			return false
		}
	}
	other := o.seats[s].offer
	c.sit(s, i)
	o.seats[s].offer = noLane
	if s == own {
		return true
	}
	if o.seats[own].offer = other; other != noLane {
		c.slots[other].next = own
	} else {
		o.lanes[o.seats[own].lane].expect = 0
	}
	return true
}

// popLane takes the lane from the list of free ones that was freed last.
func (c *Core) popLane() uint16 {
	i := c.free
	c.free = c.slots[i].next
	return i
}

// lowLane takes a free lane to ask a scheduler in. One that takes no offers knows the lanes of a worker that makes
// none, of which there are as many as slots. One of those is free or only offered, because a seat is free and no launch
// waits.
func (c *Core) lowLane(s probe.SchedulerID) uint16 {
	slots := uint16(len(c.offers.seats))
	if c.free < slots || c.offers.takes(s) {
		return c.popLane()
	}
	for p := &c.free; *p != noLane; p = &c.slots[*p].next {
		if i := *p; i < slots {
			*p = c.slots[i].next
			return i
		}
	}
	for i := range slots {
		if c.slots[i].state == Offered {
			c.withdraw(i)
			break
		}
	}
	return c.popLane()
}

// pushLane returns a lane that was offered, or in which a launch waited, to the free ones.
func (c *Core) pushLane(i uint16) {
	sl := &c.slots[i]
	o := c.offers
	if sl.next == noSlot {
		c.leaveBrief(i)
	} else if st := &o.seats[sl.next]; st.offer == i {
		if st.offer = noLane; st.lane == noLane {
			o.bare++
		}
	}
	c.clearAlarm(i)
	sl.state = Free
	sl.next, c.free = c.free, i
}
