package placement

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Policy says how a core places tasks. Values are not on the wire; names are.
type Policy uint8

// The policies.
const (
	// LateBinding is batch sampling, late binding and proactive cancellation: Sparrow's. The default of a core.
	LateBinding Policy = iota + 1
	// LateBindingNoCancel is the same without proactive cancellation: reservations that a
	// job no longer needs stay in the queues and are answered with NoTask.
	LateBindingNoCancel
	// IdleOffer has slots that free offer themselves, and launches on what is offered; see [Core.Offer]. The default of
	// a scheduler.
	IdleOffer
)

// String returns the policy's name, as in flags and handshakes.
func (p Policy) String() string {
	switch p {
	case LateBinding:
		return "late-binding"
	case LateBindingNoCancel:
		return "late-binding-nocancel"
	case IdleOffer:
		return "idle-offer"
	default:
		return "policy(" + strconv.Itoa(int(p)) + ")"
	}
}

// ParsePolicy reads a policy's name.
func ParsePolicy(name string) (Policy, error) {
	for _, p := range []Policy{LateBinding, LateBindingNoCancel, IdleOffer} {
		if name == p.String() {
			return p, nil
		}
	}
	return 0, fmt.Errorf("policy: want %s, %s or %s, got %q", LateBinding, LateBindingNoCancel, IdleOffer, name)
}

// Defaults of [Config].
const (
	DefaultMinBackoff = 10 * time.Millisecond
	DefaultMaxBackoff = time.Second
	DefaultMaxSets    = 128
	DefaultMaxListed  = 16 << 20
	DefaultMaxJobs    = 100_000
	DefaultMaxTasks   = 10_000_000

	DefaultClaimWait    = 50 * time.Millisecond
	DefaultDoubtWait    = 1500 * time.Millisecond
	DefaultMaxQueueTime = 10 * time.Second
	DefaultPreferWait   = 50 * time.Millisecond
	DefaultAffinityWait = 20 * time.Millisecond

	DefaultMinQuarantine = time.Second
	DefaultMaxQuarantine = time.Minute
)

// Config tunes a [Core]. The zero Config is the default one.
type Config struct {
	// Policy is how tasks are placed. Default LateBinding. A fleet has one.
	Policy Policy
	// MinBackoff is how long a job waits before it samples anew after a worker refused its reservation; each further
	// wait is twice as long, up to MaxBackoff, until an attempt of the job finishes, and each is drawn from the upper
	// half of its range. Default 10 ms, 1 ms to MaxBackoff. Larger spares full workers, smaller finds free queues
	// sooner.
	MinBackoff time.Duration
	// MaxBackoff bounds the wait, and so how long a job may overlook that workers
	// have room again. Default 1 s, at most 1 m.
	MaxBackoff time.Duration
	// PreferWait is how long tasks wait for the workers that they prefer before any other eligible worker will do.
	// Default 50 ms, about half of what a task of such a fleet takes: a worker that has a slot free answers within a
	// millisecond or two, and to wait longer than a slot takes to get free costs more than most caches are worth. At
	// most 1 m; below 0: no time, but preferred workers are asked first.
	PreferWait time.Duration
	// AffinityWait is how long tasks with an affinity key wait for the workers that it has chosen before any other
	// eligible worker will do. Default 20 ms, at most 1 m; below 0: no time, but these are asked first. Longer pays
	// where caches save more than that: see docs/affinity.md.
	AffinityWait time.Duration
	// MaxSets is how many constraint sets (an app, required and excluded labels, with the list of workers that satisfy
	// them) are kept for jobs to come. Those of live jobs are kept in any case. Default 128, at least
	// 1. Larger where jobs ask for more combinations of labels than that, at 4 bytes per set and worker.
	MaxSets int
	// MaxListed bounds how many workers the lists of all constraint sets have together, at 4 bytes each. Default 16 Mi,
	// 1 to 2³¹ − 1; a job whose constraints need longer ones, while other jobs hold theirs, fails with
	// task.CodeOverloaded. A job without constraints never does.
	MaxListed int
	// MaxJobs bounds the live jobs. Default 100,000, 1 to 2³¹ − 1; at the bound [Core.Submit] fails with
	// task.CodeOverloaded.
	MaxJobs int
	// MaxTasks bounds the unfinished tasks of all live jobs together, at 48 bytes each. Default 10,000,000,
	// 1 to 2³¹ − 1; a job beyond it fails with task.CodeOverloaded.
	MaxTasks int
	// MaxWaiting bounds those that wait. Default MaxTasks, 1 to 2³¹ − 1; a job beyond it fails with
	// task.CodeOverloaded.
	MaxWaiting int
	// ClaimWait is how long a job that was at another scheduler before waits at most for workers to say what they hold
	// of it. Default 50 ms, 1 ms to 1 m. Larger when answers take longer than that; smaller resumes sooner when a
	// worker is silent, at the risk of starting what that one runs.
	ClaimWait time.Duration
	// DoubtWait is the same for a job whose tasks may start once only: what nobody holds then ends Unknown. Default 1.5
	// s, 1 ms to 1 m.
	DoubtWait time.Duration
	// MaxQueueTime bounds how long the tasks of a job may have to wait in all likelihood: with that many waiting and
	// launches at the rate of the last second or so (both under the job's own constraints), a job beyond it, or beyond
	// its own deadline, fails with task.CodeOverloaded. Default 10 s, at least 1 ms; math.MaxInt64 has no job refused
	// by time, not by its deadline either.
	MaxQueueTime time.Duration
	// MinQuarantine is how long a worker that fails everything is kept out of sampling; each further time without a
	// success in between is twice as long, up to MaxQuarantine. Default 1 s, 1 ms to MaxQuarantine. Larger spares more
	// tasks an attempt at a worker that stays broken, smaller uses one sooner that was mended.
	MinQuarantine time.Duration
	// MaxQuarantine bounds that time. Default 1 m, at most 1 h.
	MaxQuarantine time.Duration
	// Hop is about what a message between two nodes of the fleet takes, one way. Under IdleOffer it paces what is said
	// to peers, and offers of slots that will be free within it count as free. Default 0: what launches and the ends of
	// their attempts take is measured ([Core.Hop]); below 0: next to nothing; at most 1 s.
	Hop time.Duration
	// NoQuarantine keeps all workers in sampling, whatever they do.
	NoQuarantine bool
}

