package queue

import (
	"math"
	"time"

	"dunnock/probe"
)

// Core is the queue and the slots of one worker process. The package comment says what its caller
// owes it.
//
// Every method that takes out appends its effects to it and returns the extended slice. None
// allocates, except that the queue's memory grows with its longest length.
type Core struct {
	// What every message needs comes first, in two cache lines: see small.
	queue discipline
	slots []slot
	size  uint16            // len(slots)
	in    [Stuck + 1]uint16 // how many slots are in each state; Free counts Offered, Held and Coming too: they have no slot
	// free heads the list of free slots, last freed first: that slot's record, and whatever the
	// caller keeps for it (buffers, a goroutine's grown stack), was touched most recently and is
	// most likely still in a cache. Lowest index first would use equally few slots at low load, but
	// would come back to one that has rested while a warm one is at hand.
	free     uint16
	draining bool
	special  bool // the queue is fair, and is told what becomes of what it lets go, or there are wide tasks
	named    Discipline
	offering bool // offers are made: there is more than one lane to a slot
	limit    uint32

	alarm   time.Duration // no later than the alarm of any slot
	near    uint64        // schedulers 0 to 63 that are connected, by bit
	waiting uint64        // reservations in the queue
	stats   Stats

	far    []probe.SchedulerID // schedulers from 64 on that are connected, ascending
	alarms []time.Duration     // by block of slots: no later than any alarm there
	apps   int
	grace  time.Duration
	keep   *keep   // nil with Config.Forget
	offers *offers // nil without Config.Offers
	wide   *wide   // nil as long as there were no wide tasks
}

// fewSlots is how many slots a small worker's core has room for in one piece.
const fewSlots = 4

// small is a core with its parts beside it, each from the start of a cache line of 64 bytes. A simulation of 10,000
// workers touches them in random order, and then what a message costs is how many lines it has to fetch: those of the
// queue, the first two of the core, one for a slot, and one of the queue's memory.
type small struct {
	queue  fifo
	core   Core
	alarms [1]time.Duration
	slots  [fewSlots]slot
}

// allocate returns the parts of a core of so many slots.
func allocate(size uint16, cfg *Config) *Core {
	if size > fewSlots || cfg.Discipline != FIFO {
		c := &Core{slots: make([]slot, size), alarms: make([]time.Duration, alarmBlocks(size))}
		switch cfg.Discipline {
		case FIFO:
			c.queue = newFIFO()
		case Priority:
			c.queue = newPriority(cfg.Ageing)
		case EDF:
			c.queue = newEDF()
		case SRPT:
			c.queue = newSRPT(cfg.StarvationBound)
		case Fair:
			c.queue, c.special = newFair(size, cfg), true
		}
		return c
	}
	s := &small{queue: fifo{review: never}}
	c := &s.core
	c.queue, c.slots, c.alarms = &s.queue, s.slots[:size], s.alarms[:]
	return c
}

// New makes a core with all slots free and no scheduler connected. It panics if cfg is not valid;
// see [Config.Validate].
func New(cfg Config) *Core {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		panic("queue: " + err.Error())
	}
	size := uint16(cfg.Slots) // Validate bounds it by probe.MaxSlots
	if cfg.Offers {
		size *= 2
	}
	c := allocate(size, &cfg)
	c.size, c.free, c.alarm, c.named = size, noSlot, never, cfg.Discipline
	c.apps, c.limit, c.grace = cfg.Apps, uint32(cfg.MaxReservations), cfg.StopGrace
	if !cfg.Forget {
		c.keep = newKeep(&cfg, size)
	}
	if cfg.Offers {
		c.offers, c.offering = newOffers(&cfg), true
	}
	for i := size; i > 0; i-- { // so that slot 0 is the first to be used
		c.slots[i-1] = slot{alarm: never, state: Free, next: c.free}
		c.free = i - 1
	}
	for b := range c.alarms {
		c.alarms[b] = never
	}
	c.in[Free] = size
	if len(cfg.Resources) > 0 {
		c.widen(cfg.Resources)
	}
	return c
}

