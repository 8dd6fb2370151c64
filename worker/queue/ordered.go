package queue

import (
	"fmt"
	"time"

	"dunnock/probe"
)

// ordered serves the entry with the smallest key first, and of equal ones the one that came first. The key is set when
// the entry comes and never changes, so that a heap is enough: priority, edf and srpt differ in nothing but the key,
// and in a bound on waiting, for which entries are also in a list in the order of arrival.
type ordered struct {
	store
	key      func(now time.Duration, class *probe.Class) int64
	heap     []uint32
	arrivals list
	bound    time.Duration // an entry that has waited this long goes first; 0: none does
	starved  uint64        // reservations that went first because of that
	zero     probe.Class   // of those that have none
}

var _ discipline = (*ordered)(nil)

func newOrdered(key func(now time.Duration, class *probe.Class) int64) *ordered {
	return &ordered{store: newStore(), key: key, arrivals: newList()}
}

func (q *ordered) push(now time.Duration, e entry, class *probe.Class) {
	if class == nil {
		class = &q.zero
	}
	i := q.add(now, e)
	q.items[i].key = q.key(now, class)
	q.arrivals.append(&q.store, i)
	q.heap = append(q.heap, i)
	q.up(len(q.heap) - 1)
}

func (q *ordered) pop(now time.Duration, most uint32) (entry, bool) {
	if q.live == 0 {
		return entry{}, false
	}
	i := q.heap[0]
	if first := q.arrivals.head; q.bound > 0 && first != i && now-q.items[first].at >= q.bound {
		i = first
	}
	e, gone := q.take(i, most)
	if i != q.heap[0] {
		q.starved += uint64(e.count)
	}
	if gone {
		q.delete(i)
	}
	return e, true
}

func (q *ordered) popFit(now time.Duration, core *Core) (entry, bool) {
	i := q.first(now, core)
	if i == none {
		return entry{}, false
	}
	e, gone := q.take(i, 1)
	if q.bound > 0 && i != q.heap[0] && now-q.items[i].at >= q.bound {
		q.starved++
	}
	if gone {
		q.delete(i)
	}
	return e, true
}

// first returns the first item that fits, or none. It goes through the heap in order, from an item on to those below
// it.
func (q *ordered) first(now time.Duration, core *Core) uint32 {
	i := q.arrivals.head
	for n := 0; q.bound > 0 && n < lookahead && i != none && now-q.items[i].at >= q.bound; n++ {
		if core.fits(&q.items[i].entry) {
			return i
		}
		i = q.items[i].next
	}
	var room [lookahead + 2]uint32 // those of which all above were looked at
	open := append(room[:0], 0)
	for n := 0; n < lookahead && len(open) > 0 && q.live > 0; n++ {
		best := 0
		for k := range open {
			if q.before(q.heap[open[k]], q.heap[open[best]]) {
				best = k
			}
		}
		at := open[best]
		if i := q.heap[at]; core.fits(&q.items[i].entry) {
			return i
		}
		open[best] = open[len(open)-1]
		open = open[:len(open)-1]
		for below := 2*at + 1; below <= 2*at+2 && int(below) < len(q.heap); below++ {
			open = append(open, below)
		}
	}
	return none
}

func (q *ordered) cancel(s probe.SchedulerID, ref probe.Ref, res uint32) uint32 {
	return q.withdraw(s, ref, res, q.delete)
}

func (q *ordered) drop(s probe.SchedulerID) uint64 { return q.withdrawAll(s, q.delete) }

func (q *ordered) touch() uint64 {
	if q.live == 0 {
		return 0
	}
	return uint64(q.items[q.heap[0]].count)
}

func (q *ordered) tidy(now time.Duration) {
	moved := q.shrink(now)
	if moved == nil {
		return
	}
	heap := make([]uint32, len(q.heap), len(q.items))
	for k, i := range q.heap {
		heap[k] = moved[i]
	}
	q.heap = heap
	q.arrivals.move(moved)
}

// delete takes an item out of everything.
func (q *ordered) delete(i uint32) {
	at, last := int(q.items[i].place), len(q.heap)-1
	q.set(at, q.heap[last])
	q.heap = q.heap[:last]
	if at < last {
		q.down(at)
		q.up(at)
	}
	q.arrivals.remove(&q.store, i)
	q.remove(i)
}

func (q *ordered) before(a, b uint32) bool {
	x, y := &q.items[a], &q.items[b]
	return x.key < y.key || (x.key == y.key && x.seq < y.seq)
}

func (q *ordered) set(at int, i uint32) {
	q.heap[at] = i
	q.items[i].place = uint32(at)
}

func (q *ordered) up(at int) {
	i := q.heap[at]
	for at > 0 {
		parent := (at - 1) / 2
		if !q.before(i, q.heap[parent]) {
			break
		}
		q.set(at, q.heap[parent])
		at = parent
	}
	q.set(at, i)
}

func (q *ordered) down(at int) {
	i := q.heap[at]
	for {
		child := 2*at + 1
		if child >= len(q.heap) {
			break
		}
		if child+1 < len(q.heap) && q.before(q.heap[child+1], q.heap[child]) {
			child++
		}
		if !q.before(q.heap[child], i) {
			break
		}
		q.set(at, q.heap[child])
		at = child
	}
	q.set(at, i)
}

func (q *ordered) check(connected func(probe.SchedulerID) bool) (uint64, error) {
	sum, err := q.store.check(connected)
	if err != nil {
		return 0, err
	}
	if len(q.heap) != q.live {
		return 0, fmt.Errorf("ordered: %d in the heap of %d", len(q.heap), q.live)
	}
	for at, i := range q.heap {
		if q.items[i].count == 0 || int(q.items[i].place) != at {
			return 0, fmt.Errorf("ordered: place %d of the heap has an item that is elsewhere", at)
		}
		if at > 0 && q.before(i, q.heap[(at-1)/2]) {
			return 0, fmt.Errorf("ordered: place %d of the heap is before its parent", at)
		}
	}
	n, last := 0, uint64(0)
	for i := q.arrivals.head; i != none; i = q.items[i].next {
		if n++; n > q.live || q.items[i].seq <= last {
			return 0, fmt.Errorf("ordered: entry %d of the arrivals is out of order", n)
		}
		last = q.items[i].seq
	}
	if n != q.live {
		return 0, fmt.Errorf("ordered: %d in the arrivals of %d", n, q.live)
	}
	return sum, nil
}
