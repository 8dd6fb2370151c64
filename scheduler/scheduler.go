package scheduler

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// Scheduler places the tasks of its clients' jobs on all workers of the fleet. Make one
// with [New]; [Run] is the short way.
type Scheduler struct {
	cfg    Config
	node   *node.Node
	server *node.Server
	meters *meters
	hello  probe.Hello
	clock  *node.Clock
	watch  *stream.Watch
	origin time.Time // about zero of the clock
	// clientStream is Config.Stream with room for the largest job in one message.
	clientStream stream.Config

	gather stream.Gather // of what the readers send

	conns sync.WaitGroup // client connections and event streams whose goroutine has not ended

	// mu guards what follows. Under it only the core is called and bytes are
	// appended to connections, which never block.
	mu         sync.Mutex
	core       *placement.Core
	links      map[probe.WorkerID]*link             // connected workers
	workers    map[probe.Incarnation]probe.WorkerID // those, by what other schedulers know them by
	discipline string                               // of the worker that connected last of those that sort what waits; empty: none has
	lastWorker probe.WorkerID
	freeIDs    []probe.WorkerID          // numbers up to lastWorker that nobody has
	callers    map[*stream.Conn]struct{} // connections that others have opened: clients and schedulers
	clients    map[*client]struct{}
	peers      map[string]*peer // connected schedulers, by name
	peerIDs    []*peer          // those, by what the core knows them by; nil: a number to be used again
	diallers   map[lifeKey]*dialler
	jobs       map[probe.Ref]*job                  // accepted and not finished
	byID       map[task.JobID]*job                 // those, and the finished ones
	finished   []*job                              // still readable, oldest first
	archive    archive                             // likewise, the plain ones
	stood      time.Duration                       // for how long this process had stood still when it last asked
	leases     *lease.Book                         // whose the jobs are
	slow       []*job                              // whose clients have too much to read
	givenUp    map[probe.Incarnation]time.Duration // workers that were given up not long ago, and when
	payload    int64                               // bytes of payloads that jobs hold
	effects    []placement.Effect                  // memory for a turn that has many
	retained   int64                               // bytes that finished jobs and kept results hold
	closed     bool                                // no connection is taken any more
	ctx        context.Context                     //nolint:containedctx // of Run: the life of connections that the HTTP server hands over
	orphaned   chan struct{}                       // capacity 1: keepOwners should look again
	idle       chan struct{}                       // closed when a draining scheduler has no job left
}

// Run joins the fleet and schedules until ctx is done, then drains: accepted jobs finish, within Config.DrainTimeout.
// It returns nil after a drain, and an error when the scheduler could not start or keep running.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, s.Drain)
	defer stop()
	return s.Run(context.WithoutCancel(ctx))
}

// New checks the configuration and binds the addresses. The scheduler does nothing until
// [Scheduler.Run].
func New(cfg Config) (*Scheduler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	n, err := node.Open(node.Config{
		Name: cfg.Name, Role: probe.RoleScheduler, Incarnation: cfg.Incarnation, HTTP: cfg.HTTP, Gossip: cfg.Gossip, Join: cfg.Join,
		Advertise: cfg.Advertise, AdvertiseGossip: cfg.AdvertiseGossip,
		Fleet: cfg.Fleet, GossipKey: cfg.GossipKey, Insecure: cfg.Insecure, Zone: cfg.Zone, Logger: cfg.Logger, Listener: cfg.Listener,
		Members: cfg.Members,
	})
	if err != nil {
		return nil, err
	}
	s := &Scheduler{
		cfg: cfg, node: n, leases: lease.New(lease.Config{Grace: cfg.ClientGrace, PartedFor: cfg.ResultGrace}), clock: node.NewClock(), idle: make(chan struct{}), orphaned: make(chan struct{}, 1),
		core:  placement.New(cfg.placement(), newRand(cfg.Seed)),
		links: make(map[probe.WorkerID]*link), workers: make(map[probe.Incarnation]probe.WorkerID), peers: make(map[string]*peer),
		diallers: make(map[lifeKey]*dialler), callers: make(map[*stream.Conn]struct{}), clients: make(map[*client]struct{}),
		jobs: make(map[probe.Ref]*job), byID: make(map[task.JobID]*job), givenUp: make(map[probe.Incarnation]time.Duration),
	}
	s.watch, s.origin = stream.NewWatch(cfg.Stream.Lease-cfg.Stream.BeatInterval), time.Now().Add(-s.clock.Now())
	s.hello = probe.Hello{
		Version: probe.Version, Role: probe.RoleScheduler, Name: n.Name, Incarnation: n.Incarnation, Fleet: n.Fleet,
		Policy: cfg.Policy.String(), Lease: cfg.Stream.Lease,
	}
	s.meters = newMeters(s)
	s.clientStream = cfg.Stream
	s.clientStream.MaxMessageBytes = max(cfg.Stream.MaxMessageBytes, cfg.Limits.MaxJobBytes+cfg.Limits.MaxTasks*taskOverhead+1<<20)
	// A body holds the payloads as base64 and some JSON around each task.
	s.server = node.NewServer(n, s.meters.set, cfg.Limits.MaxJobBytes/2*3+cfg.Limits.MaxTasks*256+1<<20, s.route)
	return s, nil
}

