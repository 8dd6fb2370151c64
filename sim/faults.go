package sim

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/probe"
)

// Defaults of [Faults].
const (
	DefaultExtraDelay = 10 * time.Millisecond
	DefaultOutage     = time.Second
	DefaultLease      = 1500 * time.Millisecond
	DefaultRedial     = 10 * time.Millisecond
)

// Faults is what goes wrong in a run, all of it from the seed. The zero Faults is nothing. It is for what faults cost,
// in response and messages, in fleets of any size. Whether promises are kept is for package storm, which models clients
// and connections as they are.
//
// Messages travel on connections, one for each scheduler and worker, as in the fleet: what is lost is the connection
// and all that was on its way, not a single message, and both ends are told; what is cut off is silent until a lease
// runs out. What was bound over a connection that is lost is void, as if the worker were another when it is back: in
// the fleet it lives on, so that what this costs here is an upper bound.
type Faults struct {
	// Drop is the probability that the connection is lost with a message: 0 to 0.5.
	Drop float64
	// Delay is the probability that a message, and with it what follows on its connection, is late by up to ExtraDelay:
	// 0 to 0.5.
	Delay float64
	// Duplicate is the probability that a message comes again, up to ExtraDelay later: 0 to 0.5. TCP does not do that;
	// the cores are to survive it all the same.
	Duplicate float64
	// Reorder is the probability that a message is overtaken by those that follow within ExtraDelay: 0 to 0.5. As with
	// Duplicate.
	Reorder float64
	// ExtraDelay is the most that a message is late, above 0 and at most 1 h, default 10 ms. Delays are uniform below
	// it.
	ExtraDelay time.Duration

	// PartitionEvery is the mean time between partitions: 0, which is never, to 1 h. One in two cuts off a worker from
	// all schedulers, the others from one of them.
	PartitionEvery time.Duration
	// WorkerCrashEvery is the mean time between crashes of workers: 0, which is never, to 1 h. In one of two the
	// process dies, and its peers are told one hop later; in the others it is the machine, and only a lease tells.
	WorkerCrashEvery time.Duration
	// SchedulerCrashEvery is the same of schedulers. Their clients are told one hop later in any case, and submit what
	// is unfinished to another one.
	SchedulerCrashEvery time.Duration
	// Outage is the mean length of a partition, and the mean time until a crashed node is up again: above 0 and at most
	// 1 h, default 1 s.
	Outage time.Duration

	// Lease is the silence after which an end gives up its connection: above 0 and at most 1 h, default 1.5 s.
	Lease time.Duration
	// Redial is how long a scheduler waits at least before it dials again, and half of what it waits at most: above 0
	// and at most 1 h, default 10 ms.
	Redial time.Duration
	// Until is when things stop going wrong, so that a run can show that it recovers. 0: never.
	Until time.Duration
}

// any reports whether anything goes wrong.
func (f *Faults) any() bool {
	return f.Drop > 0 || f.Delay > 0 || f.Duplicate > 0 || f.Reorder > 0 ||
		f.PartitionEvery > 0 || f.WorkerCrashEvery > 0 || f.SchedulerCrashEvery > 0
}

func (f Faults) withDefaults() Faults {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&f.ExtraDelay, DefaultExtraDelay}, {&f.Outage, DefaultOutage}, {&f.Lease, DefaultLease}, {&f.Redial, DefaultRedial}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return f
}

func (f *Faults) validate() []error {
	var faults []error
	for _, p := range []struct {
		name  string
		value float64
	}{{"drop", f.Drop}, {"delay", f.Delay}, {"duplicate", f.Duplicate}, {"reorder", f.Reorder}} {
		if math.IsNaN(p.value) || p.value < 0 || p.value > 0.5 {
			faults = append(faults, fmt.Errorf("faults: %s: want 0 to 0.5, got %g", p.name, p.value))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"extra delay", f.ExtraDelay, 1},
		{"partition every", f.PartitionEvery, 0},
		{"worker crash every", f.WorkerCrashEvery, 0},
		{"scheduler crash every", f.SchedulerCrashEvery, 0},
		{"outage", f.Outage, 1},
		{"lease", f.Lease, 1},
		{"redial", f.Redial, 1},
	} {
		if d.value < d.least || d.value > MaxDelay {
			faults = append(faults, fmt.Errorf("faults: %s: want %v to %v, got %v", d.name, d.least, MaxDelay, d.value))
		}
	}
	if f.Until < 0 {
		faults = append(faults, fmt.Errorf("faults: until: want 0 or more, got %v", f.Until))
	}
	return faults
}

// faults is the fault model at work.
type faults struct {
	cfg     Faults
	cores   *cores
	network network
	clients clients
	crashes *rand.Rand
	// How long it is until the next one of each, and how long outages are.
	partitions, workers, schedulers, outages workload.Service
}

// fault is what a timer of the fault model, of class classFault, is for. Its Worker is a worker; its Job a scheduler,
// or a job; its Task a connection's life.
type fault TimerKind

const (
	faultTellScheduler    fault = 1 + iota // it learns that a connection is lost
	faultTellWorker                        // it learns that a connection is lost
	faultDial                              // a scheduler dials
	faultHello                             // its handshake reaches the worker
	faultWelcome                           // the answer reaches the scheduler
	faultPartition                         // a partition begins
	faultCrashWorker                       // a worker crashes
	faultCrashScheduler                    // a scheduler crashes
	faultRestartWorker                     // a worker is up again
	faultRestartScheduler                  // a scheduler is up again
	faultSubmit                            // a client submits a job, or what is unfinished of it
)

