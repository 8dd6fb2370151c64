package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// poison is a job whose first task kills its worker. The fleet must give that task up after its attempts, and the rest
// must live.
type poison struct {
	guest
	r *run

	mu     sync.Mutex // guards what follows
	deaths int
	again  sync.WaitGroup // workers that are started anew
	fault  error
}

func newPoison(r *run, _ []string) fault { return &poison{r: r} }

func (p *poison) inject(ctx context.Context) (err error) {
	// Commands kill themselves, not their worker.
	for _, w := range p.r.fleet.workers {
		w.mu.Lock()
		w.died = func(w *process) { p.again.Go(func() { p.revive(ctx, w) }) }
		w.mu.Unlock()
	}
	l := p.r.o.load
	l.once = 0
	p.guest, err = p.r.invite("poisoner", func(name string) *process {
		return p.r.fleet.newClient(name, l, "--poison", "--kind", "poison")
	})
	if err != nil {
		return err
	}
	err = startAll(ctx, []*process{p.process})
	p.plan() // it ends by itself
	return err
}

// revive starts a worker that the task has killed, as whoever watches over it would. Its death explains what it cost.
func (p *poison) revive(ctx context.Context, w *process) {
	w.mu.Lock()
	number := diedFault + w.life // the worker has written down that it begins
	w.mu.Unlock()
	pause(ctx, 300*time.Millisecond)
	err := startAll(ctx, []*process{w})
	p.r.write(ledger.Record{Event: ledger.Heal, Fault: number, Kind: "poison-death"})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaths++
	p.fault = errors.Join(p.fault, err)
}

func (p *poison) heal(ctx context.Context) error {
	if p.process == nil {
		return nil
	}
	err := p.awaitEnd(ctx, p.r.o.load.deadline+10*time.Second) // it submits one job and leaves
	if err != nil {
		err = errors.Join(err, p.kill())
	}
	for _, w := range p.r.fleet.workers {
		w.mu.Lock()
		w.died = nil
		w.mu.Unlock()
	}
	p.again.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.r.notes.count("poison.deaths", p.deaths)
	return errors.Join(err, p.fault)
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

// overload first finds out what the fleet can do, and then asks for twice as much, of jobs that cannot wait.
type overload struct {
	r      *run
	extras []*process
}

func newOverload(r *run, _ []string) fault { return &overload{r: r} }

func (o *overload) touches() ([]string, [][2]string) { return nil, nil }

// plainFlood is the client of an overload that speaks HTTP.
const plainFlood = "flood-plain"

const (
	overloadDeadline = time.Second     // of its jobs: the median wait at twice the capacity would soon be longer
	peakLength       = 4 * time.Second // for which the fleet is kept just full
)

func (o *overload) inject(ctx context.Context) error {
	f := o.r.fleet
	l := o.r.o.load
	l.once, l.deadline = 0, overloadDeadline
	slots := 0
	for _, w := range f.workers {
		slots += w.slots
	}
	// Full, and not more: as many tasks at once as twice the slots.
	full, err := o.r.invite("peak", func(name string) *process {
		return f.newClient(name, l, "--kind", "overload", "--in-flight", strconv.Itoa(max(1, 2*slots/l.tasks)))
	})
	if err != nil {
		return err
	}
	if err := startAll(ctx, []*process{full.process}); err != nil {
		return err
	}
	pause(ctx, time.Second) // to fill up
	from := ledger.Now()
	before, err := f.done(ctx)
	if err != nil {
		return err
	}
	pause(ctx, peakLength)
	peak := window{from: from, to: ledger.Now()}
	after, err := f.done(ctx)
	if err != nil {
		return err
	}
	if err := full.leave(ctx); err != nil {
		return err
	}
	// Twice what was done at the peak: what slots and tasks would allow may be more than this machine can do.
	l.rate = max(1, 2*(after-before)/time.Duration(peak.to-peak.from).Seconds()/float64(l.tasks))
	twice, err := o.r.invite("flood", func(name string) *process { return f.newClient(name, l, "--kind", "overload") })
	if err != nil {
		return err
	}
	plain := l // one in fifty more, without the Go client: what it is refused shows what others hear
	plain.rate = l.rate / 50
	byHTTP, err := o.r.invite(plainFlood, func(name string) *process { return f.newClient(name, plain, "--kind", "overload", "--plain") })
	if err != nil {
		return err
	}
	o.extras = append(o.extras, twice.process, byHTTP.process)
	if err := startAll(ctx, o.extras); err != nil {
		return err
	}
	pause(ctx, time.Second)
	o.r.notes.overload(peak, window{from: ledger.Now()})
	return nil
}

func (o *overload) heal(ctx context.Context) error {
	o.r.notes.overloadEnds(ledger.Now())
	var fault error
	for _, p := range o.extras {
		fault = errors.Join(fault, p.leave(ctx))
	}
	return fault
}

// reader is a client that does not read what it has asked for.
type reader struct {
	guest
	r         *run
	scheduler *process
	before    uint64 // resident bytes of the scheduler
}

func newReader(r *run, targets []string) fault {
	return &reader{r: r, scheduler: r.fleet.named(targets[0])}
}

func (d *reader) inject(ctx context.Context) (err error) {
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

func (d *reader) heal(context.Context) error {
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
