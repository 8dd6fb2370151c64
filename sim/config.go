package sim

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker/queue"
)

// Defaults and bounds of [Config].
const (
	DefaultWorkers    = 1000
	DefaultSlots      = 4
	DefaultSchedulers = 10

	MaxWorkers    = 1 << 20
	MaxSchedulers = 1 << 12
	MaxTotalSlots = 1 << 26
	MaxDelay      = time.Hour
)

// Sharing is whose turn it is in a worker's queue: what workers are configured with.
type Sharing = queue.Config

// Config says what is simulated. The zero Config is a fleet of the default size under late binding, without network
// delay.
type Config struct {
	// Policy is how tasks are placed, one of [Policies]. Default "late-binding".
	Policy string
	// Workers is how many there are: 1 to 2²⁰, default 1000.
	Workers int
	// Slots is how many tasks a worker runs at a time: 1 to 4096, default 4.
	Slots int
	// Schedulers is how many share the jobs: 1 to 4096, default 10. Policies ideal and central have one whatever this
	// says.
	Schedulers int
	// ProbeRatio is reservations or probes per task: 1 to 16, default 2.
	ProbeRatio float64
	// NetDelay is what every message between a scheduler and a worker takes, one way: 0 to 1 h.
	NetDelay time.Duration
	// ClientDelay is what a message between a client and a scheduler takes, one way: 0 to 1 h. It only adds to each
	// response, twice.
	ClientDelay time.Duration
	// TaskOverhead is what running a task takes beyond its service time: 0 to 1 h. It occupies the slot.
	TaskOverhead time.Duration
	// Decision is what policy central needs for each task: 0 to 1 h.
	Decision time.Duration
	// Deadline is that of each job that has none of its own, more than 0 and at most 24 h, which is also the default: a
	// run is to show its queues, not to cut them off. The fleet's own default is shorter.
	Deadline time.Duration
	// MaxAttempts is how often a task may start: 1 to 100, default 3. It takes faults to need a second one.
	MaxAttempts int
	// Sharing is whose turn it is in the workers' queues: its fields Discipline, Weights, Ageing and StarvationBound.
	// The zero value is first in, first out. Policies that do not run the fleet's own code know nothing else.
	Sharing Sharing
	// Seed is where all randomness of the run comes from: any. The workload has a seed of its own.
	Seed uint64
	// Load is what the workload was asked to offer, for the report. 0: it is measured.
	Load float64
	// Nodes is what each worker has beside slots: its labels and resources. Nil: nothing; else one a worker. Policy
	// per-task knows labels only, other models nothing of it.
	Nodes []workload.Node
	// Cache models what workers keep of what affinity keys stand for; the zero Cache is no model: tasks take what they
	// take. Policies late-binding and those like it only.
	Cache workload.Cache
	// NoAffinity keeps the workload's keys from the schedulers. Other policies than late-binding and those like it do
	// not know them in any case.
	NoAffinity bool
	// AffinityWait is how long a task waits for the workers that its key has chosen: at most 1 m; 0: the fleet's
	// default; below 0: no time.
	AffinityWait time.Duration
	// Check has every core check its invariants after every step, which makes a run much slower.
	Check bool
	// Faults is what goes wrong. The zero Faults is nothing.
	Faults Faults
}

// WithDefaults returns the config with every zero field that has a default set to it.
func (c Config) WithDefaults() Config {
	c.Policy = cmp.Or(c.Policy, "late-binding")
	c.Workers = cmp.Or(c.Workers, DefaultWorkers)
	c.Slots = cmp.Or(c.Slots, DefaultSlots)
	c.Schedulers = cmp.Or(c.Schedulers, DefaultSchedulers)
	c.ProbeRatio = cmp.Or(c.ProbeRatio, task.DefaultProbeRatio)
	c.Deadline = cmp.Or(c.Deadline, task.MaxDeadline)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, task.DefaultMaxAttempts)
	c.Faults = c.Faults.withDefaults()
	return c
}

// Validate reports all fields that are out of their bounds, joined into one error, with zero fields at their defaults.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var faults []error
	count := func(name string, n, most int) {
		if n < 1 || n > most {
			faults = append(faults, fmt.Errorf("%s: want 1 to %d, got %d", name, most, n))
		}
	}
	delay := func(name string, d time.Duration) {
		if d < 0 || d > MaxDelay {
			faults = append(faults, fmt.Errorf("%s: want 0 to %v, got %v", name, MaxDelay, d))
		}
	}
	count("workers", c.Workers, MaxWorkers)
	count("slots", c.Slots, probe.MaxSlots)
	count("schedulers", c.Schedulers, MaxSchedulers)
	count("max attempts", c.MaxAttempts, task.MaxAttempts)
	if c.Workers > 0 && c.Slots > MaxTotalSlots/c.Workers {
		faults = append(faults, fmt.Errorf("workers × slots: at most %d, got %d × %d", MaxTotalSlots, c.Workers, c.Slots))
	}
	if math.IsNaN(c.ProbeRatio) || c.ProbeRatio < 1 || c.ProbeRatio > task.MaxProbeRatio {
		faults = append(faults, fmt.Errorf("probe ratio: want 1 to %g, got %g", task.MaxProbeRatio, c.ProbeRatio))
	}
	delay("net delay", c.NetDelay)
	delay("client delay", c.ClientDelay)
	delay("task overhead", c.TaskOverhead)
	delay("decision", c.Decision)
	if c.Deadline < 0 || c.Deadline > task.MaxDeadline {
		faults = append(faults, fmt.Errorf("deadline: want more than 0 and at most %v, got %v", task.MaxDeadline, c.Deadline))
	}
	if _, known := makers()[c.Policy]; !known {
		faults = append(faults, fmt.Errorf("policy: want one of %s, got %q", policyList(), c.Policy))
	} else if c.Faults.any() && !usesCores(c.Policy) {
		faults = append(faults, fmt.Errorf("faults: policy %s is a model without them; those that run the fleet's own code have them", c.Policy))
	}
	faults = append(faults, c.nodeFaults()...)
	faults = append(faults, c.cacheFaults()...)
	if c.AffinityWait > time.Minute {
		faults = append(faults, fmt.Errorf("affinity wait: want at most %v, got %v", time.Minute, c.AffinityWait))
	}
	if err := c.queue().Validate(); err != nil && c.Slots <= probe.MaxSlots && c.Slots > 0 {
		faults = append(faults, err)
	}
	if d := c.Sharing.Discipline; d > queue.FIFO && !usesCores(c.Policy) {
		faults = append(faults, fmt.Errorf("discipline: policy %s is a model with first in, first out; those that run the fleet's own code have %v", c.Policy, d))
	}
	if c.Faults.any() && c.Policy == idleOffer {
		faults = append(faults, fmt.Errorf("faults: connections between schedulers, which policy %s has, are not broken here; those that do without have faults", c.Policy))
	}
	faults = append(faults, c.Faults.validate()...)
	return errors.Join(faults...)
}

// queue is how each worker's core is made.
func (c *Config) queue() queue.Config {
	return queue.Config{
		Slots: c.Slots, Forget: true,
		Discipline: c.Sharing.Discipline, Weights: c.Sharing.Weights, Ageing: c.Sharing.Ageing, StarvationBound: c.Sharing.StarvationBound,
	}
}
