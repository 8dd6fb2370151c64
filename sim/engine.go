package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"dunnock/internal/lru"
	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/task"
)

// Engine runs one simulation: it keeps virtual time, brings messages and timers to a [Policy] in their order, and keeps
// the books of jobs. Its methods are for the policy, while the engine calls it.
//
// Time is integer nanoseconds. Events are ordered by their time and, at one time, by when they were planned, so that a
// run is the same whatever the machine. Messages, which all take equally long, wait in a queue; what ends at any time,
// services and timers, waits in an agenda; the next arrival waits alone.
type Engine struct {
	cfg    Config
	policy Policy
	source *workload.Source

	now    time.Duration
	seq    uint64
	ring   ring
	agenda agenda
	ahead  arrival      // the next job
	next   workload.Job // scratch of fetch

	jobs        []job
	free        []JobID
	live        int
	scheduler   stream
	faults      *faults // nil: there are none
	fleet       *fleet
	shares      *shares      // nil: nobody has resources
	needs       []probe.Need // what tasks take, by number; the first is one slot and nothing else
	needNumbers map[probe.Need]uint16
	caches      *caches          // nil: they are not modelled
	widths      map[uint16]*user // by how many slots tasks take; nil: one, all of them

	users []user // by number; 0 stands for nobody
	names map[string]uint32

	tally tally
	err   error // a promise was broken

	warmer warmer // the policy, if it is one; else nil
	warmth uint64
}

// arrival is the next job to come.
type arrival struct {
	at  time.Duration // never: there is none
	seq uint64
	id  JobID
}

// job is a live job.
type job struct {
	at        time.Duration
	index     uint64 // of the run, from 0
	scheduler uint32
	left      uint32 // tasks without an outcome
	counted   bool   // it arrived after the warm-up
	fresh     bool   // it has not been submitted
	user      uint32
	slots     uint16 // that each task takes, but for those in groups
	need      uint16 // likewise, the number of what it takes
	priority  int16
	failed    bool          // a task of it did not end OK
	deadline  time.Duration // from its arrival on
	estimate  time.Duration
	unsaid    bool // it does not say that itself
	service   []time.Duration
	keys      []uint32 // of the tasks; none: they have none
	client    *client  // with faults only
	asks      *asks    // nil: its tasks say nothing about workers but slots
}

// Run simulates the jobs of a source. It ends when all of them have, or with the error of the context, the source or,
// under [Config].Check, the core that found its state wrong.
func Run(ctx context.Context, cfg Config, source *workload.Source) (*Result, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	return run(ctx, cfg, source, makers()[cfg.Policy])
}

// RunPolicy is [Run] with a policy of the caller's; Config.Policy is only its name in the result.
func RunPolicy(ctx context.Context, cfg Config, source *workload.Source, policy func(*Engine) Policy) (*Result, error) {
	name := cfg.Policy
	cfg.Policy = ""
	cfg = cfg.WithDefaults()
	err := cfg.Validate()
	if cfg.Faults.any() {
		err = errors.Join(err, errors.New("faults: only policies that run the fleet's own code have them"))
	}
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	cfg.Policy = name
	return run(ctx, cfg, source, policy)
}

func run(ctx context.Context, cfg Config, source *workload.Source, policy func(*Engine) Policy) (*Result, error) {
	started := time.Now()
	e := newEngine(cfg, source)
	e.policy = policy(e)
	if e.faults == nil { // with faults, nodes may be gone when their turn comes
		e.warmer, _ = e.policy.(warmer)
	}
	if err := e.loop(ctx); err != nil {
		return nil, err
	}
	if err := e.source.Err(); err != nil {
		return nil, err
	}
	return e.result(time.Since(started)), nil
}

func newEngine(cfg Config, source *workload.Source) *Engine {
	e := &Engine{
		cfg: cfg, source: source, ring: newRing(), tally: newTally(),
		scheduler: newStream(cfg.Seed, labelSchedulers), users: make([]user, 1),
	}
	if cfg.Faults.any() {
		e.faults = newFaults(&cfg)
	}
	e.fleet = newFleet(cfg.Nodes, plainWorker(&cfg))
	if len(e.fleet.resources) > 0 {
		e.shares = newShares(e)
	}
	e.needs, e.needNumbers = make([]probe.Need, 1), make(map[probe.Need]uint16)
	if cfg.Cache.Keys > 0 {
		e.caches = &caches{model: cfg.Cache, of: make([]*lru.Set, cfg.Workers)}
	}
	return e
}

