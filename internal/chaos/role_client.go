package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"dunnock/client"
	"dunnock/internal/chaos/ledger"
	"dunnock/internal/command"
	"dunnock/task"
)

// driver is a client process: it submits jobs until it is told to end, and writes down what it is told of them.
type driver struct {
	node     string
	life     int
	kind     string // marks its jobs, if they are made to fail
	load     load
	inFlight int // with this many jobs at once, one after the other; 0: by rate, whatever becomes of them
	poison   bool
	plain    bool     // by HTTP, without the Go client
	addrs    []string // of the schedulers, s1 first

	c     *client.Client
	http  http.Client
	books *ledger.Writer
	rng   *rand.Rand
	jobs  sync.WaitGroup
}

// maxOpenJobs bounds the unfinished jobs of a client that submits by rate. One that reaches it waits.
const maxOpenJobs = 5000

// runClient is a client process.
func runClient(ctx context.Context, args []string) error {
	var d driver
	var path, schedulers string
	var seed uint64
	f := flag.NewFlagSet("client", flag.ContinueOnError)
	f.StringVar(&d.node, "name", "", "")
	f.IntVar(&d.life, "life", 0, "")
	f.StringVar(&d.kind, "kind", "", "")
	f.StringVar(&path, "ledger", "", "")
	f.StringVar(&schedulers, "schedulers", "", "")
	f.Uint64Var(&seed, "seed", 0, "")
	f.Float64Var(&d.load.rate, "rate", 0, "")
	f.IntVar(&d.inFlight, "in-flight", 0, "")
	f.BoolVar(&d.poison, "poison", false, "")
	f.BoolVar(&d.plain, "plain", false, "")
	f.IntVar(&d.load.tasks, "tasks", 0, "")
	f.DurationVar(&d.load.shortest, "shortest", 0, "")
	f.DurationVar(&d.load.longest, "longest", 0, "")
	f.Float64Var(&d.load.once, "once", 0, "")
	f.DurationVar(&d.load.deadline, "deadline", 0, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	var err error
	if d.books, err = ledger.Open(path); err != nil {
		return err
	}
	defer func() { _ = d.books.Close() }()
	d.addrs = strings.Split(schedulers, ",")
	d.c, err = client.New(client.Config{Schedulers: d.addrs, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	d.rng = rand.New(rand.NewPCG(seed, uint64(d.life)))
	fmt.Printf("client %s ready\n", d.node)
	go func() { _ = ledger.WatchStalls(ctx, d.books, d.node, d.life) }() // a client that cannot write ends anyway
	d.drive(ctx)
	d.jobs.Wait()
	d.write(ledger.Record{Event: ledger.Bye})
	return d.c.Close()
}

// drive submits until ctx is done.
func (d *driver) drive(ctx context.Context) {
	switch {
	case d.poison:
		d.follow(d.job(d.rng, true))
	case d.inFlight > 0:
		for range d.inFlight {
			rng := rand.New(rand.NewPCG(d.rng.Uint64(), 0))
			d.jobs.Go(func() {
				for ctx.Err() == nil {
					if !d.follow(d.job(rng, false)) {
						pause(ctx, refusedPause)
					}
				}
			})
		}
		<-ctx.Done()
	default:
		room := make(chan struct{}, maxOpenJobs)
		next := time.Now()
		for {
			next = next.Add(time.Duration(d.rng.ExpFloat64() / d.load.rate * float64(time.Second)))
			if !pause(ctx, time.Until(next)) {
				return
			}
			if behind := time.Since(next); behind > time.Second {
				next = next.Add(behind) // it was stopped: what it would have submitted meanwhile is not made up for
			}
			job := d.job(d.rng, false)
			room <- struct{}{}
			d.jobs.Go(func() {
				d.follow(job)
				<-room
			})
		}
	}
}

// refusedPause is how long a closed loop waits after a refusal.
const refusedPause = 50 * time.Millisecond

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// job draws the next job. The first task of a poisonous one kills its worker.
func (d *driver) job(rng *rand.Rand, poison bool) task.Job {
	job := task.Job{App: appWork, Deadline: d.load.deadline, Tasks: make([]task.Task, d.load.tasks)}
	_, _ = crand.Read(job.ID[:]) // never fails
	if rng.Float64() < d.load.once {
		job.Delivery, job.MaxAttempts = task.AtMostOnce, 1
	}
	for i := range job.Tasks {
		takes := d.load.shortest + time.Duration(rng.Int64N(int64(d.load.longest-d.load.shortest)+1))
		job.Tasks[i].Payload = []byte(takes.String())
	}
	if poison {
		job.Tasks[0].Payload = append(job.Tasks[0].Payload, " "+payloadDie...)
	}
	return job.WithDefaults()
}

// follow submits a job, and writes down what becomes of it until it is done. It returns whether the job was accepted.
func (d *driver) follow(job task.Job) bool {
	id := job.ID.String()
	d.write(ledger.Record{
		Event: ledger.Submit, Job: id, Kind: d.kind, Tasks: len(job.Tasks), Once: job.Delivery == task.AtMostOnce, Plain: d.plain, MaxAttempts: job.MaxAttempts,
	})
	if d.plain {
		return d.followPlain(job)
	}
	h, err := d.c.Submit(context.Background(), job) // a client may take as long over it as the job has
	if err != nil {
		code := "error"
		if refused, ok := errors.AsType[*task.Error](err); ok {
			code = string(refused.Code)
		}
		d.write(ledger.Record{Event: ledger.Refuse, Job: id, Code: code, Result: err.Error()})
		return false
	}
	scheduler := h.Scheduler()
	d.write(ledger.Record{Event: ledger.Accept, Job: id, Scheduler: scheduler})
	for r := range h.Results() {
		if now := h.Scheduler(); now != scheduler {
			scheduler = now
			d.write(ledger.Record{Event: ledger.Accept, Job: id, Scheduler: scheduler})
		}
		o := ledger.Record{Event: ledger.Outcome, Job: id, Task: r.Task, Attempt: r.Attempt, Result: r.Outcome.String(), Worker: r.Worker}
		if r.Outcome == task.OK {
			o.Proof = string(r.Value)
		} else if r.Err != nil {
			o.Code = string(r.Err.Code)
		}
		d.write(o)
	}
	d.write(ledger.Record{Event: ledger.Done, Job: id, Result: h.Outcome().String(), Scheduler: h.Scheduler()})
	return true
}

func (d *driver) write(r ledger.Record) {
	r.At, r.Node, r.Life = ledger.Now(), d.node, d.life
	if err := d.books.Append(r); err != nil {
		fmt.Fprintln(os.Stderr, "ledger:", err)
		os.Exit(command.Failure)
	}
}
