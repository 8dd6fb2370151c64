package sim

import (
	"time"

	"dunnock/probe"
	"dunnock/worker/queue"
)

// What comes in for the cores: messages, and the ends of handlers and waits. What the cores say goes out in
// carryout.go.

// coreTimer is what a timer of cores is for. Its Worker is the number of the node and its Job the node's life; with
// timerEnd, Slot and Task are the slot and the call.
type coreTimer TimerKind

const (
	timerEnd           coreTimer = 1 + iota // a handler returns
	timerWakeScheduler                      // a core wants its Tick
	timerWakeWorker
)

// Deliver hands a message to its receiver's core.
func (c *cores) Deliver(e *Engine, m *Message) {
	switch probe.Kind(m.Kind) {
	case probe.KindReserve, probe.KindCancel, probe.KindLaunch, probe.KindNoTask, probe.KindKill:
		c.toWorker(e.now, m)
	case probe.KindGetTask, probe.KindFinished, probe.KindRefuse, probe.KindDecline:
		c.toScheduler(e.now, m)
	case probe.KindOffer, probe.KindWant, probe.KindHand, probe.KindSpare:
		c.offered(e.now, m)
	case probe.KindHello, probe.KindDrain, probe.KindLoad,
		probe.KindClaim, probe.KindAdopt, probe.KindFound, probe.KindTold, probe.KindAck,
		probe.KindSetDef, probe.KindReserveNeed, probe.KindComing: // nothing is resumed or claimed here
	}
}

func (c *cores) toWorker(now time.Duration, m *Message) {
	core, from, out := c.workers[m.Worker].core, probe.SchedulerID(m.Scheduler), c.queued[:0]
	switch probe.Kind(m.Kind) {
	case probe.KindReserve:
		r := probe.Reserve{Ref: m.Ref, Res: m.Task, Count: m.Count}
		switch {
		case c.classed:
			out = core.ReserveNeed(now, from, r, c.classOf(m), c.engine.needs[m.Slot], out)
		case m.Slot > 0:
			out = core.ReserveNeed(now, from, r, nil, c.engine.needs[m.Slot], out)
		default:
			out = core.Reserve(now, from, r, out)
		}
	case probe.KindCancel:
		out = core.Cancel(now, from, probe.Cancel{Ref: m.Ref, Res: m.Task}, out)
	case probe.KindLaunch:
		l := &c.launch
		l.Slot, l.Call, l.Ref, l.Task, l.Attempt, l.Deadline = m.Slot, m.Call, m.Ref, m.Task, m.Attempt, m.Deadline
		l.Expect, l.More = m.Expect, m.More
		out = core.Launch(now, from, l, out)
		if c.idle {
			c.remember(m, out)
			break
		}
		for i := range out {
			if out[i].Kind == queue.EffectStart {
				c.expect(m.Worker, m.Slot, m.Job, true)
				c.begin(m.Worker, m.Slot, m.Call, m.Service, m.Count)
			}
		}
	case probe.KindNoTask:
		out = core.NoTask(now, from, probe.NoTask{Slot: m.Slot, Call: m.Call}, out)
	case probe.KindKill:
		out = core.Kill(now, from, probe.Kill{Slot: m.Slot, Call: m.Call}, out)
	case probe.KindHello, probe.KindGetTask, probe.KindFinished, probe.KindRefuse, probe.KindDecline, probe.KindDrain, probe.KindLoad,
		probe.KindClaim, probe.KindAdopt, probe.KindFound, probe.KindTold, probe.KindAck,
		probe.KindOffer, probe.KindWant, probe.KindHand, probe.KindSpare, probe.KindSetDef, probe.KindReserveNeed, probe.KindComing:
	}
	c.carryOutQueued(m.Worker, out)
}

// classify writes the class of a reservation's job into fields that a Reserve has no use for. It says what a scheduler
// of the fleet would say.
func (c *cores) classify(m *Message, id JobID) {
	e, j := c.engine, &c.engine.jobs[id]
	m.Attempt = uint16(j.priority)
	m.Call, m.Service, m.Deadline = j.user, probe.Work(j.estimate, int(j.left)), max(j.at+j.deadline-e.now, 0)
}

