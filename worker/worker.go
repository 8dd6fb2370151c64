package worker

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"

	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/worker/queue"
)

// Worker runs tasks in its slots for every scheduler that connects. Make one
// with [New]; [Run] is the short way.
type Worker struct {
	cfg     Config
	node    *node.Node
	server  *node.Server
	meters  *meters
	hello   probe.Hello
	apps    []Handler // by index in hello.Apps
	classed bool      // reservations come with their class
	clock   *node.Clock
	watch   *stream.Watch
	monitor *stream.Monitor

	conns sync.WaitGroup // connections whose goroutine has not ended

	// mu guards what follows. Under it only the core is called and bytes are appended to
	// connections, which never block.
	mu       sync.Mutex
	core     *queue.Core
	slots    []*slot // by number
	crew     *crew
	habits   []habit // by index in hello.Apps
	attempts attempts
	peers    map[probe.SchedulerID]*peer
	lives    map[life]lifeNumber // of schedulers, connected or not long gone
	lastPeer probe.SchedulerID
	stood    time.Duration   // for how long this process had stood still when that was last looked at
	closed   bool            // no connection is taken any more
	quiet    bool            // no offers are made
	ctx      context.Context //nolint:containedctx // of Run: the life of connections that the HTTP server hands over
	idle     chan struct{}   // closed when a draining worker has nothing left to do
}

// Run joins the fleet and runs tasks until ctx is done, then drains: running tasks finish, within
// Config.DrainTimeout. It returns nil after a drain, and an error when the worker could not start or keep running.
func Run(ctx context.Context, cfg Config) error {
	w, err := New(cfg)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, w.Drain)
	defer stop()
	return w.Run(context.WithoutCancel(ctx))
}

// New checks the configuration and binds the addresses. The worker does nothing until
// [Worker.Run].
func New(cfg Config) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	labels := sortedLabels(cfg.Labels, cfg.Zone)
	n, err := node.Open(node.Config{
		Name: cfg.Name, Role: probe.RoleWorker, Incarnation: cfg.Incarnation, HTTP: cfg.HTTP, Gossip: cfg.Gossip, Join: cfg.Join,
		Advertise: cfg.Advertise, AdvertiseGossip: cfg.AdvertiseGossip,
		Fleet: cfg.Fleet, GossipKey: cfg.GossipKey, Insecure: cfg.Insecure, Slots: cfg.Slots, Labels: labels, Zone: cfg.Zone,
		Logger: cfg.Logger, Listener: cfg.Listener, Members: cfg.Members,
	})
	if err != nil {
		return nil, err
	}
	cfg.Incarnation = n.Incarnation
	w := &Worker{
		cfg: cfg, node: n, clock: node.NewClock(), watch: newWatch(cfg.Stream.BeatInterval), monitor: stream.NewMonitor(),
		peers: make(map[probe.SchedulerID]*peer), lives: make(map[life]lifeNumber), idle: make(chan struct{}),
		core: queue.New(cfg.queue()),
	}
	w.hello = probe.Hello{
		Version: probe.Version, Role: probe.RoleWorker, Name: n.Name, Incarnation: n.Incarnation, Fleet: n.Fleet,
		Slots: uint16(cfg.Slots), Apps: slices.Sorted(maps.Keys(cfg.Apps)), Labels: labels,
		Discipline: w.core.Discipline().String(), Resources: cfg.amounts(), Weights: cfg.weights(), Lease: cfg.Stream.Lease,
	}
	w.classed = probe.NeedsClass(w.hello.Discipline)
	for _, name := range w.hello.Apps {
		w.apps = append(w.apps, cfg.Apps[name])
	}
	for i := range probe.Lanes(cfg.Slots) {
		w.slots = append(w.slots, &slot{w: w, number: uint16(i)})
	}
	w.crew, w.habits = newCrew(w, cfg.Slots), make([]habit, len(w.apps))
	w.meters = newMeters(w)
	w.server = node.NewServer(n, w.meters.set, 1<<20, w.route)
	return w, nil
}

// Ready returns the addresses that were bound.
func (w *Worker) Ready() node.Ready { return w.node.Ready() }

// Drain makes the worker leave: it takes nothing new, its running tasks finish, and Run returns. It does not wait.
func (w *Worker) Drain() { w.server.Drain() }

// Run works until ctx is done, which ends everything at once, or until a drain is over.
func (w *Worker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	w.ctx = ctx
	w.mu.Unlock()
	defer w.clock.Stop()
	defer w.monitor.Stop()

	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.node.Run(gctx) })
	g.Go(func() error { return w.server.Run(gctx) })
	g.Go(func() error { w.keepTime(gctx); return nil })
	g.Go(func() error { w.reportLoad(gctx); return nil })
	g.Go(func() error { w.keepOffering(gctx); return nil })
	g.Go(func() error { w.watch.Run(gctx); return nil })
	g.Go(func() error {
		defer cancel()
		return w.leave(gctx)
	})
	w.server.Ready()
	if w.cfg.OnReady != nil {
		w.cfg.OnReady(w.Ready())
	}
	err := g.Wait()
	cancel()
	w.hangUp()
	// The crew outlives everything that can start a task, and its handlers are told to stop by now.
	w.mu.Lock()
	w.crew.close()
	w.mu.Unlock()
	if !w.crew.wait(w.cfg.StopGrace + time.Second) {
		w.node.Logger.Warn("handlers that ignore their context are left behind")
	}
	return err
}

