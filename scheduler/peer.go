package scheduler

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// peer is a connection to another scheduler. What the two say to each other is advice on idle offers, so nothing of it
// is kept when the connection ends.
type peer struct {
	s    *Scheduler
	conn *stream.Conn
	name string
	life probe.Incarnation
	turn turn

	// Guarded by Scheduler.mu.
	id placement.PeerID
	up bool // the core knows it by id; false once there is a newer connection
}

// maxPeers bounds the connections to other schedulers.
const maxPeers = 4096

var errReplaced = errors.New("replaced by a newer connection")

// refusePeer says why another scheduler is no peer of this one; nil if it is.
func (s *Scheduler) refusePeer(h *probe.Hello) error {
	switch policy := s.cfg.Policy.String(); {
	case h.Role != probe.RoleScheduler || h.Fleet != s.node.Fleet:
		return fmt.Errorf("handshake refused: a %s of fleet %q", h.Role, h.Fleet)
	case h.Policy != policy:
		return fmt.Errorf("%w: its policy is %q and that of this scheduler %q", errOtherPolicy, h.Policy, policy)
	case s.cfg.Policy != placement.IdleOffer:
		return fmt.Errorf("%w: schedulers have nothing to say to each other under policy %q", errOtherPolicy, policy)
	case h.Name == s.node.Name:
		return fmt.Errorf("handshake refused: a scheduler of this name, %s", h.Name)
	}
	return nil
}

// errOtherPolicy says that a scheduler will be no peer for as long as it lives.
var errOtherPolicy = errors.New("handshake refused")

// peerUp makes another scheduler, which has said who it is, known to the core. Of two connections to one the newer
// counts: the other end of the older one has given it up.
func (s *Scheduler) peerUp(conn *stream.Conn, h *probe.Hello) (*peer, error) {
	p := &peer{s: s, conn: conn, name: h.Name, life: h.Incarnation}
	now := s.enter()
	old := s.peers[p.name]
	if old == nil && len(s.peers) >= maxPeers || old != nil && old.life > p.life {
		s.exit(now, &p.turn)
		if old != nil {
			return nil, fmt.Errorf("handshake refused: an earlier life of %s", p.name)
		}
		return nil, fmt.Errorf("handshake refused: %d schedulers are connected", maxPeers)
	}
	if old != nil {
		s.peerDown(now, old, &p.turn)
		old.conn.Close(errReplaced)
	}
	p.up, p.id = true, s.newPeerID(p)
	s.peers[p.name] = p
	p.turn.effects = s.core.PeerUp(now, p.id, p.turn.effects)
	s.exit(now, &p.turn)
	s.node.Logger.Info("scheduler connected", slog.String("scheduler", p.name), slog.String("addr", conn.RemoteAddr().String()))
	return p, nil
}

// newPeerID returns the smallest number that no peer has, and gives it to p. It runs under the lock.
func (s *Scheduler) newPeerID(p *peer) placement.PeerID {
	for i, taken := range s.peerIDs {
		if taken == nil {
			s.peerIDs[i] = p
			return placement.PeerID(i)
		}
	}
	s.peerIDs = append(s.peerIDs, p)
	return placement.PeerID(len(s.peerIDs) - 1)
}

// peerDown makes the core forget a connected peer. It runs under the lock.
func (s *Scheduler) peerDown(now time.Duration, p *peer, t *turn) {
	p.up = false
	delete(s.peers, p.name)
	s.peerIDs[p.id] = nil
	t.effects = s.core.PeerDown(now, p.id, t.effects)
}

// leave is the connection's end.
func (p *peer) leave(err error) {
	s := p.s
	now := s.enter()
	replaced := !p.up
	if p.up {
		s.peerDown(now, p, &p.turn)
	}
	if errors.Is(err, stream.ErrSilent) {
		s.meters.leaseExpiries.Inc()
	}
	s.exit(now, &p.turn)
	p.turn.batch.Flush()
	if !replaced {
		s.node.Logger.Info("scheduler disconnected", slog.String("scheduler", p.name), slog.Any("reason", err), slog.Bool("hung_up", errors.Is(err, io.EOF)))
	}
}

// Flush sends what handling the last messages made.
func (p *peer) Flush() { p.s.gather.Flush(&p.turn.batch) }

