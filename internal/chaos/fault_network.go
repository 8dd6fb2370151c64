package main

import (
	"context"
	"net/netip"
	"time"

	"dunnock/internal/chaos/lab"
)

// way is a direction between two nodes.
type way int

const (
	bothWays way = iota
	there        // from the first to the others
	back
)

// cut drops all packets between the first target and each of the others.
type cut struct {
	fleet   *fleet
	targets []string
	way     way
	rules   []*lab.Applied
}

func newCut(w way) func(*run, []string) fault {
	return func(r *run, targets []string) fault { return &cut{fleet: r.fleet, targets: targets, way: w} }
}

func (c *cut) touches() ([]string, [][2]string) { return nil, pairsOf(c.targets) }

// pairsOf pairs the first with each of the others.
func pairsOf(targets []string) [][2]string {
	pairs := make([][2]string, 0, len(targets))
	for _, other := range targets[1:] {
		pairs = append(pairs, [2]string{targets[0], other})
	}
	return pairs
}

func (c *cut) inject(context.Context) error {
	one, others := c.fleet.addrs(c.targets[:1]), c.fleet.addrs(c.targets[1:])
	if c.way != back {
		c.rules = append(c.rules, c.fleet.lab.Apply(lab.Rule{From: one, To: others, Drop: 1}))
	}
	if c.way != there {
		c.rules = append(c.rules, c.fleet.lab.Apply(lab.Rule{From: others, To: one, Drop: 1}))
	}
	return nil
}

func (c *cut) heal(context.Context) error {
	for _, r := range c.rules {
		r.Lift()
	}
	return nil
}

// addrs are those of hosts by name.
func (f *fleet) addrs(names []string) []netip.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	addrs := make([]netip.Addr, 0, len(names))
	for _, name := range names {
		addrs = append(addrs, f.hosts[name].Addr)
	}
	return addrs
}

// halfOpen drops what travels on the connections that the first target has with each of the others, both ways. Neither
// end hears of it; new connections work.
type halfOpen struct {
	r       *run
	targets []string
	rules   []*lab.Applied
	began   time.Time
}

func newHalfOpen(r *run, targets []string) fault { return &halfOpen{r: r, targets: targets} }

func (h *halfOpen) touches() ([]string, [][2]string) { return nil, pairsOf(h.targets) }

func (h *halfOpen) inject(context.Context) error {
	h.began = time.Now()
	for _, other := range h.targets[1:] {
		h.rules = append(h.rules, h.r.fleet.lab.Apply(lab.Rule{
			From: h.r.fleet.addrs(h.targets[:1]), To: h.r.fleet.addrs([]string{other}), Established: true, Port: httpPort,
		}))
	}
	return nil
}

func (h *halfOpen) heal(context.Context) error {
	for i, r := range h.rules {
		if at, again := r.Reopened(); again {
			h.r.notes.timeSince("half-open.noticed", h.began, at.Sub(h.began))
		} else {
			h.r.notes.failf("half-open", "%s and %s had no new connection %v after theirs had died silently", h.targets[0], h.targets[1+i], time.Since(h.began).Round(time.Millisecond))
		}
		r.Lift()
	}
	return nil
}

// gossipCut takes a worker out of gossip, and leaves its connections alone: nothing may come of it but that it is not
// sampled.
type gossipCut struct {
	cut
	r *run
}

func newGossipCut(r *run, targets []string) fault {
	return &gossipCut{cut{fleet: r.fleet, targets: targets}, r}
}

func (g *gossipCut) touches() ([]string, [][2]string) { return nil, nil }

func (g *gossipCut) inject(context.Context) error {
	addrs := g.fleet.addrs(g.targets)
	g.rules = append(g.rules,
		g.fleet.lab.Apply(lab.Rule{From: addrs, Port: gossipPort, Drop: 1}), g.fleet.lab.Apply(lab.Rule{To: addrs, Port: gossipPort, Drop: 1}))
	return nil
}

// heal first looks whether the fault came about: that the schedulers have given the worker up.
func (g *gossipCut) heal(ctx context.Context) error {
	for _, s := range g.fleet.schedulers {
		values, err := g.fleet.metrics(ctx, s)
		if err != nil {
			return err
		}
		if n := values[`dunnock_members{role="worker",state="active"}`]; int(n) < len(g.fleet.workers) {
			g.r.notes.count("cut-gossip.believed-dead", 1)
		}
	}
	if err := g.cut.heal(ctx); err != nil {
		return err
	}
	healed := time.Now()
	err := poll(ctx, readyLimit, func() error { return g.fleet.complete(ctx) })
	g.r.notes.time("cut-gossip.back", time.Since(healed))
	return err
}

// badLine delays, reorders, loses and doubles packets of the first target.
type badLine struct {
	cut
}

func newBadLine(r *run, targets []string) fault {
	return &badLine{cut{fleet: r.fleet, targets: targets}}
}

// TCP hides it all, so nothing may come of it.
func (b *badLine) touches() ([]string, [][2]string) { return nil, nil }

func (b *badLine) inject(context.Context) error {
	addrs := b.fleet.addrs(b.targets)
	bad := lab.Rule{Delay: time.Millisecond, Jitter: 15 * time.Millisecond, Drop: 0.01, Duplicate: 0.02}
	from, to := bad, bad
	from.From, to.To = addrs, addrs
	b.rules = append(b.rules, b.fleet.lab.Apply(from), b.fleet.lab.Apply(to))
	return nil
}
