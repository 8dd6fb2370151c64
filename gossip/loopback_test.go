package gossip

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dunnock/gossip/view"
	"dunnock/probe"
)

// patience bounds each wait for something that must happen. It is no measure of
// speed: the machine may be busy with other things.
const patience = time.Minute

// loop is a node over real sockets.
type loop struct {
	*Node
	t      *testing.T
	ctx    context.Context
	cancel context.CancelFunc
	logs   logs
	done   chan error // capacity 1: what Run returned
	ended  bool
}

// onLoopback runs a worker. Its HTTP address is one where nobody answers, unless cfg says another.
func onLoopback(t *testing.T, cfg Config) *loop {
	t.Helper()
	l := &loop{t: t, done: make(chan error, 1)}
	cfg.Role, cfg.Slots, cfg.Logger = probe.RoleWorker, 2, slog.New(&l.logs)
	cfg.GossipInterval = 20 * time.Millisecond
	if cfg.HTTPAddr == "" {
		cfg.HTTPAddr = "127.0.0.1:1"
	}
	var err error
	if l.Node, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	var stop context.CancelFunc
	l.ctx, stop = context.WithTimeout(context.Background(), patience)
	go func() { l.done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if !l.ended {
			if err := l.end(); err != nil {
				t.Errorf("Run: %v", err)
			}
		}
		stop()
	})
	return l
}

// end waits for Run's return.
func (l *loop) end() error {
	l.t.Helper()
	select {
	case err := <-l.done:
		l.ended = true
		return err
	case <-l.ctx.Done():
		l.t.Fatal("Run does not return")
		return nil
	}
}

func (l *loop) until(ok func(*view.View) bool) {
	l.t.Helper()
	for v := l.View(); !ok(v); v = l.View() {
		select {
		case <-l.Changed(v):
		case <-l.ctx.Done():
			l.t.Fatalf("%s sees %v", l.identity, names(l.View()))
		}
	}
}

func (l *loop) untilLog(line string) {
	l.t.Helper()
	if err := l.logs.wait(l.ctx, line); err != nil {
		l.t.Fatalf("no line %q in %q", line, l.logs.all())
	}
}

// healthServer answers as whoever health says.
func healthServer(t *testing.T, health func() any) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable) // draining, say; it is alive all the same
		if err := json.NewEncoder(w).Encode(health()); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// b is told to join a before there is an a: its file is written later, and read again at each attempt.
func TestJoinBeforeTheOtherIsUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seeds")
	b := onLoopback(t, Config{Name: "b", Join: []string{"file+" + file}})
	b.untilLog("cannot join the fleet yet, trying on")
	b.until(hasLen(1))
	a := onLoopback(t, Config{Name: "a", Zone: "z", Labels: []probe.Label{{Key: "ssd", Value: "true"}, {Key: "rack", Value: "7"}}})
	if err := os.WriteFile(file, []byte("# seeds\n\n"+a.Addr()+" # the first\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.until(hasLen(2))
	b.until(hasLen(2))
	b.untilLog("joined the fleet")
	got, ok := b.View().Lookup(probe.RoleWorker, "a")
	want := view.Member{
		Name: "a", Incarnation: a.cfg.Incarnation, Role: probe.RoleWorker, Addr: "127.0.0.1:1", GossipAddr: a.Addr(), Slots: 2,
		Labels: []probe.Label{{Key: "rack", Value: "7"}, {Key: "ssd", Value: "true"}}, Zone: "z", State: view.Active, Version: probe.Version,
	}
	if !ok || !got.Equal(&want) {
		t.Errorf("b sees a as %+v, want %+v", got, want)
	}
}

func TestDrainAndLeaveAreSeen(t *testing.T) {
	a := onLoopback(t, Config{Name: "a"})
	b := onLoopback(t, Config{Name: "b", Join: []string{a.Addr()}})
	c := onLoopback(t, Config{Name: "c", Join: []string{a.Addr()}})
	for _, n := range []*loop{a, b, c} {
		n.until(hasLen(3))
	}
	if err := b.SetState(view.Draining); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*loop{a, b, c} {
		n.until(func(v *view.View) bool {
			m, _ := v.Lookup(probe.RoleWorker, "b")
			return m.State == view.Draining
		})
	}
	if err := b.Leave(patience); err != nil {
		t.Errorf("leave: %v", err)
	}
	if err := b.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	a.until(hasLen(2))
	c.until(hasLen(2))
	if b.View().Len() != 2 {
		t.Errorf("b, which has left, sees %v", names(b.View()))
	}
	// The end of Run's context is a leave as well.
	c.cancel()
	if err := c.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	a.until(hasLen(1))
	if got := b.logs.count("every other node is gone, joining anew") + c.logs.count("every other node is gone, joining anew"); got != 0 {
		t.Error("a node that left says that the others are gone")
	}
	if err := b.SetState(view.Active); !errors.Is(err, ErrClosed) {
		t.Errorf("a node that left takes a state: %v", err)
	}
}

// The node dies and comes back with another gossip port. Its new life is in the views
// while the old one is still listed; that it is dead shows in that it does not answer.
func TestRestartWithAnotherPort(t *testing.T) {
	a := onLoopback(t, Config{Name: "a"})
	for name, sameHTTP := range map[string]bool{"and-another-http-port": false, "and-the-same-http-port": true} {
		t.Run(name, func(t *testing.T) {
			old := Config{Name: name, Incarnation: 10, Join: []string{a.Addr()}}
			next := Config{Name: name, Incarnation: 11, Join: []string{a.Addr()}}
			var live atomic.Uint64 // the incarnation that answers
			answer := func() any { return health{"worker", name, probe.Incarnation(live.Load()).String()} }
			old.HTTPAddr = healthServer(t, answer)
			next.HTTPAddr = old.HTTPAddr
			if !sameHTTP {
				next.HTTPAddr = healthServer(t, answer)
			}
			live.Store(10)
			first := onLoopback(t, old)
			a.until(func(v *view.View) bool { _, ok := v.Lookup(probe.RoleWorker, name); return ok })
			first.Close()
			if err := first.end(); err != nil {
				t.Fatal(err)
			}
			live.Store(11)
			second := onLoopback(t, next)
			a.until(func(v *view.View) bool {
				m, _ := v.Lookup(probe.RoleWorker, name)
				return m.Incarnation == 11 && m.GossipAddr == second.Addr() && m.Addr == next.HTTPAddr
			})
		})
	}
}

func TestSecondLiveNodeIsRefused(t *testing.T) {
	addr := healthServer(t, func() any {
		return struct {
			health
			Status string `json:"status"`
		}{health{"worker", "w1", probe.Incarnation(10).String()}, "draining"}
	})
	a := onLoopback(t, Config{Name: "a"})
	onLoopback(t, Config{Name: "w1", Incarnation: 10, HTTPAddr: addr, Join: []string{a.Addr()}})
	a.until(hasLen(2))
	before := a.View()
	second := onLoopback(t, Config{Name: "w1", HTTPAddr: "127.0.0.1:2", Join: []string{a.Addr()}})
	err := second.end()
	if !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), "worker w1 at "+addr) {
		t.Errorf("Run of the second w1: %v", err)
	}
	if a.View() != before {
		t.Errorf("a sees %v", names(a.View()))
	}
	// A scheduler may have the name of a worker.
	s, err := Open(Config{Name: "w1", Role: probe.RoleScheduler, HTTPAddr: "127.0.0.1:2", Join: []string{a.Addr()}, GossipInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(a.ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	a.until(func(v *view.View) bool { return len(v.Schedulers()) == 1 && len(v.Workers()) == 2 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFleetsNeverMerge(t *testing.T) {
	key := func(b byte) []byte { return []byte(strings.Repeat(string(rune('a'+b)), KeyBytes)) }
	for name, c := range map[string]struct{ a, b Config }{
		"another fleet":                      {Config{Fleet: "blue"}, Config{Fleet: "green"}},
		"another fleet with the same key":    {Config{Fleet: "blue", Key: key(1)}, Config{Fleet: "green", Key: key(1)}},
		"another key":                        {Config{Key: key(1)}, Config{Key: key(2)}},
		"a key and none":                     {Config{Key: key(1)}, Config{}},
		"none and a key":                     {Config{}, Config{Key: key(1)}},
		"a fleet of its own and the default": {Config{Fleet: "blue"}, Config{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.a.Name, c.b.Name = "a", "b"
			a := onLoopback(t, c.a)
			c.b.Join = []string{a.Addr()}
			b := onLoopback(t, c.b)
			b.untilLog("cannot join the fleet yet, trying on") // so b has tried
			b.until(hasLen(1))
			a.until(hasLen(1))
			if a.nodes() != 1 || b.nodes() != 1 {
				t.Errorf("a knows %d nodes, b %d", a.nodes(), b.nodes())
			}
			// A third that has what a has does join a, and hears of no b.
			c.a.Name, c.a.Join = "c", []string{a.Addr(), b.Addr()}
			third := onLoopback(t, c.a)
			third.until(hasLen(2))
			a.until(hasLen(2))
			if third.View().Len() != 2 || b.View().Len() != 1 || third.nodes() != 2 {
				t.Errorf("c sees %v, b %v", names(third.View()), names(b.View()))
			}
		})
	}
}

func TestAddressInUse(t *testing.T) {
	a := onLoopback(t, Config{Name: "a"})
	cfg := a.cfg
	cfg.Name, cfg.Bind = "b", a.Addr()
	_, err := Open(cfg)
	if !errors.Is(err, ErrInUse) || err.Error() != "gossip: "+a.Addr()+" is in use" {
		t.Errorf("a second node on %s: %v", a.Addr(), err)
	}
	cfg.Bind = "192.0.2.1:0" // reserved for documentation: no machine has it
	if _, err := Open(cfg); err == nil || errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("an address that is not ours: %v", err)
	}
}

func TestUndecodableNodeIsLeftOut(t *testing.T) {
	a := onLoopback(t, Config{Name: "a"})
	b := onLoopback(t, Config{Name: "b", Join: []string{a.Addr()}})
	a.until(hasLen(2))
	// b turns into a node of a version that we do not know.
	meta := []byte("from the future")
	b.takeTurn()
	b.meta.Store(&meta)
	_ = b.ml.UpdateNode(time.Nanosecond) // it does not wait
	b.endTurn()
	a.until(func(v *view.View) bool { return v.Len() == 1 && v.Undecodable() == 1 })
	if err := b.SetState(view.Active); err != nil {
		t.Fatal(err)
	}
	a.until(func(v *view.View) bool { return v.Len() == 2 && v.Undecodable() == 0 })
}

func TestLifeCycle(t *testing.T) {
	cfg := Config{Name: "a", Role: probe.RoleScheduler, HTTPAddr: "127.0.0.1:1"}
	open := func() *Node {
		n, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := open()
	if n.View().Len() != 0 || n.Addr() == "" {
		t.Errorf("before Run: %v at %q", names(n.View()), n.Addr())
	}
	if err := n.SetState(view.Joining); err == nil {
		t.Error("a node was set to joining")
	}
	if err := n.Leave(0); err != nil {
		t.Errorf("leaving before Run: %v", err)
	}
	if err := n.Run(t.Context()); err != nil {
		t.Errorf("Run after Leave: %v", err)
	}
	if err := n.Run(t.Context()); err == nil {
		t.Error("Run may be called twice")
	}
	n.Close()

	// Draining from the start is announced as such.
	n = open()
	if err := n.SetState(view.Draining); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	for v := n.View(); v.Len() == 0; v = n.View() {
		<-n.Changed(v)
	}
	if m, _ := n.View().Lookup(probe.RoleScheduler, "a"); m.State != view.Draining {
		t.Errorf("state %v", m.State)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n.View().Len() != 0 {
		t.Errorf("after Run: %v", names(n.View()))
	}
}
