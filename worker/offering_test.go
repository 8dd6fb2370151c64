package worker

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/gossip/view"
	"dunnock/probe"
)

// fleetOf is a membership of a worker with so many slots, one with more that drains, and schedulers, that a test changes.
type fleetOf struct {
	mu      sync.Mutex // guards what follows
	v       *view.View
	changed chan struct{}
}

// become changes it, and waits until all have done with that what they do at once.
func (f *fleetOf) become(slots, schedulers int) {
	worker := view.Member{Name: "w", Role: probe.RoleWorker, Incarnation: 1, Addr: "w:1", Slots: slots, State: view.Active, Version: probe.Version}
	draining := view.Member{Name: "x", Role: probe.RoleWorker, Incarnation: 1, Addr: "x:1", Slots: 1000, State: view.Draining, Version: probe.Version}
	members := []view.Member{worker, draining}
	for i := range schedulers {
		members = append(members, view.Member{Name: fmt.Sprint("s", i), Role: probe.RoleScheduler, Incarnation: 1, Addr: "s:1", State: view.Active, Version: probe.Version})
	}
	f.mu.Lock()
	if f.changed != nil {
		close(f.changed)
	}
	f.v, f.changed = view.New(members...), make(chan struct{})
	f.mu.Unlock()
	synctest.Wait()
}

func (f *fleetOf) View() *view.View {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.v
}

func (f *fleetOf) Changed(since *view.View) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.v == since {
		return f.changed
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

func (*fleetOf) SetState(view.State) error { return nil }

// amid runs a test against a worker of two slots in a fleet of 16 slots and so many schedulers.
func amid(t *testing.T, schedulers int, discipline string, test func(t *testing.T, b *offerBench, fleet *fleetOf)) {
	t.Helper()
	var fleet fleetOf
	withConfig(t, func(_ *offerBench, _ context.Context, k Task) ([]byte, error) { return k.Payload, nil }, func(cfg *Config) {
		fleet.become(16, schedulers)
		cfg.Slots, cfg.Members, cfg.Discipline = 2, &fleet, discipline
	}, func(t *testing.T, b *offerBench) { test(t, b, &fleet) })
}

// offered counts the offers that schedulers have got since it was looked last.
func offered(takers ...*taker) (n int) {
	for _, k := range takers {
		k.mu.Lock()
		n += len(k.said.offers)
		k.said.offers = nil
		k.mu.Unlock()
	}
	return n
}

// Offers end when slots get few beside schedulers, and begin again when they do not, for all who take them, whenever they
// have connected. What was offered before is void.
func TestOffersWhereTheyServe(t *testing.T) {
	amid(t, 7, "", func(t *testing.T, b *offerBench, fleet *fleetOf) {
		expect := func(when string, want int, logs int, takers ...*taker) {
			t.Helper()
			// A slot that was offered to one scheduler is offered to the next when that is to have it.
			if n := offered(takers...); n < want || n > want*len(takers) {
				t.Errorf("%s: %d offers, want %d", when, n, want)
			}
			if n := strings.Count(b.logged(), "how slots get work"); n != logs {
				t.Errorf("%s: said %d times how slots get work, want %d: %s", when, n, logs, b.logged())
			}
		}
		k, other := b.connect("s1", probe.PolicyIdleOffer), b.connect("s2", "late-binding")
		old := k.lastOffer()
		expect("16 slots, 7 schedulers", 2, 0, k)

		fleet.become(16, 8)
		late := b.connect("s3", probe.PolicyIdleOffer)
		sleep(time.Minute)
		expect("8 schedulers", 0, 1, k, late)
		if !strings.Contains(b.logged(), "offers=false slots=16 schedulers=8") {
			t.Errorf("said %s", b.logged())
		}
		k.launch(old, probe.Launch{})
		if h := k.heard(); len(h.declines) != 1 || h.declines[0].Reason != probe.RefusedStale {
			t.Errorf("a launch on what was offered before is answered with %+v", h.declines)
		}
		k.conn.Send(uint8(probe.KindReserve), nil, probe.AppendReserve(nil, probe.Reserve{Ref: 1, Res: 1, Count: 1}))
		k.conn.Flush()
		synctest.Wait()
		if asks := k.heard().asks; len(asks) != 1 {
			t.Fatalf("asked %+v on a reservation", asks)
		}
		k.launch(probe.Offer{Slot: k.heard().asks[0].Slot, Call: k.heard().asks[0].Call}, probe.Launch{})
		expect("a task has ended", 0, 1, k, late)

		fleet.become(23, 8)
		expect("23 slots", 0, 1, k, late)
		fleet.become(24, 8)
		expect("24 slots", 2, 2, k, late)
		fleet.become(25, 8)
		expect("25 slots", 0, 2, k, late)
		fleet.become(25, 9)
		late.conn.Close(nil)
		sleep(time.Minute)
		expect("9 schedulers", 0, 3, k)
		fleet.become(25, 5)
		expect("5 schedulers", 2, 4, k)
		expect("who takes none", 0, 4, other)
	})
}

// A worker that begins among many schedulers makes no offers from the start on.
func TestNoOffersFromTheStart(t *testing.T) {
	amid(t, 8, "", func(t *testing.T, b *offerBench, _ *fleetOf) {
		k := b.connect("s1", probe.PolicyIdleOffer)
		sleep(time.Minute)
		if n := offered(k); n != 0 {
			t.Errorf("%d offers", n)
		}
	})
}

// A worker that sorts what waits makes no offers in any fleet, and does not speak of them.
func TestWhoSortsOffersNothing(t *testing.T) {
	amid(t, 8, "priority", func(t *testing.T, b *offerBench, fleet *fleetOf) {
		k := b.connect("s1", probe.PolicyIdleOffer)
		fleet.become(16, 1)
		sleep(time.Minute)
		fleet.become(16, 8)
		fleet.become(16, 1)
		if n := offered(k); n != 0 || strings.Contains(b.logged(), "how slots get work") {
			t.Errorf("%d offers, said %s", n, b.logged())
		}
	})
}
