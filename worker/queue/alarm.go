package queue

import (
	"math"
	"time"
)

// never is the time of an alarm that is not set.
const never = time.Duration(math.MaxInt64)

// alarmBlock is how many slots share one lower bound. Its square is the largest number of slots, so
// two levels are enough and neither is longer than 64.
const alarmBlock = 64

// alarms wakes slots: one alarm each, for an attempt's deadline or the end of its stop grace.
//
// Nearly every attempt ends long before its alarm. What must be cheap is to set an alarm and to
// clear it, and a heap makes exactly that the expensive part: clearing the oldest of n takes log n
// swaps. So the bounds above the alarms are kept lazily. Setting an alarm lowers the bounds of its
// block and of the whole; clearing one leaves them as they are. A bound is therefore never too late
// and sometimes too early, and a Tick that comes for an alarm long cleared finds nothing, raises
// the bounds to the truth and costs at most one look at each slot. It cannot happen more often than
// attempts are launched, and where timeouts are much longer than attempts it happens about once per
// timeout, not once per attempt. A Tick that finds one due alarm looks at 64 bounds and 64 alarms.
type alarms struct {
	at    []time.Duration // by slot; never: not set
	low   []time.Duration // by block: no later than each alarm in it
	next  time.Duration   // no later than any alarm
	slots uint16          // len(at)
}

// alarmCount is the room that the alarms of so many slots take.
func alarmCount(slots uint16) int { return int(slots) + int((slots+alarmBlock-1)/alarmBlock) }

// newAlarms makes alarms in the room given.
func newAlarms(slots uint16, all []time.Duration) alarms {
	a := alarms{next: never, slots: slots}
	for i := range all {
		all[i] = never
	}
	a.at, a.low = all[:slots:slots], all[slots:]
	return a
}

func (a *alarms) set(slot uint16, at time.Duration) {
	a.at[slot] = at
	b := slot / alarmBlock
	a.low[b] = min(a.low[b], at)
	a.next = min(a.next, at)
}

func (a *alarms) clear(slot uint16) { a.at[slot] = never }

// blocks returns the number of blocks.
func (a *alarms) blocks() uint16 { return (a.slots + alarmBlock - 1) / alarmBlock }

// block returns the first slot of a block and the one after its last.
func (a *alarms) block(b uint16) (first, end uint16) {
	first = b * alarmBlock
	return first, min(first+alarmBlock, a.slots)
}

// settle raises the bound of a block to its earliest alarm.
func (a *alarms) settle(b uint16) {
	first, end := a.block(b)
	a.low[b] = earliest(a.at[first:end])
}

// settleNext raises the bound of the whole to the earliest of the blocks.
func (a *alarms) settleNext() { a.next = earliest(a.low) }

func earliest(times []time.Duration) time.Duration {
	first := never
	for _, t := range times {
		first = min(first, t)
	}
	return first
}

// after returns now + d; a negative d counts as 0, and a sum beyond the range of a Duration is
// never.
func after(now, d time.Duration) time.Duration {
	d = max(d, 0)
	if now > never-d {
		return never
	}
	return now + d
}
