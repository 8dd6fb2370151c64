package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/gossip/view"
	"dunnock/probe"
)

// fleet is nodes in a bubble. Time in it is virtual, so its bounds are exact and cost nothing.
type fleet struct {
	t    *testing.T
	net  *memnet
	logs logs
	wg   sync.WaitGroup
	// alive is who answers over HTTP, by address.
	alive sync.Map
	next  int
}

type running struct {
	*Node
	cancel context.CancelFunc
	done   chan error // capacity 1: what Run returned
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	return &fleet{t: t, net: newMemnet()}
}

// config gives the i-th node an address of its own.
func (f *fleet) config(name string, join ...string) Config {
	f.next++
	return Config{
		Name: name, Role: probe.RoleWorker, Slots: 4, HTTPAddr: fmt.Sprintf("10.0.0.1:%d", f.next), Bind: fmt.Sprintf("10.0.0.1:%d", f.next), Join: join,
		Logger: slog.New(&f.logs), listen: f.net.listen,
		Live: func(_ context.Context, m view.Member) bool {
			i, ok := f.alive.Load(m.Addr)
			return ok && i == m.Incarnation
		},
	}
}

func (f *fleet) start(cfg Config) *running {
	f.t.Helper()
	n, err := Open(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	r := &running{Node: n, cancel: cancel, done: make(chan error, 1)}
	f.alive.Store(cfg.HTTPAddr, n.cfg.Incarnation)
	f.wg.Go(func() {
		r.done <- n.Run(ctx)
		f.alive.Delete(cfg.HTTPAddr)
	})
	return r
}

// end ends all nodes. What they leave running has the time that Run's contract gives it; the bubble fails the test if
// anything is left then.
func (f *fleet) end(nodes ...*running) {
	for _, n := range nodes {
		n.cancel()
	}
	f.wg.Wait()
	time.Sleep(4 * time.Second)
}

// until waits for a view that ok accepts, and returns how long that took.
func (r *running) until(t *testing.T, ok func(*view.View) bool) time.Duration {
	t.Helper()
	began := time.Now()
	deadline := time.After(time.Hour)
	for v := r.View(); !ok(v); v = r.View() {
		select {
		case <-r.Changed(v):
		case <-deadline:
			t.Fatalf("%s: still %v", r.identity, names(r.View()))
		}
	}
	return time.Since(began)
}

func hasLen(n int) func(*view.View) bool { return func(v *view.View) bool { return v.Len() == n } }

func names(v *view.View) []string {
	s := make([]string, 0, v.Len())
	for _, m := range v.Members() {
		s = append(s, m.Name+"@"+m.Addr+" "+m.State.String())
	}
	return s
}

// A fleet of 50 that is started in random order, each joining two others that may not be up yet.
func TestManyNodesInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 50
		f := newFleet(t)
		configs := make([]Config, size)
		for i := range configs {
			configs[i] = f.config(fmt.Sprintf("w%d", i))
			configs[i].Join = []string{fmt.Sprintf("10.0.0.1:%d", i/2+1), fmt.Sprintf("10.0.0.1:%d", (i+1)%size+1)}
		}
		nodes := make([]*running, 0, size)
		for _, i := range rand.Perm(size) {
			nodes = append(nodes, f.start(configs[i]))
			time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		}
		var slowest time.Duration
		began := time.Now()
		for _, n := range nodes {
			n.until(t, hasLen(size))
			slowest = time.Since(began)
		}
		t.Logf("all %d views complete %v after the last start", size, slowest)
		if slowest > 10*time.Second {
			t.Errorf("it took %v until all knew all", slowest)
		}

		late := f.start(f.config("late", "10.0.0.1:7"))
		began = time.Now()
		for _, n := range nodes {
			n.until(t, hasLen(size+1))
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a node that joined was seen by all after %v", took)
		} else {
			t.Logf("a join is seen by all after %v", took)
		}

		began = time.Now()
		if err := late.SetState(view.Draining); err != nil {
			t.Error(err)
		}
		for _, n := range nodes {
			n.until(t, func(v *view.View) bool {
				m, _ := v.Lookup(probe.RoleWorker, "late")
				return m.State == view.Draining
			})
		}
		t.Logf("draining is seen by all after %v", time.Since(began))

		began = time.Now()
		if err := late.Leave(time.Second); err != nil {
			t.Error(err)
		}
		t.Logf("leaving takes %v", time.Since(began))
		for _, n := range nodes {
			n.until(t, hasLen(size))
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a node that left was gone for all after %v", took)
		} else {
			t.Logf("a leave is seen by all after %v", took)
		}
		if err := <-late.done; err != nil {
			t.Errorf("a node that left: %v", err)
		}

		began = time.Now()
		nodes[0].cancel() // which is a leave too
		for _, n := range nodes[1:] {
			n.until(t, hasLen(size-1))
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a node whose context ended was gone for all after %v", took)
		}
		f.end(nodes...)
	})
}