// Message handles one message from the other scheduler.
func (p *peer) Message(kind uint8, body []byte) error {
	switch probe.Kind(kind) {
	case probe.KindWant:
		return hear(p, body, probe.DecodeWant, (*placement.Core).Want)
	case probe.KindHand:
		return hear(p, body, probe.DecodeHand, p.hand)
	case probe.KindSpare:
		return hear(p, body, probe.DecodeSpare, (*placement.Core).Spare)
	case probe.KindSetDef:
		return hear(p, body, probe.DecodeSetDef, setDef)
	case probe.KindHello, probe.KindReserve, probe.KindCancel, probe.KindGetTask, probe.KindLaunch, probe.KindNoTask, probe.KindFinished, probe.KindRefuse,
		probe.KindDecline, probe.KindKill, probe.KindDrain, probe.KindLoad, probe.KindClaim, probe.KindAdopt, probe.KindFound, probe.KindTold, probe.KindAck,
		probe.KindOffer, probe.KindReserveNeed, probe.KindComing:
	}
	return fmt.Errorf("unexpected message of kind %d from a scheduler", kind)
}

// hear decodes a message and has the core handle it, unless there is a newer connection, which has the number of this
// one or will have.
func hear[M any](p *peer, body []byte, decode func([]byte) (M, error),
	event func(*placement.Core, time.Duration, placement.PeerID, M, []placement.Effect) []placement.Effect,
) error {
	m, err := decode(body)
	if err != nil {
		return err
	}
	now := p.s.enter()
	up := p.up
	if up {
		p.turn.effects = event(p.s.core, now, p.id, m, p.turn.effects)
	}
	p.s.exit(now, &p.turn)
	if !up {
		return errReplaced
	}
	return nil
}

// hand takes an offer that the peer hands on. The two know its worker by its incarnation, and each by a number of its
// own. One that is not connected here has number 0, which no worker has: the offer goes back.
func (p *peer) hand(c *placement.Core, now time.Duration, from placement.PeerID, m probe.Hand, out []placement.Effect) []placement.Effect {
	p.turn.hand = m
	return c.Hand(now, from, p.s.workers[m.Worker], m, out)
}

func setDef(c *placement.Core, _ time.Duration, from placement.PeerID, m probe.SetDef, out []placement.Effect) []placement.Effect {
	c.SetDef(from, m)
	return out
}

// advise sends a peer what the core has to say to it.
func (s *Scheduler) advise(t *turn, e *placement.Effect) {
	if int(e.Peer) >= len(s.peerIDs) || s.peerIDs[e.Peer] == nil {
		return
	}
	c := s.peerIDs[e.Peer].conn
	switch e.Kind {
	case placement.EffectSetDef:
		m := probe.SetDef{Set: e.Task}
		var ok bool
		if m.App, m.Labels, ok = s.core.Set(e.Task); !ok {
			return // nothing waits under it any more
		}
		c.End(probe.AppendSetDef(c.Begin(uint8(probe.KindSetDef)), &m))
	case placement.EffectWant:
		c.End(probe.AppendWant(c.Begin(uint8(probe.KindWant)), probe.Want{Set: e.Task, Age: e.Wait, Quota: e.Count, Now: e.Res}))
	case placement.EffectHand:
		m := t.hand
		m.Hops++
		m.More = uint8(e.Count)
		if e.HasWorker {
			l := s.links[e.Worker]
			if l == nil {
				return // its offers are void
			}
			m = probe.Hand{Worker: l.member.Incarnation, Slot: e.Slot, Call: e.Call, Ready: e.Wait, Left: e.Deadline, Hops: uint8(e.Attempt), More: uint8(e.Count), Brief: uint16(e.Res)}
		}
		c.End(probe.AppendHand(c.Begin(uint8(probe.KindHand)), m))
	case placement.EffectSpare:
		c.End(probe.AppendSpare(c.Begin(uint8(probe.KindSpare)), probe.Spare{Set: e.Task, Lack: e.Count, Floor: e.Res}))
	case placement.EffectReserve, placement.EffectCancel, placement.EffectLaunch, placement.EffectNoTask, placement.EffectKill, placement.EffectClaim,
		placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone, placement.EffectQuarantine:
		return // of other business
	}
	s.meters.toPeers[e.Kind].Inc()
	t.batch.Add(c)
}
