package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/worker/queue"
)

// peer is one connected scheduler. Its messages are handled in the connection's reader.
type peer struct {
	w      *Worker
	conn   *stream.Conn
	id     probe.SchedulerID // 0 until the handshake
	name   string
	inc    probe.Incarnation
	policy string
	lease  time.Duration // the silence after which it gives us up; 0: never
	load   probe.Load    // last reported; guarded by Worker.mu
	large  largeResults  // guarded by Worker.mu
	gone   error         // why what lies unread is not handled any more; guarded by Worker.mu
	turn   turn
	leader *leader // that is to run attempts; nil while there is none

	overdue *time.Timer // closes a connection that does not get to its handshake
}

// serve owns a connection that the HTTP server handed over, from handshake to end.
func (w *Worker) serve(c *stream.Conn) {
	ctx, ok := w.admit()
	if !ok {
		c.Close(errors.New("the worker has stopped"))
		ctx = context.Background()
	} else {
		defer w.conns.Done()
	}
	p := &peer{w: w, conn: c, overdue: node.HandshakeBy(c.Close)}
	p.turn.reads = true
	err := c.Run(ctx, p)
	p.turn.reads = false
	p.overdue.Stop()
	if p.id != 0 {
		p.leave(err)
	} else if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
		w.node.Logger.Warn("a connection ended before its handshake", slog.Any("error", err))
	}
}

// admit counts a connection in, unless the worker has stopped.
func (w *Worker) admit() (context.Context, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.ctx == nil {
		return nil, false
	}
	w.conns.Add(1)
	return w.ctx, true
}

// leave tells the core that the scheduler is gone: what it had here is void.
func (p *peer) leave(err error) {
	w := p.w
	now := w.enter()
	if w.peers[p.id] == p {
		delete(w.peers, p.id)
		w.forgetHeld(p.id)
		w.lives[life{p.name, p.inc}] = lifeNumber{p.id, now}
		p.turn.effects = w.core.SchedulerDown(now, p.id, p.turn.effects)
	}
	if errors.Is(err, stream.ErrSilent) {
		w.meters.leaseExpiries.Inc()
	}
	said := p.gone != nil
	w.exit(now, &p.turn)
	p.turn.batch.Flush()
	if !said {
		w.node.Logger.Info("scheduler disconnected", slog.String("scheduler", p.name), slog.Any("reason", err))
	}
}

// Flush runs the attempts that it may, and sends what handling the last messages made.
func (p *peer) Flush() {
	if p.turn.leads {
		p.turn.leads = false
		if !p.lead() {
			return
		}
	}
	p.turn.batch.Flush()
}

// Message handles one message from the scheduler.
func (p *peer) Message(kind uint8, body []byte) error {
	if p.id == 0 {
		return p.handshake(kind, body)
	}
	switch probe.Kind(kind) {
	case probe.KindReserve:
		if p.w.classed {
			return p.reserve(body)
		}
		return tell(p, body, probe.DecodeReserve, (*queue.Core).Reserve)
	case probe.KindReserveNeed:
		return p.reserveNeed(body)
	case probe.KindCancel:
		return tell(p, body, probe.DecodeCancel, (*queue.Core).Cancel)
	case probe.KindLaunch:
		return p.launch(body)
	case probe.KindComing:
		return tell(p, body, probe.DecodeComing, (*queue.Core).Coming)
	case probe.KindNoTask:
		return tell(p, body, probe.DecodeNoTask, (*queue.Core).NoTask)
	case probe.KindKill:
		return tell(p, body, probe.DecodeKill, (*queue.Core).Kill)
	case probe.KindClaim:
		return tell(p, body, probe.DecodeClaim, (*queue.Core).Claim)
	case probe.KindAck:
		return tell(p, body, probe.DecodeAck, ack)
	case probe.KindHello, probe.KindGetTask, probe.KindFinished, probe.KindRefuse, probe.KindDecline, probe.KindDrain, probe.KindLoad,
		probe.KindAdopt, probe.KindFound, probe.KindTold,
		probe.KindOffer, probe.KindWant, probe.KindHand, probe.KindSpare, probe.KindSetDef:
	}
	return fmt.Errorf("unexpected message of kind %d from a scheduler", kind)
}

// tell decodes a message and calls the core's method for it.
func tell[M any](p *peer, body []byte, decode func([]byte) (M, error),
	event func(*queue.Core, time.Duration, probe.SchedulerID, M, []queue.Effect) []queue.Effect,
) error {
	m, err := decode(body)
	if err != nil {
		return err
	}
	now, err := p.enter()
	if err != nil {
		return err
	}
	p.turn.effects = event(p.w.core, now, p.id, m, p.turn.effects)
	p.w.exit(now, &p.turn)
	return nil
}

func ack(c *queue.Core, now time.Duration, s probe.SchedulerID, m probe.Ack, out []queue.Effect) []queue.Effect {
	c.Ack(now, s, m)
	return out
}

var errReplaced = errors.New("replaced by a new connection")

// enter is that of Worker, unless this connection is of no use any more. The scheduler has another one, or will have:
// on that it is told what is here, and what lies unread on this one must not change it any more.
func (p *peer) enter() (time.Duration, error) {
	now := p.w.enter()
	if p.gone != nil {
		defer p.w.mu.Unlock()
		return 0, p.gone
	}
	return now, nil
}