// taskOverhead is what a task takes in an encoded job beside its payload, in bytes: lengths, and the longest affinity
// key.
const taskOverhead = 64 + task.MaxUserLen

// newRand seeds the sampling; 0 draws a seed.
func newRand(seed uint64) *rand.Rand {
	if seed == 0 {
		var b [8]byte
		if _, err := crand.Read(b[:]); err == nil {
			seed = binary.LittleEndian.Uint64(b[:])
		}
	}
	return rand.New(rand.NewPCG(seed, 0x64756e6e6f636b)) // the second word only has to be fixed
}

// Ready returns the addresses that were bound.
func (s *Scheduler) Ready() node.Ready { return s.node.Ready() }

// Drain makes the scheduler leave: it takes no new job, accepted ones finish, and Run returns. It does not wait.
func (s *Scheduler) Drain() { s.server.Drain() }

// Run schedules until ctx is done, which ends everything at once, or until a drain is over.
func (s *Scheduler) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	defer s.clock.Stop()

	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.node.Run(gctx) })
	g.Go(func() error { return s.server.Run(gctx) })
	g.Go(func() error { s.keepLinks(gctx); return nil })
	if s.cfg.Policy == placement.IdleOffer {
		g.Go(func() error { s.keepPeers(gctx); return nil })
	}
	g.Go(func() error { s.keepTime(gctx); return nil })
	g.Go(func() error { s.keepRetention(gctx); return nil })
	g.Go(func() error { s.keepOwners(gctx); return nil })
	g.Go(func() error { s.watch.Run(gctx); return nil })
	g.Go(func() error {
		defer cancel()
		s.leave(gctx)
		return nil
	})
	s.server.Ready()
	if s.cfg.OnReady != nil {
		s.cfg.OnReady(s.Ready())
	}
	err := g.Wait()
	cancel()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.conns.Wait()
	return err
}

// leave waits for a drain to begin and to be over.
func (s *Scheduler) leave(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.server.Drained():
	}
	s.node.Logger.Info("draining")
	var t turn
	now := s.enter()
	s.exit(now, &t) // notes it when there is no job
	timeout := time.NewTimer(s.cfg.DrainTimeout)
	defer timeout.Stop()
	select {
	case <-ctx.Done():
		return
	case <-s.idle:
	case <-timeout.C:
		s.node.Logger.Warn("the drain timeout passed with jobs still running; clients hand theirs on, the others are cancelled")
		s.cancelAll()
	}
	s.finishConns(ctx)
}

// cancelAll ends the jobs that nobody else can go on with.
func (s *Scheduler) cancelAll() {
	var t turn
	now := s.enter()
	for ref, j := range s.jobs {
		if len(j.clients) > 0 {
			continue // they go on at another scheduler, which adopts what runs
		}
		t.effects = s.core.Cancel(now, ref, t.effects)
	}
	s.exit(now, &t)
	t.batch.Flush()
}

// finishTimeout bounds how long a leaving scheduler waits for what is unsent.
const finishTimeout = 2 * time.Second

// partTimeout bounds how long it waits for clients to hang up once they have heard that it leaves.
const partTimeout = finishTimeout / 4

// finishConns sends what is unsent and closes, so that no client misses a result. Clients are told that this is the
// end, and left to hang up: they then know which of their submissions were never read, and what closes a connection
// under a submission may take the last words of the other side with it.
func (s *Scheduler) finishConns(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	var batch stream.Batch
	told := make(map[*stream.Conn]bool)
	for c := range s.clients {
		c.dismiss()
		batch.Add(c.conn)
		told[c.conn] = true
	}
	for conn := range s.callers {
		if !told[conn] {
			conn.Close(nil) // delivers first
		}
	}
	s.mu.Unlock()
	batch.Flush()
	done := make(chan struct{})
	go func() { s.conns.Wait(); close(done) }()
	if waitFor(ctx, done, partTimeout) {
		return
	}
	for conn := range told {
		conn.Close(nil)
	}
	waitFor(ctx, done, finishTimeout)
}

// waitFor reports whether something is done, after a limit at the latest.
func waitFor(ctx context.Context, done <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// admit counts a connection in, unless the scheduler has stopped.
func (s *Scheduler) admit() (context.Context, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx == nil {
		return nil, false
	}
	s.conns.Add(1)
	return s.ctx, true
}

// keepTime wakes the core when it asked to be.
func (s *Scheduler) keepTime(ctx context.Context) {
	var t turn
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.clock.Fired():
		}
		now := s.enter()
		s.clock.Disarm()
		s.roomy(&t)
		t.effects = s.core.Tick(now, t.effects)
		s.exit(now, &t)
		t.batch.Flush()
	}
}

var errStopped = errors.New("the scheduler has stopped")
