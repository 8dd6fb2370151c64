// Package fleettest runs whole fleets of real schedulers, workers and clients
// over in-memory connections and a membership that the test sets, for tests in
// testing/synctest bubbles: virtual time, no sockets, no gossip.
package fleettest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dunnock/client"
	"dunnock/gossip/view"
	"dunnock/internal/node"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/task"
	"dunnock/worker"
)

// Fleet is a network, a membership, and the nodes that a test has started.
type Fleet struct {
	t testing.TB

	mu        sync.Mutex // guards what follows
	listeners map[string]*listener
	roles     map[string]probe.Role // by address
	delays    map[probe.Role]time.Duration
	traffic   map[probe.Role]*Traffic
	dialled   map[string][]*droppable // by address
	dropping  map[string]bool         // by address
	members   []view.Member
	hidden    map[string]bool // by role and name
	current   *view.View
	changed   chan struct{}
	lives     probe.Incarnation
	ends      []func()
}

// New makes an empty fleet. Everything started in it ends with [Fleet.Stop].
func New(t testing.TB) *Fleet {
	t.Helper()
	return &Fleet{
		t: t, listeners: make(map[string]*listener), roles: make(map[string]probe.Role), delays: make(map[probe.Role]time.Duration),
		traffic: map[probe.Role]*Traffic{probe.RoleScheduler: {}, probe.RoleWorker: {}}, dialled: make(map[string][]*droppable),
		dropping: make(map[string]bool), hidden: make(map[string]bool), current: view.New(), changed: make(chan struct{}),
	}
}

// Node is a running scheduler or worker.
type Node struct {
	Name  string
	Addr  string
	Drain func()
	f     *Fleet
	kill  context.CancelFunc
	done  chan struct{}
	err   error
}

// Scheduler starts a scheduler. tune, if set, changes its configuration.
func (f *Fleet) Scheduler(name string, tune func(*scheduler.Config)) *Node {
	f.t.Helper()
	l, addr, life := f.listen(probe.RoleScheduler, name)
	cfg := scheduler.Config{
		Name: name, Incarnation: life, Listener: l, Members: members{f, probe.RoleScheduler, name}, Dial: f.Dial, Seed: uint64(life),
		Logger: slog.New(slog.DiscardHandler),
	}
	if tune != nil {
		tune(&cfg)
	}
	s, err := scheduler.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.announce(view.Member{Name: name, Role: probe.RoleScheduler, Incarnation: life, Addr: addr, State: view.Active, Version: probe.Version})
	return f.run(name, addr, s.Drain, s.Run)
}

// Worker starts a worker.
func (f *Fleet) Worker(name string, slots int, apps map[string]worker.Handler, tune func(*worker.Config)) *Node {
	f.t.Helper()
	l, addr, life := f.listen(probe.RoleWorker, name)
	cfg := worker.Config{
		Name: name, Slots: slots, Apps: apps, Incarnation: life, Listener: l, Members: members{f, probe.RoleWorker, name},
		Logger: slog.New(slog.DiscardHandler),
	}
	if tune != nil {
		tune(&cfg)
	}
	w, err := worker.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	m := view.Member{Name: name, Role: probe.RoleWorker, Incarnation: life, Addr: addr, Slots: slots, State: view.Active, Version: probe.Version}
	for k, v := range cfg.Labels {
		m.Labels = append(m.Labels, probe.Label{Key: k, Value: v})
	}
	f.announce(m)
	return f.run(name, addr, w.Drain, w.Run)
}

// Client makes a client of the given schedulers.
func (f *Fleet) Client(schedulers ...*Node) *client.Client {
	f.t.Helper()
	cfg := client.Config{Dial: f.Dial, Logger: slog.New(slog.DiscardHandler)}
	for _, s := range schedulers {
		cfg.Schedulers = append(cfg.Schedulers, s.Addr)
	}
	c, err := client.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.atEnd(func() { _ = c.Close() })
	return c
}

// Stop kills every node and closes every client, newest first, and waits for them.
func (f *Fleet) Stop() {
	for _, end := range slices.Backward(f.ends) {
		end()
	}
	f.ends = nil
	time.Sleep(11 * time.Second) // fasthttp's pool of workers looks every 10 s whether its server has ended
}

func (f *Fleet) atEnd(end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ends = append(f.ends, end)
}

func (f *Fleet) run(name, addr string, drain func(), run func(context.Context) error) *Node {
	ctx, cancel := context.WithCancel(context.Background())
	n := &Node{Name: name, Addr: addr, Drain: drain, f: f, kill: cancel, done: make(chan struct{})}
	go func() {
		defer close(n.done)
		if n.err = run(ctx); n.err != nil {
			f.t.Errorf("%s ended: %v", name, n.err)
		}
	}()
	f.atEnd(n.Kill)
	return n
}

// Kill ends the node at once, connections first, and waits for it. Membership does not hear of it.
func (n *Node) Kill() {
	n.kill()
	<-n.done
}

// Wait returns what Run returned, once it has.
func (n *Node) Wait() error {
	<-n.done
	return n.err
}

// Metrics returns what the node's /metrics says.
func (n *Node) Metrics() string {
	n.f.t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: n.f.Dial, DisableKeepAlives: true}}
	res, err := c.Get("http://" + n.Addr + "/metrics")
	if err != nil {
		n.f.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		n.f.t.Fatal(err)
	}
	return string(text)
}

