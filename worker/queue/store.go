package queue

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"dunnock/probe"
)

// none is the place of no item.
const none = ^uint32(0)

// item is an entry with what disciplines other than FIFO know of it: 72 bytes.
type item struct {
	entry
	key   int64         // heap: smaller first
	seq   uint64        // numbers items as they come
	at    time.Duration // when it came
	leaf  *share        // fair: whose it is
	place uint32        // in the heap
	next  uint32        // in a list, or of the free items
	prev  uint32
	chain uint32 // next item of its bucket
}

// store keeps items where they are until they go, and finds them by the reservation that they are. Unlike [fifo], the
// disciplines that use it serve entries from anywhere, so what Cancel looks for may be anywhere too: here each entry
// pays for an index, about 20 ns on its way in and out, and a Cancel costs the same at every depth
// (BenchmarkDisciplines).
//
// The index is a table of chains through the items, not a map: it allocates only when it grows, and holds entries that
// are alike.
type store struct {
	items   []item // count 0: free
	free    uint32
	live    int
	buckets []uint32 // a power of two: as many as items, or up to half of them fewer
	seq     uint64
	peak    int           // most items since the last tidy
	review  time.Duration // when to tidy
}

func newStore() store { return store{free: none, review: never} }

// doubles is up to how many items the memory doubles when it is full. A larger one grows by a quarter, so that an item
// never takes more than 128 bytes of it.
const doubles = 1 << 10

// larger is how many items there is to be memory for when all of it is taken.
func (s *store) larger() int {
	if n := len(s.items); n >= doubles {
		return n + n/4
	}
	return max(2*len(s.items), minRing)
}

// add stores an entry and returns where.
func (s *store) add(now time.Duration, e entry) uint32 {
	if s.free == none {
		s.resize(s.larger())
		if len(s.items) > minRing {
			s.review = after(now, keepRing)
		}
	}
	i := s.free
	it := &s.items[i]
	s.free = it.next
	s.seq++
	*it = item{entry: e, seq: s.seq, at: now, next: none, prev: none}
	s.link(i)
	s.live++
	s.peak = max(s.peak, s.live)
	return i
}

// remove frees an item.
func (s *store) remove(i uint32) {
	it := &s.items[i]
	at := &s.buckets[s.bucket(&it.entry)]
	for *at != i {
		at = &s.items[*at].chain
	}
	*at = it.chain
	*it = item{next: s.free}
	s.free = i
	s.live--
}

// find returns the item of a reservation, of several the one that came first; none if there is none.
func (s *store) find(scheduler probe.SchedulerID, ref probe.Ref, res uint32) uint32 {
	if s.live == 0 {
		return none
	}
	want, first := entry{ref: ref, scheduler: scheduler, res: res}, none
	for i := s.buckets[s.bucket(&want)]; i != none; i = s.items[i].chain {
		it := &s.items[i]
		if it.ref == ref && it.res == res && it.scheduler == scheduler && (first == none || it.seq < s.items[first].seq) {
			first = i
		}
	}
	return first
}

// withdraw is cancel of a discipline, of which remove takes an item out of everything.
func (s *store) withdraw(scheduler probe.SchedulerID, ref probe.Ref, res uint32, remove func(i uint32)) uint32 {
	i := s.find(scheduler, ref, res)
	if i == none {
		return 0
	}
	n := s.items[i].count
	remove(i)
	return n
}

// withdrawAll is drop of a discipline.
func (s *store) withdrawAll(scheduler probe.SchedulerID, remove func(i uint32)) (n uint64) {
	s.walk(func(i uint32) {
		if s.items[i].scheduler == scheduler {
			n += uint64(s.items[i].count)
			remove(i)
		}
	})
	return n
}

// take takes up to most reservations of an item and reports whether it is used up.
func (s *store) take(i, most uint32) (entry, bool) {
	it := &s.items[i]
	e := it.entry
	if e.count > most {
		e.count = most
		it.count -= most
		return e, false
	}
	return e, true
}

func (s *store) len() int { return s.live }

func (s *store) tidyAt() time.Duration { return s.review }

// shrink is what tidy of a discipline does for its items. Where they have moved it returns their new places by the old
// ones.
func (s *store) shrink(now time.Duration) (moved []uint32) {
	if s.peak <= len(s.items)/4 {
		size := minRing
		for size < 2*s.peak {
			size *= 2
		}
		moved = s.resize(size)
	}
	s.peak = s.live
	s.review = never
	if len(s.items) > minRing {
		s.review = after(now, keepRing)
	}
	return moved
}

