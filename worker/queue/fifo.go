package queue

import (
	"fmt"
	"time"

	"dunnock/probe"
)

const (
	// minRing is the smallest ring, in entries. It is allocated with the first entry and kept from
	// then on.
	minRing = 4
	// keepRing is how long a ring must have been at most a quarter full before it shrinks: longer
	// than the pauses between bursts of interactive work, so that the next burst finds its memory.
	keepRing = 10 * time.Second
)

// fifo serves entries in the order in which they came.
//
// The entries stand in a ring whose length is a power of two, so that an entry takes 24 to 48
// bytes. Cancel looks for its entry from the head on: a job's reservations have about the same age
// everywhere, so when its last task starts at one worker, what it has left at another is near the
// head there too. Having passed the entries before it, Cancel moves those up by one and the gap is
// closed. Farther away it leaves the gap ([fifo.find], [fifo.erase]).
//
// Rejected: leaving a tombstone in every gap. While the head does not move, tombstones pile up right behind it and
// every Cancel walks over them; with compaction as soon as they outnumber the live entries, a Cancel at depth 10 in a
// queue of 10,000 took 2.6 µs on average, against 32 ns now (BenchmarkCancel). An index from reservation to place was
// rejected because every reservation would pay for it on its way in and out, 8 to 16 bytes and a hash each, for the few
// that are cancelled far from the head. The price is a Cancel that finds nothing in a very long queue: about 0.9 ns an
// entry.
type fifo struct {
	ring   []entry
	head   int           // index of the first entry
	live   int           // entries from head on, around the ring's end, those that are gaps included
	peak   int           // most entries since the last tidy
	review time.Duration // when to tidy
	far    *far          // nil: nothing was cancelled far from the head yet
}

var _ discipline = (*fifo)(nil)

func newFIFO() *fifo { return &fifo{review: never} }

func (q *fifo) push(now time.Duration, e entry, _ *probe.Class) {
	if q.live == len(q.ring) && q.gaps() > q.live/4 {
		q.compact()
	}
	if q.live == len(q.ring) {
		q.resize(max(2*len(q.ring), minRing))
		if len(q.ring) > minRing {
			q.review = after(now, keepRing)
		}
	}
	*q.at(q.live) = e
	q.live++
	q.peak = max(q.peak, q.live)
}

func (q *fifo) pop(_ time.Duration, most uint32) (entry, bool) {
	if q.live == 0 {
		return entry{}, false
	}
	first := q.at(0)
	e := *first
	if e.count > most {
		e.count = most
		first.count -= most
		return e, true
	}
	q.advance()
	return e, true
}

// advance takes the first entry out.
func (q *fifo) advance() {
	q.head = q.index(1)
	q.live--
	if q.far != nil {
		q.follow()
	}
}

func (q *fifo) popFit(_ time.Duration, core *Core) (entry, bool) {
	for i, looked := 0, 0; i < q.live && looked < lookahead; i++ {
		at := q.at(i)
		if at.count == 0 {
			continue
		}
		looked++
		if !core.fits(at) {
			continue
		}
		e := *at
		e.count = 1
		if at.count > 1 {
			at.count--
		} else {
			q.erase(i)
		}
		return e, true
	}
	return entry{}, false
}

func (q *fifo) each(do func(*entry)) {
	for i := range q.live {
		if e := q.at(i); e.count > 0 {
			do(e)
		}
	}
}

func (q *fifo) cancel(s probe.SchedulerID, ref probe.Ref, res uint32) uint32 {
	i, _ := q.find(entry{scheduler: s, ref: ref, res: res})
	if i < 0 {
		return 0
	}
	n := q.at(i).count
	q.erase(i)
	return n
}

func (q *fifo) drop(s probe.SchedulerID) uint64 {
	kept, n := 0, uint64(0)
	for i := range q.live {
		e := *q.at(i)
		if e.scheduler == s || e.count == 0 {
			n += uint64(e.count)
			continue
		}
		*q.at(kept) = e
		kept++
	}
	q.live = kept
	q.closed()
	return n
}

func (q *fifo) len() int { return q.live - q.gaps() }

func (q *fifo) touch() uint64 {
	if len(q.ring) == 0 {
		return 0
	}
	return uint64(q.at(0).count) + uint64(q.at(q.live).count)
}

func (q *fifo) tidyAt() time.Duration { return q.review }

func (q *fifo) tidy(now time.Duration) {
	if q.peak <= len(q.ring)/4 {
		size := minRing
		for size < 2*q.peak {
			size *= 2
		}
		q.resize(size)
	}
	q.peak = q.live
	q.review = never
	if len(q.ring) > minRing {
		q.review = after(now, keepRing)
	}
}

// index returns the place in the ring of the entry that i others precede.
func (q *fifo) index(i int) int { return (q.head + i) & (len(q.ring) - 1) }

func (q *fifo) at(i int) *entry { return &q.ring[q.index(i)] }

// resize moves the entries to a ring of another size.
func (q *fifo) resize(size int) {
	ring := make([]entry, size)
	for i := range q.live {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}

func (q *fifo) check(connected func(probe.SchedulerID) bool) (uint64, error) {
	size := len(q.ring)
	switch {
	case size&(size-1) != 0:
		return 0, fmt.Errorf("fifo: a ring of %d, which is no power of two", size)
	case q.live > size || q.live > q.peak:
		return 0, fmt.Errorf("fifo: %d entries, at most %d, in a ring of %d", q.live, q.peak, size)
	case size > minRing && q.review == never:
		return 0, fmt.Errorf("fifo: nothing will shrink the ring of %d", size)
	}
	sum, gaps := uint64(0), 0
	for i := range q.live {
		e := q.at(i)
		if e.count == 0 {
			if gaps++; gaps > q.gaps() || i == 0 {
				return 0, fmt.Errorf("fifo: entry %d is used up", i)
			}
			continue
		}
		if !connected(e.scheduler) {
			return 0, fmt.Errorf("fifo: a reservation of scheduler %d, which is not connected", e.scheduler)
		}
		sum += uint64(e.count)
	}
	if gaps < q.gaps() || 2*gaps > q.live {
		return 0, fmt.Errorf("fifo: %d gaps in %d entries, counted as %d", gaps, q.live, q.gaps())
	}
	return sum, nil
}