// SchedulerUp says that a scheduler is connected: for the first time, or again in the same life, which has the same
// number. It is told what is here of it: attempts that run ([EffectAdopt]), results above taken, the number up to which
// it says that it has them all ([EffectFound]), and that this is all ([EffectTold]). For one that is connected it has
// no effect.
func (c *Core) SchedulerUp(now time.Duration, s probe.SchedulerID, taken uint64, out []Effect) []Effect {
	if c.connected(s) {
		return out
	}
	c.connect(s)
	if c.keep == nil {
		return append(out, Effect{Kind: EffectTold, Scheduler: s})
	}
	l := c.ensureLife(now, s)
	l.up = true
	return c.state(now, l, taken, out)
}

// SchedulerDown says that a scheduler is gone, or that its lease ran out. Its reservations are dropped and the slots
// that asked it are free. The attempts it launched are orphans: they run on for the grace, in which the scheduler may
// come back or another claim them, and are stopped then ([EffectStop] with StatusKilled). How they end is kept.
func (c *Core) SchedulerDown(now time.Duration, s probe.SchedulerID, out []Effect) []Effect {
	if !c.connected(s) {
		return out
	}
	c.disconnect(s)
	dropped := c.queue.drop(s)
	c.waiting -= dropped
	if c.collects(s) {
		c.disband(now, &c.wide.line)
		dropped++
	}
	c.stats.Dropped += dropped
	for i := range c.size {
		switch sl := &c.slots[i]; {
		case sl.scheduler != s:
		case sl.state == Asking:
			c.stats.Abandoned++
			c.release(now, i)
		case sl.state == Held:
			c.offers.stats.HeldDropped++
			c.dropHeld(i)
		case sl.state == Coming:
			c.offers.stats.HeldDropped++
			c.dropComing(i)
		case sl.state == Running && c.keep != nil:
			c.abandon(now, i)
		case sl.state == Running:
			c.stats.Orphans++
			sl.orphan = true
			out = c.stop(now, i, probe.StatusKilled, out)
		case sl.state == Stopping && !sl.orphan:
			c.stats.Orphans++
			sl.orphan = true
		}
	}
	if l := c.life(s); l != nil {
		l.up, l.left = false, now
	}
	if c.offering {
		out = c.takerDown(now, s, out)
	}
	return c.ask(now, out)
}

// Reserve takes reservations into the queue; a free slot asks at once. A full queue and a draining
// worker refuse them. From a scheduler that is not connected, or with Count 0, it has no effect.
//
// A repeated Reserve cannot be told from a new one and is a second entry: it costs its scheduler
// Count more answers of NoTask, or a Cancel of its own.
//
// Under a discipline other than FIFO it is of the zero class: see [Core.ReserveClass].
func (c *Core) Reserve(now time.Duration, s probe.SchedulerID, m probe.Reserve, out []Effect) []Effect {
	return c.ReserveClass(now, s, m, nil, out)
}

// ReserveClass is [Core.Reserve] with the class of the job, by which disciplines other than FIFO go. It is not kept.
func (c *Core) ReserveClass(now time.Duration, s probe.SchedulerID, m probe.Reserve, class *probe.Class, out []Effect) []Effect {
	return c.enqueue(now, entry{scheduler: s, ref: m.Ref, res: m.Res, demand: demand{count: m.Count}}, class, out)
}

// enqueue takes reservations into the queue, or refuses them.
func (c *Core) enqueue(now time.Duration, e entry, class *probe.Class, out []Effect) []Effect {
	switch {
	case e.count == 0 || !c.connected(e.scheduler):
		c.stats.StaleReserves++
		return out
	case c.draining:
		c.stats.RefusedDraining += uint64(e.count)
		return appendRefuse(out, e.scheduler, e.ref, e.res, e.count, probe.RefusedDraining)
	case c.queue.len() >= int(c.limit):
		c.stats.RefusedFull += uint64(e.count)
		return appendRefuse(out, e.scheduler, e.ref, e.res, e.count, probe.RefusedFull)
	}
	c.queue.push(now, e, class)
	c.waiting += uint64(e.count)
	c.stats.Reserved += uint64(e.count)
	return c.ask(now, out)
}

