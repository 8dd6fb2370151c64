package storm

import (
	"time"

	"dunnock/probe"
	"dunnock/worker/queue"
)

// What is large goes out in pieces, and small messages overtake it. What must not get ahead of it is sent behind it,
// and may be overtaken as well.

// isLarge reports whether so many bytes are.
func (p *Plan) isLarge(bytes int) bool { return p.LargeFrom > 0 && bytes >= p.LargeFrom }

// sendLarge sends a large message, and returns when it will be there. Large ones come in their order.
func (e *end) sendLarge(do func()) (at time.Duration) {
	w := e.p.w
	if !e.open {
		return 0
	}
	w.count(largeMessage)
	return e.deliver(max(e.late, max(w.now, e.last)+w.chance.below(slowest)), do)
}

// underway is for how long a launch may be on its way to its worker, beyond what others take: nothing that happens
// meanwhile keeps it from starting, and then it is stopped at once.
func (p *Plan) underway() time.Duration {
	if !p.Slow {
		return 0
	}
	return slowest + slowestPayload
}

// payload is how large a task's payload is: its result is large, or that is.
func (p *Plan) payload(t *jobTask) int { return p.Largest - t.bytes }

// launchLarge brings a task with a large payload to its worker, and says ahead of it that it is coming where it uses an
// offer.
func (l *link) launchLarge(m probe.Launch) {
	w := l.s.w
	if w.plan.offers() {
		coming := probe.Coming{Slot: m.Slot, Call: m.Call}
		l.tell(func(c *queue.Core, now time.Duration, id probe.SchedulerID, out []queue.Effect) []queue.Effect {
			return c.Coming(now, id, coming, out)
		})
	}
	e := l.end
	if w.plan.Slow && !w.healed() && e.open {
		w.count(slowPayload)
		e.late = max(e.late, w.now+w.chance.below(slowestPayload))
	}
	if l.large == nil {
		l.large = make([]time.Duration, w.plan.lanes())
	}
	l.large[m.Slot] = e.sendLarge(func() { e.launched(&m) })
}

// kill ends an attempt, behind its launch.
func (l *link) kill(m probe.Kill) {
	e := l.end
	do := func() {
		p := e.peer.user.(*caller)
		k := e.peer.p.owner.(*worker)
		k.carryOut(k.core.Kill(k.w.now, p.id, m, k.out[:0]), nil)
	}
	if l.large != nil && l.large[m.Slot] > l.s.w.now {
		l.large[m.Slot] = e.sendBehind(l.large[m.Slot], do)
	} else {
		e.send(do)
	}
}

// sendBehind sends a message that does not come before a time, and returns when it will be there.
func (e *end) sendBehind(at time.Duration, do func()) time.Duration {
	if !e.open {
		return 0
	}
	return e.deliver(max(at, e.last), do)
}

// deliver has a message arrive at a time or later. Others may be faster.
func (e *end) deliver(at time.Duration, do func()) time.Duration {
	w := e.p.w
	w.messages++
	at = max(at, w.transit(e.p.node, e.peer.p.node))
	e.late = max(e.late, at)
	w.at(at, func() { e.peer.receive(do) })
	return at
}

const (
	slowest        = 20 * time.Millisecond // for a large message beside what small ones take
	slowestPayload = 7 * time.Second       // for a payload where lines are slow: longer than an offer is good for
	largeMessage   = "large message"
	slowPayload    = "payload on a slow line"
)
