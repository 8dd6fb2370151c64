package gossip

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

// ended returns what Run returned.

func (r *running) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(time.Hour):
		t.Fatalf("%s: Run does not return", r.identity)
		return nil
	}
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
		if err := late.Leave(10 * time.Second); err != nil {
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
		if err := late.ended(t); err != nil {
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
				if err := victim.ended(t); err != nil {
					t.Error(err)
				}
				f.end(nodes...)
			})
		})
	}
}

// Two halves that have long forgotten each other find together through Join.

// A node whose fleet is gone warns, goes on trying and finds the next one.

// Who was alone for long looks for the others named as soon as it has found one.

// A node that leaves does not take the silence for the others' absence.

// One of the addresses to join takes connections and says nothing. Neither does the node wait

// for it when another one answers, nor when somebody joins the node.

// Only those are asked who are not in the fleet already.

// A node may list itself, and is then no failure to be told of.

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

// The fleet is found only after the node has begun to serve.

// Of several that start at the same moment exactly one stays.

// A rival that is too busy to answer at first is asked again.

// A node that ends while it still asks never claims the name.

// A restarted node is in the view at once, with its new addresses, while gossip still takes

// its earlier life for alive.