// resize moves the items to the front of memory of another size, which holds them all. It returns their new places by
// the old ones, which are the same ones where the memory grows because it is full.
func (s *store) resize(size int) []uint32 {
	moved := make([]uint32, len(s.items))
	items := make([]item, size)
	n := uint32(0)
	for i := range s.items {
		if s.items[i].count > 0 {
			items[n] = s.items[i]
			moved[i] = n
			n++
		}
	}
	for i := range n {
		items[i].next, items[i].prev = relocated(moved, items[i].next), relocated(moved, items[i].prev)
	}
	s.items, s.free = items, none
	for i := uint32(size); i > n; i-- {
		items[i-1].next, s.free = s.free, i-1
	}
	s.buckets = make([]uint32, 1<<(bits.Len(uint(size))-1))
	for b := range s.buckets {
		s.buckets[b] = none
	}
	for i := range n {
		s.link(i)
	}
	return moved
}

func relocated(moved []uint32, i uint32) uint32 {
	if i == none {
		return none
	}
	return moved[i]
}

// link puts an item into its bucket.
func (s *store) link(i uint32) {
	b := &s.buckets[s.bucket(&s.items[i].entry)]
	s.items[i].chain, *b = *b, i
}

// bucket mixes the numbers of a reservation: jobs are numbered in turn and reservations within them, so that low bits
// alone would do, but for schedulers that count alike.
func (s *store) bucket(e *entry) uint32 {
	h := (uint64(e.ref) ^ uint64(e.scheduler)<<32 ^ uint64(e.res)<<16) * 0x9e3779b97f4a7c15
	return uint32(h>>32) & uint32(len(s.buckets)-1)
}

// walk calls do with the place of every item, in the order of their places. do may remove it.
func (s *store) walk(do func(i uint32)) {
	for i := range s.items {
		if s.items[i].count > 0 {
			do(uint32(i))
		}
	}
}

func (s *store) each(do func(*entry)) {
	s.walk(func(i uint32) { do(&s.items[i].entry) })
}

// check verifies the items and the index.
func (s *store) check(connected func(probe.SchedulerID) bool) (uint64, error) {
	size := len(s.items)
	switch {
	case bits.OnesCount(uint(len(s.buckets))) > 1 || len(s.buckets) > size || 2*len(s.buckets) < size:
		return 0, fmt.Errorf("store: %d items in %d buckets, want a power of two that is as many, or up to half fewer", size, len(s.buckets))
	case s.live > s.peak:
		return 0, fmt.Errorf("store: %d items, at most %d", s.live, s.peak)
	case size > minRing && s.review == never:
		return 0, fmt.Errorf("store: nothing will shrink the memory of %d", size)
	}
	sum, n := uint64(0), 0
	for i := range s.items {
		it := &s.items[i]
		if it.count == 0 {
			continue
		}
		n++
		sum += uint64(it.count)
		if !connected(it.scheduler) {
			return 0, fmt.Errorf("store: a reservation of scheduler %d, which is not connected", it.scheduler)
		}
		if f := s.find(it.scheduler, it.ref, it.res); f == none || s.items[f].seq > it.seq {
			return 0, fmt.Errorf("store: item %d is not in the index", i)
		}
	}
	free := 0
	for i := s.free; i != none && free <= size; i = s.items[i].next {
		free++
		if s.items[i].count != 0 {
			return 0, errors.New("store: an item is free and in use")
		}
	}
	if n != s.live || n+free != size {
		return 0, fmt.Errorf("store: %d items in use, %d recorded, %d free of %d", n, s.live, free, size)
	}
	return sum, nil
}

// list is items in the order in which they came.
type list struct{ head, tail uint32 }

func newList() list { return list{none, none} }

// append puts an item at the end.
func (l *list) append(s *store, i uint32) {
	s.items[i].prev, s.items[i].next = l.tail, none
	if l.tail == none {
		l.head = i
	} else {
		s.items[l.tail].next = i
	}
	l.tail = i
}

// remove takes an item out.
func (l *list) remove(s *store, i uint32) {
	it := &s.items[i]
	if it.prev == none {
		l.head = it.next
	} else {
		s.items[it.prev].next = it.next
	}
	if it.next == none {
		l.tail = it.prev
	} else {
		s.items[it.next].prev = it.prev
	}
}

// move follows items that have moved.
func (l *list) move(moved []uint32) {
	l.head, l.tail = relocated(moved, l.head), relocated(moved, l.tail)
}
