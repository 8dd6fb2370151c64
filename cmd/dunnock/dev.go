package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"dunnock/gossip"
	"dunnock/internal/fleet"
	"dunnock/scheduler/placement"
	"dunnock/worker"
)

// localFlags size a fleet inside this process.
type localFlags struct {
	disciplineFlags `embed:"" group:"discipline"`

	Schedulers int         `help:"Schedulers, 1 to 64." default:"2" placeholder:"N"`
	Workers    int         `help:"Workers, 1 to 1024." default:"4" placeholder:"N"`
	Slots      int         `help:"Slots of each worker: tasks that run at once." default:"4" placeholder:"N"`
	Resource   amountsFlag `help:"What each worker has beside its slots, such as gpu=1. Repeatable (default: none)." placeholder:"NAME=N"`
	Policy     string      `help:"How tasks are placed: idle-offer, late-binding or late-binding-nocancel." default:"idle-offer" placeholder:"POLICY"`
}

// config checks the flags and makes them the configuration of a fleet.
func (f *localFlags) config(p *process) (fleet.Config, error) {
	policy, err := placement.ParsePolicy(f.Policy)
	if err != nil {
		return fleet.Config{}, usagef("--%w", err)
	}
	if f.Schedulers < 1 || f.Schedulers > fleet.MaxSchedulers {
		return fleet.Config{}, usagef("--schedulers: want 1 to %d, got %d", fleet.MaxSchedulers, f.Schedulers)
	}
	if f.Workers < 1 || f.Workers > fleet.MaxWorkers {
		return fleet.Config{}, usagef("--workers: want 1 to %d, got %d", fleet.MaxWorkers, f.Workers)
	}
	if err := checkSlots(f.Slots); err != nil {
		return fleet.Config{}, err
	}
	if err := f.check(); err != nil {
		return fleet.Config{}, err
	}
	if err := (worker.Config{Apps: map[string]worker.Handler{"none": func(context.Context, worker.Task) ([]byte, error) { return nil, nil }}, Resources: f.Resource}).Validate(); err != nil {
		return fleet.Config{}, usage(err)
	}
	return fleet.Config{
		Schedulers: f.Schedulers, Workers: f.Workers, Slots: f.Slots, Policy: policy, Logger: p.log,
		Worker: func(_ int, cfg *worker.Config) {
			cfg.Resources = f.Resource
			cfg.Discipline, cfg.Weights, cfg.Ageing, cfg.StarvationBound = f.Discipline, f.Weight, f.Ageing, f.StarvationBound
		},
	}, nil
}

type devCmd struct {
	localFlags `embed:""`

	HTTP         string        `name:"http" help:"Address of the first scheduler; everything else takes free ports on loopback." default:"127.0.0.1:7070" placeholder:"HOST:PORT"`
	App          []string      `sep:"none" help:"An app that every worker has besides echo, sleep and grep: NAME=exec:COMMAND…, NAME=http://… or NAME=unix:SOCKET:/PATH. Repeatable (default: none)." placeholder:"NAME=SPEC"`
	Insecure     bool          `help:"Allow an --http address that is not loopback (default: no)."`
	DrainTimeout time.Duration `help:"Longest wait for running work after Ctrl-C; a second Ctrl-C ends at once." default:"10s" placeholder:"DURATION"`
}

// Help is shown above the flags.
func (*devCmd) Help() string {
	return `The fleet has real sockets and real gossip on loopback, and every worker has the apps echo, sleep and grep. It stays up until Ctrl-C. Other workers can join it.

Examples:

    dunnock dev
    dunnock dev --workers 8 --slots 2 --app upper='exec:tr a-z A-Z'
    dunnock dev --schedulers 1 --http 127.0.0.1:8080`
}

// Run runs a fleet until Ctrl-C.
func (c *devCmd) Run(p *process) error {
	cfg, err := c.config(p)
	if err != nil {
		return err
	}
	if c.DrainTimeout <= 0 {
		return usagef("--drain-timeout: want more than 0, got %v", c.DrainTimeout)
	}
	if err := checkListen("http", c.HTTP, c.Insecure); err != nil {
		return err
	}
	apps, closer, err := loadApps(c.App, true, 0)
	if err != nil {
		return err
	}
	// The default name lets other nodes join.
	cfg.HTTP, cfg.Apps, cfg.Insecure, cfg.DrainTimeout, cfg.Name = c.HTTP, apps, c.Insecure, c.DrainTimeout, gossip.DefaultFleet
	f, err := fleet.Start(p.ctx, cfg)
	if err != nil {
		_ = closer.Close() // has no error
		if p.ctx.Err() != nil {
			return interrupted()
		}
		return err
	}
	c.show(p, f)
	select {
	case <-p.ctx.Done():
		fmt.Fprintln(p.stdout, "\nStopping: running tasks finish first. Ctrl-C again ends at once.")
	case <-f.Failed():
	}
	return errors.Join(f.Stop(context.WithoutCancel(p.ctx)), closer.Close())
}

// show tells where everyone is and what to do next.
func (c *devCmd) show(p *process, f *fleet.Fleet) {
	schedulers, workers := f.Ready()
	fmt.Fprintf(p.stdout, "A fleet of %s and %s with %s each is ready.\n\n",
		count(len(schedulers), "scheduler"), count(len(workers), "worker"), count(c.Slots, "slot"))
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, r := range schedulers {
		fmt.Fprintf(w, "  scheduler\t%s\thttp://%s\tgossip %s\n", r.Name, r.HTTP, r.Gossip)
	}
	for _, r := range workers {
		fmt.Fprintf(w, "  worker\t%s\thttp://%s\tgossip %s\n", r.Name, r.HTTP, r.Gossip)
	}
	_ = w.Flush() // standard output is gone: nobody is told anything
	to := ""
	if url := f.Schedulers()[0]; url != defaultScheduler {
		to = " --scheduler " + url
	}
	fmt.Fprint(p.stdout, strings.NewReplacer("TO", to, "URL", f.Schedulers()[0], "GOSSIP", schedulers[0].Gossip).Replace(`
Try in another terminal:
  dunnock submitTO --app sleep --tasks 100 --payload 100ms
  dunnock workersTO
  dunnock worker --join GOSSIP --builtin     # one more worker
  curl -s URL/metrics

Ctrl-C stops the fleet.
`))
}
