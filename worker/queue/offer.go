package queue

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"dunnock/probe"
)

// Idle offers (join-idle-queue: Lu et al., Performance 2011): a slot that is free while nothing is queued offers itself
// to one scheduler, its home, which may launch on it or hand the offer on. Nothing depends on an offer: one that is
// lost costs the time until it is made anew.
//
// The home is drawn by rendezvous from worker, slot and scheduler, and so remains the same. With a scheduler drawn anew
// each time, what one scheduler uses comes back to any of them, and nothing restores their shares; with the last user
// as the next home, slots pile up where there was much to do.

const (
	// renewSpread is by how much more than its life ([probe.Life]) an offer gets before it is made anew, at most: those
	// that were made together are not made anew together. Others than its home drop it when its life is over, so that a
	// launch rarely crosses the new one.
	renewSpread = time.Second
	// crowdHops is for how many hops after a launch whose scheduler had more that waited the slot goes back to that
	// one. It is what makes Finished and the next Launch one exchange under tasks that are about as short as a hop.
	crowdHops = 10
)

// offers is what a core has that makes idle offers.
type offers struct {
	seats  []seat
	lanes  []lane
	held   []uint16            // lanes in which a launch waits for a seat, oldest first
	coming []uint16            // lanes without a seat to which one is on its way, likewise
	takers []probe.SchedulerID // connected schedulers that take offers, ascending
	blocks []block             // by app
	seed   uint64
	hops   hops
	free   uint16 // heads the list of free seats, last freed first
	bare   uint16 // free seats without an offer
	open   uint16 // lanes that are offered
	brief  brief
	stats  OfferStats
}

// crowd is what the last launch in a seat said of those that wait behind it.
type crowd struct {
	at        time.Duration
	scheduler probe.SchedulerID
	more      bool
}

func newOffers(cfg *Config) *offers {
	o := &offers{
		seats: make([]seat, cfg.Slots), lanes: make([]lane, 2*cfg.Slots), held: make([]uint16, 0, cfg.Slots),
		seed: cfg.Seed, free: noSlot, brief: brief{proof: cfg.BriefProof},
	}
	for i := len(o.seats) - 1; i >= 0; i-- {
		o.seats[i].offer = noLane
		o.leave(uint16(i))
	}
	for i := range o.lanes {
		o.lanes[i].ahead = never
	}
	return o
}

// OffersTo says that a scheduler that is connected takes idle offers. Slots that have it as their home from now on, and
// are free, are offered to it. Without Config.Offers it has no effect.
func (c *Core) OffersTo(now time.Duration, s probe.SchedulerID, out []Effect) []Effect {
	if c.offers == nil || !c.connected(s) {
		return out
	}
	o := c.offers
	at, found := slices.BinarySearch(o.takers, s)
	if found {
		return out
	}
	o.takers = slices.Insert(o.takers, at, s)
	for i := range uint16(len(o.seats)) {
		st := &o.seats[i]
		if len(o.takers) > 1 && o.rank(i, s) <= o.rank(i, st.home) {
			continue
		}
		if st.home = s; st.lane == noLane && st.offer != noLane {
			out = c.offerAgain(now, st.offer, 0, out)
		}
	}
	return c.ask(now, out)
}

// NoOffers ends what [Core.OffersTo] has said, for all schedulers at once: what is offered is void, and nothing else is
// offered in between.
func (c *Core) NoOffers(now time.Duration, out []Effect) []Effect {
	if c.offers == nil || len(c.offers.takers) == 0 {
		return out
	}
	o := c.offers
	o.takers = o.takers[:1]
	for i := range o.seats {
		o.seats[i].home = o.takers[0]
	}
	return c.ask(now, c.takerDown(now, o.takers[0], out))
}

// takerDown forgets a scheduler that took offers. Every offer is made anew, since those made to others may have been
// handed on to it.
func (c *Core) takerDown(now time.Duration, s probe.SchedulerID, out []Effect) []Effect {
	o := c.offers
	at, found := slices.BinarySearch(o.takers, s)
	if !found {
		return out
	}
	o.takers = slices.Delete(o.takers, at, at+1)
	for i := range uint16(len(o.seats)) {
		if o.seats[i].home == s {
			o.seats[i].home = o.homeOf(i)
		}
	}
	for i := range c.size {
		switch {
		case c.slots[i].state != Offered:
		case c.isBrief(i):
			out = c.recall(i, out)
		case len(o.takers) == 0:
			c.withdraw(i)
		default:
			out = c.offerAgain(now, i, 0, out)
		}
	}
	return out
}