func newFaults(cfg *Config) *faults {
	f := &faults{
		cfg:     cfg.Faults,
		crashes: newStream(cfg.Seed, labelCrashes).generator(0),
		network: newNetwork(cfg),
		clients: newClients(cfg),
	}
	f.partitions, f.outages = exponential(f.cfg.PartitionEvery), exponential(f.cfg.Outage)
	f.workers, f.schedulers = exponential(f.cfg.WorkerCrashEvery), exponential(f.cfg.SchedulerCrashEvery)
	return f
}

// exponential returns the distribution of that mean; with mean 0 it is never drawn from.
func exponential(mean time.Duration) workload.Service {
	if mean == 0 {
		return workload.Service{}
	}
	s, err := workload.ParseService("exp:" + mean.String())
	if err != nil {
		panic("sim: " + err.Error()) // Validate bounds it
	}
	return s
}

// begin plans the first faults.
func (f *faults) begin(e *Engine, c *cores) {
	f.cores = c
	f.next(e, faultPartition, f.cfg.PartitionEvery, f.partitions)
	f.next(e, faultCrashWorker, f.cfg.WorkerCrashEvery, f.workers)
	f.next(e, faultCrashScheduler, f.cfg.SchedulerCrashEvery, f.schedulers)
}

// next plans the next fault of a kind.
func (f *faults) next(e *Engine, kind fault, every time.Duration, gap workload.Service) {
	if every == 0 {
		return
	}
	if d := gap.Draw(f.crashes.Uint64()); !f.healed(e.now + d) {
		f.plan(e, d, kind, 0, 0, 0)
	}
}

// healed reports whether nothing goes wrong any more at a time.
func (f *faults) healed(at time.Duration) bool { return f.cfg.Until > 0 && at >= f.cfg.Until }

func (f *faults) plan(e *Engine, d time.Duration, kind fault, s, w, life uint32) {
	e.plan(e.now+d, Timer{Kind: TimerKind(kind), Job: JobID(s), Worker: w, Task: life, class: classFault})
}

// act lets something of the fault model happen.
func (f *faults) act(e *Engine, t Timer) {
	if f.clients.overdue(e) { // faults would go on without end
		e.fail(errors.New("jobs have outlived their deadline: a task was lost"))
		return
	}
	s, w := uint32(t.Job), t.Worker
	switch fault(t.Kind) {
	case faultTellScheduler:
		f.tellScheduler(s, w, t.Task)
	case faultTellWorker:
		f.tellWorker(s, w, t.Task)
	case faultDial:
		f.dial(e, s, w)
	case faultHello:
		f.hello(e, s, w, t.Task)
	case faultWelcome:
		f.welcome(s, w, t.Task)
	case faultPartition:
		f.partition(e)
		f.next(e, faultPartition, f.cfg.PartitionEvery, f.partitions)
	case faultCrashWorker:
		f.crashWorker(e)
		f.next(e, faultCrashWorker, f.cfg.WorkerCrashEvery, f.workers)
	case faultCrashScheduler:
		f.crashScheduler(e)
		f.next(e, faultCrashScheduler, f.cfg.SchedulerCrashEvery, f.schedulers)
	case faultRestartWorker:
		f.cores.startWorker(w)
		for s := range f.cores.schedulers {
			f.redial(e, uint32(s), w)
		}
	case faultRestartScheduler:
		f.cores.startScheduler(s)
		for w := range f.cores.workers {
			f.redial(e, s, uint32(w))
		}
	case faultSubmit:
		f.clients.submit(e, f.cores, t.Job)
	}
}

// crashWorker ends the life of a worker that is up, if the one drawn is.
func (f *faults) crashWorker(e *Engine) {
	i := uint32(probe.Below(f.crashes, uint64(len(f.cores.workers))))
	told, outage := f.told(e), f.outages.Draw(f.crashes.Uint64())
	w := &f.cores.workers[i]
	if w.core == nil {
		return
	}
	load := w.core.Load()
	e.tally.occupy(e.now, -f.cores.crashed(i, load.Running+load.Stopping+load.Stuck))
	w.core = nil
	for s := range f.cores.schedulers {
		f.lose(e, uint32(s), i, told)
		f.network.at(uint32(s), i).worker = 0
	}
	f.plan(e, outage, faultRestartWorker, 0, i, 0)
}

// crashScheduler ends the life of a scheduler that is up, if the one drawn is.
func (f *faults) crashScheduler(e *Engine) {
	i := uint32(probe.Below(f.crashes, uint64(len(f.cores.schedulers))))
	told, outage := f.told(e), f.outages.Draw(f.crashes.Uint64())
	s := &f.cores.schedulers[i]
	if s.core == nil {
		return
	}
	s.core, s.jobs = nil, nil
	for w := range f.cores.workers {
		f.lose(e, i, uint32(w), told)
		f.network.at(i, uint32(w)).scheduler = 0
	}
	f.clients.schedulerLost(e, i)
	f.plan(e, outage, faultRestartScheduler, i, 0, 0)
}

// told draws after how long the peers of a node that crashes learn of it.
func (f *faults) told(e *Engine) time.Duration {
	if f.crashes.Uint64()>>63 == 0 {
		return e.cfg.NetDelay
	}
	return f.cfg.Lease
}

// partition cuts off a worker from all schedulers or from one.
func (f *faults) partition(e *Engine) {
	w := uint32(probe.Below(f.crashes, uint64(len(f.cores.workers))))
	one := uint32(probe.Below(f.crashes, uint64(len(f.cores.schedulers))))
	all := f.crashes.Uint64()>>63 == 0
	outage := f.outages.Draw(f.crashes.Uint64())
	for s := range f.cores.schedulers {
		if all || uint32(s) == one {
			f.cut(e, uint32(s), w, outage)
		}
	}
}
