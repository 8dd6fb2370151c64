package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"

	"dunnock/gossip/view"
	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/placement"
)

// link is the connection to one life of one worker: dialled for as long as
// membership knows it. The worker's messages are handled in the connection's reader.
type link struct {
	s      *Scheduler
	member view.Member // name, incarnation and address do not change while the link lives

	// Set by the handshake, under Scheduler.mu; the reader's goroutine may read them without.
	conn    *stream.Conn
	greeted bool           // the handshake is done; the reader's own
	id      probe.WorkerID // 0 while neither connected nor severed
	apps    map[string]uint16
	classed bool // reservations there name their class

	discipline string
	resources  []probe.Amount
	load       probe.Load // guarded by Scheduler.mu
	turn       turn

	overdue *time.Timer // closes a connection that does not get to its handshake
	leaving bool        // the worker has said that it drains; as conn
	left    bool        // and that this was its last word; likewise

	// Guarded by Scheduler.mu.
	severed bool        // id is set and there is no connection: the same life of the worker may be back
	voider  *time.Timer // gives the severed worker up
	results ack.Account // that it has reported, and keeps until they are acknowledged
	stale   bool        // what our last Hello has said of them is not so any more
}

func newLink(s *Scheduler, m view.Member) *link {
	return &link{s: s, member: m, results: ack.NewAccount(ack.Config{KeepFor: s.cfg.ResultGrace})}
}

// keepLinks runs one link for every life of a worker that membership knows. One that drains takes nothing new, and may
// run or keep what is asked for here.
func (s *Scheduler) keepLinks(ctx context.Context) {
	s.follow(ctx, func(v *view.View) []view.Member {
		s.syncSampling(v)
		return v.Workers()
	}, func(m view.Member) func(context.Context) bool {
		l := newLink(s, m)
		return func(ctx context.Context) (again bool) {
			l.run(ctx)
			return !l.leaving // it will be gone, whatever membership says yet
		}
	})
}

// syncSampling tells the core how many schedulers there are, takes out of sampling the connected workers that
// membership has lost or that drain, and takes back those that it has found again. It ends nothing: only a connection's
// end does.
func (s *Scheduler) syncSampling(v *view.View) {
	var t turn
	schedulers := v.Schedulers()
	now := s.enter()
	if self := slices.IndexFunc(schedulers, func(m view.Member) bool { return m.Name == s.node.Name }); self >= 0 {
		s.core.Peers(self, len(schedulers))
	}
	for id, l := range s.links {
		m, known := v.Lookup(probe.RoleWorker, l.member.Name)
		if known && m.Incarnation == l.member.Incarnation && m.State == view.Active && !l.leaving {
			t.effects = s.core.WorkerResume(now, id, t.effects)
		} else {
			t.effects = s.core.WorkerDrain(now, id, t.effects)
		}
	}
	s.exit(now, &t)
	t.batch.Flush()
}

// run dials and serves the worker until membership has forgotten this life of it.
func (l *link) run(ctx context.Context) {
	var pace redial
	defer l.void()
	for said := false; ctx.Err() == nil && (l.known() || l.isSevered()); {
		connected, err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if connected {
			pace, said = redial{}, false
		} else if gone(err) {
			l.void()
			l.leaving = l.leaving || l.drains() // it has left, and membership does not know yet
		}
		level := slog.LevelDebug // once is enough for an operator: redialling may go on for long
		if !said {
			level, said = slog.LevelInfo, true
		}
		l.s.node.Logger.Log(ctx, level, "worker not connected", slog.String("worker", l.member.Name), slog.String("addr", l.member.Addr),
			slog.Any("reason", err), slog.Bool("leaving", l.leaving))
		if l.leaving && !l.isSevered() {
			return
		}
		pace.wait(ctx)
	}
}

// errOtherLife says that somebody else answers where the worker was: its life is over.
var errOtherLife = errors.New("handshake refused: another life or another node answers")

// errGivenUp says that the worker has answered too late: it was given up meanwhile, and would not say again what it was
// told that we have.
var errGivenUp = errors.New("the worker was given up while it was being connected")

