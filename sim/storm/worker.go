package storm

import (
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/worker/queue"
)

// worker is a queue core in a shell of virtual time, which does what the live shell does and no more.
type worker struct {
	process
	core     *queue.Core
	callers  []*caller
	lives    []schedulerLife
	handlers []*start // by lane
	held     []*held  // by lane: launches that came before a slot was free
	labels   []probe.Label
	armed    time.Duration
	draining bool
	briefs   map[uint16]uint32 // lanes that were offered for a brief app, and their calls
	handed   []uint32          // by lane: the latest call that its scheduler has handed on to another
	moved    time.Duration     // when an attempt was started last
	waits    bool              // for the time to look again whether it may leave
	black    bool              // everything fails here at once
	out      []queue.Effect
}

// schedulerLife is one life of a scheduler. Its number here, however often it connects, is its place in worker.lives.
type schedulerLife struct {
	node int
	life uint32
}

// caller is the connection from a scheduler.
type caller struct {
	end  *end
	id   probe.SchedulerID
	s    *scheduler
	life uint32 // of the scheduler

	large []time.Duration // by lane: when its last large result arrives
}

func (k *worker) begin() {
	k.start()
	k.core = queue.New(k.config())
	k.briefs = make(map[uint16]uint32)
	k.check = k.core.CheckInvariants
	k.callers, k.lives, k.armed, k.draining, k.waits = nil, nil, never, false, false
	k.handlers, k.held, k.handed = make([]*start, k.w.plan.lanes()), make([]*held, k.w.plan.lanes()), make([]uint32, k.w.plan.lanes())
	k.w.news(k)
}

// die ends the life of the worker, and of its handlers with it.
func (k *worker) die(machine bool) {
	if !k.up {
		return
	}
	k.w.tally(k.core.Stats())
	k.w.tally(k.core.OfferStats())
	for _, s := range k.handlers {
		if s != nil {
			k.w.book.ended(s, probe.StatusKilled)
		}
	}
	k.kill(machine)
	k.w.news(k)
}

// greet takes a scheduler's Hello: a new connection ends the one before, and nothing that lies unread on that is
// handled any more.
func (k *worker) greet(e *end, s *scheduler, life uint32, taken uint64) bool {
	for _, old := range slices.Clone(k.callers) {
		if old.s == s {
			k.w.count("replaced connection")
			k.leave(old)
			old.end.close()
		}
	}
	p := &caller{end: e, s: s, life: life, id: k.number(s.node, life), large: make([]time.Duration, k.w.plan.lanes())}
	k.callers = append(k.callers, p)
	e.user, e.line.wild = p, true
	e.lost = func(cause) { k.leave(p) }
	e.answer()
	out := k.core.SchedulerUp(k.w.now, p.id, taken, k.out[:0])
	if k.w.plan.offers() && !k.sorts() {
		out = k.core.OffersTo(k.w.now, p.id, out)
	}
	k.carryOut(out, nil)
	return true
}

// leave tells the core that a scheduler is gone.
func (k *worker) leave(p *caller) {
	k.w.log("%s loses %s", k.w.name(k.node), k.w.name(p.s.node))
	k.callers = slices.DeleteFunc(k.callers, func(x *caller) bool { return x == p })
	for lane, h := range k.held {
		if h != nil && h.from == p {
			k.held[lane] = nil
		}
	}
	k.carryOut(k.core.SchedulerDown(k.w.now, p.id, k.out[:0]), nil)
}

// number is the id of a scheduler's life.
func (k *worker) number(node int, life uint32) probe.SchedulerID {
	i := slices.Index(k.lives, schedulerLife{node, life})
	if i < 0 {
		i = len(k.lives)
		k.lives = append(k.lives, schedulerLife{node, life})
	}
	return probe.SchedulerID(i + 1)
}

// resumed is SIGCONT: connections over which the schedulers may have given this worker up end first, with all that lies
// unread on them. They may have heard it last a beat before it was stopped.
func (k *worker) resumed() {
	long := k.w.now-k.quiet > k.w.chance.within(k.w.plan.Lease/2, k.w.plan.Lease*2/3)
	k.resume(func() {
		if !long {
			return
		}
		for _, p := range slices.Clone(k.callers) {
			k.w.count("paused beyond a lease")
			p.end.close()
			k.leave(p)
		}
	})
}

// tell calls the core with a message from a scheduler.
func (l *link) tell(event func(c *queue.Core, now time.Duration, s probe.SchedulerID, out []queue.Effect) []queue.Effect) {
	e := l.end
	e.send(func() {
		p := e.peer.user.(*caller)
		k := e.peer.p.owner.(*worker)
		k.carryOut(event(k.core, k.w.now, p.id, k.out[:0]), nil)
	})
}

