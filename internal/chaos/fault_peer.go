package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// peerCut drops all packets between the first target, a scheduler, and each of the others. Schedulers depend on no
// other, so nothing may come of it: what is advice between them is missed, and what gossip believes meanwhile costs
// nothing.
type peerCut struct {
	cut
	r    *run
	kind string
}

func newPeerCut(kind string) func(*run, []string) fault {
	return func(r *run, targets []string) fault { return &peerCut{cut{fleet: r.fleet, targets: targets}, r, kind} }
}

func (p *peerCut) touches() ([]string, [][2]string) { return nil, nil }

// heal waits until the schedulers that were cut off from each other are connected, if their policy has them connected
// at all.
func (p *peerCut) heal(ctx context.Context) error {
	if err := p.cut.heal(ctx); err != nil {
		return err
	}
	healed := time.Now()
	err := poll(ctx, readyLimit, func() error { return errors.Join(p.r.fleet.acquainted(ctx), p.r.fleet.complete(ctx)) })
	p.r.notes.time(p.kind+".back", time.Since(healed))
	return err
}

// acquainted says whether every scheduler lists every other as active, and as connected if they are to be.
func (f *fleet) acquainted(ctx context.Context) error {
	for _, s := range f.schedulers {
		list, err := f.listSchedulers(ctx, s)
		if err != nil {
			return err
		}
		if len(list) != len(f.schedulers) {
			return fmt.Errorf("%s knows %d of %d schedulers", s.name, len(list), len(f.schedulers))
		}
		for _, other := range list {
			if other.Name != s.name && (other.State != "active" || other.Connection != "" && other.Connection != "connected") {
				return fmt.Errorf("%s lists %s as %s and %s", s.name, other.Name, other.State, other.Connection)
			}
		}
	}
	return nil
}

// offersKill kills a scheduler while it holds offers of slots that are free. Workers are to offer them to others at
// once.
type offersKill struct {
	killed
	r *run
}

func newOffersKill(r *run, targets []string) fault {
	return &offersKill{killed{targets, r.fleet}, r}
}

// heldLimit is how long a scheduler may take to hold an offer, in a fleet that has slots to spare.
const heldLimit = 2 * time.Second

func (o *offersKill) inject(ctx context.Context) error {
	f := o.r.fleet
	victim := f.named(o.nodes[0])
	held := poll(ctx, heldLimit, func() error {
		if n := f.held(ctx, []*process{victim}); n == 0 {
			return errors.New("no offer is held")
		}
		return nil
	}) == nil
	if err := o.killed.inject(ctx); err != nil || !held {
		return err // of another policy, or all slots are taken: then it is a scheduler's death like any other
	}
	others := slices.DeleteFunc(slices.Clone(f.schedulers), func(p *process) bool { return p == victim })
	if len(others) == 0 {
		return nil
	}
	began := time.Now()
	err := poll(ctx, readyLimit, func() error {
		if free, offered := f.free(ctx), f.held(ctx, others); 2*offered < free {
			return fmt.Errorf("%d offers are held of %d free slots, since %s is gone", offered, free, victim.name)
		}
		return nil
	})
	o.r.notes.time("offers-kill.offered", time.Since(began))
	return err
}

// held is how many offers of free slots schedulers hold.
func (f *fleet) held(ctx context.Context, schedulers []*process) int {
	n := 0
	for _, s := range schedulers {
		if values, err := f.metrics(ctx, s); err == nil {
			n += int(values[`dunnock_held_offers{slot="free"}`])
		}
	}
	return n
}

// free is how many slots of all workers run nothing.
func (f *fleet) free(ctx context.Context) int {
	n := 0
	for _, w := range f.workers {
		if values, err := f.metrics(ctx, w); err == nil {
			n += w.slots - int(values[`dunnock_slots{state="running"}`])
		}
	}
	return n
}