// leave waits for a drain to begin and to be over.
func (w *Worker) leave(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.server.Drained():
	}
	w.node.Logger.Info("draining")
	w.drainCore()
	timeout := time.NewTimer(w.cfg.DrainTimeout)
	defer timeout.Stop()
	idle := false
	select {
	case <-ctx.Done():
		return nil
	case <-timeout.C:
		w.node.Logger.Warn("the drain timeout passed with tasks still running")
	case <-w.idle:
		idle = true
	}
	w.finishConns(ctx, idle)
	return nil
}

func (w *Worker) drainCore() {
	var t turn
	now := w.enter()
	t.effects = w.core.Drain(now, t.effects)
	w.hello.Draining = true
	for _, p := range w.peers {
		p.conn.End(probe.AppendDrain(p.conn.Begin(uint8(probe.KindDrain)), probe.Drain{}))
		t.batch.Add(p.conn)
	}
	w.exit(now, &t)
	t.batch.Flush()
}

// finishTimeout bounds how long a leaving worker waits for what is unsent.
const finishTimeout = 2 * time.Second

// finishConns sends what is unsent and closes, so that no scheduler misses a result. One that is idle says so with its last word: launches that cross it
// have not started.
func (w *Worker) finishConns(ctx context.Context, idle bool) {
	w.mu.Lock()
	w.closed = true
	peers := slices.Collect(maps.Values(w.peers))
	w.mu.Unlock()
	for _, p := range peers {
		if idle {
			p.conn.SendAfter(uint8(probe.KindDrain), probe.AppendDrain(nil, probe.Drain{Left: true}), nil)
		}
		p.conn.Close(nil) // delivers first
	}
	done := make(chan struct{})
	go func() { w.conns.Wait(); close(done) }()
	timer := time.NewTimer(finishTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C: // connections end with the context, also those that never got to a handshake
	case <-ctx.Done():
	}
}

// hangUp waits for connections, which end with Run's context, and for those that
// the server hands over late.
func (w *Worker) hangUp() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.conns.Wait()
}

// keepTime wakes the core when it asked to be.
func (w *Worker) keepTime(ctx context.Context) {
	var t turn
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.clock.Fired():
		}
		now := w.enter()
		w.clock.Disarm()
		t.effects = w.core.Tick(now, t.effects)
		w.exit(now, &t)
		t.batch.Flush()
	}
}

// loadInterval is how often schedulers hear how full the worker is, at most.
const loadInterval = 250 * time.Millisecond

// reportLoad tells every scheduler what changed, for its listings.
func (w *Worker) reportLoad(ctx context.Context) {
	ticker := time.NewTicker(loadInterval)
	defer ticker.Stop()
	var t turn
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := w.enter()
		l := w.core.Load()
		load := probe.Load{Busy: uint32(l.Slots - l.Free), Queued: uint32(min(l.Reservations, math.MaxUint32))}
		for _, p := range w.peers {
			if p.load != load {
				p.load = load
				p.conn.End(probe.AppendLoad(p.conn.Begin(uint8(probe.KindLoad)), load))
				t.batch.Add(p.conn)
			}
		}
		w.exit(now, &t)
		t.batch.Flush()
	}
}

func (w *Worker) route(ctx *fasthttp.RequestCtx) bool {
	if string(ctx.Path()) != probe.StreamPath {
		return false
	}
	_ = stream.Upgrade(ctx, w.cfg.Stream, w.serve) // has answered in any case
	return true
}

func (c Config) withDefaults() Config {
	if c.Slots == 0 {
		c.Slots = runtime.NumCPU()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxReservations == 0 {
		c.MaxReservations = 100_000
	}
	if c.MaxResultBytes == 0 {
		c.MaxResultBytes = 1 << 20
	}
	c.Stream.MaxMessageBytes = max(c.Stream.MaxMessageBytes, probe.MaxMessage)
	c.Stream.BeatInterval, c.Stream.Lease = c.Stream.Times()
	if c.StopGrace == 0 {
		c.StopGrace = 100 * time.Millisecond
	}
	c.OrphanGrace = c.orphanGrace()
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 30 * time.Second
	}
	return c
}

// sortedLabels lists the labels in the order of their keys, with the zone among them.
func sortedLabels(labels map[string]string, zone string) []probe.Label {
	list := make([]probe.Label, 0, len(labels)+1)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, probe.Label{Key: k, Value: labels[k]})
	}
	if _, set := labels["zone"]; zone != "" && !set {
		list = append(list, probe.Label{Key: "zone", Value: zone})
		slices.SortFunc(list, func(a, b probe.Label) int { return strings.Compare(a.Key, b.Key) })
	}
	return list
}
