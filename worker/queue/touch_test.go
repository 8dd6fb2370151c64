package queue

import (
	"testing"

	"dunnock/probe"
)

// TestTouch looks at slots that there are and are not, with and without a queue: nothing changes.
func TestTouch(t *testing.T) {
	for name, c := range map[string]*Core{"fresh": New(Config{Slots: 4}), "many slots": New(Config{Slots: 100}), "busy": busyCore(t)} {
		before, load := *c, c.Load()
		for _, slot := range []uint16{0, 3, 4, noSlot} {
			c.Touch(slot)
			c.TouchQueue()
		}
		if err := c.CheckInvariants(); err != nil || c.Load() != load || c.stats != before.stats {
			t.Errorf("%s: %+v, %v", name, c.Load(), err)
		}
	}
}

// TestFarSchedulers connects and disconnects schedulers on both sides of what the word of bits knows.
func TestFarSchedulers(t *testing.T) {
	c, ids := New(Config{Slots: 1}), []probe.SchedulerID{63, 64, 1 << 31, 0, 65}
	for i, s := range ids {
		c.SchedulerUp(0, s, 0, nil)
		c.SchedulerUp(0, s, 0, nil)
		for j, other := range ids {
			if c.connected(other) != (j <= i) {
				t.Errorf("after %d: scheduler %d connected: %v", s, other, c.connected(other))
			}
		}
	}
	for i, s := range ids {
		c.SchedulerDown(0, s, nil)
		c.SchedulerDown(0, s, nil)
		for j, other := range ids {
			if c.connected(other) != (j > i) {
				t.Errorf("after %d went: scheduler %d connected: %v", s, other, c.connected(other))
			}
		}
		if err := c.CheckInvariants(); err != nil {
			t.Error(err)
		}
	}
}
