package storm

import "time"

// What is large goes out in pieces, and small messages overtake it. What must not get ahead of it is sent behind it, and may be overtaken as well.

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
	slowest      = 20 * time.Millisecond // for a large message beside what small ones take
	largeMessage = "large message"
)