func TestCrashIsNoticed(t *testing.T) {
	for _, size := range []int{2, 3, 6, 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t)
				nodes := make([]*running, size)
				for i := range nodes {
					nodes[i] = f.start(f.config(fmt.Sprintf("w%d", i), "10.0.0.1:1"))
				}
				for _, n := range nodes {
					n.until(t, hasLen(size))
				}
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
				victim := nodes[size-1]
				victim.Close()
				began := time.Now()
				for _, n := range nodes[:size-1] {
					n.until(t, hasLen(size-1))
				}
				took := time.Since(began)
				t.Logf("a crash among %d is noticed by all after %v", size, took)
				if took > 20*time.Second {
					t.Errorf("it took %v", took)
				}
				if err := <-victim.done; err != nil {
					t.Error(err)
				}
				f.end(nodes...)
			})
		})
	}
}

// Two halves that have long forgotten each other find together through Join.
func TestPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		var nodes []*running
		for i := range 6 {
			nodes = append(nodes, f.start(f.config(fmt.Sprintf("w%d", i), "10.0.0.1:1", "10.0.0.1:2")))
		}
		for _, n := range nodes {
			n.until(t, hasLen(6))
		}
		f.net.setCut(func(a, b netip.AddrPort) bool { return a.Port()%2 != b.Port()%2 })
		for _, n := range nodes {
			n.until(t, hasLen(3))
		}
		time.Sleep(10 * time.Minute) // memberlist itself remembers the dead for 30 s
		f.net.setCut(nil)
		began := time.Now()
		for _, n := range nodes {
			n.until(t, hasLen(6))
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %v until the halves were one", took)
		}
		f.end(nodes...)
	})
}

// A node whose fleet is gone warns, goes on trying and finds the next one.
func TestLastOneRejoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		first := f.config("w1")
		seed := f.start(first)
		n := f.start(f.config("w2", first.Bind))
		n.until(t, hasLen(2))
		seed.Close()
		n.until(t, hasLen(1))
		time.Sleep(10 * time.Minute)
		if got := f.logs.count("every other node is gone, joining anew"); got != 1 {
			t.Errorf("%d lines say that the fleet is gone", got)
		}
		if got := f.logs.count("cannot join the fleet yet, trying on"); got < 9 || got > 11 {
			t.Errorf("%d warnings in ten minutes, want one a minute", got)
		}
		again := f.start(first)
		took := n.until(t, hasLen(2))
		if took > 2*maxJoinPause {
			t.Errorf("it took %v to find the fleet again", took)
		}
		f.end(n, seed, again)
	})
}

func TestUnreachableFleetIsToldAtOnceAndThenRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		n := f.start(f.config("w1", "10.0.0.1:999"))
		n.until(t, hasLen(1)) // it is a fleet of its own until then
		synctest.Wait()
		if got := f.logs.count("cannot join the fleet yet, trying on"); got != 1 {
			t.Errorf("%d warnings at the start", got)
		}
		time.Sleep(time.Hour)
		if got := f.logs.count("cannot join the fleet yet, trying on"); got < 58 || got > 62 {
			t.Errorf("%d warnings in an hour, want one a minute", got)
		}
		f.end(n)
	})
}

// A node may list itself, and is then no failure to be told of.
func TestJoiningOneselfIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		cfg := f.config("w1")
		cfg.Join = []string{cfg.Bind, "dns+" + cfg.Bind}
		n := f.start(cfg)
		n.until(t, hasLen(1))
		time.Sleep(time.Minute)
		if lines := f.logs.all(); len(lines) > 0 {
			t.Errorf("logged %q", lines)
		}
		f.end(n)
	})
}

// Any number of users follow the view, each at its own pace, and none misses the last change.
func TestChangedServesMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		seed := f.config("s")
		s := f.start(seed)
		var users sync.WaitGroup
		for i := range 5 {
			users.Go(func() {
				for v := s.View(); v.Len() < 8; v = s.View() {
					time.Sleep(time.Duration(i) * 100 * time.Millisecond)
					<-s.Changed(v)
				}
			})
		}
		nodes := []*running{s}
		for i := range 7 {
			nodes = append(nodes, f.start(f.config(fmt.Sprintf("w%d", i), seed.Bind)))
		}
		users.Wait() // one that missed it would hang here
		v := s.View()
		select {
		case <-s.Changed(v):
			t.Error("changed, without a change")
		default:
		}
		if s.View() != v {
			t.Error("another view without a change")
		}
		f.end(nodes...)
	})
}

// Who yields to whom, if both are live.
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
		err := <-f.start(second).done
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

// The fleet is found only after the node has begun to serve.
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
		if err := <-late.done; !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), first.HTTPAddr) {
			t.Errorf("Run of the late w1: %v", err)
		}
		w.until(t, func(v *view.View) bool {
			m, _ := v.Lookup(probe.RoleWorker, "w1")
			return v.Len() == 2 && m.Addr == first.HTTPAddr
		})
		f.end(s, w)
	})
}

// Of several that start at the same moment exactly one stays.
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

// A rival that is too busy to answer at first is asked again.
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
		if err := <-f.start(second).done; !errors.Is(err, ErrNameTaken) {
			t.Errorf("Run of the second w1: %v", err)
		}
		if asked != 4 {
			t.Errorf("asked %d times", asked)
		}
		f.end(s, w)
	})
}

// A restarted node is in the view at once, with its new addresses, while gossip still takes
// its earlier life for alive.
func TestRestartIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		seed := f.config("s")
		first, second := f.config("w1", seed.Bind), f.config("w1", seed.Bind)
		s, w := f.start(seed), f.start(first)
		s.until(t, hasLen(2))
		w.Close()
		if err := <-w.done; err != nil {
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
