package worker

import (
	"time"

	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker/queue"
)

// turn is what one goroutine needs to call the core and carry out what it
// says: a buffer for effects, and the connections that were written to.
type turn struct {
	effects []queue.Effect
	batch   stream.Batch
	launch  probe.Launch // that the core is being told, for EffectStart
	class   probe.Class  // of the reservation that the core is being told
	owned   bool         // the launch's payload has memory of its own
	end     queue.End    // of the attempt that the core is being told, for EffectFinished
	reads   bool         // it is a reader's, which may run attempts
	leads   bool         // and is to: there are some in line
}

// enter takes the lock and reads the clock. If this process has stood still, it first lets go of who may have given it
// up.
func (w *Worker) enter() time.Duration {
	w.mu.Lock()
	now := w.clock.Now()
	if stood := w.watch.StoodStill(w.clock.Time(now)); stood != w.stood {
		pause := stood - w.stood
		w.stood = stood
		w.afterPause(now, pause)
	}
	return now
}

// exit carries out what the core said, in its order, and lets go of the lock. Frames are appended under the lock, so
// that two goroutines cannot swap the order of what the core decided; the caller flushes.
func (w *Worker) exit(now time.Duration, t *turn) {
	w.carryOutAll(now, t)
	w.crew.see(t)
	next, due := w.core.NextWake()
	w.clock.Arm(now, next, due)
	w.noteIdle(now)
	w.mu.Unlock()
}

func (w *Worker) carryOutAll(now time.Duration, t *turn) {
	for i := range t.effects {
		w.carryOut(now, t, &t.effects[i])
	}
	t.effects = t.effects[:0]
}

func (w *Worker) carryOut(now time.Duration, t *turn, e *queue.Effect) {
	switch e.Kind {
	case queue.EffectStart:
		if s := w.slots[e.Slot]; !s.release(e, w.clock.Time(now)) {
			s.begin(&t.launch, t.owned, w.clock.Time(now+t.launch.Deadline))
		}
		return
	case queue.EffectHold:
		w.slots[e.Slot].hold(e, &t.launch, t.owned, w.clock.Time(now+t.launch.Deadline))
		return
	case queue.EffectStop:
		w.slots[e.Slot].stop(e.Call, e.Status)
		return
	case queue.EffectDecline, queue.EffectFinished:
		w.slots[e.Slot].letGo(e)
	case queue.EffectGetTask, queue.EffectOffer, queue.EffectRefuse, queue.EffectAdopt, queue.EffectFound, queue.EffectTold:
	}
	p := w.peers[e.Scheduler]
	if p == nil {
		return
	}
	c := p.conn
	switch e.Kind {
	case queue.EffectGetTask:
		// A large result may still be on its way out in pieces. Were the slot's next call to get ahead of it,
		// the scheduler would have to take the attempt for lost.
		var body [32]byte
		p.call(e.Slot, probe.KindGetTask, probe.AppendGetTask(body[:0], e.GetTask()))
	case queue.EffectOffer:
		var body [32]byte // behind a large result for the same reason
		p.call(e.Slot, probe.KindOffer, probe.AppendOffer(body[:0], e.Offer()))
	case queue.EffectFinished:
		w.finished(t, e, p)
	case queue.EffectRefuse:
		c.End(probe.AppendRefuse(c.Begin(uint8(probe.KindRefuse)), e.Refuse()))
	case queue.EffectDecline:
		c.End(probe.AppendDecline(c.Begin(uint8(probe.KindDecline)), e.Decline()))
	case queue.EffectAdopt:
		c.End(probe.AppendAdopt(c.Begin(uint8(probe.KindAdopt)), e.Adopt()))
	case queue.EffectFound:
		m := e.Finished()
		if m.Body = w.core.Body(e); m.Body == nil {
			m.Body = stopFault(m.Status)
		}
		var head [64]byte
		p.large.found = c.Send(uint8(probe.KindFound), probe.AppendFinishedHead(head[:0], &m), m.Body)
	case queue.EffectTold:
		// It says that this was all: it must not get ahead of a large result.
		var body [32]byte
		c.SendAfter(uint8(probe.KindTold), probe.AppendTold(body[:0], e.Told()), nil)
	case queue.EffectStart, queue.EffectStop, queue.EffectHold:
	}
	t.batch.Add(c)
}

// finished reports the end of an attempt. When the core gives a status, the
// attempt was stopped, and what its handler made of that does not matter.
func (w *Worker) finished(t *turn, e *queue.Effect, p *peer) {
	m := e.Finished()
	m.Status, m.Body = t.end.Status, t.end.Body
	if e.Status != 0 {
		m.Status, m.Body = e.Status, stopFault(e.Status)
	}
	w.meters.attempt(m.Status, m.Service)
	var head [64]byte
	h := probe.AppendFinishedHead(head[:0], &m)
	p.large.sent(e.Slot, len(h)+len(m.Body), p.conn.Send(uint8(probe.KindFinished), h, m.Body))
}

// call sends a slot's call for a task, behind a large result of the slot.
func (p *peer) call(slot uint16, kind probe.Kind, body []byte) {
	if p.large.before(p.conn, slot) {
		p.conn.SendAfter(uint8(kind), body, nil)
	} else {
		p.conn.Send(uint8(kind), body, nil)
	}
}

// stopFault is what is said of an attempt that was stopped.
func stopFault(s probe.Status) []byte {
	switch s {
	case probe.StatusTimeout:
		return probe.AppendFault(nil, task.Errorf(task.CodeTaskTimeout, "the attempt ran longer than task_timeout"))
	case probe.StatusKilled:
		return probe.AppendFault(nil, task.Errorf(task.CodeCancelled, "the attempt was stopped"))
	case probe.StatusOK, probe.StatusFailed, probe.StatusPermanent:
	}
	return nil
}

// noteIdle tells leave when a draining worker has nothing left to do. reportLoad comes by often enough where only time
// has to pass.
func (w *Worker) noteIdle(now time.Duration) {
	if w.core.MayLeave(now) {
		select {
		case <-w.idle:
		default:
			close(w.idle)
		}
	}
}
