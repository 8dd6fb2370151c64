package queue

import (
	"slices"
	"time"

	"dunnock/probe"
)

// Brief apps. An attempt that takes less than a message needs to get anywhere leaves its slot empty for most of the
// time, however soon that is offered again: with k slots no more than 2k tasks are ever on their way. And each wake-up
// of worker and scheduler is for at most that many, which is most of what such a task costs. So where the attempts of
// an app are brief, and launches say that more waits, this worker makes offers for that app beyond those of its slots.
// What is launched on one runs if a slot is free, and else is held like a launch that came early, and takes the first
// slot that frees.
//
// What must not happen is that a task waits here behind one that is long, while it could run elsewhere. Therefore
//
//   - an offer is for one app, and a scheduler uses it for no other;
//   - an app is brief when so many attempts in a row took less than half a hop that the next few can be expected to do
//     so too, and one that does not costs most of that trust;
//   - the more of the slots run something that is not brief, the fewer offers there are, and when all do those that are
//     out are taken back;
//   - an app that is not brief any more has all its offers taken back, and the launches that wait are given back, as
//     early;
//   - so have launches that wait while nothing is started: for [briefWait], and [briefGrace] more, since this process
//     itself may have been kept off its processor.
//
// Given back costs a task a hop, and is no attempt. Such offers are made only while nothing is queued, and lapse soon,
// so that whatever asks for a reservation or collects for a wide task waits for at most those launches that are on
// their way.
type brief struct {
	apps  []trust // by index
	ahead uint16  // lanes that are offered for brief apps, or in which a launch of one waits
	open  uint16  // of those, the ones that are offered
	slow  uint16  // seats that run something that was not brief when it was started
	moved time.Duration
	proof int // Config.BriefProof
}

// trust is what is known of an app's attempts. A brief one is worth one point, one that takes somewhat longer costs
// some, and a long one as many as it takes to be believed, so that of 256 one may be long because its thread was taken
// off its processor; where one in 100 is because it has much to do the app is not brief for long.
type trust struct {
	mean  time.Duration // smoothed
	score int           // brief attempts in a row, as it were
	ahead uint16        // as brief.ahead, of this app
}

const (
	// briefShare is which part of a hop a brief attempt takes at most.
	briefShare = 2
	// longShare is how many times longer an attempt may take to cost no more than longCost points.
	longShare = 4
	longCost  = 8
	// briefLapse is how old an offer gets. Who holds it drops it somewhat sooner.
	briefLapse = 250 * time.Millisecond
	// briefStep is how many offers a start makes at most: itself leaves room for one, and there are to be more while
	// more waits.
	briefStep = 2
	// briefWait is for how long nothing may have been started while a launch waits.
	briefWait  = 1500 * time.Microsecond
	briefGrace = 500 * time.Microsecond
)

// of returns what is known of an app.
func (b *brief) of(app uint16) *trust {
	if int(app) >= len(b.apps) {
		b.apps = append(b.apps, make([]trust, int(app)+1-len(b.apps))...)
	}
	return &b.apps[app]
}

// trusts reports whether an app is brief.
func (b *brief) trusts(app uint16) bool {
	return int(app) < len(b.apps) && b.apps[app].score >= b.proof
}

// isBrief reports whether a lane that is offered, or in which a launch waits, is of no seat.
func (c *Core) isBrief(i uint16) bool { return c.slots[i].next == noSlot }

// startBrief notes that an attempt starts.
func (c *Core) startBrief(now time.Duration, i uint16) {
	b := &c.offers.brief
	b.moved = now
	l := &c.offers.lanes[i]
	if l.slow = !b.trusts(l.app); l.slow {
		b.slow++
	}
}

// learn takes what an attempt took. Those that take more than a slot say nothing of those that do not.
func (c *Core) learn(now time.Duration, i uint16, took time.Duration, out []Effect) []Effect {
	o := c.offers
	b, l := &o.brief, &o.lanes[i]
	if l.slow {
		l.slow = false
		b.slow--
	}
	if c.named != FIFO || c.wide != nil && c.wide.lanes[i].need != 0 {
		return out
	}
	if took <= 0 {
		took = max(now-c.slots[i].launched, 0)
	}
	t := b.of(l.app)
	t.mean += (took - t.mean) / 16
	if took <= o.hops.estimate()/briefShare {
		t.score = min(t.score+1, 2*b.proof)
		return out
	}
	was := b.trusts(l.app)
	cost := b.proof
	if took <= longShare*o.hops.estimate()/briefShare {
		cost = min(longCost, b.proof)
	}
	if t.score = max(t.score-cost, 0); was && t.score < b.proof {
		return c.retreat(l.app, out)
	}
	return out
}

// depth is how many launches of an app are to be here, or invited, for each seat: as many as end while an offer goes
// out and its launch comes in.
func (o *offers) depth(app uint16) int {
	return int(min(2*o.hops.estimate()/max(o.brief.of(app).mean, 1), time.Duration(probe.MaxLanes)))
}

