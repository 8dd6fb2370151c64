package queue

import (
	"time"

	"dunnock/probe"
)

// entry is what one Reserve left in the queue: 24 bytes, of which the last four are free for the
// class that disciplines other than FIFO will want to know.
type entry struct {
	ref       probe.Ref
	scheduler probe.SchedulerID
	res       uint32
	count     uint32 // reservations left, ≥ 1
}

// discipline is the queue: it decides which reservation is used next. Each discipline is one file
// with one implementation. The core counts reservations and enforces the limit on entries, so that
// no discipline has to.
type discipline interface {
	// push adds an entry.
	push(now time.Duration, e entry)
	// pop takes up to most reservations, at least one, of the entry whose turn it is. It returns
	// that entry with the number taken as its count; false means that none waits.
	pop(most uint32) (entry, bool)
	// cancel removes an entry and returns how many reservations it still had; 0 if there is no such
	// entry. Of several alike it removes the one that would have been served first.
	cancel(s probe.SchedulerID, ref probe.Ref, res uint32) uint32
	// drop removes all entries of one scheduler and returns how many reservations they still had.
	drop(s probe.SchedulerID) uint64
	// len returns the number of entries.
	len() int
	// touch reads what the next push and pop will need: see Core.Touch.
	touch() uint64
	// tidy gives back memory that has not been needed for long. It is called when the time that
	// tidyAt returned has passed; never: there is nothing to give back.
	tidy(now time.Duration)
	tidyAt() time.Duration
	// check verifies the structure and that each entry's scheduler is connected, and returns the
	// sum of counts.
	check(connected func(probe.SchedulerID) bool) (uint64, error)
}
