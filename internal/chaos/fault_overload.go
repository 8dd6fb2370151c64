package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"dunnock/internal/chaos/ledger"
)

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
