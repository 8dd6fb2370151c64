// Command bench measures what a task costs when it does nothing: jobs of no-op tasks through one scheduler process and
// the workers of one or several processes, driven in a closed loop by a client in another. It prints tasks per second,
// CPU time per task of all processes, and the response of a job, for each round and as medians; and what the processes
// asked of the kernel.
//
//	go run ./internal/bench
//	go run ./internal/bench -workers 64 -slots 4 -processes 2
//	go run ./internal/bench -shapes 1x8,1x64,4x16,64x1    the same, of fleets of several shapes by turns
//	go run ./internal/bench -queued 1000000    submits to a scheduler with so many tasks that wait
//	go run ./internal/bench -rest    a job of one task at a time, beside one request of plain fasthttp
//	go run ./internal/bench -large 8    jobs of one task at a low rate, beside 8 in flight with payloads or results of 1 MiB
//
// Figures are of this machine and this moment; compare only what one run measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"dunnock/internal/heap"
	"dunnock/internal/node"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/worker"
)

func main() {
	var o options
	flag.StringVar(&o.role, "role", "", "internal: what this process is")
	flag.StringVar(&o.join, "join", "", "internal: gossip address of the scheduler")
	o.policy = placement.IdleOffer
	flag.Func("policy", "how tasks are placed: idle-offer (the default), late-binding or late-binding-nocancel", func(name string) (err error) {
		o.policy, err = placement.ParsePolicy(name)
		return err
	})
	flag.IntVar(&o.slots, "slots", 16, "slots of a worker")
	flag.IntVar(&o.workers, "workers", 1, "workers in all")
	flag.IntVar(&o.processes, "processes", 1, "processes that the workers are spread over")
	flag.Func("shapes", "measure fleets of several shapes by turns, instead: WORKERSxSLOTS of each, separated by commas, such as 1x8,4x16,64x1; the workers of each are spread over as many processes as -processes says, or one worker a process", func(list string) (err error) {
		o.shapes, err = parseShapes(list)
		return err
	})
	flag.IntVar(&o.first, "first", 0, "internal: the number of a process's first worker")
	flag.BoolVar(&o.rest, "rest", false, "measure the response of a job of one task when nothing else is going on, instead")
	flag.IntVar(&o.tasks, "tasks", 10, "tasks of a job")
	flag.IntVar(&o.inFlight, "in-flight", 64, "jobs in flight")
	flag.IntVar(&o.queued, "queued", 0, "measure how long submits take with so many tasks queued, instead")
	flag.IntVar(&o.queuedJob, "queued-job", 1000, "tasks of the jobs that are queued")
	flag.IntVar(&o.large, "large", 0, "measure the response of small jobs beside so many jobs in flight with payloads, or results, of 1 MiB, instead")
	flag.IntVar(&o.rounds, "rounds", 5, "measured rounds")
	flag.DurationVar(&o.length, "length", 3*time.Second, "length of a round")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of every process to files with this prefix")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // the signal handler needs no undoing at exit
	}
}

type options struct {
	role, join             string
	policy                 placement.Policy
	slots, tasks, inFlight int
	workers, processes     int
	first                  int
	shapes                 []shape
	rest                   bool
	queued, large          int
	queuedJob              int
	rounds                 int
	length                 time.Duration
	profile                string
}

func (o *options) run(ctx context.Context) error {
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	ready := func(r node.Ready) { fmt.Println(r.HTTP, r.Gossip) }
	finish, err := startProfile(o.profile, o.role)
	if err != nil {
		return err
	}
	defer finish()
	if o.role != "" {
		defer heap.Floor()() // as cmd/dunnock does
	}
	switch o.role {
	case "scheduler":
		return scheduler.Run(ctx, scheduler.Config{Name: "s1", Policy: o.policy, Logger: quiet, OnReady: ready, MaxJobs: 2_000_000, MaxWaitingTasks: 2_000_000})
	case "worker":
		return o.runWorkers(ctx, quiet, ready)
	case "echo":
		return echo(ctx)
	}
	if o.processes < 1 || o.workers < o.processes && len(o.shapes) == 0 {
		return fmt.Errorf("%d workers cannot be spread over %d processes", o.workers, o.processes)
	}
	switch {
	case len(o.shapes) > 0:
		return o.measureShapes(ctx)
	case o.rest:
		return o.measureRest(ctx)
	case o.queued > 0:
		return o.measureQueued(ctx)
	case o.large > 0:
		return o.measureLarge(ctx)
	}
	return o.measure(ctx)
}

// runWorkers runs the workers of one process.
func (o *options) runWorkers(ctx context.Context, log *slog.Logger, ready func(node.Ready)) error {
	large := make([]byte, largeBytes)
	apps := map[string]worker.Handler{
		"noop": func(context.Context, worker.Task) ([]byte, error) { return nil, nil },
		"fill": func(context.Context, worker.Task) ([]byte, error) { return large, nil },
		"hold": func(ctx context.Context, _ worker.Task) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() },
	}
	g, ctx := errgroup.WithContext(ctx)
	for i := range o.workers {
		g.Go(func() error {
			return worker.Run(ctx, worker.Config{
				Name: "w" + strconv.Itoa(o.first+i), Slots: o.slots, Apps: apps, Join: []string{o.join},
				Logger: log, OnReady: ready,
			})
		})
	}
	return g.Wait()
}