// offerBrief makes offers for the app of a launch that has just been started, if that is brief.
func (c *Core) offerBrief(now time.Duration, m *probe.Launch, out []Effect) []Effect {
	o := c.offers
	b := &o.brief
	if !m.More || o.free != noSlot || !b.trusts(m.App) || c.draining || c.waiting > 0 || len(o.takers) == 0 {
		return out
	}
	c.widenLanes()
	seats := len(o.seats)
	most := min(o.depth(m.App)*(seats-int(b.slow)), int(c.size)-2*seats)
	for n := 0; n < briefStep && int(b.of(m.App).ahead) < most && int(b.ahead) < int(c.size)-2*seats; n++ {
		i := c.popLane()
		sl := &c.slots[i]
		target := o.target(now, c.slots[m.Slot].next)
		sl.state, sl.next = Offered, noSlot
		o.lanes[i].app = m.App
		b.of(m.App).ahead++
		b.ahead++
		b.open++
		o.open++
		sl.newCall()
		sl.scheduler, sl.since = target, now
		c.setAlarm(i, after(now, briefLapse))
		o.stats.Offers++
		o.stats.Brief++
		out = append(out, Effect{Kind: EffectOffer, Scheduler: target, Slot: i, Call: sl.call, Res: uint32(m.App) + 1})
	}
	return out
}

// widenLanes makes the lanes that only brief apps need, when there is the first one.
func (c *Core) widenLanes() {
	o := c.offers
	from, to := c.size, uint16(probe.Lanes(len(o.seats)))
	if from == to {
		return
	}
	more := int(to - from)
	c.slots = append(slices.Grow(c.slots, more), make([]slot, more)...)
	o.lanes = append(slices.Grow(o.lanes, more), make([]lane, more)...)
	for i := to; i > from; i-- {
		c.slots[i-1] = slot{alarm: never, state: Free, next: c.free}
		o.lanes[i-1].ahead = never
		c.free = i - 1
	}
	c.size = to
	c.in[Free] += to - from
	for len(c.alarms) < alarmBlocks(to) {
		c.alarms = append(c.alarms, never)
	}
	if c.keep != nil {
		c.keep.held = append(c.keep.held, make([]held, more)...)
	}
	if c.wide != nil {
		for range more {
			c.wide.lanes = append(c.wide.lanes, extent{first: noSlot})
		}
	}
}

// occupyBrief gives a seat that is free to a lane that has none, if there is one. What that seat has offered it has
// offered ahead of its end from now on.
func (c *Core) occupyBrief(i uint16) bool {
	s := c.offers.free
	if s == noSlot {
		return false
	}
	c.leaveBrief(i)
	c.sit(s, i)
	return true
}

// leaveBrief notes that a lane is no longer offered for a brief app, nor held for one.
func (c *Core) leaveBrief(i uint16) {
	b := &c.offers.brief
	b.ahead--
	b.of(c.offers.lanes[i].app).ahead--
}

// recall takes an offer for a brief app back, and says so to whom it was made: it may not be used for a while, and a
// launch on it would cost a task two hops.
func (c *Core) recall(i uint16, out []Effect) []Effect {
	if sl := &c.slots[i]; c.offers.takes(sl.scheduler) {
		out = append(out, Effect{Kind: EffectDecline, Scheduler: sl.scheduler, Slot: i, Call: sl.call, Reason: probe.RefusedStale})
	}
	c.withdraw(i)
	return out
}

// fill takes back what was offered for brief apps when the last slot has got something that is not brief: what were
// launched on it would wait for that. What waits here already has [briefWait], in case it is brief after all.
func (c *Core) fill(i uint16, out []Effect) []Effect {
	b := &c.offers.brief
	if !c.offers.lanes[i].slow || int(b.slow) < len(c.offers.seats) {
		return out
	}
	for i := uint16(0); b.open > 0; i++ {
		if c.slots[i].state == Offered && c.isBrief(i) {
			out = c.recall(i, out)
		}
	}
	return out
}

// retreat takes back what was offered for an app, and gives back what waits of it, since it cannot be said any more
// that it is brief.
func (c *Core) retreat(app uint16, out []Effect) []Effect {
	o := c.offers
	o.stats.Retreats++
	o.brief.of(app).score = 0
	for i := range c.size {
		switch sl := &c.slots[i]; {
		case sl.state != Offered && sl.state != Held, sl.next != noSlot, o.lanes[i].app != app:
		case sl.state == Offered:
			out = c.recall(i, out)
		default:
			o.stats.Early++
			out = c.declineHeld(i, probe.RefusedEarly, out)
		}
	}
	return out
}

// waitsLong looks at a launch that waits for a seat although its app is brief.
func (c *Core) waitsLong(now time.Duration, i uint16, out []Effect) []Effect {
	b, l := &c.offers.brief, &c.offers.lanes[i]
	switch {
	case now-b.moved < briefWait:
		l.warned = false
		c.setAlarm(i, b.moved+briefWait)
	case !l.warned:
		l.warned = true
		c.setAlarm(i, after(now, briefGrace))
	default:
		return c.retreat(l.app, out)
	}
	return out
}
