package worker

import "dunnock/internal/stream"

// largeResults are the results on their way to a scheduler that small messages can overtake, by which a slot's next
// call knows what it must stay behind. A call that waited for other slots' results too would make small tasks wait for
// them all.
type largeResults struct {
	bySlot map[uint16]stream.Mark // the latest of each slot; nil until there is one
	found  stream.Mark            // the latest that was found again on this connection, of whichever slot
}

// sent takes note of a slot's result of n bytes, head included.
func (l *largeResults) sent(slot uint16, n int, m stream.Mark) {
	if n <= stream.MaxBody {
		return
	}
	if l.bySlot == nil {
		l.bySlot = make(map[uint16]stream.Mark)
	}
	l.bySlot[slot] = m
}

// before reports whether a result may still be on its way that the slot's next call must not overtake.
func (l *largeResults) before(c *stream.Conn, slot uint16) bool {
	if !c.Passed(l.found) {
		return true
	}
	m, large := l.bySlot[slot]
	if large && c.Passed(m) {
		delete(l.bySlot, slot)
		return false
	}
	return large
}
