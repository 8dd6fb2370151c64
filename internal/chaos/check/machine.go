package check

import (
	"cmp"
	"math"
	"slices"
	"time"

	"dunnock/internal/chaos/ledger"
)

// Machine says when the machine that a run was on had less to give than the run needs, by what does not depend on the
// fleet: handlers sleep, and on a busy machine they sleep longer than they were to; and processes notice that they
// stood still. How fast the fleet is then says nothing about the fleet.
type Machine struct {
	ends   []int64 // of attempts that ended ok, by time
	excess []int64 // the sum of how much too long those up to each took, in nanoseconds
	stalls []fault
}

const (
	busyExcess = 3 * time.Millisecond // by which handlers sleep too long on average; a tenth of one at rest
	busyLeast  = 5                    // attempts that tell
	busyMargin = 100 * time.Millisecond
)

// NewMachine reads the records of all ledgers, in any order.
func NewMachine(records []ledger.Record) *Machine {
	m := &Machine{stalls: newBook(records).stalls}
	var ends []ledger.Record
	for _, r := range records {
		if r.Event == ledger.Finish && r.Result == ledger.OK {
			ends = append(ends, r)
		}
	}
	slices.SortFunc(ends, func(a, b ledger.Record) int { return cmp.Compare(a.At, b.At) })
	sum := int64(0)
	for _, r := range ends {
		sum += r.Nanos
		m.ends, m.excess = append(m.ends, r.At), append(m.excess, sum)
	}
	return m
}

// Busy says whether the machine was at some time between two.
func (m *Machine) Busy(from, to int64) bool {
	for i := range m.stalls {
		if m.stalls[i].lasts(from, to, 0) {
			return true
		}
	}
	// In parts, so that a short time in which nothing went on is not lost in a long one.
	for at := from; at <= to; at += int64(time.Second) {
		if m.slow(at-int64(busyMargin), min(at+int64(time.Second), to)+int64(busyMargin)) {
			return true
		}
	}
	return false
}

// slow says whether handlers took too long between two times.
func (m *Machine) slow(from, to int64) bool {
	a, _ := slices.BinarySearch(m.ends, from)
	b, _ := slices.BinarySearch(m.ends, min(to, math.MaxInt64-1)+1)
	if b-a < busyLeast {
		return false
	}
	sum := m.excess[b-1]
	if a > 0 {
		sum -= m.excess[a-1]
	}
	return sum > int64(b-a)*int64(busyExcess)
}
