package placement

import (
	"slices"
	"time"

	"dunnock/probe"
)

// A launch on an offer may meet a lane that has gone on: to a call on a reservation that came meanwhile, or to a newer
// offer, because a scheduler has come or gone. The two have crossed, and the lane gives the launch back. Until that is
// heard it is not known that the task has not begun (its end may have been overtaken), so that what the lane says next
// is put by for a round trip: were the task taken for lost, one that may start once would be in doubt and others would
// lose an attempt, with nothing broken. Were the call answered with nothing, the reservation that made it would be
// given anew, and cross the next launch.

// crossWait is for how long the fate of a launch may be open. Large payloads to one worker wait for one another, for
// seconds where the line is slow. While the connection lasts nothing that is said on it is lost, so that this bounds
// only what a fault of the worker's would cost.
const crossWait = time.Minute

// crosses reports whether what is bound in a lane that makes a newer call is on its way still. What has answered a call
// has been waited for by its lane, so that its end was lost.
func (c *Core) crosses(now time.Duration, s *slot) bool {
	return (s.sure == perhaps || s.sure == sooner) && s.state == slotBound && now < c.crossEnd(s)
}

// crossEnd is when the fate of what is bound in a slot must have been heard.
func (c *Core) crossEnd(s *slot) time.Duration {
	j := c.bound(s)
	if j == nil {
		return 0
	}
	return after(j.tasks[s.task].launched, crossWait)
}

// crossedCall is a call that waits for what is bound in its lane.
type crossedCall struct {
	worker probe.WorkerID
	life   uint32 // of the worker
	m      probe.GetTask
}

// putCallBy keeps a call until it is known what became of the launch that it has crossed. Beyond the bound there is
// nothing for it, and its reservation is given anew after a backoff.
func (c *Core) putCallBy(now time.Duration, w *worker, m *probe.GetTask, out []Effect) []Effect {
	x := c.idle
	if len(x.calls) == maxParked {
		out = c.noTask(w.id, m, out)
		if j := c.find(m.Ref); j != nil {
			_, g, _, _ := c.spend(j, w.id, m.Res, 1)
			out = c.give(now, j, g, probe.RefusedFull, out)
		}
		return out
	}
	x.calls = append(x.calls, crossedCall{worker: w.id, life: c.profiles[w.id].life, m: *m})
	x.wake = min(x.wake, max(now, c.crossEnd(&w.slots[m.Slot])))
	return out
}

// takeUpCalls answers the calls whose lanes are free, and drops those whose connection has ended.
func (c *Core) takeUpCalls(now time.Duration, out []Effect) []Effect {
	x := c.idle
	for i := 0; i < len(x.calls); {
		t := x.calls[i]
		w := c.worker(t.worker)
		void := w == nil || c.profiles[t.worker].life != t.life || int(t.m.Slot) >= len(w.slots)
		if !void && w.slots[t.m.Slot].state.binds() && c.crosses(now, &w.slots[t.m.Slot]) {
			i++
			continue
		}
		x.calls = slices.Delete(x.calls, i, i+1)
		if !void {
			c.stats.GetTasks-- // it was counted
			out = c.getTask(now, t.worker, &t.m, out)
		}
	}
	return out
}

// callsWake is when the next call has waited for too long. Those for which it is so now are taken up at the end of the
// event.
func (c *Core) callsWake(now time.Duration) time.Duration {
	at := never
	for i := range c.idle.calls {
		t := &c.idle.calls[i]
		if w := c.worker(t.worker); w != nil && int(t.m.Slot) < len(w.slots) {
			if end := c.crossEnd(&w.slots[t.m.Slot]); end > now {
				at = min(at, end)
			}
		}
	}
	return at
}
