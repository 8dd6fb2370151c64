package queue

import (
	"slices"
	"time"

	"dunnock/probe"
)

// Launches that take their time. An offer is made anew after 5 s, and a launch on the one before is declined; a payload
// that needs longer than that to arrive would be launched on one offer after the other and never start. So a scheduler
// says ahead of it that it is coming, and from then on its lane is in the place of one that has asked: nothing in it
// goes stale for as long as the connection lasts.

// Coming takes the word that a Launch that uses an offer is on its way. The slot is the launch's from now on; if none
// is free, the next one that frees is. Without an offer by that call it has no effect: a lane that has asked waits in
// any case, and what comes for an offer that is over is declined when it is here.
func (c *Core) Coming(now time.Duration, s probe.SchedulerID, m probe.Coming, out []Effect) []Effect {
	if !c.isOffered(s, m.Slot, m.Call) {
		return out
	}
	o := c.offers
	o.stats.Coming++
	sl := &c.slots[m.Slot]
	o.hops.answered(now - sl.since)
	o.lanes[m.Slot].announced = m.Call
	o.stats.Launched++
	o.open--
	if c.isBrief(m.Slot) {
		o.brief.open--
	}
	c.clearAlarm(m.Slot)
	sl.state, sl.scheduler, sl.ref, sl.res, sl.since = Coming, s, 0, 0, now
	o.coming = append(o.coming, m.Slot)
	return c.ask(now, out)
}

// awaits reports whether this scheduler's Launch by this call is on its way, and no slot is free for it.
func (c *Core) awaits(s probe.SchedulerID, slot uint16, call uint32) bool {
	if !c.offering || slot >= c.size {
		return false
	}
	sl := &c.slots[slot]
	return sl.state == Coming && sl.call == call && sl.scheduler == s
}

// seatComing gives a seat to the lane that has waited longest for a launch that is on its way. It waits on as one that
// has asked.
func (c *Core) seatComing(now time.Duration) {
	i := c.offers.coming[0]
	c.arrived(i)
	c.occupy(i)
	c.enter(now, &c.slots[i], Asking)
}

// arrived takes a lane out of those whose launches are on their way. Its caller moves it to another state.
func (c *Core) arrived(i uint16) {
	o := c.offers
	at := slices.Index(o.coming, i)
	o.coming = slices.Delete(o.coming, at, at+1)
	c.slots[i].state = Free
}

// dropComing frees a lane whose launch is not going to come, or has come in vain.
func (c *Core) dropComing(i uint16) {
	c.arrived(i)
	c.pushLane(i)
}