// Cancel takes back what is left of one reservation. A slot that asks on the strength of it waits
// for its answer all the same.
func (c *Core) Cancel(now time.Duration, s probe.SchedulerID, m probe.Cancel, out []Effect) []Effect {
	n := uint64(c.queue.cancel(s, m.Ref, m.Res))
	c.waiting -= n
	if c.collects(s) && c.wide.line.ref == m.Ref && c.wide.line.res == m.Res {
		c.disband(now, &c.wide.line)
		c.stats.Cancelled += n + 1
		return c.ask(now, out)
	}
	if n == 0 {
		c.stats.StaleCancels++ // it crossed the last GetTask, or was sent twice
	}
	c.stats.Cancelled += n
	return out
}

// NoTask answers a GetTask: the slot is free and asks with the next reservation.
func (c *Core) NoTask(now time.Duration, s probe.SchedulerID, m probe.NoTask, out []Effect) []Effect {
	if !c.waitsFor(s, m.Slot, m.Call) {
		c.stats.StaleNoTasks++
		return out
	}
	c.stats.NoTasks++
	c.release(now, m.Slot)
	return c.ask(now, out)
}

// Drain makes the worker take nothing new: it refuses what is queued and every later Reserve. A
// slot that asks takes its answer and attempts run to their end; then [Core.Idle] is true. There is
// no way back. A second Drain has no effect.
func (c *Core) Drain(now time.Duration, out []Effect) []Effect {
	c.draining = true
	for {
		e, ok := c.queue.pop(now, math.MaxUint32)
		if !ok {
			break
		}
		c.waiting -= uint64(e.count)
		c.stats.Drained += uint64(e.count)
		out = appendRefuse(out, e.scheduler, e.ref, e.res, e.count, probe.RefusedDraining)
	}
	if c.wide != nil && c.wide.line.on {
		k := &c.wide.line
		c.stats.Drained++
		out = appendRefuse(out, k.scheduler, k.ref, k.res, 1, probe.RefusedDraining)
		c.disband(now, k)
	}
	if c.offering {
		out = c.drainOffers(out)
	}
	return out
}

// Discipline returns whose turn it is here.
func (c *Core) Discipline() Discipline { return c.named }

// Draining reports whether [Core.Drain] was called.
func (c *Core) Draining() bool { return c.draining }

// NextWake returns when Tick is next wanted; false means not before another event. It may be earlier than needed, and
// never later. A bound for which nothing was there any more when its time came may lie in the past when something is
// again: the Tick that it asks for at once finds nothing and sets it right, and right behind a Tick nothing is due.
func (c *Core) NextWake() (time.Duration, bool) {
	at := c.queue.tidyAt()
	if c.keep != nil {
		at = min(at, c.keep.due)
	}
	if c.named == Fair {
		at = min(at, c.fair().stagger.wake())
	}
	if c.in[Running]+c.in[Stopping] > 0 || (c.offering && int(c.offers.open)+len(c.offers.held) > 0) {
		at = min(at, c.alarm)
	}
	return at, at != never
}

// Tick does what has come due: it stops attempts whose time is up, gives up those that did not
// stop, and gives back memory. A Tick that comes early has no effect; one that comes late starts
// the stop grace late.
func (c *Core) Tick(now time.Duration, out []Effect) []Effect {
	if c.queue.tidyAt() <= now {
		c.queue.tidy(now)
	}
	if c.keep != nil && c.keep.due <= now {
		c.expireResults(now)
	}
	if c.named == Fair && c.fair().stagger.wake() <= now {
		c.fair().stagger.expire(now)
		out = c.ask(now, out)
	}
	if c.alarm > now {
		return out
	}
	for b := range c.alarms {
		if c.alarms[b] > now {
			continue
		}
		first, end := c.alarmBlock(b)
		for i := first; i < end; i++ {
			if c.slots[i].alarm <= now {
				out = c.expire(now, i, out)
			}
		}
		c.settleBlock(b)
	}
	c.settle()
	return out
}

