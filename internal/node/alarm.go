package node

import (
	"math"
	"time"
)

// Clock is the monotonic time that a pure core is told, and one timer for when
// the core wants to be woken. Its methods are called under the core's lock,
// but for Fired, whose channel one goroutine waits on.
type Clock struct {
	origin time.Time
	timer  *time.Timer
	armed  time.Duration // when the timer fires; never: math.MaxInt64
}

// NewClock starts a clock at a small positive time, so that 0 can mean "not yet".
func NewClock() *Clock {
	c := &Clock{origin: time.Now().Add(-time.Millisecond), timer: time.NewTimer(math.MaxInt64), armed: math.MaxInt64}
	return c
}

// Now is the time since the clock's origin.
func (c *Clock) Now() time.Duration { return time.Since(c.origin) }

// Time translates a core's time to the wall clock, for people.
func (c *Clock) Time(t time.Duration) time.Time { return c.origin.Add(t) }

// Arm makes the timer fire at next, if it would not have fired by then anyway.
func (c *Clock) Arm(now, next time.Duration, due bool) {
	if !due || next >= c.armed {
		return
	}
	c.armed = next
	c.timer.Reset(max(next-now, 0))
}

// Fired delivers when the core is due. The receiver calls Disarm, wakes the core and arms anew.
func (c *Clock) Fired() <-chan time.Time { return c.timer.C }

// Disarm says that the timer has fired.
func (c *Clock) Disarm() { c.armed = math.MaxInt64 }

// Stop releases the timer.
func (c *Clock) Stop() { c.timer.Stop() }
