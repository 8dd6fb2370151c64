package queue

import (
	"fmt"
	"strings"
	"time"

	"dunnock/probe"
)

// Discipline says whose turn it is when a slot is free.
type Discipline uint8

// The disciplines.
const (
	// FIFO serves reservations in the order in which they came. The default, and the only one that costs nothing:
	// schedulers then say nothing of a job's class.
	FIFO Discipline = iota + 1
	// Priority serves the highest priority first, and within one in the order of arrival. With Config.Ageing, waiting
	// raises it.
	Priority
	// Fair divides the slots' time between users by weight, at each level of their paths.
	Fair
	// EDF serves the job first whose deadline comes first.
	EDF
	// SRPT serves the job first of which the least is left to run, by its own estimate; what has waited for
	// Config.StarvationBound goes before.
	SRPT
)

// names are what disciplines are called, in the order of their constants.
func disciplineNames() [SRPT]string {
	return [...]string{probe.DisciplineFIFO, probe.DisciplinePriority, probe.DisciplineFair, probe.DisciplineEDF, probe.DisciplineSRPT}
}

// String returns the word used on the command line, in handshakes and in listings.
func (d Discipline) String() string {
	if d < FIFO || d > SRPT {
		return fmt.Sprintf("Discipline(%d)", uint8(d))
	}
	return disciplineNames()[d-FIFO]
}

// ParseDiscipline reads what String writes.
func ParseDiscipline(s string) (Discipline, error) {
	names := disciplineNames()
	for i, name := range names {
		if s == name {
			return FIFO + Discipline(i), nil
		}
	}
	return 0, fmt.Errorf("discipline: want %s, got %q", strings.Join(names[:], ", "), s)
}

// entry is what one Reserve left in the queue: 24 bytes. It goes from hand to hand, and the compiler keeps it in
// registers only as long as no struct in it has more than four fields: with five in a row a NoTask took 51 ns, not 29.
type entry struct {
	ref       probe.Ref
	scheduler probe.SchedulerID
	res       uint32
	demand
}

// demand is how often an entry can be used, and for what.
type demand struct {
	count uint32 // reservations left, ≥ 1
	need  uint32 // what its tasks take: place in wide.needs; 0: one slot
}

// discipline is the queue: it decides which reservation is used next. Each discipline is one file
// with one implementation. The core counts reservations and enforces the limit on entries, so that
// no discipline has to.
type discipline interface {
	// push adds an entry. A nil class is the zero Class; it is not kept.
	push(now time.Duration, e entry, class *probe.Class)
	// pop takes up to most reservations, at least one, of the entry whose turn it is. It returns
	// that entry with the number taken as its count; false means that none waits.
	pop(now time.Duration, most uint32) (entry, bool)
	// popFit is pop of one reservation, of the first entry in the order of turns that core.fits allows. It looks at
	// some entries, at least at lookahead of those that are first.
	popFit(now time.Duration, core *Core) (entry, bool)
	// each calls do with every entry.
	each(do func(*entry))
	// cancel removes an entry and returns how many reservations it still had; 0 if there is no such
	// entry. Of several alike it removes the one that came first.
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