// interruptEvery is after how many events the context is looked at.
const interruptEvery = 1 << 14

// loop runs until no job is left.
func (e *Engine) loop(ctx context.Context) error {
	e.fetch()
	if e.err != nil {
		return e.err
	}
	for e.live > 0 || e.ahead.at != never {
		if e.tally.events%interruptEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e.tally.events++
		if err := e.step(); err != nil {
			return err
		}
	}
	return nil
}

// step lets the next event happen.
func (e *Engine) step() error {
	message, messageSeq := e.ring.top()
	timer, timerSeq := e.agenda.top()
	if e.ahead.at < message || (e.ahead.at == message && e.ahead.seq < messageSeq) {
		message, messageSeq = e.ahead.at, e.ahead.seq
		if message < timer || (message == timer && messageSeq < timerSeq) {
			e.now = message
			e.submit()
			return e.check()
		}
	} else if message < timer || (message == timer && messageSeq < timerSeq) {
		if e.ring.head%lookahead == 0 && e.warmer != nil {
			e.warmth += e.warmer.warmMessages(&e.ring)
		}
		d := e.ring.pop()
		e.now = d.at
		e.policy.Deliver(e, &d.message)
		return e.check()
	}
	if timer == never {
		return errors.New("sim: jobs are left and nothing more will happen: the policy has lost a task")
	}
	if e.agenda.head == 0 && e.warmer != nil {
		e.warmth += e.warmer.warmTimers(e.agenda.soon)
	}
	t := e.agenda.pop()
	e.now = t.at
	switch t.timer.class {
	case classTimer:
		if t.timer.Kind == TimerDone {
			e.tally.occupy(e.now, -1)
		}
		e.policy.Wake(e, t.timer)
	case classMessage:
		e.faults.deliver(e, t.timer.Task)
	case classFault:
		e.faults.act(e, t.timer)
	}
	return e.check()
}

// invariant is a policy that can check itself.
type invariant interface{ CheckInvariants() error }

// fail ends the run because a promise was broken.
func (e *Engine) fail(err error) {
	if e.err == nil {
		e.err = fmt.Errorf("sim: at %v, event %d: %w", e.now, e.tally.events, err)
	}
}

func (e *Engine) check() error {
	if e.err != nil || !e.cfg.Check {
		return e.err
	}
	c, ok := e.policy.(invariant)
	if !ok {
		return nil
	}
	if err := c.CheckInvariants(); err != nil {
		return fmt.Errorf("sim: at %v, event %d: %w", e.now, e.tally.events, err)
	}
	return nil
}

// fetch gets the next job of the source ready.
func (e *Engine) fetch() {
	id := e.newJob()
	j := &e.jobs[id]
	w := &e.next
	w.Service, w.Keys = j.service, j.keys
	index := e.source.Jobs()
	if !e.source.Next(w) {
		e.free = append(e.free, id)
		e.ahead = arrival{at: never, seq: math.MaxUint64}
		return
	}
	j.service, j.keys = w.Service, w.Keys
	j.at, j.index, j.left, j.fresh = w.At, uint64(index), uint32(len(w.Service)), true
	if j.client != nil {
		j.client.placed = false // what a job before it has left
	}
	j.user, j.estimate, j.unsaid = e.user(w.User), w.Est, w.Unsaid
	j.slots, j.priority, j.failed = uint16(w.Width()), int16(w.Priority), false
	if j.deadline = cmp.Or(w.Deadline, e.cfg.Deadline); w.Deadline > 0 && !usesCores(e.cfg.Policy) {
		e.fail(fmt.Errorf("%w: policy %s is a model without deadlines, and job %d has one; those that run the fleet's own code know them", ErrNotModelled, e.cfg.Policy, j.index))
	}
	j.asks = e.demanding(w, j.index)
	if j.need = 0; j.slots > 1 {
		e.widen(j)
		j.need = e.numbered(probe.Need{Slots: j.slots})
	}
	j.counted = !e.source.Warmup().Covers(index, w.At)
	j.scheduler = uint32(e.scheduler.at(j.index) % uint64(e.cfg.Schedulers))
	e.seq++
	e.ahead = arrival{at: w.At, seq: e.seq, id: id}
}

