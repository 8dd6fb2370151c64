package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"dunnock/internal/chaos/ledger"
	"dunnock/internal/command"
	"dunnock/internal/node"
	"dunnock/worker"
)

// App names on the workers of a run.
const (
	appWork = "work" // takes as long as its payload says, and writes it down
	appBulk = "bulk" // returns 64 KiB, and writes nothing
)

// bulkBytes is how much a task of appBulk returns.
const bulkBytes = 64 << 10

// diedFault and the life of a worker that a task has killed are the number of that fault.
const diedFault = 1_000_000

// Words of a payload after its duration.
const payloadDie = "die" // the task kills its worker

// handler is the work that tasks do: it writes to the ledger.
type handler struct {
	node  string
	life  int
	fails bool // every attempt, at once
	alone bool // a process that is one attempt: what kills it fails the attempt, and its worker lives
	books *ledger.Writer
}

// runWorker is a worker process that embeds the SDK.
func runWorker(ctx context.Context, args []string) error {
	var h handler
	var cfg worker.Config
	var path, join string
	f := flag.NewFlagSet("worker", flag.ContinueOnError)
	f.StringVar(&h.node, "name", "", "")
	f.IntVar(&h.life, "life", 0, "")
	f.BoolVar(&h.fails, "fails", false, "")
	f.StringVar(&path, "ledger", "", "")
	f.StringVar(&cfg.HTTP, "http", "", "")
	f.StringVar(&cfg.Gossip, "gossip", "", "")
	f.StringVar(&join, "join", "", "")
	f.IntVar(&cfg.Slots, "slots", 1, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	var err error
	if h.books, err = ledger.Open(path); err != nil {
		return err
	}
	defer func() { _ = h.books.Close() }()
	cfg.Name, cfg.Join, cfg.Insecure = h.node, strings.Split(join, ","), true
	cfg.Apps = map[string]worker.Handler{appWork: h.work, appBulk: bulk}
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg.OnReady = func(r node.Ready) { fmt.Printf("worker %s ready http=%s gossip=%s\n", r.Name, r.HTTP, r.Gossip) }
	go func() { _ = ledger.WatchStalls(ctx, h.books, h.node, h.life) }() // an attempt that cannot write ends the process
	return worker.Run(ctx, cfg)
}

// work is the handler of appWork.
func (h *handler) work(ctx context.Context, t worker.Task) ([]byte, error) {
	return h.attempt(ctx, ledger.Record{Job: t.Job.String(), Task: t.Index, Attempt: t.Attempt, Epoch: t.Epoch}, string(t.Payload))
}

// attempt does what the payload says, between two lines in the ledger, and returns the proof of it.
func (h *handler) attempt(ctx context.Context, r ledger.Record, payload string) ([]byte, error) {
	word, rest, _ := strings.Cut(payload, " ")
	takes, err := time.ParseDuration(word)
	if err != nil {
		return nil, worker.Permanent(err)
	}
	r.Node, r.Life = h.node, h.life
	start := h.write(r, ledger.Start, "")
	if rest == payloadDie {
		if h.alone {
			h.write(r, ledger.Finish, ledger.Failed)
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		}
		// Nobody else could say it in time: others learn of it at once, and act.
		h.write(ledger.Record{Fault: diedFault + h.life, Kind: "poison-death", Nodes: []string{h.node}}, ledger.Inject, "")
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	}
	if h.fails {
		h.write(r, ledger.Finish, ledger.Failed)
		return nil, errors.New("this worker fails everything")
	}
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		r.Nanos = ledger.Now() - start.At - int64(takes)
		h.write(r, ledger.Finish, ledger.OK)
		return []byte(ledger.Proof(start)), nil
	case <-ctx.Done():
		h.write(r, ledger.Finish, ledger.Cut)
		return nil, ctx.Err()
	}
}

// write appends a line. Without its ledger a worker is of no use here, and its end is noticed.
func (h *handler) write(r ledger.Record, e ledger.Event, result string) ledger.Record {
	r.At, r.Event, r.Result = ledger.Now(), e, result
	if err := h.books.Append(r); err != nil {
		fmt.Fprintln(os.Stderr, "ledger:", err)
		os.Exit(command.Failure)
	}
	return r
}

func bulk(context.Context, worker.Task) ([]byte, error) { return make([]byte, bulkBytes), nil }
