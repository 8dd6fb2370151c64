package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"dunnock/gossip/view"
)

// ErrNameTaken says that another live node has this node's role and name.
var ErrNameTaken = errors.New("the name is taken by a live node")

// ErrClosed says that the node has left or its Run has ended.
var ErrClosed = errors.New("gossip: the node is closed")

// Node is one member of a fleet. Its methods are safe for concurrent use.
type Node struct {
	cfg        Config
	identity   string // in gossip
	transport  transport
	advertised netip.AddrPort
	targets    []target
	log        *slog.Logger
	logWriter  *logWriter

	meta atomic.Pointer[[]byte] // what the node announces

	contact     chan struct{} // closed by hadContact
	contactOnce sync.Once
	wakeJoin    chan struct{} // capacity 1: the table changed
	wakeName    chan struct{} // capacity 1: the table changed
	wakeLost    chan struct{} // capacity 1: somebody was lost

	// claimed: nobody else has the name, as far as we can know. Set under turn.
	claimed atomic.Bool

	// turn, of capacity 1, is full while someone starts, announces, leaves or closes. It guards what follows, and keeps
	// apart the calls to memberlist that may not overlap (UpdateNode with itself, Leave with Shutdown). It is no mutex
	// because some of them wait, and waiting for a mutex is nothing that a synctest bubble can see. memberlist calls us
	// back while it is full; so callbacks never wait for it.
	turn     chan struct{}
	running  bool
	closed   bool
	state    view.State  // as SetState wants it: Active or Draining
	draining atomic.Bool // as state, for who does not wait for a turn
	ml       *memberlist.Memberlist
	cancel   context.CancelFunc // of Run's context

	// mu guards what follows. memberlist's callbacks take it, so it is never
	// held in a call to memberlist.
	mu      sync.Mutex
	table   *view.Table
	lost    lost
	changed chan struct{} // closed when the view changes, and replaced

	current atomic.Pointer[view.View] // of the table; nil: to be made, under mu
}

// Open checks the configuration and binds the gossip address. Errors are what [Config.Validate] finds, an address that
// is in use ([ErrInUse]) or not this machine's, and names that do not resolve. What is opened ends with [Node.Run],
// [Node.Leave] or [Node.Close].
func Open(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	n := &Node{
		cfg:      cfg,
		log:      cfg.Logger.With(slog.String("component", "gossip")),
		state:    view.Active,
		table:    view.NewTable(),
		changed:  make(chan struct{}),
		contact:  make(chan struct{}),
		turn:     make(chan struct{}, 1),
		wakeJoin: make(chan struct{}, 1),
		wakeName: make(chan struct{}, 1),
		wakeLost: make(chan struct{}, 1),
	}
	n.logWriter = &logWriter{log: n.log}
	self := cfg.member(view.Joining)
	n.identity = view.Identity(self.Key(), self.Incarnation)
	if err := n.encodeMeta(); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	for _, s := range cfg.Join {
		t, err := parseTarget(s)
		if err != nil {
			return nil, fmt.Errorf("gossip: join: %w", err)
		}
		n.targets = append(n.targets, t)
	}
	if err := n.bind(); err != nil {
		return nil, err
	}
	return n, nil
}

// bind resolves and binds the address, and settles which one to advertise.
func (n *Node) bind() error {
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	at, err := resolveOne(ctx, n.cfg.Resolver, n.cfg.Bind)
	if err != nil {
		return fmt.Errorf("gossip: bind: %w", err)
	}
	if n.transport, err = n.cfg.listen(at); err != nil {
		return err
	}
	if err := n.settleAdvertised(ctx); err != nil {
		return errors.Join(err, n.transport.Shutdown())
	}
	n.transport.advertise(n.advertised)
	return nil
}

func (n *Node) settleAdvertised(ctx context.Context) error {
	wanted := n.cfg.Advertise
	if wanted == "" {
		var err error
		if wanted, err = Reachable(n.transport.bound().String()); err != nil {
			return err
		}
	}
	addr, err := resolveOne(ctx, n.cfg.Resolver, wanted)
	if err != nil {
		return fmt.Errorf("gossip: advertise: %w", err)
	}
	if addr.Port() == 0 {
		addr = netip.AddrPortFrom(addr.Addr(), n.transport.bound().Port())
	}
	n.advertised = addr
	return nil
}

// Run gossips until ctx is done, leaves the fleet as [Node.Leave] does within a second, and returns nil; or returns
// [ErrNameTaken], with the other node's address, as soon as that is known. It joins the fleet, tries again for as long
// as it takes, joins anew when contact to everyone is lost, and looks for a while for those who were lost without
// having said that they leave; all that shows in the log only. When Run returns, the sockets are closed and all that it
// started has ended, except that memberlist does not let one wait for a probe under way: its goroutine touches nothing
// but closed sockets and ends within four ProbeIntervals.
//
// Run may be called once.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := n.start(cancel); err != nil {
		if errors.Is(err, ErrClosed) {
			return nil
		}
		return err
	}
	var joiner sync.WaitGroup
	joiner.Go(func() { n.keepJoined(ctx) })
	joiner.Go(func() { n.keepFound(ctx) })
	err := n.keepName(ctx)
	cancel()
	if err := n.Leave(leaveTimeout); err != nil {
		n.log.Info("leaving before all have heard of it", slog.Any("error", err))
	}
	joiner.Wait()
	return err
}

