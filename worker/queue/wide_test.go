package queue

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
)

// ledger keeps books of its own of what is set aside and what runs at a worker, from effects alone.
type ledger struct {
	core     *Core
	cfg      Config
	now      time.Duration
	up       map[probe.SchedulerID]bool
	needs    map[uint32]probe.Need // of reservations that were made, by number
	waiting  map[uint32]probe.SchedulerID
	calls    map[uint16]Effect     // GetTasks that are not answered, by lane
	offers   map[uint16]Effect     // by lane
	coming   map[uint16]Effect     // offers of which it was said that a launch is on its way, by lane
	running  map[uint16]uint32     // call by lane
	has      map[uint16]probe.Need // what is set aside, by lane
	next     uint32
	finished int
}

func newLedger(cfg Config) *ledger {
	return &ledger{
		core: New(cfg), cfg: cfg, up: map[probe.SchedulerID]bool{}, needs: map[uint32]probe.Need{}, waiting: map[uint32]probe.SchedulerID{},
		calls: map[uint16]Effect{}, offers: map[uint16]Effect{}, coming: map[uint16]Effect{}, running: map[uint16]uint32{}, has: map[uint16]probe.Need{},
	}
}

// take books effects, and verifies that no more is set aside than the worker has.
func (l *ledger) take(out []Effect) error {
	for _, e := range out {
		switch e.Kind {
		case EffectGetTask:
			if _, asked := l.waiting[e.Res]; !asked {
				return fmt.Errorf("asked with reservation %d, which is not queued", e.Res)
			}
			delete(l.waiting, e.Res)
			delete(l.offers, e.Slot)
			l.calls[e.Slot], l.has[e.Slot] = e, l.needs[e.Res]
		case EffectOffer:
			l.offers[e.Slot] = e
		case EffectStart:
			if _, asked := l.calls[e.Slot]; !asked {
				l.has[e.Slot] = probe.Need{Slots: 1}
			}
			delete(l.calls, e.Slot)
			delete(l.offers, e.Slot)
			delete(l.coming, e.Slot)
			l.running[e.Slot] = e.Call
		case EffectHold:
			delete(l.offers, e.Slot)
			delete(l.coming, e.Slot)
		case EffectRefuse:
			delete(l.waiting, e.Res)
		case EffectStop, EffectFinished, EffectDecline, EffectAdopt, EffectFound, EffectTold:
		}
	}
	slots, resources := 0, [probe.MaxResources]uint32{}
	for _, n := range l.has {
		slots += int(n.Slots)
		for r := range resources {
			resources[r] += n.Resources[r]
		}
	}
	if slots > l.cfg.Slots {
		return fmt.Errorf("%d slots of %d are set aside: %v", slots, l.cfg.Slots, l.has)
	}
	for r, n := range resources {
		if n > 0 && n > l.cfg.Resources[r] {
			return fmt.Errorf("%d of %d of resource %d is set aside: %v", n, l.cfg.Resources[r], r, l.has)
		}
	}
	return l.core.CheckInvariants()
}

// reserve makes a reservation of one task.
func (l *ledger) reserve(s probe.SchedulerID, n probe.Need, class *probe.Class) error {
	l.next++
	l.needs[l.next] = n
	if l.up[s] {
		l.waiting[l.next] = s
	}
	return l.take(l.core.ReserveNeed(l.now, s, probe.Reserve{Ref: 7, Res: l.next, Count: 1}, class, n, nil))
}

// launch answers a call, or uses an offer.
func (l *ledger) launch(e Effect) error { return l.launchAs(e, probe.Launch{}) }

// launchAs is launch with what m says of its service, and of those behind it.
func (l *ledger) launchAs(e Effect, m probe.Launch) error {
	m.Slot, m.Call, m.Ref, m.Task, m.Attempt, m.Deadline = e.Slot, e.Call, 7, e.Res, 1, time.Hour
	return l.take(l.core.Launch(l.now, e.Scheduler, &m, nil))
}

// drawLaunch says of some launches that they end soon, or that more wait, so that offers are made ahead of free slots.
func (l *ledger) drawLaunch(pick func(int) int) (m probe.Launch) {
	if l.cfg.Offers {
		m.Expect, m.More = time.Duration(pick(3))*time.Millisecond, pick(2) == 0
	}
	return m
}

func (l *ledger) done(lane uint16) error {
	call := l.running[lane]
	delete(l.running, lane)
	delete(l.has, lane)
	l.finished++
	return l.take(l.core.Done(l.now, lane, call, End{Status: probe.StatusOK}, nil))
}

