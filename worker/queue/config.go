package queue

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// Defaults and bounds of [Config].
const (
	DefaultSlots           = 1
	DefaultMaxReservations = 100_000
	MaxReservations        = 1 << 24
	DefaultStopGrace       = 100 * time.Millisecond
	MaxStopGrace           = time.Hour
	DefaultOrphanGrace     = 2 * time.Second
	MaxOrphanGrace         = time.Hour
	DefaultResultTTL       = 30 * time.Second
	MaxResultTTL           = time.Hour
	DefaultMaxResults      = 1 << 18
	DefaultMaxResultBytes  = 64 << 20
	MaxAgeing              = time.Hour
	DefaultStarvationBound = time.Second
	MaxStarvationBound     = time.Hour
	MaxWeight              = probe.MaxWeight
	MaxWeights             = probe.MaxWeights
	DefaultBriefProof      = 256
	MaxBriefProof          = 1 << 16
)

// Config says how large a [Core] is. A zero field takes its default.
type Config struct {
	// Slots is how many attempts run at once: 1 to 4096 ([probe.MaxSlots]), default 1.
	Slots int
	// MaxReservations bounds the entries of the queue, one for each Reserve whatever its Count: 1
	// to 2²⁴, default 100,000. An entry takes 24 to 48 bytes. A Reserve beyond it is refused as
	// full and counted in [Stats].RefusedFull; lower it to make overload show at the schedulers
	// sooner.
	MaxReservations int
	// Discipline is whose turn it is when a slot is free. Default [FIFO].
	Discipline Discipline
	// Ageing is for how long a reservation must wait under [Priority] to be worth one priority more: 0 to 1 h, where
	// the default 0 is never: priorities are strict, and a flood of higher ones starves the lower. It should be about
	// the wait that one step of priority may cost.
	Ageing time.Duration
	// StarvationBound is how long a reservation may wait under [SRPT] before it is served next: more than 0 and at most
	// 1 h, default 1 s. Below the waits of an ordinary day it would make the worker FIFO, and well above the patience
	// of who submitted a long job it would be no bound. A second is above the 99.9th percentile of waits for sub-second
	// tasks at load 0.9, and a tenth of the queueing time from which on schedulers refuse jobs.
	StarvationBound time.Duration
	// Weights of users and of groups of users under [Fair], by path: 1 to 1000. One that is not named has weight 1.
	// What counts at each level is the weight beside those of its siblings that want slots.
	Weights map[string]int
	// StopGrace is how long a handler that was told to stop may take to return before the attempt's
	// end is reported without it and its slot counts as stuck: more than 0 and at most 1 h, default
	// 100 ms. Raise it for handlers that have much to tidy up.
	StopGrace time.Duration
	// OrphanGrace is how long an attempt runs on whose scheduler is gone: until then the same life of that scheduler
	// may come back, or another one claim the job. More than 0 and at most 1 h, default 2 s. It should be above the
	// lease after which a scheduler gives a silent worker up, and well above the time that a client needs to find
	// another scheduler.
	OrphanGrace time.Duration
	// ResultTTL is how long a result is kept that nobody acknowledges: more than 0 and at most 1 h, default 30 s.
	ResultTTL time.Duration
	// MaxResults bounds the results that are kept, at about 100 bytes each beside their bodies: 1 to 2²⁴, default
	// 262,144. Beyond it the oldest go.
	MaxResults int
	// MaxResultBytes bounds the bodies of the results that are kept: at least 1, default 64 MiB. Beyond it the oldest
	// go.
	MaxResultBytes int
	// Forget switches off all that is kept for schedulers that come back or take over: attempts of a scheduler that is
	// gone are stopped at once and no result is kept. It is for simulations in which nothing fails, which are faster
	// without.
	Forget bool
	// Offers lets free slots offer themselves to the schedulers of which [Core.OffersTo] said that they take offers.
	// There are then more lanes than slots, up to [probe.Lanes]: messages name lanes.
	Offers bool
	// BriefProof is how many attempts of an app in a row must have taken less than half a message's way before more of
	// them are invited than there are slots, with Offers: 1 to 65,536, default 256. One of this many may take longer:
	// below 64 apps of which some attempts do, and others do not, are believed too often.
	BriefProof int
	// Seed tells this worker from others where its slots' homes are drawn, with Offers: for example the incarnation.
	Seed uint64
	// Resources is how much the worker has of each resource beside its slots, which tasks may need
	// ([Core.ReserveNeed]): at most 8 ([probe.MaxResources]).
	Resources []uint32
	// Apps is how many apps the worker named in its Hello. A Launch of an app with a higher index
	// is declined: 0 to 65,535, where the default 0 leaves that check to the caller.
	Apps int
}

