package sim

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// never is later than anything that happens.
const never = time.Duration(math.MaxInt64)

// entry is one event of the agenda: 32 bytes, two of which share a cache line.
type entry struct {
	at    time.Duration // ≥ 0
	seq   uint64        // breaks ties: what was planned first happens first
	timer Timer
}

func (a *entry) before(b *entry) bool {
	return a.at < b.at || (a.at == b.at && a.seq < b.seq)
}

// soonMost is how long the sorted part of an agenda is at most.
const soonMost = 64

// agenda holds the events that do not come in the order in which they were planned. The next few are sorted; the others
// lie in buckets of times that are the larger the farther away they are, as in a radix heap (Ahuja, Mehlhorn, Orlin and
// Tarjan, "Faster algorithms for the shortest path problem", 1990): the number of a bucket is that of the highest bit
// in which its times differ from base. When the sorted part is used up, the first bucket with something in it is spread
// over those below, until one is short enough to be sorted.
//
// A heap of 40,000 events costs a cache line or two for each of its last levels; here an event is copied a
// few times, always to the end of something. What is more, the next events are known, see [warmer].
type agenda struct {
	soon    []entry // from head on: sorted, and before all in the buckets
	head    int
	limit   uint64 // what is planned for earlier belongs to soon
	base    uint64 // ≤ limit, and so before all in the buckets
	buckets [64][]entry
	filled  uint64 // bit b: bucket b is not empty
}

// top returns when the first event is, and its sequence number; never if there is none.
func (a *agenda) top() (time.Duration, uint64) {
	if a.head == len(a.soon) {
		return never, math.MaxUint64
	}
	e := &a.soon[a.head]
	return e.at, e.seq
}

func (a *agenda) push(e entry) {
	if uint64(e.at) < a.limit {
		a.insert(e)
		return
	}
	a.defers(e)
	if a.head == len(a.soon) {
		a.refill()
	}
}

// pop removes and returns the first event; there must be one.
func (a *agenda) pop() entry {
	e := a.soon[a.head]
	a.head++
	if a.head == len(a.soon) {
		a.refill()
	}
	return e
}

// defers puts an event that is not before limit into its bucket.
func (a *agenda) defers(e entry) {
	b := bits.Len64(uint64(e.at) ^ a.base)
	a.buckets[b] = append(a.buckets[b], e)
	a.filled |= 1 << b
}

// insert puts an event among those that are soon. When there are too many, the later half is put off.
func (a *agenda) insert(e entry) {
	if len(a.soon) == cap(a.soon) && a.head > 0 {
		a.soon = a.soon[:copy(a.soon, a.soon[a.head:])]
		a.head = 0
	}
	a.soon = append(a.soon, e)
	i := len(a.soon) - 1
	for ; i > a.head && e.before(&a.soon[i-1]); i-- {
		a.soon[i] = a.soon[i-1]
	}
	a.soon[i] = e
	if keep := a.head + soonMost; len(a.soon) >= keep+soonMost {
		a.limit = uint64(a.soon[keep].at) // those at that very time which are kept were planned before all that will come
		if a.limit < a.base {
			a.rebase(a.limit)
		}
		for _, late := range a.soon[keep:] {
			a.defers(late)
		}
		a.soon = a.soon[:keep]
	}
}

// rebase moves base to an earlier time. Up to the highest bit in which the two differ all buckets become one.
func (a *agenda) rebase(base uint64) {
	all := bits.Len64(a.base ^ base)
	for b := range all {
		if len(a.buckets[b]) > 0 {
			a.buckets[all] = append(a.buckets[all], a.buckets[b]...)
			a.buckets[b] = a.buckets[b][:0]
			a.filled |= 1 << all
		}
	}
	a.filled &^= 1<<all - 1
	a.base = base
}

// refill sorts the next events, if there are any.
func (a *agenda) refill() {
	a.soon, a.head = a.soon[:0], 0
	for a.filled != 0 {
		b := bits.TrailingZeros64(a.filled)
		a.filled &^= 1 << b
		first := a.buckets[b]
		if b > 0 {
			a.base = (a.base>>(b-1) | 1) << (b - 1) // the earliest time of the bucket
		}
		a.limit = a.base
		if b == 0 || len(first) <= soonMost {
			if b > 0 {
				a.limit += 1 << (b - 1)
			} // else what is planned for that time from now on comes after all of them
			a.buckets[b], a.soon = a.soon, first
			slices.SortFunc(first, func(x, y entry) int {
				if x.before(&y) {
					return -1
				}
				return 1
			})
			return
		}
		a.buckets[b] = first[:0]
		for i := range first {
			a.defers(first[i])
		}
	}
}