// reserve takes a reservation with its class, which the worker asked for in its Hello.
func (p *peer) reserve(body []byte) error {
	m, err := probe.DecodeClassedReserve(body, &p.turn.class)
	if err != nil {
		return err
	}
	now, err := p.enter()
	if err != nil {
		return err
	}
	p.turn.effects = p.w.core.ReserveClass(now, p.id, m, &p.turn.class, p.turn.effects)
	p.w.exit(now, &p.turn)
	return nil
}

// reserveNeed takes a reservation of tasks that take more than a slot.
func (p *peer) reserveNeed(body []byte) error {
	var need probe.Need
	m, err := probe.DecodeNeedReserve(body, &p.turn.class, &need)
	if err != nil {
		return err
	}
	now, err := p.enter()
	if err != nil {
		return err
	}
	p.turn.effects = p.w.core.ReserveNeed(now, p.id, m, &p.turn.class, need, p.turn.effects)
	p.w.exit(now, &p.turn)
	return nil
}

func (p *peer) launch(body []byte) error {
	m, err := probe.DecodeLaunch(body)
	if err != nil {
		return err
	}
	if int(m.Slot) >= len(p.w.slots) {
		return fmt.Errorf("launch in slot %d: no such slot", m.Slot)
	}
	now, err := p.enter()
	if err != nil {
		return err
	}
	p.turn.launch, p.turn.owned = m, p.conn.Owned()
	p.turn.effects = p.w.core.Launch(now, p.id, &p.turn.launch, p.turn.effects)
	p.w.exit(now, &p.turn)
	p.turn.launch.Payload = nil
	return nil
}

// handshake takes the scheduler's Hello and answers with the worker's.
func (p *peer) handshake(kind uint8, body []byte) error {
	if probe.Kind(kind) != probe.KindHello {
		return fmt.Errorf("message of kind %d before the handshake", kind)
	}
	h, err := probe.DecodeHello(body)
	if err != nil {
		return fmt.Errorf("handshake refused: %w", err)
	}
	w := p.w
	if h.Role != probe.RoleScheduler || h.Fleet != w.node.Fleet {
		return fmt.Errorf("handshake refused: a %s of fleet %q", h.Role, h.Fleet)
	}
	p.overdue.Stop()
	p.conn.RaiseLease(h.Lease)
	now := w.enter()
	for _, old := range w.peers { // one connection per scheduler: an older one is dead and does not know it
		if old.name == h.Name {
			p.turn.effects = w.drop(now, old, errReplaced, p.turn.effects)
		}
	}
	p.id, p.name, p.inc, p.lease, p.policy = w.lifeOf(now, &h), h.Name, h.Incarnation, h.Lease, h.Policy
	if p.lease > 0 { // it gives us up at all
		p.lease = p.conn.Lease()
	}
	w.peers[p.id] = p
	p.conn.End(probe.AppendHello(p.conn.Begin(uint8(probe.KindHello)), &w.hello))
	p.turn.batch.Add(p.conn)
	p.turn.effects = w.core.SchedulerUp(now, p.id, h.Results, p.turn.effects)
	if h.Policy == probe.PolicyIdleOffer && !w.classed && !w.quiet { // whose turn it is can only be said of what is queued here
		p.turn.effects = w.core.OffersTo(now, p.id, p.turn.effects)
	}
	other := w.otherPolicy(p)
	w.exit(now, &p.turn)
	if other != nil {
		w.node.Logger.Warn("two schedulers of the fleet have different policies: each is served by its own, and offers go only to those that take them",
			slog.String("scheduler", h.Name), slog.String("policy", h.Policy), slog.String("other", other.name), slog.String("other_policy", other.policy))
	}
	if p.lease > w.cfg.OrphanGrace {
		w.node.Logger.Warn("a scheduler waits longer for a lost connection than attempts run on without one: raise the orphan grace",
			slog.String("scheduler", h.Name), slog.Duration("lease", p.lease), slog.Duration("orphan_grace", w.cfg.OrphanGrace))
	}
	w.node.Logger.Info("scheduler connected", slog.String("scheduler", h.Name))
	return nil
}

// otherPolicy returns a connected scheduler with another policy than this one has, or nil. It runs under the lock.
func (w *Worker) otherPolicy(p *peer) *peer {
	for _, other := range w.peers {
		if other.policy != p.policy {
			return other
		}
	}
	return nil
}

// life names one life of a scheduler.
type life struct {
	name        string
	incarnation probe.Incarnation
}

// lifeNumber is the number that a life of a scheduler has here, however often it connects.
type lifeNumber struct {
	id   probe.SchedulerID
	left time.Duration // when its connection ended, or before that
}

// keepNumber is how long the number of a scheduler is kept that is not connected: longer than anything that was
// promised under it.
const keepNumber = 15 * time.Minute

// lifeOf returns the number of the scheduler that says Hello. It runs under the lock.
func (w *Worker) lifeOf(now time.Duration, h *probe.Hello) probe.SchedulerID {
	for key, n := range w.lives {
		if w.peers[n.id] == nil && now-n.left > keepNumber {
			delete(w.lives, key)
		}
	}
	key := life{h.Name, h.Incarnation}
	n, known := w.lives[key]
	if !known {
		w.lastPeer++
		n.id = w.lastPeer
	}
	w.lives[key] = lifeNumber{n.id, now}
	return n.id
}