// WithDefaults returns the config with every zero field that has a default set to it.
func (c Config) WithDefaults() Config {
	if c.Slots == 0 {
		c.Slots = DefaultSlots
	}
	if c.MaxReservations == 0 {
		c.MaxReservations = DefaultMaxReservations
	}
	if c.Discipline == 0 {
		c.Discipline = FIFO
	}
	if c.StarvationBound == 0 {
		c.StarvationBound = DefaultStarvationBound
	}
	if c.StopGrace == 0 {
		c.StopGrace = DefaultStopGrace
	}
	if c.OrphanGrace == 0 {
		c.OrphanGrace = DefaultOrphanGrace
	}
	if c.ResultTTL == 0 {
		c.ResultTTL = DefaultResultTTL
	}
	if c.MaxResults == 0 {
		c.MaxResults = DefaultMaxResults
	}
	if c.MaxResultBytes == 0 {
		c.MaxResultBytes = DefaultMaxResultBytes
	}
	if c.BriefProof == 0 {
		c.BriefProof = DefaultBriefProof
	}
	return c
}

// Validate reports all fields that are out of their bounds, joined into one error, with zero fields
// at their defaults.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var faults []error
	if c.Slots < 1 || c.Slots > probe.MaxSlots {
		faults = append(faults, fmt.Errorf("slots: want 1 to %d, got %d", probe.MaxSlots, c.Slots))
	}
	if c.MaxReservations < 1 || c.MaxReservations > MaxReservations {
		faults = append(faults, fmt.Errorf("max reservations: want 1 to %d, got %d", MaxReservations, c.MaxReservations))
	}
	faults = append(faults, c.validateDiscipline()...)
	if c.StopGrace < 0 || c.StopGrace > MaxStopGrace {
		faults = append(faults, fmt.Errorf("stop grace: want more than 0 and at most %v, got %v", MaxStopGrace, c.StopGrace))
	}
	if c.OrphanGrace < 0 || c.OrphanGrace > MaxOrphanGrace {
		faults = append(faults, fmt.Errorf("orphan grace: want more than 0 and at most %v, got %v", MaxOrphanGrace, c.OrphanGrace))
	}
	if c.ResultTTL < 0 || c.ResultTTL > MaxResultTTL {
		faults = append(faults, fmt.Errorf("result ttl: want more than 0 and at most %v, got %v", MaxResultTTL, c.ResultTTL))
	}
	if c.MaxResults < 1 || c.MaxResults > MaxReservations {
		faults = append(faults, fmt.Errorf("max results: want 1 to %d, got %d", MaxReservations, c.MaxResults))
	}
	if c.MaxResultBytes < 1 {
		faults = append(faults, fmt.Errorf("max result bytes: want at least 1, got %d", c.MaxResultBytes))
	}
	if len(c.Resources) > probe.MaxResources {
		faults = append(faults, fmt.Errorf("resources: at most %d, got %d", probe.MaxResources, len(c.Resources)))
	}
	if c.BriefProof < 1 || c.BriefProof > MaxBriefProof {
		faults = append(faults, fmt.Errorf("brief proof: want 1 to %d, got %d", MaxBriefProof, c.BriefProof))
	}
	if c.Apps < 0 || c.Apps > math.MaxUint16 {
		faults = append(faults, fmt.Errorf("apps: want 0 to %d, got %d", math.MaxUint16, c.Apps))
	}
	return errors.Join(faults...)
}

func (c *Config) validateDiscipline() (faults []error) {
	if c.Discipline < FIFO || c.Discipline > SRPT {
		faults = append(faults, fmt.Errorf("discipline: want one of %v, got %v", disciplineNames(), c.Discipline))
	}
	if c.Ageing < 0 || c.Ageing > MaxAgeing {
		faults = append(faults, fmt.Errorf("ageing: want 0 to %v, got %v", MaxAgeing, c.Ageing))
	}
	if c.StarvationBound < 0 || c.StarvationBound > MaxStarvationBound {
		faults = append(faults, fmt.Errorf("starvation bound: want more than 0 and at most %v, got %v", MaxStarvationBound, c.StarvationBound))
	}
	if len(c.Weights) > MaxWeights {
		faults = append(faults, fmt.Errorf("weights: at most %d, got %d", MaxWeights, len(c.Weights)))
	}
	for _, path := range slices.Sorted(maps.Keys(c.Weights)) {
		if w := c.Weights[path]; path == "" || len(path) > task.MaxUserLen || w < 1 || w > MaxWeight {
			faults = append(faults, fmt.Errorf("weights: want a path of 1 to %d bytes and a weight of 1 to %d, got %q=%d", task.MaxUserLen, MaxWeight, path, w))
		}
	}
	return faults
}