// start creates the memberlist, which starts to listen and to speak.
func (n *Node) start(cancel context.CancelFunc) error {
	n.takeTurn()
	defer n.endTurn()
	if n.running {
		return errors.New("gossip: Run called twice")
	}
	n.running = true
	if n.closed {
		return ErrClosed
	}
	n.cancel = cancel
	n.transport.start()
	ml, err := memberlist.Create(n.memberlistConfig())
	if err != nil {
		n.closeLocked()
		return fmt.Errorf("gossip: %w", err)
	}
	n.ml = ml
	return nil
}

// Addr is the bound gossip address, ip:port.
func (n *Node) Addr() string { return n.transport.bound().String() }

// View returns the current view of the fleet, the node itself included once it is in. Before Run it is empty; after it
// has left, it stays as it was then, without the node. It costs one atomic load unless the fleet has changed since the
// last call.
func (n *Node) View() *view.View {
	if v := n.current.Load(); v != nil {
		return v
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	v := n.table.View()
	n.current.Store(v)
	return v
}

// Changed returns a channel that is closed once the view is another one than since; at once if it is already. So no
// change is missed between View and Changed, any number of users can wait, and nothing is to be cancelled. A nil since
// is no view.
func (n *Node) Changed(since *view.View) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if since == n.table.View() {
		return n.changed
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// SetState announces that the node drains, or takes work again. It does not wait until others have heard, which takes a
// few GossipIntervals. The error is [ErrClosed], or that s is neither [view.Active] nor [view.Draining].
func (n *Node) SetState(s view.State) error {
	if s != view.Active && s != view.Draining {
		return fmt.Errorf("gossip: a node cannot be set to %s", s)
	}
	n.takeTurn()
	defer n.endTurn()
	if n.closed {
		return ErrClosed
	}
	n.state = s
	n.draining.Store(s == view.Draining)
	return n.announceLocked()
}

// Leave tells the others that the node ends, waits until that has been sent to several or timeout (if not positive, a
// second) is over, and closes the node, so that Run returns. The wait is about eight GossipIntervals with one other
// node, usually fewer with more. The error says that the time ran out; the node is closed all the same. A closed node
// has nothing to leave.
func (n *Node) Leave(timeout time.Duration) error {
	if timeout <= 0 {
		timeout = leaveTimeout
	}
	n.takeTurn()
	defer n.endTurn()
	if n.closed {
		return nil
	}
	defer n.closeLocked()
	if n.ml == nil {
		return nil
	}
	n.cancel() // or Run would take our own absence for a reason to join anew
	if err := n.ml.Leave(timeout); err != nil {
		return fmt.Errorf("gossip: leave: %w", err)
	}
	return nil
}

// Close ends the node at once without telling anyone, so that Run returns. It is for a node whose Run is
// never called, and for tests of crashes: the others miss it within seconds. It may be called again.
func (n *Node) Close() {
	n.takeTurn()
	defer n.endTurn()
	n.closeLocked()
}

func (n *Node) closeLocked() {
	if n.closed {
		return
	}
	n.closed = true
	n.logWriter.close()
	if n.cancel != nil {
		n.cancel()
	}
	if n.ml != nil {
		_ = n.ml.Shutdown() // always nil
	}
	if err := n.transport.Shutdown(); err != nil {
		n.log.Warn("closing the gossip sockets failed", slog.Any("error", err))
	}
}

func (n *Node) takeTurn() { n.turn <- struct{}{} }
func (n *Node) endTurn()  { <-n.turn }

// claim ends the joining state: from now on views show the node.
func (n *Node) claim() {
	n.takeTurn()
	defer n.endTurn()
	if n.claimed.Load() || n.closed {
		return
	}
	n.claimed.Store(true)
	if err := n.announceLocked(); err != nil {
		n.log.Error("announcing this node failed", slog.Any("error", err))
	}
}

func (n *Node) announceLocked() error {
	if err := n.encodeMeta(); err != nil {
		return err
	}
	if n.ml != nil {
		// UpdateNode queues the news and then waits until it has been sent to several; there is no use in that, and
		// its error says nothing but that the time ran out.
		_ = n.ml.UpdateNode(time.Nanosecond)
	}
	return nil
}

// encodeMeta sets what memberlist announces at the next occasion.
func (n *Node) encodeMeta() error {
	s := n.state
	if !n.claimed.Load() {
		s = view.Joining
	}
	m := n.cfg.member(s)
	meta, err := view.EncodeMeta(&m)
	if err != nil {
		return err
	}
	n.meta.Store(&meta)
	return nil
}

// fold takes one event in and wakes whom it may concern.
func (n *Node) fold(event func(*view.Table) bool) {
	n.mu.Lock()
	if event(n.table) {
		n.current.Store(nil)
		close(n.changed)
		n.changed = make(chan struct{})
	}
	n.mu.Unlock()
	wake(n.wakeJoin)
	wake(n.wakeName)
}

// hadContact notes that we have learned what a fleet knows, or that there is none to learn from.
func (n *Node) hadContact() { n.contactOnce.Do(func() { close(n.contact) }) }

// wake leaves a signal in a channel of capacity 1.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