// takes reports whether a scheduler takes offers.
func (o *offers) takes(s probe.SchedulerID) bool {
	_, found := slices.BinarySearch(o.takers, s)
	return found
}

// homeOf draws a seat's home.
func (o *offers) homeOf(seat uint16) (home probe.SchedulerID) {
	var best uint64
	for i, s := range o.takers {
		if r := o.rank(seat, s); i == 0 || r > best {
			home, best = s, r
		}
	}
	return home
}

// rank orders schedulers for a seat, the same at all times.
func (o *offers) rank(seat uint16, s probe.SchedulerID) uint64 {
	return o.hash(uint32(seat), uint32(s))
}

func (o *offers) hash(a, b uint32) uint64 {
	var key [16]byte
	binary.LittleEndian.PutUint64(key[:], o.seed)
	binary.LittleEndian.PutUint32(key[8:], a)
	binary.LittleEndian.PutUint32(key[12:], b)
	return xxhash.Sum64(key[:])
}

// target is the scheduler to which a seat is offered now.
func (o *offers) target(now time.Duration, s uint16) probe.SchedulerID {
	st := &o.seats[s]
	if k := &st.crowd; k.more && now-k.at < crowdHops*o.hops.estimate() {
		if o.takes(k.scheduler) {
			return k.scheduler
		}
	}
	return st.home
}

// deal is ask for a core that makes offers: free seats go to launches that wait, then to reservations, and are offered
// if there are none.
func (c *Core) deal(now time.Duration, out []Effect) []Effect {
	o := c.offers
	if c.wide != nil && c.wide.line.on {
		c.gatherResources(now, &c.wide.line) // for launches that wait may take all slots, and they take nothing else
	}
	for o.free != noSlot {
		if len(o.held) > 0 {
			out = c.launchHeld(now, out)
			continue
		}
		if len(o.coming) > 0 {
			c.seatComing(now)
			continue
		}
		if c.wide != nil {
			var more bool
			if out, more = c.wideTurn(now, out); more {
				continue
			}
			break
		}
		if c.special && len(o.takers) == 0 && c.fair().restrain(now, int(c.freeSlots())) {
			break
		}
		e, ok := c.queue.pop(now, 1)
		if !ok {
			break
		}
		i := c.freeLane(e.scheduler)
		if c.special {
			c.fair().took(now, i, costUnit)
		}
		out = c.call(now, i, &e, out)
	}
	if o.bare == 0 || c.draining || len(o.takers) == 0 {
		return out
	}
	for s := o.free; o.bare > 0; s = o.seats[s].next {
		if o.seats[s].offer == noLane {
			o.bare--
			out = c.offerSeat(now, s, 0, out)
		}
	}
	return out
}

// freeLane takes a free seat and a lane to ask a scheduler in.
func (c *Core) freeLane(scheduler probe.SchedulerID) uint16 {
	s := c.offers.free
	if i := c.offers.seats[s].offer; i != noLane {
		c.withdraw(i)
	}
	i := c.lowLane(scheduler)
	c.sit(s, i)
	return i
}

// offerSeat offers a seat that is not offered.
func (c *Core) offerSeat(now time.Duration, s uint16, ready time.Duration, out []Effect) []Effect {
	i := c.popLane()
	c.offers.seats[s].offer, c.slots[i].next = i, s
	c.slots[i].state = Offered
	c.offers.open++
	return c.sayOffer(now, i, 0, ready, out)
}

// offerAgain makes an offer anew, in place of what was said of it, so often by now because it was old. If it goes to
// another scheduler than before, that one is told: a launch on it would cost a task two hops.
func (c *Core) offerAgain(now time.Duration, i uint16, renewed uint8, out []Effect) []Effect {
	o := c.offers
	o.stats.Voided++
	if sl := &c.slots[i]; sl.scheduler != o.target(now, sl.next) && o.takes(sl.scheduler) {
		out = append(out, Effect{Kind: EffectDecline, Scheduler: sl.scheduler, Slot: i, Call: sl.call, Reason: probe.RefusedStale})
	}
	var ready time.Duration
	if runs := o.seats[c.slots[i].next].lane; runs != noLane {
		ready = c.left(now, runs)
	}
	return c.sayOffer(now, i, renewed, ready, out)
}

func (c *Core) sayOffer(now time.Duration, i uint16, renewed uint8, ready time.Duration, out []Effect) []Effect {
	o := c.offers
	sl := &c.slots[i]
	sl.newCall()
	sl.scheduler, sl.since = o.target(now, sl.next), now
	o.lanes[i].renewed = renewed
	c.setAlarm(i, after(now, probe.Life(renewed)+time.Duration(o.hash(uint32(i), sl.call)%uint64(renewSpread))))
	o.stats.Offers++
	return append(out, Effect{Kind: EffectOffer, Scheduler: sl.scheduler, Slot: i, Call: sl.call, Service: ready, Count: uint32(renewed)})
}

