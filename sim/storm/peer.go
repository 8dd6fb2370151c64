package storm

import (
	"slices"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// peer is a connection to another scheduler, under policy idle-offer. What the two say to each other is advice, of
// which nothing is kept when it ends.
type peer struct {
	s    *scheduler
	of   *scheduler
	life uint32 // of the other one
	end  *end
	id   placement.PeerID
}

// dialler keeps a connection to one life of another scheduler. Of two schedulers the one with the lower number dials.
type dialler struct {
	s     *scheduler
	to    *scheduler
	life  uint32
	known bool // to membership
	fails int
	end   *end // while it dials
}

// announce spreads that a life of a scheduler has begun or ended, to those that dial it.
func (w *world) announce(s *scheduler) {
	if !w.plan.offers() {
		return
	}
	life, up := s.life, s.up
	for _, t := range w.schedulers {
		if t.node >= s.node {
			break
		}
		d := w.chance.below(w.plan.Rumour)
		if !up {
			d = w.chance.within(w.plan.Lease, 4*w.plan.Lease)
		}
		w.after(d, func() {
			t.run(t.life, nil, func() {
				switch {
				case !up:
					t.forgetPeer(s, life)
				case s.life == life && s.up:
					t.hearPeer(s, life)
				}
			})
		})
	}
}

// hearPeers is what membership knows of other schedulers when this one begins.
func (s *scheduler) hearPeers() {
	s.peers, s.diallers = nil, nil
	if !s.w.plan.offers() {
		return
	}
	for _, o := range s.w.schedulers {
		if o.up && o.node > s.node {
			s.hearPeer(o, o.life)
		}
	}
	s.w.announce(s)
}

func (s *scheduler) hearPeer(to *scheduler, life uint32) {
	for _, d := range s.diallers {
		if d.to == to && d.life == life {
			d.known = true
			return
		}
	}
	d := &dialler{s: s, to: to, life: life, known: true}
	s.diallers = append(s.diallers, d)
	d.dial()
}

func (s *scheduler) forgetPeer(to *scheduler, life uint32) {
	for _, d := range s.diallers {
		if d.to == to && d.life == life {
			d.known = false
		}
	}
}

func (d *dialler) dial() {
	s, to, life := d.s, d.to, d.s.life
	d.end = s.w.dial(&s.process, &to.process, func(e *end) bool {
		return to.life == d.life && to.greetPeer(e, s, life)
	}, d.welcome, func(cause) { d.again() })
}

// greetPeer takes the Hello of another scheduler, and answers.
func (s *scheduler) greetPeer(e *end, from *scheduler, life uint32) bool {
	e.answer()
	p := &peer{s: s, of: from, life: life, end: e}
	e.user, e.lost = p, func(cause) { p.down() }
	if !p.up() {
		e.close()
	}
	return true
}

// welcome is the other scheduler's answer.
func (d *dialler) welcome() {
	e := d.end
	d.end, d.fails = nil, 0
	p := &peer{s: d.s, of: d.to, life: d.life, end: e}
	e.user, e.line.wild = p, true
	e.lost = func(cause) {
		p.down()
		d.again()
	}
	if !p.up() {
		e.close()
		d.again()
	}
}

// again dials once more, after a while, until membership has forgotten this life of the other one.
func (d *dialler) again() {
	s := d.s
	d.end = nil
	wait := min(minRedial<<min(d.fails, 7), maxRedial)
	d.fails++
	s.after(wait/2+s.w.chance.below(wait), func() {
		if d.known {
			d.dial()
			return
		}
		s.diallers = slices.DeleteFunc(s.diallers, func(x *dialler) bool { return x == d })
	})
}

// up makes the other scheduler known to the core, unless a later life of it is. Of two connections to one the newer
// counts.
func (p *peer) up() bool {
	s := p.s
	var out []placement.Effect
	if i := slices.IndexFunc(s.peers, func(x *peer) bool { return x != nil && x.of == p.of }); i >= 0 {
		old := s.peers[i]
		if old.life > p.life {
			return false
		}
		s.w.count("replaced peer connection")
		s.peers[i] = nil
		out = s.core.PeerDown(s.w.now, old.id, s.out[:0])
		defer old.hangUp()
	}
	i := slices.Index(s.peers, nil)
	if i < 0 {
		i = len(s.peers)
		s.peers = append(s.peers, nil)
	}
	s.peers[i], p.id = p, placement.PeerID(i)
	s.w.log("%s is connected with %s", s.w.name(s.node), s.w.name(p.of.node))
	s.carryOut(s.core.PeerUp(s.w.now, p.id, out))
	return true
}

// hangUp ends a connection that has been replaced. Who dialled it may have to know.
func (p *peer) hangUp() {
	if p.end.open {
		p.end.close()
		p.end.lost(hungUp)
	}
}

// down is the connection's end.
func (p *peer) down() {
	s := p.s
	if int(p.id) >= len(s.peers) || s.peers[p.id] != p {
		return // it never was up, or was replaced
	}
	s.w.count("lost peer connection")
	s.w.log("%s loses %s", s.w.name(s.node), s.w.name(p.of.node))
	s.peers[p.id] = nil
	s.carryOut(s.core.PeerDown(s.w.now, p.id, s.out[:0]))
}

// say has the other scheduler hear something when the message reaches it.
func (p *peer) say(event func(q *peer, c *placement.Core, out []placement.Effect) []placement.Effect) {
	e := p.end
	e.send(func() {
		q := e.peer.user.(*peer)
		if s := q.s; s.peers[q.id] == q {
			s.carryOut(event(q, s.core, s.out[:0]))
		}
	})
}

// advise sends a peer what the core has to say to it.
func (s *scheduler) advise(f *placement.Effect) {
	if int(f.Peer) >= len(s.peers) || s.peers[f.Peer] == nil {
		return
	}
	p := s.peers[f.Peer]
	switch f.Kind {
	case placement.EffectSetDef:
		m := probe.SetDef{Set: f.Task}
		var ok bool
		if m.App, m.Labels, ok = s.core.Set(f.Task); !ok {
			return // nothing waits under it any more
		}
		m.Labels = slices.Clone(m.Labels)
		p.say(func(q *peer, c *placement.Core, out []placement.Effect) []placement.Effect {
			c.SetDef(q.id, m)
			return out
		})
	case placement.EffectWant:
		m := probe.Want{Set: f.Task, Age: f.Wait, Quota: f.Count, Now: f.Res}
		p.say(func(q *peer, c *placement.Core, out []placement.Effect) []placement.Effect {
			return c.Want(q.s.w.now, q.id, m, out)
		})
	case placement.EffectSpare:
		m := probe.Spare{Set: f.Task, Lack: f.Count, Floor: f.Res}
		p.say(func(q *peer, c *placement.Core, out []placement.Effect) []placement.Effect {
			return c.Spare(q.s.w.now, q.id, m, out)
		})
	case placement.EffectHand:
		m := s.hand
		m.Hops++
		m.More = uint8(f.Count)
		if f.HasWorker {
			l := s.linkOf(f.Worker)
			if l == nil {
				return // its offers are void
			}
			l.handed(f.Slot, f.Call)
			m = probe.Hand{Worker: l.k.incarnation(l.life), Slot: f.Slot, Call: f.Call, Ready: f.Wait, Left: f.Deadline, Hops: uint8(f.Attempt), More: uint8(f.Count), Brief: uint16(f.Res)}
		} else {
			s.w.count("offer sent back")
		}
		p.say(func(q *peer, c *placement.Core, out []placement.Effect) []placement.Effect {
			q.s.hand = m
			return c.Hand(q.s.w.now, q.id, q.s.numberOf(m.Worker), m, out)
		})
	case placement.EffectReserve, placement.EffectCancel, placement.EffectLaunch, placement.EffectNoTask, placement.EffectKill, placement.EffectClaim,
		placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone, placement.EffectQuarantine: // of other business
	}
}

// numberOf is the id of a worker's life that is connected; 0, which none has, if it is not.
func (s *scheduler) numberOf(life probe.Incarnation) probe.WorkerID {
	for _, l := range s.links {
		if l.up && l.k.incarnation(l.life) == life {
			return l.id
		}
	}
	return 0
}
