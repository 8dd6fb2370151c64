package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"dunnock/gossip"
	"dunnock/internal/api"
	"dunnock/internal/node"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/worker"
	"dunnock/worker/app"
)

// Bounds of a [Config].
const (
	MaxSchedulers = 64
	MaxWorkers    = 1024
)

const freePort = "127.0.0.1:0"

// Config of a fleet. Zero fields take the default that their comment gives.
type Config struct {
	// Schedulers is how many, 1 to MaxSchedulers. Default 2.
	Schedulers int
	// Workers is how many, 1 to MaxWorkers. Default 4.
	Workers int
	// Slots of each worker. Default 4.
	Slots int
	// HTTP address of the first scheduler; all others take free ports on loopback. Default "127.0.0.1:0".
	HTTP string
	// Name of the fleet. Default: a random one, so that it never merges with another.
	Name string
	// Policy of the fleet. Default placement.IdleOffer.
	Policy placement.Policy
	// Apps that every worker has. Default: those of app.Builtin.
	Apps map[string]worker.Handler
	// Insecure allows an HTTP address that is not loopback.
	Insecure bool
	// DrainTimeout bounds how long running work may take to end. Default 30 s.
	DrainTimeout time.Duration
	// StartTimeout bounds how long Start waits until all are connected. Default 30 s.
	StartTimeout time.Duration
	// Logger of all nodes. Default slog.Default().
	Logger *slog.Logger

	// Scheduler and Worker may change the configuration of the i-th one, from 0, before it is made.
	Scheduler func(i int, cfg *scheduler.Config)
	Worker    func(i int, cfg *worker.Config)
}

func (c Config) withDefaults() (Config, error) {
	c.Schedulers = cmp.Or(c.Schedulers, 2)
	c.Workers = cmp.Or(c.Workers, 4)
	c.Slots = cmp.Or(c.Slots, 4)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 30*time.Second)
	c.StartTimeout = cmp.Or(c.StartTimeout, 30*time.Second)
	c.HTTP = cmp.Or(c.HTTP, freePort)
	c.Policy = cmp.Or(c.Policy, placement.IdleOffer)
	if c.Name == "" {
		c.Name = fmt.Sprintf("local-%05x", uint64(gossip.NewIncarnation())&0xfffff)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	switch {
	case c.Schedulers < 1 || c.Schedulers > MaxSchedulers:
		return c, fmt.Errorf("schedulers: want 1 to %d, got %d", MaxSchedulers, c.Schedulers)
	case c.Workers < 1 || c.Workers > MaxWorkers:
		return c, fmt.Errorf("workers: want 1 to %d, got %d", MaxWorkers, c.Workers)
	}
	return c, nil
}

// Fleet is running. End it with [Fleet.Stop].
type Fleet struct {
	schedulers []*member
	workers    []*member
	builtin    io.Closer // nil when Config.Apps was set
	running    sync.WaitGroup
	hardStop   context.CancelFunc
	failed     chan struct{} // closed by fail
	failOnce   sync.Once
	err        error // why; set before failed is closed
}

// daemon is a scheduler or a worker.
type daemon interface {
	Ready() node.Ready
	Run(ctx context.Context) error
	Drain()
}

// member is one daemon of the fleet.
type member struct {
	daemon daemon
	done   chan struct{} // closed when Run has returned
	err    error         // what it returned; set before done is closed
}

// Start makes a fleet and returns when every scheduler is connected to every worker and knows every other scheduler, or
// is connected with it where the policy has them talk. Until then ctx ends it; afterwards only Stop does.
func Start(ctx context.Context, cfg Config) (*Fleet, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	life, hardStop := context.WithCancel(context.WithoutCancel(ctx))
	f := &Fleet{hardStop: hardStop, failed: make(chan struct{})}
	if cfg.Apps == nil {
		cfg.Apps, f.builtin = app.Builtin()
	}
	err = f.open(life, cfg)
	if err == nil {
		err = f.await(ctx, cfg)
	}
	if err != nil {
		hardStop()
		_ = f.Stop(life) // has no better reason to tell
		return nil, err
	}
	return f, nil
}

