package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dunnock/internal/chaos/check"
	"dunnock/internal/chaos/lab"
	"dunnock/internal/chaos/ledger"
	"dunnock/internal/command"
)

const (
	settle      = 2500 * time.Millisecond // after a fault: the lease, a beat, and a second of a busy machine
	orphanGrace = 2 * time.Second         // after a client's death: the lease, and a launch on its way
	restLimit   = time.Minute             // after the last job
)

// run is one run of the harness.
type run struct {
	o       *options
	fleet   *fleet
	notes   *notes
	out     io.Writer
	numbers atomic.Int64
	began   time.Time

	mu    sync.Mutex // guards fault
	fault error      // that lines could not be written
}

// runHarness is the whole program.
func runHarness(ctx context.Context, args []string) error {
	o, err := parseOptions(args, os.Stdout)
	if err != nil {
		return err
	}
	if o.list {
		for _, k := range kinds() {
			fmt.Printf("%-18s %s\n", k.name, k.does)
		}
		return nil
	}
	if done, err := asRootOfOwn(ctx, args); done || err != nil {
		return err
	}
	l, err := lab.New(o.seed)
	if err != nil {
		fmt.Printf("skipped: this machine makes no networks of its own for us: %v\n", err)
		return nil
	}
	defer func() { _ = l.Close() }() // all that was to be learned is in the report
	if err := sweepCPUGroups(); err != nil {
		return err
	}
	if o.kinds, err = possible(o.kinds, os.Stdout); err != nil {
		return err
	}
	dir, temporary := o.dir, o.dir == ""
	if temporary {
		dir, err = os.MkdirTemp("", "dunnock-chaos-")
	} else {
		err = prepare(dir)
	}
	if err != nil {
		return err
	}
	r := &run{o: o, notes: newNotes(), out: os.Stdout}
	report, err := r.all(ctx, l, dir)
	if err != nil {
		return fmt.Errorf("%w; ledgers and logs are in %s", err, dir)
	}
	if err := report.write(o, os.Stdout); err != nil {
		return err
	}
	if !report.clean(o.strict) {
		return fmt.Errorf("promises were broken; ledgers and logs are in %s", dir)
	}
	if temporary {
		return os.RemoveAll(dir)
	}
	return nil
}

// prepare makes the directory that the user named. Ledgers are appended to, so it must hold none.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return command.Usagef("--dir: %s is not empty", dir)
	}
	return nil
}

// possible leaves out, and says so, what the machine does not allow.
func possible(of []kind, out io.Writer) ([]kind, error) {
	throttles := func(k kind) bool { return k.name == "throttle" }
	if slices.ContainsFunc(of, throttles) {
		if err := cpuGroupsWork(); err != nil {
			fmt.Fprintf(out, "skipped faults of kind throttle: CPUs cannot be throttled here: %v\n", err)
			of = slices.DeleteFunc(slices.Clone(of), throttles)
		}
	}
	if len(of) == 0 {
		return nil, errors.New("no kind of fault is left")
	}
	return of, nil
}

// all makes the fleet, breaks it, heals it, and compares the books.
func (r *run) all(ctx context.Context, l *lab.Lab, dir string) (*report, error) {
	var err error
	r.began = time.Now()
	if r.fleet, err = newFleet(r.o, l, dir); err != nil {
		return nil, err
	}
	report, err := r.through(ctx)
	if err = errors.Join(err, r.fleet.close()); err != nil {
		return nil, err
	}
	records, err := r.read()
	if err != nil {
		return nil, err
	}
	report.judge(r, records)
	return report, nil
}

// through is the life of the fleet, up to where it is at rest again.
func (r *run) through(ctx context.Context) (*report, error) {
	f := r.fleet
	r.say("%d schedulers, %d workers, %d clients; seed %d", len(f.schedulers), len(f.workers), len(f.clients), r.o.seed)
	if err := startAll(ctx, slices.Concat(f.schedulers, f.workers)); err != nil {
		return nil, err
	}
	if err := poll(ctx, readyLimit, func() error { return f.complete(ctx) }); err != nil {
		return nil, fmt.Errorf("the fleet did not come together: %w", err)
	}
	// What a process takes is compared at rest: under load it varies with the jobs in flight.
	report := &report{before: f.sizes(ctx)}
	if err := startAll(ctx, f.clients); err != nil {
		return nil, err
	}
	watch, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _ = ledger.WatchStalls(watch, f.books, "", 0) }() // the other lines fail as well then
	pause(ctx, r.o.warmUp)

	if err := r.faults(ctx, shape{len(f.schedulers), len(f.workers), len(f.clients)}); err != nil {
		return nil, err
	}
	r.say("healed")
	pause(ctx, r.o.warmUp)
	report.unrest = r.calm(ctx)
	report.after = r.sizesAtRest(ctx, report.before)
	report.unrest = append(report.unrest, r.leave(ctx)...)
	report.took = time.Since(r.began)
	return report, ctx.Err()
}