// withdraw takes an offer back, which needs no message: a launch on it is declined.
func (c *Core) withdraw(i uint16) {
	c.offers.open--
	if c.isBrief(i) {
		c.offers.brief.open--
	}
	c.offers.stats.Voided++
	c.pushLane(i)
}

// isOffered reports whether a scheduler may launch by this call. Any may that is connected, since offers are handed on.
func (c *Core) isOffered(s probe.SchedulerID, slot uint16, call uint32) bool {
	return c.offering && slot < c.size && c.slots[slot].state == Offered && c.slots[slot].call == call && c.connected(s)
}

// isPresent reports whether a Launch is a copy of the one that runs in its lane, or waits there, or of one that was
// started there lately. Every other one that comes for a call that is over can be declined: another scheduler's, which
// had the offer too, certainly never began. It may come any number of calls late, so that no memory of calls would be
// long enough; and of an older copy the scheduler has heard that its attempt has ended, so that it has nothing to put
// back.
func (c *Core) isPresent(s probe.SchedulerID, m *probe.Launch) bool {
	if m.Slot >= c.size {
		return false
	}
	sl := &c.slots[m.Slot]
	if m.Call != 0 && slices.Contains(c.offers.lanes[m.Slot].last[:], startOf{m.Ref, s, m.Task, m.Call}) {
		return true
	}
	has := sl.state == Held || sl.state.holdsAttempt()
	return has && sl.call == m.Call && sl.scheduler == s && sl.ref == m.Ref && sl.task == m.Task
}

// drainOffers takes all offers back, and gives back the launches that wait.
func (c *Core) drainOffers(out []Effect) []Effect {
	o := c.offers
	for i := range c.size {
		if c.slots[i].state == Offered {
			c.withdraw(i)
		}
	}
	for len(o.held) > 0 {
		o.stats.HeldDropped++
		out = c.declineHeld(o.held[0], probe.RefusedDraining, out)
	}
	return out
}

// expireLane acts on an alarm that only a core with offers sets, and reports whether it was one.
func (c *Core) expireLane(now time.Duration, i uint16, out []Effect) ([]Effect, bool) {
	o := c.offers
	switch sl := &c.slots[i]; {
	case sl.state == Held && c.isBrief(i):
		return c.waitsLong(now, i, out), true
	case sl.state == Held:
		return c.tooEarly(i, out), true
	case sl.state == Offered && c.isBrief(i):
		c.withdraw(i) // who holds it has dropped it by now
		return out, true
	case sl.state == Offered && o.seats[sl.next].lane != noLane:
		c.withdraw(i) // its slot should have been free long ago, and is offered when it is
		return out, true
	case sl.state == Offered:
		o.stats.Renewed++
		return c.offerAgain(now, i, min(o.lanes[i].renewed+1, probe.MaxRenewed), out), true
	case sl.state == Running && o.lanes[i].limit > now:
		o.lanes[i].ahead = never
		c.setAlarm(i, o.lanes[i].limit)
		return c.offerAhead(now, i, out), true
	}
	return out, false
}

// OfferStats counts what became of idle offers and of the launches on them. Offers = Launched + Declined + Voided +
// those that are open now.
type OfferStats struct {
	Offers   uint64 // made
	Ahead    uint64 // of those, before the slot was free
	Renewed  uint64 // made anew because they were old
	Launched uint64 // used by a Launch, or by the word that one is coming
	Coming   uint64 // of those, by the latter
	Declined uint64 // used by a Launch that was declined for its app or its job's owner
	Voided   uint64 // taken back or replaced: for a reservation, because they were old or a scheduler was gone, or to drain

	Held        uint64 // launches that came before a slot was free
	Early       uint64 // of those, given back because none was free in time
	HeldKilled  uint64 // of those, ended by Kill before they began
	HeldDropped uint64 // of those, dropped with their scheduler, given back to drain, or because another scheduler has the job; and those that were only coming then
	Overruns    uint64 // attempts that outlasted what was expected of them

	Brief    uint64 // offers made for brief apps, beyond those of slots
	Retreats uint64 // times that a brief app turned out not to be, or that launches of one waited while nothing was started
}

// OfferStats returns the counts so far; zero without Config.Offers.
func (c *Core) OfferStats() OfferStats {
	if c.offers == nil {
		return OfferStats{}
	}
	return c.offers.stats
}
