package main

import (
	"errors"
	"time"

	"dunnock/internal/heap"
	"dunnock/worker"
	"dunnock/worker/queue"
)

type workerCmd struct {
	nodeFlags       `embed:""`
	disciplineFlags `embed:"" group:"discipline"`

	Slots   int        `help:"Tasks that run at once, 1 to 4096; the default is the number of CPUs." default:"${cpus}" placeholder:"N"`
	App     []string   `sep:"none" help:"An app and the local process that runs its tasks: NAME=exec:COMMAND…, NAME=http://… or NAME=unix:SOCKET:/PATH. Repeatable (default: none)." placeholder:"NAME=SPEC"`
	Builtin bool       `help:"Add the built-in apps echo, sleep and grep (default: no)."`
	Label   labelsFlag `help:"A label that jobs can require. Repeatable (default: none)." placeholder:"KEY=VALUE"`

	OrphanGrace time.Duration `group:"leases" help:"How long a running task goes on whose scheduler is gone, so that it, or another one, can take it up again; at least --lease." default:"2s" placeholder:"DURATION"`

	Resource amountsFlag `help:"What tasks may take beside slots, in whatever unit, such as gpu=2 or memory=65536; at most 8. Repeatable (default: none)." placeholder:"NAME=N"`

	MaxReservations int           `group:"limits" help:"Reservations in the queue; more are refused." default:"100000" placeholder:"N"`
	MaxResultBytes  int           `group:"limits" help:"Result of one task, in bytes; a longer one fails the task." default:"1048576" placeholder:"BYTES"`
	StopGrace       time.Duration `group:"limits" help:"How long a handler has to return once its attempt was ended." default:"100ms" placeholder:"DURATION"`
}

// Help is shown above the flags.
func (*workerCmd) Help() string {
	return `A worker runs tasks in its slots for every scheduler of the fleet. Only apps that are named here can run, and a command is started as it is given, never through a shell. When it is ready it prints one line with its addresses. SIGTERM or Ctrl-C drains it: running tasks finish, nothing new starts.

Examples:

    dunnock worker --name w1 --join 127.0.0.1:7946 --slots 4 --builtin
    dunnock worker --join 127.0.0.1:7946 --app zip='exec:gzip -9'
    dunnock worker --join 127.0.0.1:7946 --builtin --slots 16 --resource gpu=2 --resource memory=65536
    dunnock worker --app query=http://127.0.0.1:9000/run --label ssd=true
    dunnock worker --join 127.0.0.1:7946 --builtin --discipline fair --weight org/team=3

` + heapHelp
}

// Run runs a worker until it is told to leave.
func (c *workerCmd) Run(p *process) error {
	key, err := c.nodeFlags.check()
	if err != nil {
		return err
	}
	if err := checkSlots(c.Slots); err != nil {
		return err
	}
	if err := c.disciplineFlags.check(); err != nil {
		return err
	}
	switch {
	case c.MaxReservations < 1:
		return usagef("--max-reservations: want at least 1, got %d", c.MaxReservations)
	case c.MaxResultBytes < 1:
		return usagef("--max-result-bytes: want at least 1, got %d", c.MaxResultBytes)
	case c.OrphanGrace < c.Lease || c.OrphanGrace > queue.MaxOrphanGrace:
		return usagef("--orphan-grace: want at least --lease (%v) and at most %v, got %v", c.Lease, queue.MaxOrphanGrace, c.OrphanGrace)
	case c.StopGrace <= 0:
		return usagef("--stop-grace: want more than 0, got %v", c.StopGrace)
	case len(c.App) == 0 && !c.Builtin:
		return usagef("a worker needs an app: name one with --app, or add echo, sleep and grep with --builtin")
	}
	apps, closer, err := loadApps(c.App, c.Builtin, c.MaxResultBytes)
	if err != nil {
		return err
	}
	cfg := worker.Config{
		Name: c.Name, HTTP: c.HTTP, Gossip: c.Gossip, Join: c.Join, Fleet: c.Fleet, GossipKey: key, Zone: c.Zone, Insecure: c.Insecure,
		Advertise: c.Advertise, AdvertiseGossip: c.AdvertiseGossip,
		Logger: p.log, Slots: c.Slots, Apps: apps, Labels: c.Label, Resources: c.Resource,
		MaxReservations: c.MaxReservations, MaxResultBytes: c.MaxResultBytes, StopGrace: c.StopGrace, OrphanGrace: c.OrphanGrace, Stream: c.stream(), DrainTimeout: c.DrainTimeout,
		Discipline: c.Discipline, Weights: c.Weight, Ageing: c.Ageing, StarvationBound: c.StarvationBound,
		OnReady: p.announce("worker"),
	}
	if err := cfg.Validate(); err != nil {
		return errors.Join(usage(err), closer.Close())
	}
	defer heap.Floor()()
	err = worker.Run(p.ctx, cfg)
	return errors.Join(err, closer.Close())
}
