package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// killed ends processes as a crash does, and starts them anew when healed.
type killed struct {
	nodes
	fleet *fleet
}

// nodes are the targets of a fault that costs what they do.
type nodes []string

func (n nodes) touches() ([]string, [][2]string) { return n, nil }

func newKill(r *run, targets []string) fault { return &killed{targets, r.fleet} }

func (k *killed) inject(context.Context) error {
	// All at once, and only then waited for: one after the other would give the fleet time in between.
	var fault error
	for _, name := range k.nodes {
		k.fleet.named(name).plan()
		fault = errors.Join(fault, k.fleet.named(name).signal(syscall.SIGKILL))
	}
	for _, name := range k.nodes {
		fault = errors.Join(fault, k.fleet.named(name).awaitEnd(context.Background(), readyLimit))
	}
	return fault
}

func (k *killed) heal(ctx context.Context) error {
	again := make([]*process, 0, len(k.nodes))
	for _, name := range k.nodes {
		again = append(again, k.fleet.named(name))
	}
	return startAll(ctx, again)
}

// bounced is a process whose next life begins as soon as the last one has ended.
type bounced struct{ killed }

func newBounce(r *run, targets []string) fault { return &bounced{killed{targets, r.fleet}} }

func (b *bounced) inject(ctx context.Context) error {
	if err := b.killed.inject(ctx); err != nil {
		return err
	}
	return b.killed.heal(ctx)
}

func (b *bounced) heal(context.Context) error { return nil }

// stopped processes stand still, and do not know it.
type stopped struct {
	nodes
	fleet *fleet
}

func newStop(r *run, targets []string) fault { return &stopped{targets, r.fleet} }

func (s *stopped) inject(context.Context) error { return s.all(syscall.SIGSTOP) }

func (s *stopped) heal(context.Context) error { return s.all(syscall.SIGCONT) }

func (s *stopped) all(sig syscall.Signal) error {
	var fault error
	for _, name := range s.nodes {
		fault = errors.Join(fault, s.fleet.named(name).signal(sig))
	}
	return fault
}

// throttledShare is how much of one CPU a throttled process gets.
const throttledShare = 0.02

// throttled processes get little CPU.
type throttled struct {
	nodes
	fleet  *fleet
	groups []*cpuGroup
}

func newThrottle(r *run, targets []string) fault { return &throttled{nodes: targets, fleet: r.fleet} }

func (t *throttled) inject(context.Context) error {
	for _, name := range t.nodes {
		g, err := newCPUGroup(name, throttledShare)
		if err != nil {
			return err
		}
		t.groups = append(t.groups, g)
		if err := g.add(t.fleet.named(name).pid()); err != nil {
			return err
		}
	}
	return nil
}

func (t *throttled) heal(context.Context) error {
	var fault error
	for _, g := range t.groups {
		fault = errors.Join(fault, g.remove())
	}
	return fault
}

// drained is a rolling restart, as when a new version is brought in. It must cost nothing, and so touches nobody.
type drained struct {
	fleet *fleet
	names []string
}

func newDrain(r *run, targets []string) fault { return &drained{r.fleet, targets} }

func (d *drained) touches() ([]string, [][2]string) { return nil, nil }

// drainLimit is longer than a drain's own limit.
const drainLimit = 40 * time.Second

func (d *drained) inject(ctx context.Context) error {
	for _, name := range d.names {
		p := d.fleet.named(name)
		if err := p.leave(ctx); err != nil {
			return err
		}
		if err := startAll(ctx, []*process{p}); err != nil {
			return err
		}
		// The next one leaves when this one is back: so does whoever restarts a fleet with care.
		if err := poll(ctx, drainLimit, func() error { return d.fleet.complete(ctx) }); err != nil {
			return fmt.Errorf("after %s was restarted: %w", name, err)
		}
	}
	return nil
}

func (d *drained) heal(context.Context) error { return nil }
