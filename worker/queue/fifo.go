package queue

import (
	"errors"
	"fmt"
	"time"

	"dunnock/probe"
)

const (
	// minRing is the smallest ring, in entries. It is allocated with the first entry and kept from then on.
	minRing = 4
	// cancelSlack is how many cancelled entries a ring may hold beyond the number of live ones.
	cancelSlack = 8
	// keepRing is how long a ring must have been at most a quarter full before it shrinks: longer than the pauses between bursts
	// of interactive work, so that the next burst finds its memory.
	keepRing = 10 * time.Second
)

// fifo serves entries in the order in which they came.
//
// The entries stand in a ring whose length is a power of two. Cancel looks for its entry from
// the head on: a job's reservations have about the same age everywhere, so when its last
// task starts at one worker, what it has left at another is near the head there too. A cancelled entry in the middle stays as
// a tombstone until it reaches the head or there are too many of them. The alternative, an
// index from reservation to place, makes every reservation pay on its way in and out for what few cancellations need.
type fifo struct {
	ring   []entry
	head   int           // index of the first entry, which is live unless the ring is empty
	used   int           // entries from head on, tombstones included
	live   int           // entries that are not tombstones
	peak   int           // most live entries since the last tidy
	review time.Duration // when to tidy
}

var _ discipline = (*fifo)(nil)

func newFIFO() *fifo { return &fifo{review: never} }

func (q *fifo) push(now time.Duration, e entry) {
	if q.used == len(q.ring) {
		q.makeRoom(now)
	}
	q.ring[(q.head+q.used)&(len(q.ring)-1)] = e
	q.used++
	q.live++
	q.peak = max(q.peak, q.live)
}

func (q *fifo) pop(most uint32) (entry, bool) {
	if q.live == 0 {
		return entry{}, false
	}
	first := &q.ring[q.head]
	e := *first
	if e.count > most {
		e.count = most
		first.count -= most
		return e, true
	}
	first.count = 0
	q.live--
	q.trim()
	return e, true
}

func (q *fifo) cancel(s probe.SchedulerID, ref probe.Ref, res uint32) uint32 {
	mask := len(q.ring) - 1
	for i := range q.used {
		e := &q.ring[(q.head+i)&mask]
		if e.ref != ref || e.res != res || e.scheduler != s || e.count == 0 {
			continue
		}
		n := e.count
		e.count = 0
		q.live--
		q.trim()
		// With this bound a scan passes at most about one tombstone for each live entry, and a compaction, which moves no
		// more entries than there were cancellations since the last one, costs each of them one move.
		if q.used-q.live > q.live+cancelSlack {
			q.compact()
		}
		return n
	}
	return 0
}

func (q *fifo) drop(s probe.SchedulerID) uint64 {
	var n uint64
	for i := range q.used {
		e := &q.ring[(q.head+i)&(len(q.ring)-1)]
		if e.scheduler == s && e.count > 0 {
			n += uint64(e.count)
			e.count = 0
			q.live--
		}
	}
	q.compact()
	return n
}

func (q *fifo) len() int { return q.live }

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

// makeRoom makes a full ring not full. It grows only if at least three quarters are live,
// so that an entry never costs more than 24 · 2 · 4/3 = 64 bytes because of growth, and otherwise frees a quarter of the ring,
// so that as many pushes again pay for the compaction.
func (q *fifo) makeRoom(now time.Duration) {
	switch {
	case len(q.ring) == 0:
		q.resize(minRing)
	case q.live <= len(q.ring)/4*3:
		q.compact()
	default:
		q.resize(2 * len(q.ring))
		if q.review == never {
			q.review = after(now, keepRing)
		}
	}
}

// trim moves the head past entries that are gone.
func (q *fifo) trim() {
	for q.used > 0 && q.ring[q.head].count == 0 {
		q.head = (q.head + 1) & (len(q.ring) - 1)
		q.used--
	}
}

// compact removes the tombstones in place.
func (q *fifo) compact() {
	mask := len(q.ring) - 1
	kept := 0
	for i := range q.used {
		if e := q.ring[(q.head+i)&mask]; e.count > 0 {
			q.ring[(q.head+kept)&mask] = e
			kept++
		}
	}
	q.used = kept
}

// resize moves the live entries to a new ring.
func (q *fifo) resize(size int) {
	ring := make([]entry, size)
	kept := 0
	for i := range q.used {
		if e := q.ring[(q.head+i)&(len(q.ring)-1)]; e.count > 0 {
			ring[kept] = e
			kept++
		}
	}
	q.ring, q.head, q.used = ring, 0, kept
}

func (q *fifo) check(connected func(probe.SchedulerID) bool) (uint64, error) {
	size := len(q.ring)
	switch {
	case size&(size-1) != 0:
		return 0, fmt.Errorf("fifo: ring of %d entries is not a power of two", size)
	case q.used > size || q.live > q.used || q.live > q.peak:
		return 0, fmt.Errorf("fifo: %d live, %d used, peak %d in a ring of %d", q.live, q.used, q.peak, size)
	case q.used > 0 && q.ring[q.head].count == 0:
		return 0, errors.New("fifo: the head is a tombstone")
	case size > minRing && q.review == never:
		return 0, fmt.Errorf("fifo: nothing will shrink the ring of %d", size)
	}
	live, sum := 0, uint64(0)
	for i := range q.used {
		e := q.ring[(q.head+i)&(size-1)]
		if e.count == 0 {
			continue
		}
		if !connected(e.scheduler) {
			return 0, fmt.Errorf("fifo: a reservation of scheduler %d, which is not connected", e.scheduler)
		}
		live++
		sum += uint64(e.count)
	}
	if live != q.live {
		return 0, fmt.Errorf("fifo: counted %d live entries, recorded %d", live, q.live)
	}
	if 2*(q.used-live) > size+cancelSlack { // at each Cancel they are at most live + cancelSlack, and later ones only fewer
		return 0, fmt.Errorf("fifo: %d tombstones in a ring of %d", q.used-live, size)
	}
	return sum, nil
}
