package sim

import (
	"fmt"
	"math"
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/worker/queue"
)

// cores is the fleet itself: the very cores that its schedulers and workers run, in shells of virtual time. It is what
// late-binding and its kin are simulated with, so a decision here is the decision of the fleet.
//
// A shell here does what a live one does and no more: it hands a message to its core, carries out the effects in their
// order, and sees to it that the core is woken when it wants to be. Instead of a payload a launch carries its task's
// service time, and a handler is a timer.
type cores struct {
	engine     *Engine
	schedulers []scheduler
	workers    []worker
	config     placement.Config
	spec       placement.Spec
	known      []probe.Key        // by number
	keys       []probe.Key        // scratch: of a job's tasks
	launch     probe.Launch       // scratch
	handed     Message            // the last hand that came, which may have to go back
	placed     []placement.Effect // scratch
	queued     []queue.Effect     // scratch
	idle       bool               // the policy is idle-offer
	stopped    bool               // an attempt was stopped before its service ended: the timers of ends may be stale
	touched    touched
	watch      watch
	classed    bool        // reservations say their class
	class      probe.Class // scratch
}

// scheduler is one placement core in its shell.
type scheduler struct {
	core  *placement.Core // nil while it is down
	jobs  []JobID         // by placement.Index
	armed time.Duration   // when it is going to be woken
	life  uint32          // tells the timers of an earlier life
}

// worker is one queue core in its shell.
type worker struct {
	core     *queue.Core // nil while it is down
	armed    time.Duration
	life     uint32
	services []time.Duration // by lane: of what was launched there last. With idle-offer
	keys     []uint32        // the same, its affinity key
}

// touched is what the last event has changed: nothing else needs a check.
type touched struct {
	scheduler *scheduler
	worker    *worker
	all       bool
}

// coreTimer is what a timer of cores is for. Its Worker is the number of the node and its Job the node's life; with
// timerEnd, Slot and Task are the slot and the call.
type coreTimer TimerKind

const (
	timerEnd           coreTimer = 1 + iota // a handler returns
	timerWakeScheduler                      // a core wants its Tick
	timerWakeWorker
)

// app is the one app of a simulated fleet.
const app = "sim"

// unlimited is the number of live jobs and tasks from which on a core refuses more: admission is not modelled.
const unlimited = math.MaxInt32

func newCores(e *Engine) Policy {
	policy, err := placement.ParsePolicy(e.cfg.Policy)
	if err != nil {
		panic("sim: " + err.Error()) // makers and placement name the same policies
	}
	c := &cores{
		engine:     e,
		schedulers: make([]scheduler, e.cfg.Schedulers),
		workers:    make([]worker, e.cfg.Workers),
		config:     placement.Config{Policy: policy, MaxJobs: unlimited, MaxTasks: unlimited, MaxQueueTime: math.MaxInt64, AffinityWait: e.cfg.AffinityWait},
		idle:       policy == placement.IdleOffer,
		spec: placement.Spec{
			App: app, ProbeRatio: e.cfg.ProbeRatio, Deadline: e.cfg.Deadline, MaxAttempts: e.cfg.MaxAttempts,
		},
	}
	c.classed = probe.NeedsClass(e.cfg.queue().WithDefaults().Discipline.String())
	for i := range c.schedulers {
		c.startScheduler(uint32(i))
	}
	for i := range c.workers {
		c.startWorker(uint32(i))
	}
	for i := range c.schedulers {
		for j := range slices.Backward(c.workers) { // the largest first, so that tables of workers get their size at once
			c.connectWorker(uint32(i), uint32(j))
			c.connectScheduler(uint32(i), uint32(j))
		}
	}
	if c.idle {
		c.beginOffers()
	}
	if e.faults != nil {
		e.faults.begin(e, c)
	}
	return c
}

// offered is what every worker says of itself, whatever it has.
func offered(cfg *Config) placement.Worker {
	return placement.Worker{
		Slots: cfg.Slots, Apps: []string{app}, Sorts: cfg.Sharing.Discipline > queue.FIFO, Fair: cfg.queue().WithDefaults().Discipline == queue.Fair, Weights: cfg.Sharing.Weights,
	}
}

// startScheduler begins a life of a scheduler.
func (c *cores) startScheduler(i uint32) {
	s := &c.schedulers[i]
	s.life++
	rng := newStream(c.engine.cfg.Seed, labelPlacement).generator(uint64(s.life-1)<<32 | uint64(i))
	s.core, s.jobs, s.armed = placement.New(c.config, rng), nil, never
	s.core.Peers(int(i), len(c.schedulers))
}

// startWorker begins a life of a worker.
func (c *cores) startWorker(i uint32) {
	w := &c.workers[i]
	w.life++
	cfg := c.engine.cfg.queue()
	cfg.Resources = c.engine.fleet.kindOf(i).amount
	if c.idle {
		cfg.Offers, cfg.Seed = true, newStream(c.engine.cfg.Seed, labelHomes).at(uint64(i))
		lanes := probe.Lanes(cfg.Slots)
		w.services, w.keys = make([]time.Duration, lanes), make([]uint32, lanes)
	}
	w.core, w.armed = queue.New(cfg), never
	if k := c.engine.caches; k != nil {
		k.of[i] = nil
	}
}

