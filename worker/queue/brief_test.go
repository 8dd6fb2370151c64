package queue

import (
	"testing"
	"time"

	"dunnock/probe"
)

// rush is a worker to which one scheduler launches, on whatever it is offered, tasks of which more wait.
type rush struct {
	t      *testing.T
	core   *Core
	now    time.Duration
	offers []Effect
	runs   []Effect
	task   uint32
}

func newRush(t *testing.T, cfg Config) *rush {
	t.Helper()
	r := &rush{t: t, core: New(cfg)}
	r.note(r.core.SchedulerUp(0, 1, 0, nil))
	r.note(r.core.OffersTo(0, 1, nil))
	return r
}

func (r *rush) note(out []Effect) {
	r.t.Helper()
	for _, e := range out {
		switch e.Kind {
		case EffectOffer:
			r.offers = append(r.offers, e)
		case EffectStart:
			r.runs = append(r.runs, e)
		case EffectGetTask, EffectStop, EffectFinished, EffectRefuse, EffectDecline, EffectAdopt, EffectFound, EffectTold, EffectHold:
		}
	}
	if r.task%64 > 0 {
		return
	}
	if err := r.core.CheckInvariants(); err != nil {
		r.t.Fatal(err)
	}
}

// launch launches a task on the oldest offer, if there is one.
func (r *rush) launch(app uint16) {
	r.t.Helper()
	if len(r.offers) == 0 {
		return
	}
	o := r.offers[0]
	r.offers = r.offers[1:]
	r.task++
	r.note(r.core.Launch(r.now, 1, &probe.Launch{Slot: o.Slot, Call: o.Call, Ref: 1, Task: r.task, Attempt: 1, App: app, Deadline: time.Hour, More: true}, nil))
}

// done ends the oldest of what runs.
func (r *rush) done(took time.Duration) {
	r.t.Helper()
	if len(r.runs) == 0 {
		return
	}
	e := r.runs[0]
	r.runs = r.runs[1:]
	r.note(r.core.Done(r.now, e.Slot, e.Call, End{Status: probe.StatusOK, Took: took}, nil))
}

// hurry launches on all offers, and ends what runs, n times.
func (r *rush) hurry(n int, took time.Duration) {
	r.t.Helper()
	for range n {
		for len(r.offers) > 0 {
			r.launch(0)
		}
		r.done(took)
	}
}

// invited counts what was offered for brief apps, or waits.
func (r *rush) invited() int {
	l := r.core.Load()
	return l.Brief + l.Held
}

// TestBriefDepth: as many launches are invited for each slot as end while an offer goes out and a launch comes in, and
// those of slots that run something else are not counted on.
func TestBriefDepth(t *testing.T) {
	const took = minHop / briefShare
	r := newRush(t, Config{Slots: 2, Offers: true})
	for range 2 * DefaultBriefProof {
		r.launch(0)
		r.now += 5 * maxHop // too long to be a hop
		r.done(took)
	}
	r.hurry(100, took)
	if want := 2 * int(2*minHop/took); r.invited() != want || len(r.runs) != 2 {
		t.Errorf("%d are invited and %d run, want %d and 2", r.invited(), len(r.runs), want)
	}
	// A task of another app has one of the slots.
	r = newRush(t, Config{Slots: 2, Offers: true})
	for range 2 * DefaultBriefProof {
		r.launch(0)
		r.now += 5 * maxHop
		r.done(took)
	}
	r.launch(1)
	r.runs = r.runs[1:]
	r.hurry(100, took)
	if want := int(2 * minHop / took); r.invited() != want || len(r.runs) != 1 {
		t.Errorf("beside another app's task %d are invited and %d run, want %d and 1", r.invited(), len(r.runs), want)
	}
}

// TestBriefLanes: a worker of any size stays within the lanes that it may have, and has none beyond those of its slots
// before it needs them.
func TestBriefLanes(t *testing.T) {
	for _, slots := range []int{1, 2, 16, 64, 1024, 2048, probe.MaxSlots} {
		r := newRush(t, Config{Slots: slots, Offers: true, BriefProof: 1})
		if len(r.core.slots) != 2*slots {
			t.Errorf("%d slots: %d lanes from the beginning", slots, len(r.core.slots))
		}
		r.launch(0)
		r.done(1)
		for range min(2*slots, 600) {
			r.launch(0)
		}
		if n := len(r.core.slots); n > probe.Lanes(slots) || n > probe.MaxLanes || slots < 100 && n != probe.Lanes(slots) {
			t.Errorf("%d slots: %d lanes, and may have %d", slots, n, probe.Lanes(slots))
		}
		if slots < 100 && r.invited() > probe.Lanes(slots)-2*slots {
			t.Errorf("%d slots: %d are invited", slots, r.invited())
		}
	}
}

// TestBriefApps: several brief apps share the lanes that there are.
func TestBriefApps(t *testing.T) {
	r := newRush(t, Config{Slots: 1, Offers: true, BriefProof: 1})
	for app := range uint16(4) {
		r.launch(app)
		r.done(1)
	}
	for i := range 1000 {
		r.launch(uint16(i % 4))
		if i%3 > 0 {
			r.done(1)
		}
		r.offers = r.offers[max(0, len(r.offers)-2):] // some of which nobody uses
		if most := probe.Lanes(1) - 2; r.invited() > most {
			t.Fatalf("%d are invited in %d lanes", r.invited(), most)
		}
	}
	if most := probe.Lanes(1) - 2; r.invited() < most-10 {
		t.Errorf("%d are invited in %d lanes", r.invited(), most)
	}
}

// TestBriefFor: an app of which every twentieth attempt is long is not brief, and one of which every thousandth seems
// to be is.
func TestBriefFor(t *testing.T) {
	for every, brief := range map[int]bool{20: false, 100: false, 1000: true} {
		r := newRush(t, Config{Slots: 4, Offers: true})
		n := 0
		for i := range 20_000 {
			r.launch(0)
			r.now += time.Millisecond
			took := time.Microsecond
			if i%every == every-1 {
				took = 20 * time.Millisecond
			}
			if r.core.offers.brief.trusts(0) {
				n++
			}
			r.done(took)
		}
		if share := float64(n) / 20_000; brief && share < 0.9 || !brief && share > 0.05 {
			t.Errorf("one in %d long: brief for %v of the time", every, share)
		}
	}
}
