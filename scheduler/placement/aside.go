package placement

import (
	"slices"
	"time"

	"dunnock/probe"
)

// A launch on an offer may find its lane taken: its worker runs another scheduler's task there, and that scheduler is
// gone and its job claimed from here. The worker says so before the launch has got there, or before what it says of
// that is here. The lane's record is the attempt's from then on, and the launch is kept aside, in a record behind those
// of the lanes, until its worker has said what became of it: it gives the launch back, unless the task has begun and
// ended before. Were it taken for lost, a task that may start once would be in doubt, and others would have an attempt
// less.

// aside is a launch whose lane's record is another's.
type aside struct {
	worker probe.WorkerID
	life   uint32 // of the worker
	lane   uint16
	place  uint16 // of its record
	until  time.Duration
}

// setAside gives what is launched in a lane a record of its own, unless there are too many.
func (c *Core) setAside(w *worker, lane uint16) bool {
	x, lanes := c.idle, c.lanes(w)
	if len(x.aside) == maxParked {
		return false
	}
	if len(w.slots) < lanes {
		c.growSlots(w, lanes-1)
	}
	place := lanes
	for place < len(w.slots) && w.slots[place].occupied() {
		place++
	}
	if place == len(w.slots) {
		w.slots = append(w.slots, slot{})
	}
	s := w.slots[lane]
	w.slots[place] = s
	w.slots[lane].state = slotOver
	c.bound(&s).tasks[s.task].slot = uint16(place)
	t := aside{worker: w.id, life: c.profiles[w.id].life, lane: lane, place: uint16(place), until: c.crossEnd(&s)}
	x.aside = append(x.aside, t)
	x.wake = min(x.wake, t.until)
	return true
}

// lanes is how many lanes a worker may have.
func (c *Core) lanes(w *worker) int { return probe.Lanes(c.offer(w).Slots) }

// slotOf returns the record of a lane, or of what was launched there by a call and is kept aside; nil: there is no such
// lane.
func (c *Core) slotOf(w *worker, lane uint16, ref probe.Ref, t, call uint32) *slot {
	if c.idle != nil && len(c.idle.aside) > 0 {
		for i := range c.idle.aside {
			if a := &c.idle.aside[i]; a.worker == w.id && a.lane == lane && !c.isSettled(a) && w.slots[a.place].holds(ref, t, call) {
				return &w.slots[a.place]
			}
		}
	}
	if !c.hasLane(w, lane) {
		return nil
	}
	return &w.slots[lane]
}

// hasLane reports whether there is a record of a lane. Those behind them are of launches that are kept aside.
func (c *Core) hasLane(w *worker, lane uint16) bool {
	return int(lane) < len(w.slots) && (c.idle == nil || len(c.idle.aside) == 0 || int(lane) < c.lanes(w))
}

// laneOf is the lane of a record: its own, unless that is kept aside.
func (c *Core) laneOf(w *worker, place uint16) uint16 {
	if c.idle != nil {
		for _, a := range c.idle.aside {
			if a.worker == w.id && a.place == place && !c.isSettled(&a) {
				return a.lane
			}
		}
	}
	return place
}

// isSettled reports whether it is known what became of a launch that is kept aside.
func (c *Core) isSettled(a *aside) bool {
	w := &c.workers[a.worker]
	return c.profiles[a.worker].life != a.life || int(a.place) >= len(w.slots) || !w.slots[a.place].occupied()
}

// settleAside forgets the launches that are aside no more, and takes those for lost of which nothing was heard for too
// long.
func (c *Core) settleAside(now time.Duration, out []Effect) []Effect {
	x := c.idle
	for i := range x.aside {
		if a := x.aside[i]; now >= a.until && !c.isSettled(&a) {
			if s := &c.workers[a.worker].slots[a.place]; s.state.binds() {
				out = c.lose(now, &c.workers[a.worker], s, out)
			} else {
				s.state = slotOver
			}
		}
	}
	x.aside = slices.DeleteFunc(x.aside, func(a aside) bool {
		if !c.isSettled(&a) {
			return false
		}
		w := &c.workers[a.worker]
		for n := len(w.slots); c.profiles[a.worker].life == a.life && n > c.lanes(w) && !w.slots[n-1].occupied(); n-- {
			w.slots = w.slots[:n-1]
		}
		return true
	})
	return out
}

// asideWake is when it has taken too long to hear of a launch. Those for which it is so now are settled at the end of
// the event.
func (c *Core) asideWake(now time.Duration) time.Duration {
	at := never
	for i := range c.idle.aside {
		if until := c.idle.aside[i].until; until > now {
			at = min(at, until)
		}
	}
	return at
}