// classOf reads it again.
func (c *cores) classOf(m *Message) *probe.Class {
	c.class.Priority = int16(m.Attempt)
	c.class.User, c.class.Work, c.class.Deadline = c.engine.users[m.Call].path, m.Service, m.Deadline
	return &c.class
}

// begin runs the handler of a launch: it returns when the service time and the overhead have passed.
func (c *cores) begin(worker uint32, slot uint16, call uint32, service time.Duration, key uint32) {
	e := c.engine
	service = e.cached(worker, key, service)
	e.tally.occupy(e.now, c.occupied(worker, slot))
	e.After(service, Timer{Kind: TimerKind(timerEnd), Worker: worker, Slot: slot, Task: call, Job: JobID(c.workers[worker].life)})
}

func (c *cores) toScheduler(now time.Duration, m *Message) {
	core, from, out := c.schedulers[m.Scheduler].core, probe.WorkerID(m.Worker), c.placed[:0]
	switch probe.Kind(m.Kind) {
	case probe.KindGetTask:
		out = core.GetTask(now, from, probe.GetTask{Slot: m.Slot, Call: m.Call, Ref: m.Ref, Res: m.Task}, out)
	case probe.KindFinished:
		out = core.Finished(now, from, probe.Finished{
			Slot: m.Slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Attempt: m.Attempt, Status: m.Status, Service: m.Service,
		}, out)
	case probe.KindRefuse:
		out = core.Refuse(now, from, probe.Refuse{Ref: m.Ref, Res: m.Task, Count: m.Count, Reason: m.Reason}, out)
	case probe.KindDecline:
		out = core.Decline(now, from, probe.Decline{Slot: m.Slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Reason: m.Reason}, out)
	case probe.KindHello, probe.KindReserve, probe.KindCancel, probe.KindLaunch, probe.KindNoTask, probe.KindKill, probe.KindDrain, probe.KindLoad,
		probe.KindClaim, probe.KindAdopt, probe.KindFound, probe.KindTold, probe.KindAck,
		probe.KindOffer, probe.KindWant, probe.KindHand, probe.KindSpare, probe.KindSetDef, probe.KindReserveNeed, probe.KindComing:
	}
	c.carryOutPlaced(m.Scheduler, out)
}

// Wake takes the end of a handler, or wakes a core.
func (c *cores) Wake(e *Engine, t Timer) {
	switch coreTimer(t.Kind) {
	case timerEnd:
		c.end(e, t)
	case timerWakeScheduler:
		s := &c.schedulers[t.Worker]
		if s.core == nil || JobID(s.life) != t.Job || s.armed > e.now {
			return // another timer has taken its place
		}
		s.armed = never
		c.carryOutPlaced(t.Worker, s.core.Tick(e.now, c.placed[:0]))
	case timerWakeWorker:
		w := &c.workers[t.Worker]
		if w.core == nil || JobID(w.life) != t.Job || w.armed > e.now {
			return
		}
		w.armed = never
		c.carryOutQueued(t.Worker, w.core.Tick(e.now, c.queued[:0]))
	}
}

// end has a handler return.
func (c *cores) end(e *Engine, t Timer) {
	w := &c.workers[t.Worker]
	if w.core == nil || JobID(w.life) != t.Job {
		return // it died with its worker
	}
	if c.stopped {
		if v := w.core.Slot(int(t.Slot)); v.Call != t.Task || v.State == queue.Free || v.State == queue.Asking {
			return // it was stopped, and has returned before
		}
	}
	e.tally.occupy(e.now, -c.vacated(t.Worker, t.Slot))
	c.carryOutQueued(t.Worker, w.core.Done(e.now, t.Slot, t.Task, queue.End{Status: probe.StatusOK}, c.queued[:0]))
}
