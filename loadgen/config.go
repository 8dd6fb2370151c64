package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"dunnock/client"
	"dunnock/loadgen/workload"
	"dunnock/task"
)

// Defaults and bounds of [Config].
const (
	DefaultTimeout     = time.Minute
	DefaultMaxInFlight = 10_000
	MaxMaxInFlight     = 1_000_000
)

// SleepApp is the app whose tasks take as long as the workload says.
const SleepApp = "sleep"

// Config of a run. Zero fields take the default that their comment gives.
type Config struct {
	// Schedulers to spread the jobs over: "host:port" or "http://host:port". A job that cannot reach its own goes to
	// the next. At least one.
	Schedulers []string
	// App that the tasks are for. Default SleepApp, whose payload is the task's planned service time.
	App string
	// Payload of every task of another app.
	Payload []byte
	// Cache is what workers keep of what the workload's affinity keys stand for, with SleepApp: tasks whose key is not
	// there take longer. The zero Cache is no such thing. NoAffinity keeps the keys from the schedulers.
	Cache      workload.Cache
	NoAffinity bool
	// ProbeRatio is reservations per task, 1 to 16. Default 2.
	ProbeRatio float64
	// Timeout is the deadline of each job that has none of its own, more than 0 and at most 24 h. Default
	// DefaultTimeout.
	Timeout time.Duration
	// MaxInFlight is how many jobs may be under way at once, 1 to MaxMaxInFlight. One that is due beyond it is dropped
	// and counted as an error ([CodeOverload]): to delay it silently would make the load that of a closed loop. Default
	// DefaultMaxInFlight.
	MaxInFlight int
	// Plan says what the jobs are to be.
	Plan Plan
	// Fleet is what is known of the fleet, from [Ask]. The zero Fleet is nothing.
	Fleet Fleet
	// FleetCPU returns the processor time that all of the fleet has used so far; nil if that cannot be known.
	FleetCPU func() (time.Duration, error)
	// Bound asks for the comparison with what the jobs take elsewhere; nil leaves it out.
	Bound *BoundConfig

	// CSV gets a line for each job; Record the jobs as they ran, as a workload file. Nil: nothing does.
	CSV    io.Writer
	Record io.Writer
	// Progress is called twice a second while the run goes on; nil: never.
	Progress func(Progress)

	// Repeat says which run of the command this is, from 1, of how many. Default 1 of 1.
	Repeat, Repeats int
	// Version of the program, for the result.
	Version string
	// Logger of the client. Default slog.Default().
	Logger *slog.Logger
	// Dial opens connections. Default: a net.Dialer's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// NoAlarm leaves it to Go's timers to wake the generator, which is then up to 1 ms late when nothing else runs; for
	// testing/synctest bubbles.
	NoAlarm bool
}

// Plan is what a run's jobs were asked to be, for the result.
type Plan struct {
	Workload string  // such as "tasks=10 service=const:100ms", or a file's name
	Seed     uint64  // of the workload, and of the simulations that it is set beside
	Load     float64 // as a fraction of all slots; 0: as measured
	Length   time.Duration
	Jobs     int // 0: not known beforehand
	Stages   []PlannedStage
}

// PlannedStage is a stage as asked for.
type PlannedStage struct {
	Load   float64
	Rate   float64
	Length time.Duration
}

// Progress is how far a run is.
type Progress struct {
	Elapsed  time.Duration // since the start
	Sent     uint64        // jobs, so far
	Ended    uint64        // of them, in error or not
	Errors   uint64        // jobs
	InFlight int           // jobs
	Rate     float64       // jobs sent per second, since the last call
	P50, P99 time.Duration // of the responses so far
	LagP99   time.Duration
}

func (c Config) withDefaults() Config {
	c.Schedulers = addresses(c.Schedulers)
	c.App = cmp.Or(c.App, SleepApp)
	c.ProbeRatio = cmp.Or(c.ProbeRatio, task.DefaultProbeRatio)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.MaxInFlight = cmp.Or(c.MaxInFlight, DefaultMaxInFlight)
	if c.Repeat == 0 {
		c.Repeat, c.Repeats = 1, 1
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Validate reports all fields that are out of their bounds, joined into one error, with zero fields at their defaults.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	if !task.ValidApp(c.App) {
		faults = append(faults, fmt.Errorf("app: want 1 to %d characters of a-z 0-9 . _ -, got %q", task.MaxNameLen, c.App))
	}
	if c.Cache != (workload.Cache{}) {
		if c.App != SleepApp {
			faults = append(faults, fmt.Errorf("cache: only app %s knows how long a task takes without", SleepApp))
		} else if err := c.Cache.Validate(); err != nil {
			faults = append(faults, err)
		}
	}
	if c.App == SleepApp && len(c.Payload) > 0 {
		faults = append(faults, errors.New("payload: that of app sleep is the task's service time"))
	}
	if math.IsNaN(c.ProbeRatio) || c.ProbeRatio < 1 || c.ProbeRatio > task.MaxProbeRatio {
		faults = append(faults, fmt.Errorf("probe ratio: want 1 to %g, got %g", task.MaxProbeRatio, c.ProbeRatio))
	}
	if c.Timeout < 0 || c.Timeout > task.MaxDeadline {
		faults = append(faults, fmt.Errorf("timeout: want more than 0 and at most %v, got %v", task.MaxDeadline, c.Timeout))
	}
	if c.MaxInFlight < 1 || c.MaxInFlight > MaxMaxInFlight {
		faults = append(faults, fmt.Errorf("max in flight: want 1 to %d jobs, got %d", MaxMaxInFlight, c.MaxInFlight))
	}
	if c.Bound != nil {
		faults = append(faults, c.Bound.validate()...)
	}
	return errors.Join(faults...)
}

// addresses returns the hosts and ports of schedulers, each once, as a client ranks them.
func addresses(urls []string) []string {
	addrs := make([]string, len(urls))
	for i, u := range urls {
		addrs[i] = strings.TrimSuffix(strings.TrimPrefix(u, "http://"), "/")
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

func (c *Config) client() (*client.Client, error) {
	// Connections to all of them stay open, so that no job of a slow run has to wait for one.
	return client.New(client.Config{Schedulers: c.Schedulers, Spares: len(c.Schedulers), Logger: c.Logger, Dial: c.Dial})
}
