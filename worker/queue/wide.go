package queue

import (
	"time"

	"dunnock/probe"
)

// Wide tasks take several slots, or something beside their slot: of each resource that the worker has, so much
// ([probe.Need]). Their reservations say so, and a call is made when all that is needed has been set aside for it. So a
// Launch needs no room of its own, and what runs never takes more than the worker has.
//
// The hard part is that a wide reservation must not starve, and must not cost the others more than it has to. Of those
// whose turn has come and for which there is not enough, the first is the collector. It gets what frees before all
// others, until it has what it needs: first the resources, and when these are complete the slots, which stand empty
// until then. Others go on with what the collector does not need or cannot use yet. When it has asked, the next one
// collects. So a wide reservation whose turn it is waits for attempts that run, and for no later ones but those that
// took a slot while a resource was missing.
//
// Only one collects at a time. Two that collect could each hold half of what they need for ever. Rejected too: to hold
// slots while a resource is missing, by which a worker with one GPU has an idle slot for as long as somebody waits for
// that GPU, though the task that frees the GPU frees its slot with it; and to let whatever fits go first, by which a
// task of all slots waits for ever beside a flood of small ones.
//
// Nothing of this exists (Core.wide is nil) before the first such reservation, unless the worker has resources.
type wide struct {
	has   [probe.MaxResources]uint32 // what the worker has
	free  [probe.MaxResources]uint32 // of it, what no task has and the collector has not taken
	needs []need                     // by entry.need; the first is the plain one
	lanes []extent                   // by lane
	line  collector

	joined uint16 // slots that are a wide task's beside its first, or the collector's
	stats  WideStats
}

// need is a need that an entry, a lane or the collector may have.
type need struct {
	probe.Need
	cost uint64 // dominant share, in slots · costUnit
	used bool   // scratch
}

// extent is what a lane's task has beside one slot.
type extent struct {
	need  uint32
	first uint16 // slots beside its own, a list; noSlot: none
}

// collector is the reservation that collects.
type collector struct {
	entry
	on    bool
	ready bool // it has all but its slots
	got   [probe.MaxResources]uint32
	first uint16 // slots, a list
	n     uint16
	since time.Duration
}

const (
	// maxNeeds bounds how many different needs reservations here have at a time.
	maxNeeds = 256
	// lookahead bounds how many reservations are looked at for one that fits beside the collector.
	lookahead = 64
	// costUnit is what one slot costs: shares of resources are counted in parts of it.
	costUnit = 1 << 10
)

// WideStats counts what became of reservations of more than one slot.
type WideStats struct {
	Collected uint64        // that had to collect
	Collect   time.Duration // for how long, altogether
	Passed    uint64        // reservations that went on beside the collector
	Misfits   uint64        // refused because the worker has not so much, or it is stuck
}

// WideStats returns the counts so far.
func (c *Core) WideStats() WideStats {
	if c.wide == nil {
		return WideStats{}
	}
	return c.wide.stats
}

// ReserveNeed is [Core.ReserveClass] for tasks that take what need says. A reservation of more than the worker has is
// refused as full.
func (c *Core) ReserveNeed(now time.Duration, s probe.SchedulerID, m probe.Reserve, class *probe.Class, n probe.Need, out []Effect) []Effect {
	if n.Plain() {
		return c.ReserveClass(now, s, m, class, out)
	}
	if m.Count == 0 || !c.connected(s) || c.draining {
		return c.ReserveClass(now, s, m, class, out)
	}
	at, ok := c.intern(n)
	if !ok {
		c.wide.stats.Misfits += uint64(m.Count)
		return appendRefuse(out, s, m.Ref, m.Res, m.Count, probe.RefusedFull)
	}
	return c.enqueue(now, entry{scheduler: s, ref: m.Ref, res: m.Res, demand: demand{count: m.Count, need: at}}, class, out)
}

// Need is what the call or the attempt in a lane has: zero for a plain one.
func (c *Core) Need(lane uint16) (n probe.Need) {
	if c.wide != nil && c.wide.lanes[lane].need != 0 {
		n = c.wide.needs[c.wide.lanes[lane].need].Need
	}
	return n
}

// intern returns the number of a need, or false if it is more than the worker has, or there are too many different
// ones.
func (c *Core) intern(n probe.Need) (uint32, bool) {
	n.Slots = max(n.Slots, 1)
	if c.wide == nil {
		c.widen(nil)
	}
	w := c.wide
	if int(n.Slots) > c.slotCount() {
		return 0, false
	}
	for r := range n.Resources {
		if n.Resources[r] > w.has[r] {
			return 0, false
		}
	}
	for i := range w.needs {
		if w.needs[i].Need == n {
			return uint32(i), true
		}
	}
	at := len(w.needs)
	if at == maxNeeds {
		if at = c.unusedNeed(); at == 0 {
			return 0, false
		}
	} else {
		w.needs = append(w.needs, need{})
	}
	w.needs[at] = need{Need: n, cost: c.dominant(&n)}
	return uint32(at), true
}

