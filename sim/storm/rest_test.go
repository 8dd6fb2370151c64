package storm

import (
	"strings"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/worker/queue"
)

// idleScene is a fleet at rest: a worker of one slot, which is on offer to one of two schedulers since a time.
type idleScene struct {
	*world
	home, other *scheduler
	worker      *worker
	offer       placement.OfferView
	since       time.Duration
}

func newIdleScene(t *testing.T) *idleScene {
	t.Helper()
	w := newWorld(Plan{
		Workers: 1, Slots: 1, Schedulers: 2, Clients: 1, Lease: time.Second, CheckEvery: 1, Policy: placement.IdleOffer, Delay: time.Millisecond,
		placement: placement.Config{Policy: placement.IdleOffer}, queue: queue.Config{Slots: 1, Offers: true},
	}, nil)
	for _, p := range w.processes {
		p.owner.begin()
	}
	s := &idleScene{world: w, home: w.schedulers[0], other: w.schedulers[1], worker: w.workers[0]}
	s.until(100 * time.Millisecond)
	if len(s.other.core.HeldOffers(s.now, nil)) > 0 {
		s.home, s.other = s.other, s.home
	}
	held := s.home.core.HeldOffers(s.now, nil)
	if len(held) != 1 || len(s.home.peers) != 1 {
		t.Fatalf("%d offers are held at home, which has %d peers", len(held), len(s.home.peers))
	}
	s.offer, s.since = held[0], s.worker.core.Slot(int(held[0].Lane)).Since
	return s
}

// until lets everything happen that does before a time.
func (s *idleScene) until(t time.Duration) {
	for len(s.clock.events) > 0 && s.clock.events[0].at <= t {
		do, _ := s.next()
		do()
	}
	s.now = t
}

// want has the home hear that the other one wants an offer for an app, of which that knows nothing; and returns what
// the home does about it.
func (s *idleScene) want(app string) []placement.Effect {
	p := s.home.peers[0]
	s.home.core.SetDef(p.id, probe.SetDef{Set: 1, App: app})
	return s.home.core.Want(s.now, p.id, probe.Want{Set: 1, Quota: 1, Now: 1}, nil)
}

// An offer is somebody's for as long as who has it holds it, and a want is one that somebody has.
func TestOffersAtRest(t *testing.T) {
	t.Parallel()
	const nobody, wants = "and nobody holds that", "is at rest with 1 wants of others"
	for _, c := range []struct {
		name string
		want string // of the error; empty: none
		do   func(s *idleScene)
	}{
		{"held by whom it was made to", "", func(s *idleScene) { s.until(s.since + handLife) }},
		{"held by whom it was handed on to", "", func(s *idleScene) {
			s.home.carryOut(s.want("app"))
			s.until(s.since + handLife - time.Millisecond)
		}},
		{"handed on, and dropped before it is made anew", "", func(s *idleScene) {
			s.until(s.since + 2*time.Second)
			s.home.carryOut(s.want("app"))
			s.until(s.since + handLife + 5*time.Millisecond)
		}},
		{"handed on, and lost on the way", nobody, func(s *idleScene) {
			p := s.home.peers[0]
			p.end.line.broken = true
			s.home.carryOut(s.want("app"))
			s.until(s.since + handLife - time.Millisecond)
		}},
		{"let go of", nobody, func(s *idleScene) {
			s.want("app")
			s.until(s.since + handLife + 5*time.Millisecond)
		}},
		{"a want that is over", wants, func(s *idleScene) { s.want("other") }},
		{"a want that came behind the word that it is over", "", func(s *idleScene) {
			s.plan.Wild, s.heal = 1000, time.Hour
			e := s.other.peers[0].end
			e.line.wild = true
			e.send(func() { s.want("other") })
			s.until(time.Second)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newIdleScene(t)
			c.do(s)
			if v := s.worker.core.Slot(int(s.offer.Lane)); v.State != queue.Offered || v.Call != s.offer.Call {
				t.Fatalf("the lane is %v by call %d, not offered by call %d as before", v.State, v.Call, s.offer.Call)
			}
			if s.book.offersAtRest(); c.want == "" && s.err != nil || c.want != "" && (s.err == nil || !strings.Contains(s.err.Error(), c.want)) {
				t.Errorf("got %v, want %q", s.err, c.want)
			}
		})
	}
}
