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
			App: app, ProbeRatio: e.cfg.ProbeRatio, MaxAttempts: e.cfg.MaxAttempts,
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

// plainWorker is what every worker says of itself, whatever it has.
func plainWorker(cfg *Config) placement.Worker {
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
	c.carryOutPlaced(s, a.core.WorkerUp(c.engine.now, probe.WorkerID(w), c.workerOf(w), c.placed[:0]))
}

// workerOf is what a worker says of itself.
func (c *cores) workerOf(w uint32) placement.Worker {
	o := c.engine.fleet.kindOf(w).worker
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
	c.spec.User, c.spec.Deadline = c.engine.users[c.engine.jobs[id].user].name, c.engine.jobs[id].deadline
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
