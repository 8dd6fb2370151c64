// Command bench measures what a task costs when it does nothing: jobs of no-op
// tasks through one scheduler process and one worker process, driven in a closed loop by a client
// in a third. It prints tasks per second, CPU time per task of all three
// processes, and the response of a job, for each round and as medians.
//
//	go run ./internal/bench
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
	"syscall"
	"time"

	"dunnock/internal/node"
	"dunnock/scheduler"
	"dunnock/worker"
)

func main() {
	var o options
	flag.StringVar(&o.role, "role", "", "internal: what this process is")
	flag.StringVar(&o.join, "join", "", "internal: gossip address of the scheduler")
	flag.IntVar(&o.slots, "slots", 16, "slots of the worker")
	flag.IntVar(&o.tasks, "tasks", 10, "tasks of a job")
	flag.IntVar(&o.inFlight, "in-flight", 64, "jobs in flight")
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
	slots, tasks, inFlight int
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
	switch o.role {
	case "scheduler":
		return scheduler.Run(ctx, scheduler.Config{Name: "s1", Logger: quiet, OnReady: ready})
	case "worker":
		noop := func(context.Context, worker.Task) ([]byte, error) { return nil, nil }
		return worker.Run(ctx, worker.Config{
			Name: "w1", Slots: o.slots, Apps: map[string]worker.Handler{"noop": noop}, Join: []string{o.join}, Logger: quiet, OnReady: ready,
		})
	default:
		return o.measure(ctx)
	}
}