// gone reports whether an attempt to connect shows that a worker's life is over: nobody listens any more where it did,
// or another does.
func gone(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errOtherLife)
}

// drains reports whether membership says that this life of the worker drains.
func (l *link) drains() bool {
	m, known := l.s.lookup(probe.RoleWorker, lifeOf(&l.member))
	return known && m.State != view.Active
}

// known reports whether membership still has this life of the worker.
func (l *link) known() bool {
	_, known := l.s.lookup(probe.RoleWorker, lifeOf(&l.member))
	return known
}

// session is one connection, from dialling to its end. It reports whether the handshake succeeded.
func (l *link) session(ctx context.Context) (connected bool, err error) {
	conn, err := l.s.dial(ctx, l.member.Addr)
	if err != nil {
		return false, err
	}
	l.conn = conn
	hello := l.hello()
	sayHello(conn, &hello)
	l.overdue = node.HandshakeBy(conn.Close)
	err = conn.Run(ctx, l)
	l.overdue.Stop()
	connected = l.greeted
	l.down(ctx, err)
	return connected, err
}

// hello is what we say to the worker first.
func (l *link) hello() probe.Hello {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hello
	h.Results = l.results.Taken()
	l.stale = false
	return h
}

// down tells the core that the connection has ended. The worker may be back in the same life, and then says what it
// has; it is given up when its lease is over, or at once if it cannot be back.
func (l *link) down(ctx context.Context, err error) {
	if !l.greeted {
		return
	}
	l.greeted = false
	s := l.s
	now := s.enter()
	l.turn.effects = s.core.WorkerLost(now, l.id, l.turn.effects)
	l.severed, l.load = true, probe.Load{}
	delete(s.links, l.id)
	if s.workers[l.member.Incarnation] == l.id {
		delete(s.workers, l.member.Incarnation)
	}
	// If it was this process that stood still, the silence says nothing: time is left for one more try at least.
	lease := l.conn.Lease()
	left := max(lease-l.conn.Silence(), lease/4)
	l.voider = time.AfterFunc(left, l.void)
	if errors.Is(err, stream.ErrSilent) {
		s.meters.leaseExpiries.Inc()
	}
	s.exit(now, &l.turn)
	l.turn.batch.Flush()
	if errors.Is(err, stream.ErrSilent) || l.left || ctx.Err() != nil {
		l.void()
	}
}

// isSevered reports whether the worker may be back in the same life.
func (l *link) isSevered() bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.severed
}

// void gives a severed worker up: what was bound there is placed anew.
func (l *link) void() {
	s := l.s
	var t turn
	now := s.enter()
	if l.severed {
		l.voider.Stop()
		t.effects = s.core.WorkerDown(now, l.id, t.effects)
		s.freeIDs = append(s.freeIDs, l.id)
		l.id, l.severed = 0, false
		s.givenUp[l.member.Incarnation] = now
		l.results.Void()
		l.stale = true
	}
	s.exit(now, &t)
	t.batch.Flush()
}

// Flush sends what handling the last messages made.
func (l *link) Flush() { l.s.gather.Flush(&l.turn.batch) }

// Message handles one message from the worker.
func (l *link) Message(kind uint8, body []byte) error {
	if !l.greeted {
		return l.handshake(kind, body)
	}
	switch probe.Kind(kind) {
	case probe.KindGetTask:
		return tell(l, body, probe.DecodeGetTask, (*placement.Core).GetTask)
	case probe.KindFinished:
		return l.finished(body, (*placement.Core).Finished)
	case probe.KindFound:
		return l.found(body)
	case probe.KindAdopt:
		return l.adopt(body)
	case probe.KindTold:
		return l.told(body)
	case probe.KindRefuse:
		return tell(l, body, probe.DecodeRefuse, (*placement.Core).Refuse)
	case probe.KindDecline:
		return tell(l, body, probe.DecodeDecline, l.declined)
	case probe.KindOffer:
		return tell(l, body, probe.DecodeOffer, (*placement.Core).Offer)
	case probe.KindDrain:
		return l.drain(body)
	case probe.KindLoad:
		return l.report(body)
	case probe.KindHello, probe.KindReserve, probe.KindCancel, probe.KindLaunch, probe.KindNoTask, probe.KindKill, probe.KindClaim, probe.KindAck,
		probe.KindWant, probe.KindHand, probe.KindSpare, probe.KindSetDef, probe.KindReserveNeed, probe.KindComing:
	}
	return fmt.Errorf("unexpected message of kind %d from a worker", kind)
}