// widen makes room for wide tasks.
func (c *Core) widen(resources []uint32) {
	w := &wide{lanes: make([]extent, c.size), needs: []need{{Need: probe.Need{Slots: 1}, cost: costUnit}}}
	for i := range w.lanes {
		w.lanes[i].first = noSlot
	}
	copy(w.has[:], resources)
	w.free = w.has
	c.wide, c.special = w, true
}

// fair returns the queue, which is fair.
func (c *Core) fair() *fair {
	q, _ := c.queue.(*fair)
	return q
}

// unusedNeed returns the number of a need that nobody has any more; 0: there is none.
func (c *Core) unusedNeed() int {
	w := c.wide
	for i := range w.needs {
		w.needs[i].used = i == 0
	}
	c.queue.each(func(e *entry) { w.needs[e.need].used = true })
	for i := range w.lanes {
		w.needs[w.lanes[i].need].used = true
	}
	if w.line.on {
		w.needs[w.line.need].used = true
	}
	for i := range w.needs {
		if !w.needs[i].used {
			return i
		}
	}
	return 0
}

// dominant is the largest share that a need is of anything that the worker has (dominant resource fairness: Ghodsi et
// al., NSDI 2011), in slots · costUnit, so that a plain task costs what it did.
func (c *Core) dominant(n *probe.Need) uint64 {
	cost := uint64(n.Slots) * costUnit
	for r, amount := range n.Resources {
		if amount > 0 {
			cost = max(cost, uint64(amount)*uint64(c.slotCount())*costUnit/uint64(c.wide.has[r]))
		}
	}
	return cost
}

// slotCount is how many slots there are.
func (c *Core) slotCount() int {
	if c.offering {
		return len(c.offers.seats)
	}
	return int(c.size)
}

// freeSlots counts those that nobody has.
func (c *Core) freeSlots() uint16 {
	var joined uint16
	if c.wide != nil {
		joined = c.wide.joined
	}
	if !c.offering {
		return c.in[Free] - joined
	}
	return uint16(c.slotCount()) - c.in[Asking] - c.in[Running] - c.in[Stopping] - c.in[Stuck] - joined
}

// wideTurn makes the next call, if one can be made, and reports whether there may be another.
func (c *Core) wideTurn(now time.Duration, out []Effect) ([]Effect, bool) {
	w := c.wide
	if w.line.on && c.gather(now, &w.line) {
		w.stats.Collect += max(now-w.line.since, 0)
		k := w.line
		w.line = collector{}
		return c.callWide(now, &k, true, out), true
	}
	if c.freeSlots() == 0 {
		return out, false
	}
	var e entry
	var ok bool
	if w.line.on {
		if e, ok = c.queue.popFit(now, c); ok {
			w.stats.Passed++
		}
	} else {
		e, ok = c.queue.pop(now, 1)
	}
	if !ok {
		return out, false
	}
	k := collector{entry: e, on: true, first: noSlot, since: now}
	if c.gather(now, &k) {
		return c.callWide(now, &k, false, out), true
	}
	if c.beyond(&k) {
		return c.refuseCollector(now, &k, out), true
	}
	w.line = k
	w.stats.Collected++
	if c.named == Fair {
		c.fair().hold(now, w.needs[e.need].cost)
	}
	return out, true
}

// fits reports whether a reservation could ask now, with what the collector leaves.
func (c *Core) fits(e *entry) bool {
	n := &c.wide.needs[e.need]
	if n.Slots > c.freeSlots() {
		return false
	}
	for r := range n.Resources {
		if n.Resources[r] > c.wide.free[r] {
			return false
		}
	}
	return true
}

// gather takes for a collector what is free, and reports whether it has what it needs.
func (c *Core) gather(now time.Duration, k *collector) bool {
	if !c.gatherResources(now, k) {
		return false
	}
	n := &c.wide.needs[k.need]
	for k.n < n.Slots && c.freeSlots() > 0 {
		c.join(k)
	}
	return k.n == n.Slots
}