// Validate returns all faults of the configuration, or nil.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Policy > IdleOffer {
		errs = append(errs, fmt.Errorf("policy: unknown value %d", c.Policy))
	}
	if c.MaxBackoff > time.Minute {
		errs = append(errs, fmt.Errorf("max_backoff: want at most %v, got %v", time.Minute, c.MaxBackoff))
	}
	if c.MinBackoff < time.Millisecond || c.MinBackoff > c.MaxBackoff {
		errs = append(errs, fmt.Errorf("min_backoff: want %v to max_backoff (%v), got %v", time.Millisecond, c.MaxBackoff, c.MinBackoff))
	}
	for _, d := range []struct {
		name        string
		value, most time.Duration
	}{{"claim_wait", c.ClaimWait, time.Minute}, {"doubt_wait", c.DoubtWait, time.Minute}, {"max_queue_time", c.MaxQueueTime, never}} {
		if d.value < time.Millisecond || d.value > d.most {
			errs = append(errs, fmt.Errorf("%s: want %v to %v, got %v", d.name, time.Millisecond, d.most, d.value))
		}
	}
	if c.Hop > time.Second {
		errs = append(errs, fmt.Errorf("hop: want at most %v, got %v", time.Second, c.Hop))
	}
	if c.PreferWait > time.Minute {
		errs = append(errs, fmt.Errorf("prefer_wait: want at most %v, got %v", time.Minute, c.PreferWait))
	}
	if c.AffinityWait > time.Minute {
		errs = append(errs, fmt.Errorf("affinity_wait: want at most %v, got %v", time.Minute, c.AffinityWait))
	}
	if c.MaxQuarantine > time.Hour {
		errs = append(errs, fmt.Errorf("max_quarantine: want at most %v, got %v", time.Hour, c.MaxQuarantine))
	}
	if c.MinQuarantine < time.Millisecond || c.MinQuarantine > c.MaxQuarantine {
		errs = append(errs, fmt.Errorf("min_quarantine: want %v to max_quarantine (%v), got %v", time.Millisecond, c.MaxQuarantine, c.MinQuarantine))
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"max_sets", c.MaxSets}, {"max_listed", c.MaxListed}, {"max_jobs", c.MaxJobs}, {"max_tasks", c.MaxTasks}, {"max_waiting", c.MaxWaiting}} {
		if n.value < 1 || n.value > math.MaxInt32 {
			errs = append(errs, fmt.Errorf("%s: want 1 to %d, got %d", n.name, math.MaxInt32, n.value))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Policy == 0 {
		c.Policy = LateBinding
	}
	if c.MinBackoff == 0 {
		c.MinBackoff = DefaultMinBackoff
	}
	if c.MaxBackoff == 0 {
		c.MaxBackoff = DefaultMaxBackoff
	}
	if c.MaxSets == 0 {
		c.MaxSets = DefaultMaxSets
	}
	if c.MaxListed == 0 {
		c.MaxListed = DefaultMaxListed
	}
	if c.MaxJobs == 0 {
		c.MaxJobs = DefaultMaxJobs
	}
	if c.MaxTasks == 0 {
		c.MaxTasks = DefaultMaxTasks
	}
	if c.MaxWaiting == 0 {
		c.MaxWaiting = c.MaxTasks
	}
	if c.ClaimWait == 0 {
		c.ClaimWait = DefaultClaimWait
	}
	if c.DoubtWait == 0 {
		c.DoubtWait = DefaultDoubtWait
	}
	if c.MaxQueueTime == 0 {
		c.MaxQueueTime = DefaultMaxQueueTime
	}
	if c.PreferWait == 0 {
		c.PreferWait = DefaultPreferWait
	}
	if c.AffinityWait == 0 {
		c.AffinityWait = DefaultAffinityWait
	}
	if c.MinQuarantine == 0 {
		c.MinQuarantine = DefaultMinQuarantine
	}
	if c.MaxQuarantine == 0 {
		c.MaxQuarantine = DefaultMaxQuarantine
	}
	return c
}