// connectWorker tells a scheduler that a worker is connected.
func (c *cores) connectWorker(s, w uint32) {
	a := &c.schedulers[s]
	c.carryOutPlaced(s, a.core.WorkerUp(c.engine.now, probe.WorkerID(w), c.offerOf(w), c.placed[:0]))
}

// offerOf is what a worker says of itself.
func (c *cores) offerOf(w uint32) placement.Worker {
	o := c.engine.fleet.kindOf(w).offer
	o.Name = nameOf(w)
	return o
}

// constrain says what the tasks of a job ask of workers.
func (c *cores) constrain(id JobID) {
	j, s := &c.engine.jobs[id], &c.spec
	s.Require, s.Prefer, s.Exclude, s.Spread, s.Groups, s.Need = nil, nil, nil, "", s.Groups[:0], placement.Need{Slots: int(j.slots)}
	if a := j.asks; a != nil {
		own := &a.groups[0]
		s.Require, s.Prefer, s.Exclude, s.Need, s.Spread, s.Groups = own.Require, own.Prefer, own.Exclude, own.Need, a.spread, append(s.Groups, a.groups[1:]...)
	}
}

// connectScheduler tells a worker that a scheduler is connected.
func (c *cores) connectScheduler(s, w uint32) {
	c.workers[w].core.SchedulerUp(c.engine.now, probe.SchedulerID(s), 0, c.queued[:0])
}

// disconnectWorker tells a scheduler that the connection with a worker is lost.
func (c *cores) disconnectWorker(s, w uint32) {
	if core := c.schedulers[s].core; core != nil {
		c.carryOutPlaced(s, core.WorkerDown(c.engine.now, probe.WorkerID(w), c.placed[:0]))
	}
}

// disconnectScheduler tells a worker that the connection with a scheduler is lost.
func (c *cores) disconnectScheduler(s, w uint32) {
	if core := c.workers[w].core; core != nil {
		c.carryOutQueued(w, core.SchedulerDown(c.engine.now, probe.SchedulerID(s), c.queued[:0]))
	}
}

// Submit hands a job to its scheduler.
func (c *cores) Submit(e *Engine, id JobID) {
	if e.faults != nil {
		e.faults.clients.submit(e, c, id)
		return
	}
	if err := c.submit(e.jobs[id].scheduler, id, nil); err != nil {
		// Workers are always there without faults. Either none of them could run it, or a bound of the scheduler's
		// memory is in the way.
		e.fail(fmt.Errorf("job %d: %w", e.jobs[id].index, err))
	}
}

// submit hands the tasks of a job that are not finished to a scheduler.
func (c *cores) submit(scheduler uint32, id JobID, finished []byte) error {
	s := &c.schedulers[scheduler]
	c.spec.User = c.engine.users[c.engine.jobs[id].user].name
	c.spec.Estimate = 0
	if j := &c.engine.jobs[id]; !j.unsaid {
		c.spec.Estimate = j.estimate
	}
	c.spec.Tasks, c.spec.Finished = len(c.engine.jobs[id].service), finished
	c.constrain(id)
	c.keyed(id)
	ref, out, err := s.core.Submit(c.engine.now, c.spec, c.placed[:0])
	if err != nil {
		return err
	}
	if missing := int(placement.Index(ref)) + 1 - len(s.jobs); missing > 0 {
		s.jobs = append(s.jobs, make([]JobID, missing)...)
	}
	s.jobs[placement.Index(ref)] = id
	c.carryOutPlaced(scheduler, out)
	return nil
}

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
	m.Call, m.Service, m.Deadline = j.user, probe.Work(j.estimate, int(j.left)), max(j.at+e.cfg.Deadline-e.now, 0)
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
			m.Kind, m.Service, m.Count = kindOffer, f.Service, f.Res
		case queue.EffectStop: // a handler that heeds its context
			c.stopped = true
			e.After(0, Timer{Kind: TimerKind(timerEnd), Worker: worker, Slot: f.Slot, Task: f.Call, Job: JobID(c.workers[worker].life)})
			continue
		case queue.EffectGetTask:
			m.Kind, m.Task = kindGetTask, f.Res
		case queue.EffectFinished:
			m.Kind, m.Task, m.Attempt, m.Service, m.Status = MessageFinished, f.Task, f.Attempt, f.Service, f.Status
			if m.Status == 0 {
				m.Status = probe.StatusOK
			}
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

// CheckInvariants checks the cores that the last event has changed.
func (c *cores) CheckInvariants() error {
	t := c.touched
	c.touched = touched{}
	if t.all {
		return c.checkAll()
	}
	if t.scheduler != nil && t.scheduler.core != nil {
		if err := t.scheduler.core.CheckInvariants(); err != nil {
			return fmt.Errorf("a scheduler: %w", err)
		}
	}
	if t.worker != nil && t.worker.core != nil {
		if err := t.worker.core.CheckInvariants(); err != nil {
			return fmt.Errorf("a worker: %w", err)
		}
	}
	return nil
}

func (c *cores) checkAll() error {
	for i := range c.schedulers {
		if core := c.schedulers[i].core; core != nil {
			if err := core.CheckInvariants(); err != nil {
				return fmt.Errorf("scheduler %d: %w", i, err)
			}
		}
	}
	for i := range c.workers {
		if core := c.workers[i].core; core != nil {
			if err := core.CheckInvariants(); err != nil {
				return fmt.Errorf("worker %d: %w", i, err)
			}
		}
	}
	return nil
}