// one is one fault, from injecting it to having healed it.
func (r *run) one(ctx context.Context, p *planned) error {
	f := p.kind.make(r, p.targets)
	number := r.nextFault()
	nodes, pairs := f.touches()
	r.say("%s", p)
	r.write(ledger.Record{Event: ledger.Inject, Fault: number, Kind: p.kind.name, Nodes: nodes, Pairs: pairs})
	err := f.inject(ctx)
	if err == nil {
		pause(ctx, p.hold)
	}
	err = errors.Join(err, f.heal(ctx))
	r.write(ledger.Record{Event: ledger.Heal, Fault: number, Kind: p.kind.name})
	if err != nil && ctx.Err() == nil {
		// The fleet did not do what it should; the run goes on if the fleet is whole.
		r.notes.failf(p.kind.name, "%v", err)
		if r.o.lanes > 1 {
			return nil // others may be at work on it
		}
		return poll(ctx, readyLimit, func() error { return r.fleet.complete(ctx) })
	}
	pause(ctx, settle)
	return errors.Join(ctx.Err(), r.fault)
}

// calm ends the clients and says what keeps the fleet from coming to rest; nothing if all is well.
func (r *run) calm(ctx context.Context) (unrest []string) {
	f := r.fleet
	for _, c := range f.clients {
		if err := c.askToLeave(); err != nil {
			unrest = append(unrest, err.Error())
		}
	}
	for _, c := range f.clients {
		if err := c.left(ctx, r.o.load.deadline+5*time.Second); err != nil {
			unrest = append(unrest, err.Error())
		}
	}
	if err := poll(ctx, restLimit, func() error { return errors.Join(f.complete(ctx), f.atRest(ctx)) }); err != nil {
		unrest = append(unrest, strings.Split(err.Error(), "\n")...)
	}
	return unrest
}

// sizesAtRest measures again until the goroutines are about as many as before, or as long as the fleet takes to rest:
// servers keep those of connections that have ended for a while, to use them for the next.
func (r *run) sizesAtRest(ctx context.Context, before map[string]size) (after map[string]size) {
	_ = poll(ctx, restLimit, func() error {
		after = r.fleet.sizes(ctx)
		for name, s := range after {
			if s.Goroutines > before[name].Goroutines+wantGoroutine {
				return fmt.Errorf("%s has %d goroutines", name, s.Goroutines)
			}
		}
		return nil
	})
	return after // if they stay, the report says so
}

// leave asks all nodes to leave, and says who did not do so well.
func (r *run) leave(ctx context.Context) (complaints []string) {
	for _, p := range slices.Concat(r.fleet.schedulers, r.fleet.workers) {
		if err := p.leave(ctx); err != nil {
			complaints = append(complaints, err.Error())
		}
	}
	return complaints
}

// read returns what all ledgers hold, by time.
func (r *run) read() ([]ledger.Record, error) {
	var all []ledger.Record
	for _, name := range []string{booksOfHarness, booksOfWorkers, booksOfClients} {
		records, torn, err := ledger.Read(r.fleet.path(name))
		if err != nil {
			return nil, err
		}
		if torn {
			r.notes.failf("ledger", "the last line of %s is torn", name)
		}
		all = append(all, records...)
	}
	slices.SortStableFunc(all, func(a, b ledger.Record) int { return cmp.Compare(a.At, b.At) })
	return all, nil
}

func (r *run) nextFault() int { return int(r.numbers.Add(1)) }

// write appends to the harness's ledger.
func (r *run) write(line ledger.Record) {
	line.At = ledger.Now()
	if err := r.fleet.books.Append(line); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.fault = errors.Join(r.fault, err)
	}
}

// say tells whoever watches what happens.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.out, "%6.1f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// verdict is the checker's.
func verdict(records []ledger.Record) *check.Verdict {
	return check.Check(records, check.Options{Settle: settle, OrphanGrace: orphanGrace})
}
