package queue

import (
	"math"
	"slices"
	"time"
)

// never is the time of an alarm that is not set.
const never = time.Duration(math.MaxInt64)

// alarmBlock is how many slots share one lower bound. Its square is the largest number of slots, so
// two levels are enough and neither is longer than 64.
const alarmBlock = 64

// Alarms wake slots: one alarm each, for an attempt's deadline or the end of its stop grace.
//
// Nearly every attempt ends long before its alarm. What must be cheap is to set an alarm and to clear it, and a heap
// makes exactly that the expensive part: clearing the oldest of n takes log n swaps. So each slot keeps its own, and
// the bounds above, Core.alarms and Core.alarm, are kept lazily. Setting an alarm lowers the bounds of its block and of
// the whole; clearing one leaves them as they are. A bound is therefore never too late and sometimes too early, and a
// Tick that comes for an alarm long cleared finds nothing, raises the bounds to the truth and costs at most one look at
// each slot. It cannot happen more often than attempts are launched, and where timeouts are much longer than attempts
// it happens about once per timeout, not once per attempt. A Tick that finds one due alarm looks at 64 bounds and 64
// slots.

func (c *Core) setAlarm(slot uint16, at time.Duration) {
	c.slots[slot].alarm = at
	b := slot / alarmBlock
	c.alarms[b] = min(c.alarms[b], at)
	c.alarm = min(c.alarm, at)
}

func (c *Core) clearAlarm(slot uint16) { c.slots[slot].alarm = never }

// alarmBlocks returns the number of blocks of so many slots.
func alarmBlocks(slots uint16) int { return int((slots + alarmBlock - 1) / alarmBlock) }

// alarmBlock returns the first slot of a block and the one after its last.
func (c *Core) alarmBlock(b int) (first, end uint16) {
	first = uint16(b) * alarmBlock
	return first, min(first+alarmBlock, c.size)
}

// settleBlock raises the bound of a block to its earliest alarm.
func (c *Core) settleBlock(b int) { c.alarms[b] = c.earliest(b) }

// settle raises the bound of the whole to the earliest of the blocks.
func (c *Core) settle() { c.alarm = slices.Min(c.alarms) }

// earliest returns the earliest alarm of a block.
func (c *Core) earliest(b int) time.Duration {
	at := never
	first, end := c.alarmBlock(b)
	for i := first; i < end; i++ {
		at = min(at, c.slots[i].alarm)
	}
	return at
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
