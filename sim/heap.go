package sim

import (
	"math"
	"time"
)

// never is later than anything that happens.
const never = time.Duration(math.MaxInt64)

// entry is one event of the heap: 32 bytes, two of which share a cache line.
type entry struct {
	at    time.Duration
	seq   uint64 // breaks ties: what was planned first happens first
	timer Timer
}

func (a *entry) before(b *entry) bool {
	return a.at < b.at || (a.at == b.at && a.seq < b.seq)
}

// heap holds the events that do not come in the order in which they were planned. It is a 4-ary heap
// of flat entries: half as deep as a binary one, for the same cache lines a level.
type heap struct{ entries []entry }

// top returns when the first event is, and its sequence number; never if there is none.
func (h *heap) top() (time.Duration, uint64) {
	if len(h.entries) == 0 {
		return never, math.MaxUint64
	}
	return h.entries[0].at, h.entries[0].seq
}

func (h *heap) push(e entry) {
	h.entries = append(h.entries, e)
	s := h.entries
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if s[parent].before(&e) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = e
}

// pop removes and returns the first event; there must be one.
func (h *heap) pop() entry {
	s := h.entries
	first := s[0]
	last := len(s) - 1
	e := s[last]
	s = s[:last]
	h.entries = s
	if last == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= last {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, last); c++ {
			if s[c].before(&s[least]) {
				least = c
			}
		}
		if e.before(&s[least]) {
			break
		}
		s[i] = s[least]
		i = least
	}
	s[i] = e
	return first
}
