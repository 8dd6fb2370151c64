package owner

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Scheduler is a scheduler's index in Config.Schedulers. Addresses and connections are the shell's.
type Scheduler uint8

// None stands for no scheduler.
const None Scheduler = 0xff

// MaxSchedulers is how many schedulers an owner can choose among.
const MaxSchedulers = 64

// Defaults of [Config].
const (
	DefaultTries      = 5
	DefaultMinBackoff = 10 * time.Millisecond
	DefaultMaxBackoff = time.Second
	DefaultPatience   = 250 * time.Millisecond
	DefaultGrace      = time.Second
	DefaultSpares     = 1
	DefaultMaxJobs    = 1 << 20
)

// Config tunes a [Core]. Zero fields but Schedulers take the default that their comment gives.
type Config struct {
	// Schedulers by names that all clients of a fleet use for them, such as their addresses: only what they hash to
	// counts. 1 to [MaxSchedulers].
	Schedulers []string
	// Tries is how often a job that nobody has accepted yet is handed to the fleet before its submission has failed:
	// each time to every scheduler that is there, or to none because none is. It bounds as well how often a job may be
	// superseded without a task of it ending in between. Default 5, at least 1; 1 never tries again. A job that was
	// accepted is tried until its deadline.
	Tries int
	// MinBackoff is the wait before a scheduler is dialled again, and before a job that every scheduler has refused is
	// handed out again if they do not say for how long; each further wait is twice as long, up to MaxBackoff, and each
	// is drawn from the upper half of its range. Default 10 ms, 1 ms to MaxBackoff.
	MinBackoff time.Duration
	// MaxBackoff bounds the wait, and so how long a scheduler that is back may go unnoticed. Default 1 s, at most 1 m.
	MaxBackoff time.Duration
	// Patience is how long a new job waits for the connection to the scheduler that is its first choice, while another
	// is there already. Default 250 ms, at least 1 ms: longer than a handshake across a continent, shorter than a user
	// notices.
	Patience time.Duration
	// Grace is how long after a job's deadline the scheduler's word is waited for, before the job is ended without it.
	// Default 1 s, at least 1 ms.
	Grace time.Duration
	// Spares is how many connections are kept beyond the first while there are jobs, so that what a dead scheduler
	// leaves behind is handed on without a handshake. Default 1; negative: none.
	Spares int
	// MaxJobs bounds the unfinished jobs; [Core.Submit] fails with task.CodeOverloaded beyond. Default 1,048,576.
	MaxJobs int
}

func (c Config) withDefaults() Config {
	c.Tries = cmp.Or(c.Tries, DefaultTries)
	c.MinBackoff = cmp.Or(c.MinBackoff, DefaultMinBackoff)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, DefaultMaxBackoff)
	c.Patience = cmp.Or(c.Patience, DefaultPatience)
	c.Grace = cmp.Or(c.Grace, DefaultGrace)
	c.Spares = cmp.Or(c.Spares, DefaultSpares)
	c.MaxJobs = cmp.Or(c.MaxJobs, DefaultMaxJobs)
	return c
}

// Validate reports all faults of the configuration at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	expect(len(c.Schedulers) >= 1 && len(c.Schedulers) <= MaxSchedulers, "schedulers: want 1 to %d, got %d", MaxSchedulers, len(c.Schedulers))
	expect(c.Tries >= 1, "tries: want at least 1, got %d", c.Tries)
	expect(c.MaxBackoff >= time.Millisecond && c.MaxBackoff <= time.Minute, "max backoff: want 1ms to 1m, got %v", c.MaxBackoff)
	expect(c.MinBackoff >= time.Millisecond && c.MinBackoff <= c.MaxBackoff, "min backoff: want 1ms to max backoff, %v, got %v", c.MaxBackoff, c.MinBackoff)
	expect(c.Patience >= time.Millisecond, "patience: want at least 1ms, got %v", c.Patience)
	expect(c.Grace >= time.Millisecond, "grace: want at least 1ms, got %v", c.Grace)
	expect(c.MaxJobs >= 1, "max jobs: want at least 1, got %d", c.MaxJobs)
	return errors.Join(faults...)
}
