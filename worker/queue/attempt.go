package queue

import (
	"time"

	"dunnock/probe"
)

// Launch answers a GetTask with a task, or uses an offer. If the slot waits for it, the attempt starts ([EffectStart])
// with the earlier of m.Deadline and m.Timeout, if that is above 0, as its limit. The job may be another one than the
// reservation's: which task a call gets is the scheduler's choice. One that uses an offer may come from any scheduler;
// if no slot is free yet, it is held ([EffectHold]) and starts when one is, or is declined as early.
//
// A Launch that no slot waits for is declined as stale if its attempt certainly never began, and
// ignored if it began (a duplicate) or if that is too long ago to know. One of an app that the
// worker does not have is declined and frees the slot. m is not kept.
func (c *Core) Launch(now time.Duration, s probe.SchedulerID, m *probe.Launch, out []Effect) []Effect {
	if !c.waitsFor(s, m.Slot, m.Call) && !c.isOffered(s, m.Slot, m.Call) && !c.awaits(s, m.Slot, m.Call) {
		return c.launchStale(s, m, out)
	}
	if c.apps > 0 && int(m.App) >= c.apps {
		c.stats.DeclinedApp++
		out = appendDecline(out, s, m, probe.RefusedApp)
		c.giveUp(now, m.Slot)
		return c.ask(now, out)
	}
	if c.keep != nil && !c.keep.fences.admits(now, m, s) {
		c.stats.DeclinedFenced++
		out = appendDecline(out, s, m, probe.RefusedFenced)
		c.giveUp(now, m.Slot)
		return c.ask(now, out)
	}
	if c.offering && !c.admit(now, s, m) {
		return c.hold(now, s, m, out)
	}
	// Where both end together the deadline is the reason: another attempt after it would be no use.
	limit, verdict := m.Deadline, probe.StatusKilled
	if m.Timeout > 0 && m.Timeout < limit {
		limit, verdict = m.Timeout, probe.StatusTimeout
	}
	sl := &c.slots[m.Slot]
	sl.ref, sl.task, sl.attempt = m.Ref, m.Task, m.Attempt
	sl.launched, sl.verdict, sl.orphan = now, verdict, false
	sl.started |= 1
	c.enter(now, sl, Running)
	end := after(now, limit)
	c.setEnd(m.Slot, end)
	if c.keep != nil {
		c.keep.held[m.Slot] = held{job: m.Job, epoch: m.Epoch, limit: end, verdict: verdict}
	}
	c.stats.Launches++
	out = append(out, Effect{
		Kind: EffectStart, Scheduler: s, Slot: m.Slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Attempt: m.Attempt,
	})
	if c.offering {
		return c.begun(now, s, m, out)
	}
	return out
}

// giveUp ends a call that was answered with a Launch that is declined.
func (c *Core) giveUp(now time.Duration, slot uint16) {
	if c.slots[slot].state == Coming {
		c.dropComing(slot)
		return
	}
	if c.slots[slot].state != Offered {
		c.release(now, slot)
		return
	}
	c.offers.open--
	if c.isBrief(slot) {
		c.offers.brief.open--
	}
	c.offers.stats.Declined++
	c.pushLane(slot)
}

func (c *Core) launchStale(s probe.SchedulerID, m *probe.Launch, out []Effect) []Effect {
	began := m.Slot < c.size && c.slots[m.Slot].fate(m.Call) != notStarted
	if c.offering {
		began = c.isPresent(s, m)
	}
	if !c.connected(s) || began {
		c.stats.StaleLaunches++
		return out
	}
	c.stats.DeclinedStale++
	return appendDecline(out, s, m, probe.RefusedStale)
}

// Kill stops a running attempt of this scheduler: [EffectStop], and Finished follows with
// StatusKilled when the handler has returned or StopGrace has passed. One that is already stopping
// keeps its status.
func (c *Core) Kill(now time.Duration, s probe.SchedulerID, m probe.Kill, out []Effect) []Effect {
	if m.Slot >= c.size {
		c.stats.StaleKills++
		return out
	}
	sl := &c.slots[m.Slot]
	if sl.state == Held && sl.call == m.Call && sl.scheduler == s {
		return c.killHeld(now, m.Slot, out)
	}
	if sl.state != Running || sl.call != m.Call || sl.scheduler != s {
		c.stats.StaleKills++ // it crossed Finished, or was sent twice
		return out
	}
	c.stats.Kills++
	return c.stop(now, m.Slot, probe.StatusKilled, out)
}