// tell decodes a message and calls the core's method for it.
func tell[M any](l *link, body []byte, decode func([]byte) (M, error),
	event func(*placement.Core, time.Duration, probe.WorkerID, M, []placement.Effect) []placement.Effect,
) error {
	m, err := decode(body)
	if err != nil {
		return err
	}
	now := l.s.enter()
	l.turn.effects = event(l.s.core, now, l.id, m, l.turn.effects)
	l.s.exit(now, &l.turn)
	return nil
}

// declined takes a launch back. One that answered an offer says what became of that.
func (l *link) declined(c *placement.Core, now time.Duration, w probe.WorkerID, m probe.Decline, out []placement.Effect) []placement.Effect {
	switch m.Reason {
	case probe.RefusedStale:
		if m.Ref != 0 { // an offer that is taken back has cost nothing
			l.s.meters.staleOffers.Inc()
		}
	case probe.RefusedEarly:
		l.s.meters.earlyOffers.Inc()
	case probe.RefusedFull, probe.RefusedDraining, probe.RefusedApp, probe.RefusedFenced:
	}
	defer l.s.wakeDraining()
	return c.Decline(now, w, m, out)
}

// maxFramedResult is the largest result that fits one frame on its way to a client too, with all that is said of it
// there. A larger one is sent from where it is, which must not be the read buffer that a frame lies in.
const maxFramedResult = stream.MaxBody - 1<<10

// finished tells the core of an attempt's end; the message's body goes with the task's outcome.
func (l *link) finished(body []byte, event func(*placement.Core, time.Duration, probe.WorkerID, probe.Finished, []placement.Effect) []placement.Effect) error {
	m, err := probe.DecodeFinished(body)
	if err != nil {
		return err
	}
	owned := l.conn.Owned()
	if len(m.Body) > maxFramedResult && !owned {
		m.Body, owned = bytes.Clone(m.Body), true
	}
	now := l.s.enter()
	l.turn.finished, l.turn.owned, l.turn.worker = m, owned, l.member.Name
	if again := l.results.Take(m.Seq, len(m.Body)); !again {
		l.turn.receipt = receipt{l, m.Seq}
	}
	l.expireKept(now, &l.turn)
	if l.s.leases.Wants(&m) {
		l.s.keepResult(now, l.turn.take())
	}
	l.turn.effects = event(l.s.core, now, l.id, m, l.turn.effects)
	l.s.exit(now, &l.turn)
	l.turn.finished = probe.Finished{}
	return nil
}

// found tells the core of an attempt's end of which the report was lost, or went to somebody else.
func (l *link) found(body []byte) error {
	l.turn.found = true
	defer func() { l.turn.found = false }()
	return l.finished(body, (*placement.Core).Found)
}

// adopt takes the worker's word that it runs an attempt.
func (l *link) adopt(body []byte) error {
	m, err := probe.DecodeAdopt(body)
	if err != nil {
		return err
	}
	s := l.s
	now := s.enter()
	l.turn.effects = s.core.Adopt(now, l.id, m, l.turn.effects)
	if v, ok := s.core.Task(m.Ref, int(m.Task)); ok && v.State == placement.TaskRunning && v.Worker == l.id {
		rec := s.jobs[m.Ref].tasks.write(int(m.Task))
		rec.worker, rec.attempt = l.member.Name, m.Attempt
	}
	s.exit(now, &l.turn)
	return nil
}

