package queue

import (
	"errors"
	"fmt"
	"math"
	"time"

	"dunnock/probe"
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
	// StopGrace is how long a handler that was told to stop may take to return before the attempt's
	// end is reported without it and its slot counts as stuck: more than 0 and at most 1 h, default
	// 100 ms. Raise it for handlers that have much to tidy up.
	StopGrace time.Duration
	// OrphanGrace is how long an attempt runs on whose scheduler is gone: until then the same life of that scheduler may
	// come back, or another one claim the job. More than 0 and at most 1 h, default 2 s. It should be above the lease after which a
	// scheduler gives a silent worker up, and well above the time that a client needs to find another scheduler.
	OrphanGrace time.Duration
	// ResultTTL is how long a result is kept that nobody acknowledges: more than 0 and at most 1 h, default 30 s.
	ResultTTL time.Duration
	// MaxResults bounds the results that are kept, at about 100 bytes each beside their bodies: 1 to 2²⁴, default 262,144.
	// Beyond it the oldest go.
	MaxResults int
	// MaxResultBytes bounds the bodies of the results that are kept: at least 1, default 64 MiB. Beyond it the oldest go.
	MaxResultBytes int
	// Forget switches off all that is kept for schedulers that come back or take over: attempts of a scheduler that is gone are
	// stopped at once and no result is kept. It is for simulations in which nothing fails, which are faster without.
	Forget bool
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
	if c.Apps < 0 || c.Apps > math.MaxUint16 {
		faults = append(faults, fmt.Errorf("apps: want 0 to %d, got %d", math.MaxUint16, c.Apps))
	}
	return errors.Join(faults...)
}