// Done says that the handler of an attempt has returned. It reports the end ([EffectFinished]), unless that was done
// when StopGrace passed or the scheduler is gone, keeps it until it is acknowledged, and then lets the slot ask for its
// next task, so that both travel together. A handler that was told to stop ends with the stop's status whatever it
// returns: the scheduler may have acted on it already.
func (c *Core) Done(now time.Duration, slot uint16, call uint32, end End, out []Effect) []Effect {
	if slot >= c.size {
		c.stats.StaleDones++
		return out
	}
	sl := &c.slots[slot]
	if sl.call != call || !sl.state.holdsAttempt() {
		c.stats.StaleDones++
		return out
	}
	var status probe.Status // 0: the handler's
	if sl.state == Stopping {
		status = sl.verdict
	}
	if c.offering {
		c.judge(now, slot)
	}
	if sl.state != Stuck {
		out = c.finish(now, slot, status, end, out)
	}
	c.clearAlarm(slot)
	if c.offering {
		out = c.learn(now, slot, end.Took, out)
	}
	if len(end.Body) > largeResult {
		c.releaseLast(now, slot)
	} else {
		c.release(now, slot)
	}
	return c.ask(now, out)
}

// expire acts on a slot's alarm.
func (c *Core) expire(now time.Duration, slot uint16, out []Effect) []Effect {
	if c.offering {
		var done bool
		if out, done = c.expireLane(now, slot, out); done {
			return out
		}
	}
	sl := &c.slots[slot]
	if sl.state == Running {
		if sl.verdict == probe.StatusTimeout {
			c.stats.Timeouts++
		} else {
			c.stats.Deadlines++
		}
		return c.stop(now, slot, sl.verdict, out)
	}
	c.stats.Stuck++
	out = c.finish(now, slot, sl.verdict, End{}, out)
	c.clearAlarm(slot)
	c.enter(now, sl, Stuck)
	return c.becameStuck(now, out)
}

// stop tells a running attempt to end within the grace.
func (c *Core) stop(now time.Duration, slot uint16, status probe.Status, out []Effect) []Effect {
	sl := &c.slots[slot]
	sl.verdict = status
	c.enter(now, sl, Stopping)
	c.setAlarm(slot, after(now, c.grace))
	return append(out, Effect{
		Kind: EffectStop, Scheduler: sl.scheduler, Slot: slot, Call: sl.call, Ref: sl.ref,
		Task: sl.task, Attempt: sl.attempt, Status: status,
	})
}

// finish reports the end of an attempt to its scheduler, if it has one now, and keeps it until that is acknowledged.
// With status 0 the handler's outcome counts.
func (c *Core) finish(now time.Duration, slot uint16, status probe.Status, end End, out []Effect) []Effect {
	sl := &c.slots[slot]
	var seq uint64
	if c.keep != nil {
		final := status
		if final == 0 {
			final = end.Status
		} else {
			end = End{}
		}
		seq = c.retain(now, slot, final, max(now-sl.launched, 0), end)
	}
	if sl.orphan {
		c.stats.Unreported++
		return out
	}
	c.stats.Finished++
	return append(out, Effect{
		Kind: EffectFinished, Scheduler: sl.scheduler, Slot: slot, Call: sl.call, Ref: sl.ref,
		Task: sl.task, Attempt: sl.attempt, Status: status, Service: max(now-sl.launched, 0), Seq: seq, Holder: sl.scheduler,
	})
}

func appendDecline(out []Effect, s probe.SchedulerID, m *probe.Launch, why probe.Refusal) []Effect {
	return append(out, Effect{
		Kind: EffectDecline, Scheduler: s, Slot: m.Slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Reason: why,
	})
}
