package queue

import (
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// Asking ahead. The way of a slot to its next task, the offer, perhaps a hand-on, and the launch, takes two or three
// hops in which it stands idle while work waits. Where a Launch says what its service will be, its slot is offered a
// little before the end. The next launch is then here in time, or early: it is held, and takes whichever slot is free
// first. A prediction that was wrong costs the task that was launched on it: it waited here, and might have run
// elsewhere. So a launch is held only for a moment, and after such a mistake nothing is asked ahead for a while for
// that app.

const (
	leadHops = 4 // how long before the end a slot is offered: enough for the offer and two hand-ons; the launch comes in the fourth
	minHold  = 5 * time.Millisecond
	slack    = 3 * time.Millisecond    // by how much a launch is held for longer than it may be early
	overrun  = 2500 * time.Microsecond // by so much an attempt may outlast what was expected
	minBlock = 8                       // attempts of an app for which nothing is asked ahead after a mistake
	maxBlock = 64                      // after several

	minHop = 50 * time.Microsecond
	maxHop = 5 * time.Millisecond
	// hopWindow is how many answers the estimate of a hop looks back over, at least.
	hopWindow = 32
	// hopAnswers is how many it takes to believe in more than usualHop, if one in nearShare was about as fast as the
	// fastest. Otherwise slots would be offered far ahead where they are free for long, and tasks wait for them.
	hopAnswers = 16
	nearShare  = 3
	usualHop   = 500 * time.Microsecond
)

// moment is the times of what runs or waits in a lane.
type moment struct {
	limit   time.Duration // running: when its time is up; held: when its job's is
	ahead   time.Duration // running: when its slot is to be offered; never: it is not
	expect  time.Duration // its service; 0: unknown
	timeout time.Duration // held: of the attempt
	more    bool          // held: as the Launch said
}

// hops estimates how long a message takes from here to a scheduler: half of the shortest time in which one of the last
// calls was answered. Most offers are not answered at once; those that took more than two of the longest hops are not
// looked at. Where slots are free for long, so few are that even the shortest is no hop: it is believed to be more than
// usual if many answers took about as long.
type hops struct {
	window     [hopWindow]time.Duration // answers of the present one
	n          int
	last, this time.Duration // the shortest of the last and of the present window; 0: none
	long       bool          // many of the last one were about as short
}

func (h *hops) answered(d time.Duration) {
	if d <= 0 || d > 2*maxHop {
		return
	}
	if h.this == 0 || d < h.this {
		h.this = d
	}
	h.window[h.n] = d
	if h.n++; h.n == hopWindow {
		h.long = h.many()
		h.last, h.this, h.n = h.this, 0, 0
	}
}

// many reports whether many answers of the present window took about as long as the shortest.
func (h *hops) many() bool {
	near := 0
	for _, d := range h.window[:h.n] {
		if d <= h.this+h.this/2 {
			near++
		}
	}
	return h.n >= hopAnswers && near*nearShare >= h.n
}

func (h *hops) estimate() time.Duration {
	least, most := h.last, usualHop
	if h.long || least == 0 && h.many() {
		most = maxHop
	}
	if least == 0 || (h.this > 0 && h.this < least) {
		least = h.this
	}
	return min(max(least/2, minHop), most)
}

// holdFor is how long a launch may wait for a slot.
func (o *offers) holdFor() time.Duration { return max(minHold, leadHops*o.hops.estimate()+slack) }

// setEnd sets when a running attempt's time is up.
func (c *Core) setEnd(i uint16, at time.Duration) {
	if c.offering {
		l := &c.offers.lanes[i]
		l.limit = at
		at = min(at, l.ahead)
	}
	c.setAlarm(i, at)
}

// admit takes a Launch into a lane that was offered: it finds it a seat, or reports that none is free.
func (c *Core) admit(now time.Duration, s probe.SchedulerID, m *probe.Launch) bool {
	o := c.offers
	sl := &c.slots[m.Slot]
	if o.lanes[m.Slot].announced != m.Call && s == sl.scheduler { // an offer that was handed on has taken more hops
		o.hops.answered(now - sl.since)
	}
	if sl.state == Coming {
		c.arrived(m.Slot)
		return false
	}
	if sl.state != Offered {
		return true // it asked, and so has one
	}
	o.stats.Launched++
	o.open--
	if c.isBrief(m.Slot) {
		o.brief.open--
	}
	c.clearAlarm(m.Slot)
	sl.state, sl.scheduler = Free, s // which need not be whom it was offered to
	return c.occupy(m.Slot)
}

// begun looks at what a Launch that has just started says of its end.
func (c *Core) begun(now time.Duration, s probe.SchedulerID, m *probe.Launch, out []Effect) []Effect {
	o := c.offers
	l := &o.lanes[m.Slot]
	l.app, l.expect, l.ahead = m.App, m.Expect, never
	l.note(s, m)
	seat := c.slots[m.Slot].next
	o.seats[seat].crowd = crowd{at: now, scheduler: s, more: m.More}
	c.startBrief(now, m.Slot)
	switch lead := leadHops * o.hops.estimate(); {
	case m.Expect <= 0:
	case o.blocked(m.App):
		o.blocks[m.App].left--
	case m.Expect <= lead:
		out = c.offerAhead(now, m.Slot, out)
	default:
		l.ahead = after(now, m.Expect-lead)
		c.setEnd(m.Slot, l.limit)
	}
	return c.offerBrief(now, m, c.fill(m.Slot, out))
}

// offerAhead offers the seat of a lane in which an attempt is about to end.
func (c *Core) offerAhead(now time.Duration, i uint16, out []Effect) []Effect {
	o := c.offers
	s := c.slots[i].next
	if c.draining || len(o.takers) == 0 || c.waiting > 0 || o.seats[s].offer != noLane {
		return out
	}
	o.stats.Ahead++
	return c.offerSeat(now, s, c.left(now, i), out)
}

// left is what is left of the service that was expected of an attempt.
func (c *Core) left(now time.Duration, i uint16) time.Duration {
	return max(after(c.slots[i].launched, c.offers.lanes[i].expect)-now, 0)
}

// hold keeps a Launch until a seat is free.
func (c *Core) hold(now time.Duration, s probe.SchedulerID, m *probe.Launch, out []Effect) []Effect {
	o := c.offers
	sl := &c.slots[m.Slot]
	sl.state, sl.since = Held, now
	sl.ref, sl.task, sl.attempt, sl.orphan = m.Ref, m.Task, m.Attempt, false
	l := &o.lanes[m.Slot]
	if c.isBrief(m.Slot) {
		o.brief.of(l.app).ahead--
		o.brief.of(m.App).ahead++
	}
	l.app, l.expect, l.limit, l.timeout, l.more, l.warned = m.App, m.Expect, after(now, m.Deadline), m.Timeout, m.More, false
	if c.keep != nil {
		c.keep.held[m.Slot].job, c.keep.held[m.Slot].epoch = m.Job, m.Epoch
	}
	o.held = append(o.held, m.Slot)
	o.stats.Held++
	wait := o.holdFor()
	if c.isBrief(m.Slot) {
		wait = briefWait
	} else if runs := o.seats[sl.next].lane; runs != noLane { // the slot was offered when a hop was thought to be longer
		wait = max(wait, c.left(now, runs)+slack)
	}
	c.setAlarm(m.Slot, after(now, wait))
	return append(out, Effect{Kind: EffectHold, Scheduler: s, Slot: m.Slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Attempt: m.Attempt})
}

// launchHeld gives a seat to the launch that has waited longest.
func (c *Core) launchHeld(now time.Duration, out []Effect) []Effect {
	o := c.offers
	i := o.held[0]
	o.held = slices.Delete(o.held, 0, 1)
	sl, l := &c.slots[i], &o.lanes[i]
	m := probe.Launch{
		Slot: i, Call: sl.call, Ref: sl.ref, Task: sl.task, Attempt: sl.attempt, App: l.app,
		Deadline: l.limit - now, Timeout: l.timeout, Expect: l.expect, More: l.more,
	}
	if c.keep != nil {
		m.Job, m.Epoch = c.keep.held[i].job, c.keep.held[i].epoch
	}
	c.clearAlarm(i)
	sl.state = Free
	c.occupy(i)
	c.enter(now, sl, Asking) // it has its seat, and its Launch is here
	return c.Launch(now, sl.scheduler, &m, out)
}

// dropHeld lets go of a launch that waits: it never began.
func (c *Core) dropHeld(i uint16) {
	o := c.offers
	at := slices.Index(o.held, i)
	o.held = slices.Delete(o.held, at, at+1)
	c.pushLane(i)
}

func (c *Core) declineHeld(i uint16, why probe.Refusal, out []Effect) []Effect {
	sl := &c.slots[i]
	out = append(out, Effect{Kind: EffectDecline, Scheduler: sl.scheduler, Slot: i, Call: sl.call, Ref: sl.ref, Task: sl.task, Reason: why})
	c.dropHeld(i)
	return out
}

// tooEarly gives back a launch for which no seat was free in time. The seat that was offered for it is offered anew
// when it is free.
func (c *Core) tooEarly(i uint16, out []Effect) []Effect {
	o := c.offers
	o.stats.Early++
	runs := &o.lanes[o.seats[c.slots[i].next].lane]
	runs.expect = 0
	o.blockApp(runs.app)
	return c.declineHeld(i, probe.RefusedEarly, out)
}

// killHeld ends a launch that waits before it has begun.
func (c *Core) killHeld(now time.Duration, i uint16, out []Effect) []Effect {
	c.offers.stats.HeldKilled++
	sl := &c.slots[i]
	sl.launched = now
	out = c.finish(now, i, probe.StatusKilled, End{}, out)
	c.dropHeld(i)
	return out
}

// fenceHeld gives back the launches of a job that wait, since it is another scheduler's from now on.
func (c *Core) fenceHeld(job task.JobID, out []Effect) []Effect {
	o := c.offers
	for at := 0; at < len(o.held); {
		i := o.held[at]
		if c.keep.held[i].job != job {
			at++
			continue
		}
		o.stats.HeldDropped++
		out = c.declineHeld(i, probe.RefusedFenced, out)
	}
	return out
}

// judge looks at an attempt that ends: one that outlasted what was expected makes its app's next ones be waited for.
func (c *Core) judge(now time.Duration, i uint16) {
	o := c.offers
	l := &o.lanes[i]
	switch {
	case l.expect <= 0:
	case now-c.slots[i].launched-l.expect > overrun:
		o.stats.Overruns++
		o.blockApp(l.app)
	default:
		o.proved(l.app)
	}
	l.ahead = never
}

// block is for how many attempts of an app nothing is asked ahead.
type block struct {
	left uint16
	last uint16 // how many it was after the last mistake, less one for each that was none since
}

func (o *offers) blocked(app uint16) bool { return int(app) < len(o.blocks) && o.blocks[app].left > 0 }

func (o *offers) blockApp(app uint16) {
	if int(app) >= len(o.blocks) {
		o.blocks = append(o.blocks, make([]block, int(app)+1-len(o.blocks))...)
	}
	b := &o.blocks[app]
	b.last = min(max(2*b.last, minBlock), maxBlock)
	b.left = b.last
}

// proved notes that an attempt took no longer than was expected.
func (o *offers) proved(app uint16) {
	if int(app) < len(o.blocks) && o.blocks[app].last > 0 {
		o.blocks[app].last--
	}
}
