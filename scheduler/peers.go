package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"dunnock/gossip/view"
	"dunnock/internal/stream"
	"dunnock/probe"
)

// Every two schedulers of a fleet that makes idle offers have one connection. Of two names the lower one dials, so that
// they never have to choose between two connections; and only it: where it cannot reach the other, the two do without,
// since what they would say is advice that no task depends on.

// dialler keeps a connection to one life of another scheduler.
type dialler struct {
	s      *Scheduler
	member view.Member
	fault  error // why there is no connection, and errOtherPolicy if there will be none; guarded by Scheduler.mu
}

// keepPeers dials every life of a scheduler with a higher name that membership knows, until ctx is done.
func (s *Scheduler) keepPeers(ctx context.Context) {
	s.follow(ctx, func(v *view.View) (higher []view.Member) {
		for _, m := range v.Schedulers() {
			if m.Name > s.node.Name {
				higher = append(higher, m)
			}
		}
		return higher
	}, func(m view.Member) func(context.Context) bool {
		d := s.newDialler(m)
		return func(ctx context.Context) (again bool) {
			d.run(ctx)
			s.removeDialler(d)
			return true
		}
	})
}

// newDialler notes who dials a life of a scheduler.
func (s *Scheduler) newDialler(m view.Member) *dialler {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &dialler{s: s, member: m}
	s.diallers[lifeOf(&m)] = d
	return d
}

func (s *Scheduler) removeDialler(d *dialler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.diallers, lifeOf(&d.member))
}

// run dials and serves the peer until membership has forgotten this life of it. One of another policy is not dialled
// again: its life has one policy.
func (d *dialler) run(ctx context.Context) {
	var pace redial
	said := false
	for ctx.Err() == nil && d.known() {
		if !errors.Is(d.failed(), errOtherPolicy) {
			connected, err := d.session(ctx)
			if ctx.Err() != nil {
				return
			}
			if connected {
				pace, said = redial{}, false
			}
			d.fail(err)
			level := slog.LevelDebug // once is enough for an operator: redialling may go on for long
			switch {
			case errors.Is(err, errOtherPolicy):
				level = slog.LevelWarn
			case !said && !connected: // the end of a connection has been said
				level, said = slog.LevelInfo, true
			}
			d.s.node.Logger.Log(ctx, level, "scheduler not connected", slog.String("scheduler", d.member.Name), slog.String("addr", d.member.Addr), slog.Any("reason", err))
		}
		pace.wait(ctx)
	}
}

// known reports whether membership still has this life of the scheduler.
func (d *dialler) known() bool {
	_, known := d.s.lookup(probe.RoleScheduler, lifeOf(&d.member))
	return known
}

func (d *dialler) fail(err error) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	d.fault = err
}

func (d *dialler) failed() error {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	return d.fault
}

// session is one connection, from dialling to its end. It reports whether the handshake succeeded.
func (d *dialler) session(ctx context.Context) (connected bool, err error) {
	conn, err := d.s.dial(ctx, d.member.Addr)
	if err != nil {
		return false, err
	}
	sayHello(conn, &d.s.hello)
	return (&stranger{conn: conn, greet: func(h *probe.Hello) (acquaintance, error) { return d.greet(conn, h) }}).run(ctx)
}

// greet takes the answer of the scheduler that was dialled.
func (d *dialler) greet(conn *stream.Conn, h *probe.Hello) (acquaintance, error) {
	if h.Name != d.member.Name || h.Incarnation != d.member.Incarnation {
		return nil, fmt.Errorf("%w: %s answers for %s", errOtherLife, h.Name, d.member.Name)
	}
	if err := d.s.refusePeer(h); err != nil {
		return nil, err
	}
	return d.s.acquaint(conn, h)
}

// welcomePeer answers a scheduler that has dialled. One that is refused is told who refuses it, so that it can say why
// itself.
func (s *Scheduler) welcomePeer(conn *stream.Conn, h *probe.Hello) (acquaintance, error) {
	sayHello(conn, &s.hello)
	err := s.refusePeer(h)
	if err == nil && h.Name > s.node.Name {
		err = fmt.Errorf("handshake refused: of %s and %s the latter dials", h.Name, s.node.Name)
	}
	if err != nil {
		s.node.Logger.Warn("scheduler refused", slog.String("scheduler", h.Name), slog.Any("reason", err))
		conn.Close(nil) // delivers first
		return nil, nil
	}
	return s.acquaint(conn, h)
}

// acquaint is peerUp, without an acquaintance where there is none.
func (s *Scheduler) acquaint(conn *stream.Conn, h *probe.Hello) (acquaintance, error) {
	p, err := s.peerUp(conn, h)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// How a scheduler stands with another one, in listings.
const (
	peerConnected = "connected"
	peerDialled   = "dialled" // by this one, without success so far
	peerAwaited   = "awaited" // its name is the lower one, so that it has to dial
	peerRefused   = "refused" // it has another policy
)

// connectionTo says how this scheduler stands with another one, and what keeps the two from being connected. It runs
// under the lock.
func (s *Scheduler) connectionTo(m *view.Member) (state string, fault error) {
	if p := s.peers[m.Name]; p != nil && p.life == m.Incarnation {
		return peerConnected, nil
	}
	d := s.diallers[lifeOf(m)]
	switch {
	case d == nil:
		return peerAwaited, nil
	case errors.Is(d.fault, errOtherPolicy):
		return peerRefused, d.fault
	}
	return peerDialled, d.fault
}