// open makes all nodes and starts each one at once. The first scheduler is where the others join.
func (f *Fleet) open(life context.Context, cfg Config) error {
	var join []string
	addr := cfg.HTTP
	for i := range cfg.Schedulers {
		c := scheduler.Config{
			Name: "s" + strconv.Itoa(i+1), Fleet: cfg.Name, Join: join, Policy: cfg.Policy, Insecure: cfg.Insecure,
			DrainTimeout: cfg.DrainTimeout, Logger: cfg.Logger,
		}
		if cfg.Scheduler != nil {
			cfg.Scheduler(i, &c)
		}
		l, err := node.Listen("http", addr, cfg.Insecure)
		if err != nil {
			return fmt.Errorf("scheduler %s: %w", c.Name, err)
		}
		c.Listener, addr = l, freePort
		s, err := scheduler.New(c)
		if err != nil {
			_ = l.Close() // it may be closed already
			return fmt.Errorf("scheduler %s: %w", c.Name, err)
		}
		f.schedulers = append(f.schedulers, f.run(life, s, l))
		if i == 0 {
			join = []string{s.Ready().Gossip}
		}
	}
	for i := range cfg.Workers {
		c := worker.Config{
			Name: "w" + strconv.Itoa(i+1), Fleet: cfg.Name, Join: join, Slots: cfg.Slots, Apps: cfg.Apps,
			DrainTimeout: cfg.DrainTimeout, Logger: cfg.Logger,
		}
		if cfg.Worker != nil {
			cfg.Worker(i, &c)
		}
		l, err := node.Listen("http", freePort, false)
		if err != nil {
			return fmt.Errorf("worker %s: %w", c.Name, err)
		}
		c.Listener = l
		w, err := worker.New(c)
		if err != nil {
			_ = l.Close() // it may be closed already
			return fmt.Errorf("worker %s: %w", c.Name, err)
		}
		f.workers = append(f.workers, f.run(life, w, l))
	}
	return nil
}

// run starts a daemon. Its listener is closed as soon as life is over: a daemon that is stopped
// before its server has come to serve would wait on the listener for ever.
func (f *Fleet) run(life context.Context, d daemon, l net.Listener) *member {
	m := &member{daemon: d, done: make(chan struct{})}
	f.running.Go(func() {
		defer close(m.done)
		stop := context.AfterFunc(life, func() { _ = l.Close() })
		defer stop()
		if m.err = d.Run(life); m.err != nil {
			m.err = fmt.Errorf("%s: %w", d.Ready().Name, m.err)
			f.failOnce.Do(func() {
				f.err = m.err
				close(f.failed)
			})
		}
	})
	return m
}

// await returns when everyone is connected.
func (f *Fleet) await(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()
	peers := 0
	if cfg.Policy == placement.IdleOffer {
		peers = cfg.Schedulers - 1
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i < len(f.schedulers); {
		seen, err := f.view(ctx, i)
		switch {
		case err == nil && seen.Connected >= cfg.Workers && seen.Schedulers >= cfg.Schedulers && seen.Peers >= peers:
			i++
			continue
		case err == nil && seen.Schedulers >= cfg.Schedulers && seen.Peers < peers:
			err = fmt.Errorf("it has %d of %d workers and is connected with %d of %d other schedulers", seen.Connected, cfg.Workers, seen.Peers, peers)
		case err == nil:
			err = fmt.Errorf("it has %d of %d workers and knows %d of %d schedulers", seen.Connected, cfg.Workers, seen.Schedulers, cfg.Schedulers)
		}
		select {
		case <-f.failed:
			return f.err
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("the fleet was not connected within %v: scheduler %s: %w", cfg.StartTimeout, f.schedulers[i].daemon.Ready().Name, err)
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// view is the fleet as its i-th scheduler sees it.
func (f *Fleet) view(ctx context.Context, i int) (api.Fleet, error) {
	c, err := api.NewCaller(f.schedulers[i].daemon.Ready().HTTP)
	if err != nil {
		return api.Fleet{}, err
	}
	return c.Fleet(ctx)
}

// Schedulers returns the URLs of the schedulers, the first one first.
func (f *Fleet) Schedulers() []string {
	urls := make([]string, len(f.schedulers))
	for i, m := range f.schedulers {
		urls[i] = "http://" + m.daemon.Ready().HTTP
	}
	return urls
}

// Ready returns where the schedulers and the workers listen.
func (f *Fleet) Ready() (schedulers, workers []node.Ready) {
	for _, m := range f.schedulers {
		schedulers = append(schedulers, m.daemon.Ready())
	}
	for _, m := range f.workers {
		workers = append(workers, m.daemon.Ready())
	}
	return schedulers, workers
}

// Failed is closed when a node has ended with an error, which Stop returns.
func (f *Fleet) Failed() <-chan struct{} { return f.failed }

// Stop drains the fleet, schedulers first so that their jobs can finish, and returns when everything that Start began
// has ended. When ctx ends first the rest is stopped at once. The error joins those of nodes that failed.
func (f *Fleet) Stop(ctx context.Context) error {
	stop := context.AfterFunc(ctx, f.hardStop)
	defer stop()
	var errs []error
	for _, tier := range [][]*member{f.schedulers, f.workers} {
		for _, m := range tier {
			if ctx.Err() == nil {
				m.daemon.Drain()
			}
		}
		for _, m := range tier {
			<-m.done
			errs = append(errs, m.err)
		}
	}
	f.hardStop()
	f.running.Wait()
	if f.builtin != nil {
		errs = append(errs, f.builtin.Close())
	}
	return errors.Join(errs...)
}