// gatherResources takes for a collector what is free but slots, and reports whether it lacks nothing else.
func (c *Core) gatherResources(now time.Duration, k *collector) bool {
	if k.ready {
		return true
	}
	w := c.wide
	n := &w.needs[k.need]
	lacks := false
	for r := range n.Resources {
		d := min(n.Resources[r]-k.got[r], w.free[r])
		k.got[r] += d
		w.free[r] -= d
		lacks = lacks || k.got[r] < n.Resources[r]
	}
	if lacks {
		return false
	}
	k.ready = true
	if c.named == Fair && k == &w.line {
		c.fair().holdSince(now) // of its own time: until now nobody had to wait for it
	}
	return true
}

// join takes a free slot for a collector.
func (c *Core) join(k *collector) {
	w := c.wide
	var s uint16
	if c.offering {
		s = c.offers.free
		if i := c.offers.seats[s].offer; i != noLane {
			c.withdraw(i)
		}
		c.seize(s, joinedLane)
		c.offers.seats[s].next = k.first
	} else {
		s = c.free
		sl := &c.slots[s]
		c.free = sl.next
		sl.state, sl.next = Joined, k.first
	}
	k.first = s
	k.n++
	w.joined++
}

// scatter frees slots that were joined.
func (c *Core) scatter(first uint16) {
	for s := first; s != noSlot; {
		at := s
		if c.offering {
			s = c.offers.seats[at].next
			c.offers.leave(at)
		} else {
			sl := &c.slots[at]
			s = sl.next
			sl.state, sl.next, c.free = Free, c.free, at
		}
		c.wide.joined--
	}
}

// callWide makes the call of a collector that has what it needs.
func (c *Core) callWide(now time.Duration, k *collector, held bool, out []Effect) []Effect {
	w := c.wide
	s, i := k.first, k.first
	var rest uint16
	if c.offering {
		rest = c.offers.seats[s].next
		i = c.lowLane(k.scheduler)
		c.offers.seats[s].lane, c.slots[i].next = i, s
		for o := rest; o != noSlot; o = c.offers.seats[o].next {
			c.offers.seats[o].lane = i
		}
	} else {
		rest = c.slots[s].next
		c.slots[s].state = Free
	}
	w.joined--
	w.lanes[i] = extent{need: k.need, first: rest}
	if c.named == Fair {
		if held {
			c.fair().settle(i)
		} else {
			c.fair().took(now, i, w.needs[k.need].cost)
		}
	}
	return c.call(now, i, &k.entry, out)
}

// part gives back what a lane's task has beside one slot.
func (c *Core) part(i uint16) {
	w := c.wide
	x := w.lanes[i]
	if x.need != 0 {
		for r, amount := range w.needs[x.need].Resources {
			w.free[r] += amount
		}
	}
	w.lanes[i] = extent{first: noSlot}
	c.scatter(x.first)
}

// disband gives back what a collector has collected. Its reservation is the caller's affair.
func (c *Core) disband(now time.Duration, k *collector) {
	for r, amount := range k.got {
		c.wide.free[r] += amount
	}
	c.scatter(k.first)
	if k == &c.wide.line {
		if c.named == Fair {
			c.fair().unhold(now)
		}
		*k = collector{}
	}
	c.waiting--
}

// beyond reports whether a collector waits in vain: for what attempts have that were told to stop and did not.
func (c *Core) beyond(k *collector) bool {
	w := c.wide
	n := &w.needs[k.need]
	slots, has := uint16(c.slotCount()), w.has
	for i := range c.size {
		if c.slots[i].state != Stuck {
			continue
		}
		stuck := &w.needs[w.lanes[i].need]
		slots -= stuck.Slots
		for r := range has {
			has[r] -= stuck.Resources[r]
		}
	}
	if n.Slots > slots {
		return true
	}
	for r := range has {
		if n.Resources[r] > has[r] {
			return true
		}
	}
	return false
}

// collects reports whether a reservation of a scheduler collects.
func (c *Core) collects(s probe.SchedulerID) bool {
	return c.special && c.wide != nil && c.wide.line.on && c.wide.line.scheduler == s
}

// becameStuck looks whether the collector waits in vain from now on.
func (c *Core) becameStuck(now time.Duration, out []Effect) []Effect {
	if c.wide == nil || !c.wide.line.on || !c.beyond(&c.wide.line) {
		return out
	}
	return c.ask(now, c.refuseCollector(now, &c.wide.line, out))
}

// refuseCollector gives a reservation back that would wait in vain.
func (c *Core) refuseCollector(now time.Duration, k *collector, out []Effect) []Effect {
	c.wide.stats.Misfits++
	c.stats.Drained++
	out = appendRefuse(out, k.scheduler, k.ref, k.res, 1, probe.RefusedFull)
	c.disband(now, k)
	return out
}
