package gossip

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/gossip/view"
	"dunnock/probe"
)

func TestRivals(t *testing.T) {
	for _, c := range []struct {
		claimed bool
		other   view.State
		older   bool // the other has the smaller incarnation
		yield   bool
	}{
		{false, view.Active, true, true},
		{false, view.Active, false, true}, // although its clock says that it began later
		{false, view.Draining, false, true},
		{false, view.Joining, true, true},
		{false, view.Joining, false, false},
		{true, view.Joining, true, false},
		{true, view.Joining, false, false},
		{true, view.Active, true, true},
		{true, view.Active, false, false},
		{true, view.Draining, true, true},
	} {
		f := newFleet(t)
		cfg := f.config("w1")
		cfg.Incarnation = 10
		n, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		n.claimed.Store(c.claimed)
		for _, other := range []struct {
			name string
			role probe.Role
		}{{"w1", probe.RoleWorker}, {"w1", probe.RoleScheduler}, {"w2", probe.RoleWorker}} {
			m := n.cfg.member(c.other)
			m.Name, m.Role, m.Incarnation = other.name, other.role, 20
			if c.older {
				m.Incarnation = 5
			}
			if m.Role == probe.RoleScheduler {
				m.Slots = 0
			}
			meta, err := view.EncodeMeta(&m)
			if err != nil {
				t.Fatal(err)
			}
			n.fold(func(t *view.Table) bool { return t.Join(view.Identity(m.Key(), m.Incarnation), "10.0.0.1:99", meta) })
		}
		if got := len(n.rivals()); (got == 1) != c.yield || got > 1 {
			t.Errorf("%+v: %d rivals", c, got)
		}
		n.Close()
	}
}

func TestSecondLiveNodeRefusesToStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		seed := f.config("s")
		first := f.config("w1", seed.Bind)
		second := f.config("w1", seed.Bind)
		// The second one's clock is behind: it is the later one all the same.
		first.Incarnation, second.Incarnation = 20, 10
		s, w := f.start(seed), f.start(first)
		s.until(t, hasLen(2))
		before := s.View()
		err := f.start(second).ended(t)
		if !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), first.HTTPAddr) {
			t.Errorf("Run of the second w1: %v", err)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		if s.View() != before {
			t.Errorf("the view changed to %v", names(s.View()))
		}
		f.end(s, w)
	})
}

func TestNameTakenIsFoundLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		seed := f.config("s")
		first, second := f.config("w1"), f.config("w1", seed.Bind)
		first.Join = []string{seed.Bind}
		first.Incarnation, second.Incarnation = 10, 20
		late := f.start(second)
		late.until(t, hasLen(1))
		time.Sleep(5 * time.Minute)
		s, w := f.start(seed), f.start(first)
		if err := late.ended(t); !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), first.HTTPAddr) {
			t.Errorf("Run of the late w1: %v", err)
		}
		w.until(t, func(v *view.View) bool {
			m, _ := v.Lookup(probe.RoleWorker, "w1")
			return v.Len() == 2 && m.Addr == first.HTTPAddr
		})
		f.end(s, w)
	})
}

func TestOneOfManyKeepsTheName(t *testing.T) {
	for range 10 {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t)
			seed := f.config("s")
			s := f.start(seed)
			var same []*running
			for range 4 {
				same = append(same, f.start(f.config("w1", seed.Bind)))
				time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
			}
			time.Sleep(time.Minute)
			stayed := 0
			for _, n := range same {
				select {
				case err := <-n.done:
					if !errors.Is(err, ErrNameTaken) {
						t.Error(err)
					}
				default:
					stayed++
				}
			}
			if stayed != 1 || s.View().Len() != 2 {
				t.Errorf("%d stayed, the view has %v", stayed, names(s.View()))
			}
			f.end(append(same, s)...)
		})
	}
}

func TestSlowRivalIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		seed := f.config("s")
		first, second := f.config("w1", seed.Bind), f.config("w1", seed.Bind)
		first.Incarnation, second.Incarnation = 10, 20
		asked := 0
		second.Live = func(ctx context.Context, m view.Member) bool {
			if asked++; asked < 4 {
				<-ctx.Done() // nameCheckTimeout ends it
				return false
			}
			return true
		}
		s, w := f.start(seed), f.start(first)
		w.until(t, hasLen(2))
		if err := f.start(second).ended(t); !errors.Is(err, ErrNameTaken) {
			t.Errorf("Run of the second w1: %v", err)
		}
		if asked != 4 {
			t.Errorf("asked %d times", asked)
		}
		f.end(s, w)
	})
}

func TestEndWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		seed := f.config("s")
		first, second := f.config("w1", seed.Bind), f.config("w1", seed.Bind)
		asking := make(chan struct{})
		second.Live = func(ctx context.Context, _ view.Member) bool {
			close(asking)
			<-ctx.Done()
			return false
		}
		s, w := f.start(seed), f.start(first)
		s.until(t, hasLen(2))
		n := f.start(second)
		<-asking
		n.cancel()
		if err := n.ended(t); err != nil {
			t.Error(err)
		}
		if n.claimed.Load() {
			t.Error("it claimed the name")
		}
		f.end(s, w)
	})
}

func TestRestartIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		seed := f.config("s")
		first, second := f.config("w1", seed.Bind), f.config("w1", seed.Bind)
		s, w := f.start(seed), f.start(first)
		s.until(t, hasLen(2))
		w.Close()
		if err := w.ended(t); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Millisecond)
		again := f.start(second)
		took := s.until(t, func(v *view.View) bool {
			m, _ := v.Lookup(probe.RoleWorker, "w1")
			return m.Addr == second.HTTPAddr
		})
		if took > time.Second {
			t.Errorf("it took %v", took)
		}
		if s.alone() || s.nodes() != 3 {
			t.Errorf("gossip knows %d nodes; the earlier life should still be among them", s.nodes())
		}
		time.Sleep(time.Minute)
		if s.nodes() != 2 || s.View().Len() != 2 {
			t.Errorf("%d nodes, view %v", s.nodes(), names(s.View()))
		}
		f.end(s, again)
	})
}