// launch brings a task to its worker.
func (l *link) launch(m probe.Launch) {
	e := l.end
	e.send(func() { e.launched(&m) })
}

// launched is a launch at the worker at the other end.
func (e *end) launched(m *probe.Launch) {
	p := e.peer.user.(*caller)
	k := e.peer.p.owner.(*worker)
	k.carryOut(k.core.Launch(k.w.now, p.id, m, k.out[:0]), m)
}

// claim asks a worker for what it holds of a job.
func (l *link) claim(m probe.Claim) {
	e := l.end
	e.send(func() {
		p := e.peer.user.(*caller)
		k := e.peer.p.owner.(*worker)
		out := k.core.Claim(k.w.now, p.id, m, k.out[:0])
		k.w.book.claimed(k, p, m, out)
		k.carryOut(out, nil)
	})
}

// done has a handler return.
func (k *worker) done(s *start, slot uint16, call uint32, status probe.Status) {
	if k.handlers[slot] != s {
		return // it was stopped, and has returned before
	}
	k.handlers[slot] = nil
	k.w.book.ended(s, status)
	end := queue.End{Status: status, Body: s.body(status), Owned: true}
	k.perform(k.core.Done(k.w.now, slot, call, end, k.out[:0]), nil, &end)
}

// body is what comes of a task.
func (s *start) body(status probe.Status) []byte {
	if status != probe.StatusOK {
		return nil
	}
	return s.k.w.value[:s.task.bytes]
}

func (k *worker) carryOut(out []queue.Effect, launch *probe.Launch) { k.perform(out, launch, nil) }

// perform does what the core says, in its order; end is what a handler has just made.
func (k *worker) perform(out []queue.Effect, launch *probe.Launch, end *queue.End) {
	for i := range out {
		f := &out[i]
		switch f.Kind {
		case queue.EffectStart:
			if h := k.held[f.Slot]; h.is(f) {
				k.held[f.Slot] = nil
				k.judgeHeld(h, "started")
				k.handle(f, &h.launch)
			} else {
				k.handle(f, launch)
			}
		case queue.EffectHold:
			k.held[f.Slot] = &held{launch: *launch, from: k.callerOf(f.Scheduler), since: k.w.now, brief: k.briefs[f.Slot] == f.Call}
		case queue.EffectStop:
			k.stopHandler(f)
		case queue.EffectDecline, queue.EffectFinished:
			if h := k.held[f.Slot]; h.is(f) {
				k.held[f.Slot] = nil // it does not start
				k.judgeHeld(h, "given back")
			}
			k.send(f, end)
		case queue.EffectGetTask, queue.EffectRefuse, queue.EffectAdopt, queue.EffectFound, queue.EffectTold, queue.EffectOffer:
			k.send(f, nil)
		}
	}
	k.settle(out)
}

// held is a launch that came before a slot was free for it.
type held struct {
	launch probe.Launch
	from   *caller
	since  time.Duration
	brief  bool
}

// is reports whether an effect is about this launch.
func (h *held) is(f *queue.Effect) bool {
	return h != nil && h.launch.Call == f.Call && h.from.id == f.Scheduler && h.launch.Ref == f.Ref && h.launch.Task == f.Task
}

// callerOf returns the connection of a scheduler, or nil.
func (k *worker) callerOf(id probe.SchedulerID) *caller {
	if i := slices.IndexFunc(k.callers, func(p *caller) bool { return p.id == id }); i >= 0 {
		return k.callers[i]
	}
	return nil
}

// incarnation tells a life of the worker from all others.
func (k *worker) incarnation(life uint32) probe.Incarnation {
	return probe.Incarnation(k.node)<<32 | probe.Incarnation(life)
}

// settle arms the core's timer.
func (k *worker) settle(out []queue.Effect) {
	k.out = out[:0]
	if at, due := k.core.NextWake(); due && at < k.armed {
		k.armed = at
		k.after(at-k.w.now, k.wake)
	}
	if k.draining && k.core.Idle() {
		k.after(0, k.leaveIfIdle)
	}
}

// leaveIfIdle has a draining worker leave when it has nothing left to do, and nobody may come back for what it keeps.
func (k *worker) leaveIfIdle() {
	switch {
	case !k.draining || !k.core.Idle():
	case k.core.MayLeave(k.w.now):
		k.w.count("worker left")
		k.depart()
	case !k.waits:
		k.waits = true
		k.w.count("awaited a scheduler")
		k.after(250*time.Millisecond, func() {
			k.waits = false
			k.leaveIfIdle()
		})
	}
}

func (k *worker) wake() {
	if k.armed <= k.w.now {
		k.armed = never
		out := k.core.Tick(k.w.now, k.out[:0])
		k.w.ticked(k.w.name(k.node), k.core.NextWake)
		k.carryOut(out, nil)
	}
}

