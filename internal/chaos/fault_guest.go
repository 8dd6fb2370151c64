package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dunnock/internal/chaos/ledger"
)

// guest is a process that a fault brings in, and that nobody misses.
type guest struct{ *process }

// touches nobody: what a guest does must cost the fleet nothing.
func (guest) touches() ([]string, [][2]string) { return nil, nil }

// invite makes a host and a process for a guest. Guests of one name have one address, life after life.
func (r *run) invite(name string, as func(name string) *process) (guest, error) {
	if err := r.fleet.addHost(name); err != nil {
		return guest{}, err
	}
	return guest{as(name)}, nil
}

// blackHole is a worker that fails every task at once, and so is always free for the next one.
type blackHole struct {
	guest
	r *run
}

func newBlackHole(r *run, _ []string) fault { return &blackHole{r: r} }

func (b *blackHole) inject(ctx context.Context) (err error) {
	b.guest, err = b.r.invite("hole", func(name string) *process { return b.r.fleet.newWorker(name, true) })
	if err != nil {
		return err
	}
	if err := startAll(ctx, []*process{b.process}); err != nil {
		return err
	}
	began := time.Now()
	if err := poll(ctx, quarantineLimit, func() error { return b.quarantined(ctx) }); err != nil {
		return err
	}
	b.r.notes.time("black-hole.quarantined", time.Since(began))
	return nil
}

// quarantineLimit is how long a worker that fails everything may go unnoticed.
const quarantineLimit = 10 * time.Second

// quarantined says whether a scheduler lists the worker so.
func (b *blackHole) quarantined(ctx context.Context) error {
	for _, s := range b.r.fleet.schedulers {
		list, err := b.r.fleet.listWorkers(ctx, s)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(w listedWorker) bool { return w.Name == b.name && w.State == "quarantined" }) {
			return nil
		}
	}
	return fmt.Errorf("no scheduler lists %s as quarantined, and it fails every task", b.name)
}

func (b *blackHole) heal(ctx context.Context) error {
	if b.process == nil {
		return nil
	}
	return b.leave(ctx)
}

// join is many workers at once. None of them, nor an older one, may be buried under reservations.
type join struct {
	r    *run
	came []*process
}

func newJoin(r *run, _ []string) fault { return &join{r: r} }

func (j *join) touches() ([]string, [][2]string) { return nil, nil }

func (j *join) inject(ctx context.Context) error {
	for _, name := range nodeNames("j", j.r.o.joiners) {
		g, err := j.r.invite(name, func(name string) *process { return j.r.fleet.newWorker(name, false) })
		if err != nil {
			return err
		}
		j.came = append(j.came, g.process)
	}
	if err := startAll(ctx, j.came); err != nil {
		return err
	}
	began := ledger.Now()
	pause(ctx, time.Second)
	list, err := j.r.fleet.listWorkers(ctx, j.r.fleet.schedulers[0])
	if err != nil {
		return err
	}
	j.judge(list, window{began, ledger.Now()})
	return nil
}

// judge holds the queues against the bound: two reservations per slot, or twice the median.
func (j *join) judge(list []listedWorker, w window) {
	perSlot := make([]float64, 0, len(list))
	for _, w := range list {
		perSlot = append(perSlot, float64(w.Queued)/float64(max(w.Slots, 1)))
	}
	if len(perSlot) == 0 {
		return
	}
	slices.Sort(perSlot)
	bound := max(2, 2*perSlot[len(perSlot)/2])
	if longest := perSlot[len(perSlot)-1]; longest <= bound {
		j.r.notes.value("join.queue", longest)
	} else {
		j.r.notes.queue(longQueue{w, longest, bound})
	}
}

func (j *join) heal(ctx context.Context) error {
	faults := make([]error, len(j.came))
	var wg sync.WaitGroup
	for i, p := range j.came {
		wg.Go(func() { faults[i] = p.leave(ctx) })
	}
	wg.Wait()
	return errors.Join(faults...)
}

// nonReader is a client that does not read what it has asked for.
type nonReader struct {
	guest
	r         *run
	scheduler *process
	before    uint64 // resident bytes of the scheduler
}

func newReader(r *run, targets []string) fault {
	return &nonReader{r: r, scheduler: r.fleet.named(targets[0])}
}

func (d *nonReader) inject(ctx context.Context) (err error) {
	d.before = rss(d.scheduler.pid())
	f := d.r.fleet
	d.guest, err = d.r.invite("reader", func(name string) *process {
		return f.process(name, roleReader, 0, func(int) []string {
			return []string{f.self, "reader", "--name", name, "--scheduler", f.addr(d.scheduler.name, httpPort)}
		})
	})
	if err != nil {
		return err
	}
	return startAll(ctx, []*process{d.process})
}

// readerMemory is how much a scheduler may grow by it: what it retains by default and what a connection may leave
// unsent, 64 MiB each, and as much again that the collector has yet to find.
const readerMemory = 256 << 20

func (d *nonReader) heal(context.Context) error {
	if d.process == nil {
		return nil
	}
	grown := int64(rss(d.scheduler.pid())) - int64(d.before)
	d.r.notes.value("reader.grown-mib", float64(grown)/(1<<20))
	if grown > readerMemory {
		d.r.notes.failf("reader", "%s grew by %d MiB for a client that does not read", d.scheduler.name, grown>>20)
	}
	return d.kill()
}