func (l *ledger) down(s probe.SchedulerID) error {
	delete(l.up, s)
	for res, of := range l.waiting {
		if of == s {
			delete(l.waiting, res)
		}
	}
	for lane, e := range l.calls {
		if e.Scheduler == s {
			delete(l.calls, lane)
			delete(l.has, lane)
		}
	}
	clear(l.offers)
	maps.DeleteFunc(l.coming, func(_ uint16, e Effect) bool { return e.Scheduler == s })
	return l.take(l.core.SchedulerDown(l.now, s, nil))
}

// first returns something of a map, the same every time.
func first[K ~uint16 | ~uint32, V any](m map[K]V, pick func(int) int) (K, bool) {
	keys := slices.Sorted(maps.Keys(m))
	if len(keys) == 0 {
		return 0, false
	}
	return keys[pick(len(keys))], true
}

func (l *ledger) step(pick func(int) int) error {
	l.now += time.Duration(pick(3)) * time.Millisecond
	s := probe.SchedulerID(pick(2))
	switch pick(14) {
	case 0:
		l.up[s] = true
		if err := l.take(l.core.SchedulerUp(l.now, s, 0, nil)); err != nil || !l.cfg.Offers {
			return err
		}
		return l.take(l.core.OffersTo(l.now, s, nil))
	case 1:
		if pick(8) == 0 {
			return l.down(s)
		}
		return l.take(l.core.Tick(l.now, nil))
	case 2:
		if res, ok := first(l.waiting, pick); ok {
			of := l.waiting[res]
			delete(l.waiting, res)
			return l.take(l.core.Cancel(l.now, of, probe.Cancel{Ref: 7, Res: res}, nil))
		}
	case 3:
		if lane, ok := first(l.calls, pick); ok {
			e := l.calls[lane]
			delete(l.calls, lane)
			delete(l.has, lane)
			return l.take(l.core.NoTask(l.now, e.Scheduler, probe.NoTask{Slot: e.Slot, Call: e.Call}, nil))
		}
	case 4, 5:
		if lane, ok := first(l.calls, pick); ok {
			return l.launchAs(l.calls[lane], l.drawLaunch(pick))
		}
	case 6, 12:
		if lane, ok := first(l.offers, pick); ok {
			return l.launchAs(l.offers[lane], l.drawLaunch(pick))
		}
	case 13:
		if lane, ok := first(l.coming, pick); ok && pick(2) == 0 {
			return l.launchAs(l.coming[lane], l.drawLaunch(pick))
		}
		if lane, ok := first(l.offers, pick); ok {
			e := l.offers[lane]
			delete(l.offers, lane)
			l.coming[lane] = e
			return l.take(l.core.Coming(l.now, e.Scheduler, probe.Coming{Slot: lane, Call: e.Call}, nil))
		}
	case 7, 8:
		if lane, ok := first(l.running, pick); ok {
			return l.done(lane)
		}
	default:
		n := probe.Need{Slots: 1}
		if pick(2) == 0 {
			n.Slots = uint16(1 + pick(l.cfg.Slots))
		}
		for r, has := range l.cfg.Resources {
			n.Resources[r] = uint32(pick(int(has) + 1))
		}
		users := []string{"", "a", "org/b"}
		class := probe.Class{User: []byte(users[pick(3)]), Priority: int16(pick(3)), Work: time.Duration(pick(3)) * time.Second}
		return l.reserve(s, n, &class)
	}
	return nil
}

// settle answers all calls and ends all attempts until nothing is left to do.
func (l *ledger) settle() error {
	for range 10_000 {
		last := func(int) int { return 0 }
		if lane, ok := first(l.calls, last); ok {
			if err := l.launch(l.calls[lane]); err != nil {
				return err
			}
			continue
		}
		if lane, ok := first(l.coming, last); ok {
			e := l.coming[lane]
			delete(l.coming, lane)
			if err := l.launch(e); err != nil {
				return err
			}
			continue
		}
		lane, ok := first(l.running, last)
		if !ok {
			return nil
		}
		l.now += time.Millisecond
		if err := l.done(lane); err != nil {
			return err
		}
	}
	return fmt.Errorf("it does not end")
}

// TestWideNeverTakesMoreThanThereIs sends what it likes, and requires that never more is set aside than the worker has,
// that nothing that is free is waited for, and that in the end every reservation has had its turn.
func TestWideNeverTakesMoreThanThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
		cfg := Config{Slots: 1 + pick(6), Discipline: FIFO + Discipline(pick(5)), Offers: pick(2) == 0, StarvationBound: 5 * time.Millisecond, BriefProof: 1 + pick(3)}
		for range pick(3) {
			cfg.Resources = append(cfg.Resources, uint32(1+pick(4)))
		}
		l := newLedger(cfg)
		for range 8 + pick(120) {
			if err := l.step(pick); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.settle(); err != nil {
			t.Fatal(err)
		}
		if load := l.core.Load(); len(l.waiting) > 0 || load.Reservations > 0 || load.Free != cfg.Slots {
			t.Fatalf("left over: %v, %+v", l.waiting, load)
		}
	})
}