// depart is the orderly end of a life.
func (k *worker) depart() {
	for _, p := range slices.Clone(k.callers) {
		p.end.sendLast(func() { p.end.peer.user.(*link).drain(true) })
		p.end.close()
	}
	k.die(false)
	k.w.restart(k.node, k.w.chance.within(10*time.Millisecond, 500*time.Millisecond))
}

// drain has the worker leave.
func (k *worker) drain() {
	if k.draining || !k.up {
		return
	}
	k.draining = true
	out := k.core.Drain(k.w.now, k.out[:0])
	for _, p := range k.callers {
		p.end.send(func() { p.end.peer.user.(*link).drain(false) })
	}
	k.carryOut(out, nil)
}

// send sends what the core says to a scheduler; end is what a handler has just made.
func (k *worker) send(f *queue.Effect, end *queue.End) {
	p := k.callerOf(f.Scheduler)
	if p == nil {
		return
	}
	e := p.end
	to := func(do func(l *link)) {
		e.send(func() { do(e.peer.user.(*link)) })
	}
	switch f.Kind {
	case queue.EffectGetTask:
		m := f.GetTask()
		p.call(f.Slot, func(l *link) { l.getTask(m) })
	case queue.EffectFinished:
		m := f.Finished()
		if m.Status == 0 {
			m.Status, m.Body = end.Status, end.Body
		}
		p.result(f.Slot, m, false)
	case queue.EffectFound:
		m := f.Finished()
		m.Body = k.core.Body(f)
		p.result(f.Slot, m, true)
	case queue.EffectRefuse:
		m := f.Refuse()
		to(func(l *link) { l.refuse(m) })
	case queue.EffectDecline:
		m := f.Decline()
		to(func(l *link) { l.decline(m) })
	case queue.EffectAdopt:
		m := f.Adopt()
		to(func(l *link) { l.adopt(m) })
	case queue.EffectTold:
		m := f.Told()
		e.sendLast(func() { e.peer.user.(*link).told(m) })
	case queue.EffectOffer:
		m := f.Offer()
		if delete(k.briefs, f.Slot); m.Brief > 0 {
			k.briefs[f.Slot] = m.Call
		}
		p.call(f.Slot, func(l *link) { l.offer(m) })
	case queue.EffectStart, queue.EffectStop, queue.EffectHold:
	}
}

// result sends what has become of an attempt.
func (p *caller) result(lane uint16, m probe.Finished, found bool) {
	e := p.end
	do := func() { e.peer.user.(*link).finished(m, found) }
	if p.s.w.plan.isLarge(len(m.Body)) {
		p.large[lane] = e.sendLarge(do)
	} else {
		e.send(do)
	}
}

// call sends a lane's next call, behind a large result of the lane.
func (p *caller) call(lane uint16, do func(l *link)) {
	e := p.end
	event := func() { do(e.peer.user.(*link)) }
	if at := p.large[lane]; at > p.s.w.now {
		p.large[lane] = e.sendBehind(at, event)
	} else {
		e.send(event)
	}
}

// handle runs the handler of a launch.
func (k *worker) handle(f *queue.Effect, m *probe.Launch) {
	s := k.w.book.started(k, k.callerOf(f.Scheduler), m)
	k.moved = k.w.now
	if k.handlers[f.Slot] != nil {
		k.w.fail("%s, slot %d: a second attempt beside one that runs", k.w.name(k.node), f.Slot)
	}
	k.handlers[f.Slot] = s
	took, status := s.task.service, probe.StatusOK
	slot, call := f.Slot, f.Call
	switch odd := s.task.odd; {
	case k.black:
		took, status = k.w.chance.below(time.Millisecond), probe.StatusFailed
	case odd == oddPoison:
		k.after(min(took, 5*time.Millisecond), func() {
			if k.handlers[slot] == s {
				k.w.count(poisonedWorker)
				k.w.crash(&k.process, false)
				k.w.restart(k.node, k.w.chance.within(5*time.Millisecond, 100*time.Millisecond))
			}
		})
		return
	case odd == oddFlaky && len(s.task.starts) <= s.task.failures:
		status = probe.StatusFailed
	case odd == oddPermanent:
		status = probe.StatusPermanent
	}
	k.after(took, func() { k.done(s, slot, call, status) })
}

// stopHandler cancels a handler's context. A deaf one goes on.
func (k *worker) stopHandler(f *queue.Effect) {
	s := k.handlers[f.Slot]
	if s == nil {
		return
	}
	k.w.book.stopped(s, f.Status)
	slot, call := f.Slot, f.Call
	took := k.w.chance.below(time.Millisecond)
	if s.task.odd == oddDeaf {
		took = 2 * k.w.plan.queue.StopGrace
	}
	k.after(took, func() { k.done(s, slot, call, probe.StatusFailed) })
}