// newJob takes a free job, with the room for service times that it had before.
func (e *Engine) newJob() JobID {
	if n := len(e.free); n > 0 {
		id := e.free[n-1]
		e.free = e.free[:n-1]
		return id
	}
	e.jobs = append(e.jobs, job{})
	return JobID(len(e.jobs) - 1)
}

// submit hands the job that has come to the policy.
func (e *Engine) submit() {
	id := e.ahead.id
	e.fetch()
	j := &e.jobs[id]
	e.live++
	e.tally.arrive(e, j)
	e.policy.Submit(e, id)
}

// Now returns the time since the run began.
func (e *Engine) Now() time.Duration { return e.now }

// Config returns what is simulated, with its defaults set.
func (e *Engine) Config() Config { return e.cfg }

// Tasks returns how many tasks a live job has.
func (e *Engine) Tasks(id JobID) int { return len(e.jobs[id].service) }

// Scheduler returns which scheduler a live job has come to, from 0. It depends on the job's place in the workload and
// the seed, and on nothing else.
func (e *Engine) Scheduler(id JobID) uint32 { return e.jobs[id].scheduler }

// Service returns how long a task will occupy its slot.
func (e *Engine) Service(id JobID, index uint32) time.Duration {
	return e.jobs[id].service[index] + e.cfg.TaskOverhead
}

// Rand returns a generator of the policy's own, of which there is one for each number.
func (e *Engine) Rand(number uint64) *rand.Rand {
	return newStream(e.cfg.Seed, labelSampling).generator(number)
}

// Send sends a message, which is delivered one network delay later.
func (e *Engine) Send(m *Message) {
	at := e.now + e.cfg.NetDelay
	if at < e.now {
		e.fail(errOverflow)
		return
	}
	e.tally.messages++
	e.seq++
	d := e.ring.push()
	d.at, d.seq, d.message = at, e.seq, *m
}

// After wakes the policy later, d ≥ 0 from now.
func (e *Engine) After(d time.Duration, t Timer) {
	t.class = classTimer
	e.plan(e.now+d, t)
}

// errOverflow ends a run that nobody lives to see the end of.
var errOverflow = errors.New("virtual time ends after 292 years: the workload takes longer")

func (e *Engine) plan(at time.Duration, t Timer) {
	if at < e.now {
		e.fail(errOverflow)
		return
	}
	e.seq++
	e.agenda.push(entry{at: at, seq: e.seq, timer: t})
}

// Start says that a slot begins to run a task now. The policy is woken with t when that ends. Job and Task of t name
// the task; the rest is the policy's own.
//
// The wait that is recorded is what has passed since the arrival but for the hop that brings any task to its worker, as
// a scheduler of the fleet counts it.
func (e *Engine) Start(t Timer) {
	j := &e.jobs[t.Job]
	e.tally.wait(e, j, e.now-e.cfg.NetDelay-j.at)
	e.tally.occupy(e.now, 1)
	t.Kind = TimerDone
	e.After(e.Service(t.Job, t.Task), t)
}

// Finish says that a task's result has reached its scheduler, and from which worker. With the last one the job has
// ended and its ID may be used for another.
func (e *Engine) Finish(id JobID, index, worker uint32) {
	e.finish(id, index, worker, task.OK)
}

// finish takes the outcome of a task.
func (e *Engine) finish(id JobID, index, worker uint32, outcome task.Outcome) {
	j := &e.jobs[id]
	j.failed = j.failed || outcome != task.OK
	e.tally.taskDone(e.now, j, index, worker, outcome)
	j.left--
	if j.left > 0 {
		return
	}
	response := e.now - j.at + 2*e.cfg.ClientDelay
	e.tally.jobDone(e.now, j, response)
	if j.user != nobody {
		e.users[j.user].jobDone(j, response)
	}
	if e.widths != nil {
		e.width(j).jobDone(j, response)
	}
	e.live--
	e.free = append(e.free, id)
}