// Metric returns the value of a metric, with its labels if it has some, as the node's /metrics says it.
func (n *Node) Metric(name string) float64 {
	n.f.t.Helper()
	for line := range strings.Lines(n.Metrics()) {
		if text, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+" "); found {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				n.f.t.Fatalf("metric %s of %s: %v", name, n.Name, err)
			}
			return v
		}
	}
	n.f.t.Fatalf("%s has no metric %s", n.Name, name)
	return 0
}

// listen makes the next life of a node: a listener, its address and an incarnation.
func (f *Fleet) listen(role probe.Role, name string) (net.Listener, string, probe.Incarnation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lives++
	address := fmt.Sprintf("%s-%d:1", name, f.lives)
	l := newListener(address)
	f.listeners[address], f.roles[address] = l, role
	return l, address, f.lives
}

// Dial opens a connection to a node of the fleet.
func (f *Fleet) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	f.mu.Lock()
	l := f.listeners[address]
	delay, traffic := f.delays[f.roles[address]], f.traffic[f.roles[address]]
	f.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("no node listens on %s", address)
	}
	c, err := l.dial(ctx, delay, traffic)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &droppable{Conn: c}
	d.dropping.Store(f.dropping[address])
	f.dialled[address] = append(f.dialled[address], d)
	return d, nil
}

// Delay makes whatever is sent on connections to nodes of a role, and back, take that long one way: schedulers dial
// workers, and clients schedulers. It is for connections to come, and begins as none.
func (f *Fleet) Delay(to probe.Role, oneWay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delays[to] = oneWay
}

// Traffic returns the counts of connections to nodes of a role, of all there have been: those of schedulers to workers,
// or of clients to schedulers.
func (f *Fleet) Traffic(to probe.Role) *Traffic { return f.traffic[to] }

// Drop makes every connection to a node, open or to come, lose all bytes both ways without
// ending, as a network does that drops packets; or heals it for connections to come.
func (f *Fleet) Drop(n *Node, drop bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropping[n.Addr] = drop
	for _, d := range f.dialled[n.Addr] {
		if drop {
			d.dropping.Store(true)
		}
	}
}

// Break ends every connection to a node that is open, as a network does that resets them. The node goes on, and may be
// dialled again.
func (f *Fleet) Break(n *Node) {
	f.mu.Lock()
	open := f.dialled[n.Addr]
	f.dialled[n.Addr] = nil
	f.mu.Unlock()
	for _, d := range open {
		_ = d.Close()
	}
}

// droppable is the dialling end of a connection that can lose what it carries. Once it
// has, it stays useless: bytes are missing from its stream.
type droppable struct {
	net.Conn
	dropping atomic.Bool
}

// Read passes on what comes, unless it is to be lost.
func (d *droppable) Read(p []byte) (int, error) {
	for {
		n, err := d.Conn.Read(p)
		if err != nil || !d.dropping.Load() {
			return n, err
		}
	}
}

// Write passes on what is sent, unless it is to be lost.
func (d *droppable) Write(p []byte) (int, error) {
	if d.dropping.Load() {
		return len(p), nil
	}
	return d.Conn.Write(p)
}

// Forget takes a node out of the membership, as gossip does with one that it believes dead.
func (f *Fleet) Forget(role probe.Role, name string) {
	f.edit(func(list []view.Member) []view.Member {
		var kept []view.Member
		for _, m := range list {
			if m.Role != role || m.Name != name {
				kept = append(kept, m)
			}
		}
		return kept
	})
}

// Hide takes a node out of the membership like [Fleet.Forget], or shows it again as it was.
func (f *Fleet) Hide(role probe.Role, name string, hide bool) {
	f.mu.Lock()
	f.hidden[role.String()+name] = hide
	f.mu.Unlock()
	f.edit(func(list []view.Member) []view.Member { return list })
}

func (f *Fleet) announce(m view.Member) {
	f.edit(func(list []view.Member) []view.Member { return append(list, m) })
}

func (f *Fleet) edit(change func([]view.Member) []view.Member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = change(f.members)
	seen := slices.DeleteFunc(slices.Clone(f.members), func(m view.Member) bool { return f.hidden[m.Role.String()+m.Name] })
	f.current = view.New(seen...)
	close(f.changed)
	f.changed = make(chan struct{})
}

// members is the membership as one node sees it: the same for all.
type members struct {
	f    *Fleet
	role probe.Role
	name string
}

var _ node.Membership = members{}

// View returns the members.
func (m members) View() *view.View {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	return m.f.current
}

// Changed returns a channel that is closed once the view is not since.
func (m members) Changed(since *view.View) <-chan struct{} {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	if m.f.current != since {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return m.f.changed
}

// SetState announces the node's state.
func (m members) SetState(s view.State) error {
	m.f.edit(func(list []view.Member) []view.Member {
		list = append([]view.Member(nil), list...)
		for i := range list {
			if list[i].Role == m.role && list[i].Name == m.name {
				list[i].State = s
			}
		}
		return list
	})
	return nil
}

// Submit hands a job in. Where it is refused the test ends.
func Submit(t testing.TB, c *client.Client, j task.Job) *client.Handle {
	t.Helper()
	h, err := c.Submit(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Wait waits for a job's results. Where it fails as a whole the test ends.
func Wait(t testing.TB, h *client.Handle) []task.Result {
	t.Helper()
	results, err := h.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// Echo returns a handler that sleeps for the duration in its payload, if any, and returns the payload.
func Echo(ctx context.Context, t worker.Task) ([]byte, error) {
	if d, err := time.ParseDuration(strings.TrimSpace(string(t.Payload))); err == nil {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return t.Payload, nil
}