// ask lets free slots ask for as long as reservations wait.
func (c *Core) ask(now time.Duration, out []Effect) []Effect {
	if c.offering {
		return c.deal(now, out)
	}
	if c.special {
		if c.wide != nil {
			for more := true; more; {
				out, more = c.wideTurn(now, out)
			}
			return out
		}
		c.settleShares(now)
	}
	for c.free != noSlot {
		if c.special && c.fair().restrain(now, int(c.in[Free])) {
			break
		}
		e, ok := c.queue.pop(now, 1)
		if !ok {
			break
		}
		i := c.free
		c.free = c.slots[i].next
		if c.special { // fair, since there are no wide tasks
			c.fair().took(now, i, costUnit)
		}
		out = c.call(now, i, &e, out)
	}
	return out
}

// settleShares tells a fair queue of the slots that were freed since the last ask: they are the first of those that are
// free.
func (c *Core) settleShares(now time.Duration) {
	for i := c.free; i != noSlot && c.fair().holds(i); i = c.slots[i].next {
		c.fair().released(now, i, c.slots[i].started&1 == 1)
	}
}

// call makes a slot ask with a reservation.
func (c *Core) call(now time.Duration, i uint16, e *entry, out []Effect) []Effect {
	c.waiting--
	c.stats.GetTasks++
	sl := &c.slots[i]
	sl.newCall()
	sl.scheduler, sl.ref, sl.res = e.scheduler, e.ref, e.res
	c.enter(now, sl, Asking)
	return append(out, Effect{
		Kind: EffectGetTask, Scheduler: e.scheduler, Slot: i, Call: sl.call, Ref: e.ref, Res: e.res,
	})
}

// waitsFor reports whether a slot waits for this scheduler's answer to this call.
func (c *Core) waitsFor(s probe.SchedulerID, slot uint16, call uint32) bool {
	if slot >= c.size {
		return false
	}
	sl := &c.slots[slot]
	return sl.state == Asking && sl.call == call && sl.scheduler == s
}

// release frees a slot. What frees one must end in ask.
func (c *Core) release(now time.Duration, slot uint16) {
	sl := &c.slots[slot]
	if c.offering {
		c.offers.leave(sl.next)
	}
	if c.special && (c.offering || c.wide != nil) {
		c.parted(now, slot)
	}
	sl.next, c.free = c.free, slot
	c.enter(now, sl, Free)
}

// largeResult is the size of a result, in bytes, that other messages overtake on their way: one that does not fit a
// frame, or only just.
const largeResult = 48 << 10

// releaseLast is release for a slot that has just ended with a large result. Its next call has to stay behind that, and
// other slots' calls need not: so it comes behind all that are free. To walk there is nothing beside the sending of
// such a result.
func (c *Core) releaseLast(now time.Duration, slot uint16) {
	c.release(now, slot)
	if c.named == Fair && c.fair().holds(slot) { // ask looks for it in front
		c.parted(now, slot)
	}
	c.free = c.slots[slot].next
	end := &c.free
	for *end != noSlot {
		end = &c.slots[*end].next
	}
	*end, c.slots[slot].next = slot, noSlot
}

// parted settles what else a slot's task had, where that is not left to ask.
func (c *Core) parted(now time.Duration, slot uint16) {
	if c.named == Fair && c.fair().holds(slot) {
		c.fair().released(now, slot, c.slots[slot].started&1 == 1)
	}
	if c.wide != nil {
		c.part(slot)
	}
}

// enter moves a slot to another state.
func (c *Core) enter(now time.Duration, sl *slot, state SlotState) {
	c.in[sl.state]--
	c.in[state]++
	sl.state, sl.since = state, now
}

func appendRefuse(out []Effect, s probe.SchedulerID, ref probe.Ref, res, count uint32, why probe.Refusal) []Effect {
	return append(out, Effect{Kind: EffectRefuse, Scheduler: s, Ref: ref, Res: res, Count: count, Reason: why})
}