// TestWideDoesNotStarve has a reservation of all slots, and one of a resource, come into a flood of small ones that
// never ends. Each waits for what runs, and for nobody who comes later but those that took a slot while the resource
// was missing.
func TestWideDoesNotStarve(t *testing.T) {
	for _, d := range everyDiscipline() {
		for _, offers := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v,offers=%v", d, offers), func(t *testing.T) {
				l := newLedger(Config{Slots: 4, Discipline: d, Resources: []uint32{1}, Offers: offers, StarvationBound: 20 * time.Millisecond, Ageing: time.Millisecond})
				l.up[0] = true
				small, one := probe.Need{Slots: 1}, func(int) int { return 0 }
				class := probe.Class{User: []byte("flood"), Work: time.Millisecond, Deadline: time.Hour}
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				must(l.take(l.core.SchedulerUp(0, 0, 0, nil)))
				for range 8 {
					must(l.reserve(0, small, &class))
				}
				wide := []probe.Need{{Slots: 4}, {Slots: 2, Resources: [probe.MaxResources]uint32{1}}, {Slots: 3, Resources: [probe.MaxResources]uint32{1}}}
				quiet := probe.Class{User: []byte("quiet"), Work: 10 * time.Millisecond, Deadline: time.Second}
				for _, n := range wide {
					must(l.reserve(0, n, &quiet))
				}
				numbers := []uint32{9, 10, 11}
				for turn := 0; len(numbers) > 0; turn++ {
					if turn == 200 {
						t.Fatalf("%v still wait after %d attempts", numbers, l.finished)
					}
					for lane, ok := first(l.calls, one); ok; lane, ok = first(l.calls, one) {
						must(l.launch(l.calls[lane]))
					}
					l.now += time.Millisecond
					lanes := make([]uint16, 0, len(l.running))
					for lane := range uint16(8) {
						if _, runs := l.running[lane]; runs {
							lanes = append(lanes, lane)
						}
					}
					must(l.done(lanes[turn%len(lanes)]))
					must(l.reserve(0, small, &class))
					for len(numbers) > 0 {
						if _, waits := l.waiting[numbers[0]]; waits {
							break
						}
						numbers = numbers[1:]
					}
				}
			})
		}
	}
}

// TestWidePassesOnlyWhatDoesNotDelay has others go on beside a collector with what it cannot use yet, and nobody with
// what it can.
func TestWidePassesOnlyWhatDoesNotDelay(t *testing.T) {
	for _, d := range everyDiscipline() {
		t.Run(d.String(), func(t *testing.T) {
			l := newLedger(Config{Slots: 3, Discipline: d, Resources: []uint32{2}})
			l.up[0] = true
			gpu := func(slots uint16, n uint32) probe.Need {
				return probe.Need{Slots: slots, Resources: [probe.MaxResources]uint32{n}}
			}
			var class probe.Class
			steps := []error{l.take(l.core.SchedulerUp(0, 0, 0, nil)), l.reserve(0, gpu(1, 1), &class), l.launch(l.calls[0])}
			steps = append(steps,
				l.reserve(0, gpu(2, 2), &class), // collects: one GPU is here, and it waits for the other
				l.reserve(0, gpu(1, 1), &class), // must not take what the collector has
				l.reserve(0, gpu(1, 0), &class)) // may go on
			for _, err := range steps {
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, asks := l.calls[1]; !asks || l.calls[1].Res != 4 || len(l.calls) != 1 {
				t.Fatalf("calls beside the collector: %+v", l.calls)
			}
			if s := l.core.WideStats(); s.Collected != 1 || s.Passed != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestWideNeedsAreForgotten has more different needs come, one after the other, than are known at a time.
func TestWideNeedsAreForgotten(t *testing.T) {
	l := newLedger(Config{Slots: 1, Resources: []uint32{1 << 20}})
	l.up[0] = true
	l.core.SchedulerUp(0, 0, 0, nil)
	for i := range uint32(3 * maxNeeds) {
		n := probe.Need{Slots: 1, Resources: [probe.MaxResources]uint32{i + 1}}
		if err := l.reserve(0, n, nil); err != nil {
			t.Fatal(err)
		}
		if err := l.launch(l.calls[0]); err != nil {
			t.Fatal(err)
		}
		if v := l.core.Slot(0); v.Need != n {
			t.Fatalf("task %d has %+v", i, v.Need)
		}
		if err := l.done(0); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(2 * maxNeeds) {
		if err := l.reserve(0, probe.Need{Slots: 1, Resources: [probe.MaxResources]uint32{i + 1}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.core.WideStats().Misfits; got < maxNeeds || got > maxNeeds+2 {
		t.Errorf("%d refused of %d different ones that wait", got, 2*maxNeeds)
	}
}