// told takes the worker's word that it has said what it holds.
func (l *link) told(body []byte) error {
	m, err := probe.DecodeTold(body)
	if err != nil {
		return err
	}
	now := l.s.enter()
	if m.Ref == 0 {
		l.results.Told(m.Acked)
	}
	l.turn.effects = l.s.core.Told(now, l.id, m, l.turn.effects)
	l.s.wakeDraining()
	l.s.exit(now, &l.turn)
	return nil
}

// drain takes the worker out of sampling. When it has said its last word it will not be back; a connection that ends
// before that is dialled again.
func (l *link) drain(body []byte) error {
	m, err := probe.DecodeDrain(body)
	if err != nil {
		return err
	}
	now := l.s.enter()
	l.leaving, l.left = true, m.Left
	if m.Left {
		l.turn.effects = l.s.core.WorkerLeft(now, l.id, l.turn.effects)
		l.s.wakeDraining()
	} else {
		l.turn.effects = l.s.core.WorkerDrain(now, l.id, l.turn.effects)
	}
	l.s.exit(now, &l.turn)
	return nil
}

// report notes the worker's load, for listings.
func (l *link) report(body []byte) error {
	m, err := probe.DecodeLoad(body)
	if err != nil {
		return err
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.load = m
	return nil
}

// handshake takes the worker's Hello; from here on tasks may be placed on it.
func (l *link) handshake(kind uint8, body []byte) error {
	if probe.Kind(kind) != probe.KindHello {
		return fmt.Errorf("message of kind %d before the handshake", kind)
	}
	h, err := probe.DecodeHello(body)
	if err != nil {
		return fmt.Errorf("handshake refused: %w", err)
	}
	s := l.s
	switch {
	case h.Role != probe.RoleWorker || h.Fleet != s.node.Fleet:
		return fmt.Errorf("handshake refused: a %s of fleet %q", h.Role, h.Fleet)
	case h.Name != l.member.Name || h.Incarnation != l.member.Incarnation:
		return fmt.Errorf("%w: %s answers for %s", errOtherLife, h.Name, l.member.Name)
	case h.Slots == 0:
		return errors.New("handshake refused: a worker without slots")
	}
	l.overdue.Stop()
	l.conn.RaiseLease(h.Lease)
	l.apps = make(map[string]uint16, len(h.Apps))
	for i, app := range h.Apps {
		l.apps[app] = uint16(i)
	}
	l.discipline, l.classed = h.Discipline, probe.NeedsClass(h.Discipline)
	l.resources = h.Resources
	now := s.enter()
	if l.stale {
		s.exit(now, &l.turn)
		return errGivenUp
	}
	l.greeted = true
	if l.severed {
		l.severed = false
		l.voider.Stop()
	} else {
		l.id = s.newWorkerID()
	}
	s.links[l.id], s.workers[l.member.Incarnation] = l, l.id
	if l.classed {
		s.discipline = l.discipline
	}
	l.turn.effects = s.core.WorkerUp(now, l.id, placement.Worker{
		Slots: int(h.Slots), Apps: h.Apps, Labels: named(h.Labels, h.Name), Resources: h.Resources, Sorts: probe.NeedsClass(h.Discipline),
		Fair: h.Discipline == probe.DisciplineFair, Weights: weighed(h.Weights),
		Name: uint64(probe.KeyOf(h.Name)),
	}, l.turn.effects)
	l.leaving, l.left = h.Draining, false
	if h.Draining || !l.known() {
		l.turn.effects = s.core.WorkerDrain(now, l.id, l.turn.effects)
	}
	s.exit(now, &l.turn)
	s.node.Logger.Info("worker connected", slog.String("worker", h.Name), slog.String("addr", l.member.Addr), slog.Int("slots", int(h.Slots)))
	return nil
}

// newWorkerID returns a number that no connected worker has. It runs under the lock.
func (s *Scheduler) newWorkerID() probe.WorkerID {
	if n := len(s.freeIDs); n > 0 {
		id := s.freeIDs[n-1]
		s.freeIDs = s.freeIDs[:n-1]
		return id
	}
	s.lastWorker++
	return s.lastWorker
}
