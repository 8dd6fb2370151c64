package sim

import (
	"cmp"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/worker/queue"
)

// carryOutQueued does what the core of a worker says.
func (c *cores) carryOutQueued(worker uint32, out []queue.Effect) {
	e := c.engine
	for i := range out {
		f := &out[i]
		m := Message{
			Ref: f.Ref, Scheduler: uint32(f.Scheduler), Worker: worker, Call: f.Call, Slot: f.Slot,
		}
		switch f.Kind {
		case queue.EffectStart:
			if c.idle {
				c.begin(worker, f.Slot, f.Call, c.workers[worker].services[f.Slot], c.workers[worker].keys[f.Slot])
			}
			continue
		case queue.EffectHold:
			continue
		case queue.EffectOffer:
			m.Kind, m.Service, m.Count, m.Attempt = kindOffer, f.Service, f.Res, uint16(f.Count)
		case queue.EffectStop: // a handler that heeds its context
			c.stopped = true
			e.After(0, Timer{Kind: TimerKind(timerEnd), Worker: worker, Slot: f.Slot, Task: f.Call, Job: JobID(c.workers[worker].life)})
			continue
		case queue.EffectGetTask:
			m.Kind, m.Task = kindGetTask, f.Res
		case queue.EffectFinished:
			m.Kind, m.Task, m.Attempt, m.Service, m.Status = MessageFinished, f.Task, f.Attempt, f.Service, cmp.Or(f.Status, probe.StatusOK)
		case queue.EffectRefuse:
			m.Kind, m.Task, m.Count, m.Reason = kindRefuse, f.Res, f.Count, f.Reason
		case queue.EffectAdopt, queue.EffectFound, queue.EffectTold: // nothing is kept
		case queue.EffectDecline:
			m.Kind, m.Task, m.Reason = kindDecline, f.Task, f.Reason
		}
		c.send(&m)
	}
	c.queued = out[:0]
	w := &c.workers[worker]
	c.touched.worker = w
	if at, due := w.core.NextWake(); due && at < w.armed {
		at = max(at, e.now) // a bound may lie in the past that nothing was there for when its time came
		w.armed = at
		e.plan(at, Timer{Kind: TimerKind(timerWakeWorker), Worker: worker, Job: JobID(w.life)})
	}
}

// carryOutPlaced does what the core of a scheduler says.
func (c *cores) carryOutPlaced(scheduler uint32, out []placement.Effect) {
	e, s := c.engine, &c.schedulers[scheduler]
	for i := range out {
		f := &out[i]
		m := Message{Ref: f.Ref, Scheduler: scheduler, Worker: uint32(f.Worker), Call: f.Call, Slot: f.Slot}
		switch f.Kind {
		case placement.EffectReserve:
			m.Kind, m.Task, m.Count = kindReserve, f.Res, f.Count
			if f.Task != 0 {
				m.Slot = e.numbered(s.core.Need(f.Task, f.Worker))
			}
			if c.classed {
				c.classify(&m, s.jobs[placement.Index(f.Ref)])
			}
		case placement.EffectCancel:
			m.Kind, m.Task = kindCancel, f.Res
		case placement.EffectLaunch:
			m.Kind, m.Task, m.Attempt, m.Deadline = MessageLaunch, f.Task, f.Attempt, f.Deadline
			id := s.jobs[placement.Index(f.Ref)]
			m.Service, m.Count, m.Job = e.Service(id, f.Task), e.keyNumber(id, f.Task), e.holder(id, f.Task)
			m.Expect, m.More = f.Service, f.More
		case placement.EffectNoTask:
			m.Kind = kindNoTask
		case placement.EffectKill:
			m.Kind = kindKill
		case placement.EffectRetry, placement.EffectJobDone, placement.EffectClaim, placement.EffectQuarantine:
			continue
		case placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
			c.toPeer(scheduler, f)
			continue
		case placement.EffectTaskDone:
			c.taskDone(s.jobs[placement.Index(f.Ref)], f)
			continue
		}
		c.send(&m)
	}
	c.placed = out[:0]
	c.touched.scheduler = s
	if at, due := s.core.NextWake(); due && at < s.armed {
		s.armed = at
		e.plan(at, Timer{Kind: TimerKind(timerWakeScheduler), Worker: scheduler, Job: JobID(s.life)})
	}
}

// taskDone takes the outcome of a task.
func (c *cores) taskDone(id JobID, f *placement.Effect) {
	e := c.engine
	if e.faults != nil {
		e.faults.clients.taskDone(e, id, f)
	}
	worker := uint32(f.Worker)
	if !f.HasWorker {
		worker = noWorker
	}
	e.tally.wait(e, &e.jobs[id], f.Wait)
	e.finish(id, f.Task, worker, f.Outcome)
}

// noWorker stands in digests for the worker of a task that no worker had.
const noWorker = ^uint32(0)

// send sends a message on the connection between its scheduler and its worker.
func (c *cores) send(m *Message) {
	if f := c.engine.faults; f != nil {
		f.send(c.engine, m)
		return
	}
	c.engine.Send(m)
}
