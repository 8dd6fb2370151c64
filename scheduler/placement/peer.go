package placement

import (
	"fmt"
	"slices"
	"time"

	"dunnock/probe"
)

// PeerID is the dense number that a scheduler gives another one that it is connected with. It may be used again once
// the connection has ended.
type PeerID uint32

// maxPeerID bounds the tables of peers.
const maxPeerID = 1<<16 - 1

// maxPeerSets bounds how many constraint sets a peer may define; what it wants of others is not known.
const maxPeerSets = 1024

// peer is one connected scheduler, or the room for one.
type peer struct {
	up   bool
	sets []*set // that it has defined, by their number; nil: none. They are in no list, and have no workers
	heap heap   // what it is known to hold
}

// PeerUp adds another scheduler that is connected. It panics if that is so already, or if id is above 65,535.
func (c *Core) PeerUp(now time.Duration, id PeerID, out []Effect) []Effect {
	if c.idle == nil {
		return out
	}
	x := c.idle
	if id > maxPeerID {
		panic(fmt.Sprintf("placement: peer %d is out of range", id))
	}
	if missing := int(id) + 1 - len(x.known); missing > 0 {
		x.known = append(x.known, make([]peer, missing)...)
	}
	if x.known[id].up {
		panic(fmt.Sprintf("placement: peer %d is connected already", id))
	}
	x.known[id] = peer{up: true}
	x.peers = append(x.peers, id)
	return c.reask(now, out)
}

// PeerDown removes a scheduler whose connection has ended: what it wants is forgotten, and what it was told is as if it
// had not been. If it has died, workers make all their offers anew, so that what was handed on to this scheduler is
// used last. An unknown one is no mistake.
func (c *Core) PeerDown(now time.Duration, id PeerID, out []Effect) []Effect {
	if c.idle == nil || !c.idle.connected(id) {
		c.stats.Stale++
		return out
	}
	x := c.idle
	x.known[id] = peer{}
	x.peers = slices.DeleteFunc(x.peers, func(p PeerID) bool { return p == id })
	x.wants = slices.DeleteFunc(x.wants, func(w want) bool { return w.from == id })
	slices.SortStableFunc(x.held.buf[x.held.head:], func(a, b offer) int {
		switch own, other := a.hops == 0, b.hops == 0; {
		case own == other:
			return 0
		case own:
			return 1
		}
		return -1
	})
	for _, s := range c.sets {
		if q := s.request; q != nil && int(id) < len(q.told) {
			q.count(&q.told[id], 0)
			q.told[id] = told{}
			c.stir(s, false)
		}
	}
	return c.reask(now, out)
}

// reask has all that waits told to peers as if it were new.
func (c *Core) reask(now time.Duration, out []Effect) []Effect {
	for _, s := range c.idle.waiting {
		s.request.asked = 0
		c.stir(s, true)
	}
	return c.attend(now, out)
}

func (x *idle) connected(id PeerID) bool { return int64(id) < int64(len(x.known)) && x.known[id].up }

// SetDef takes the definition of a constraint set by which a peer will say what it wants. One beyond the bound, or with
// number 0, is not known.
func (c *Core) SetDef(from PeerID, m probe.SetDef) {
	if c.idle == nil || !c.idle.connected(from) || m.Set == 0 || m.Set > maxPeerSets {
		c.stats.Stale++
		return
	}
	p := &c.idle.known[from]
	if missing := int(m.Set) + 1 - len(p.sets); missing > 0 {
		p.sets = append(p.sets, make([]*set, missing)...)
	}
	p.sets[m.Set] = &set{app: m.App, require: slices.Clone(m.Labels)}
	c.idle.wants = slices.DeleteFunc(c.idle.wants, func(w want) bool { return w.from == from && w.number == m.Set })
}

// peerSet returns what a peer has defined, or nil.
func (x *idle) peerSet(from PeerID, number uint32) *set {
	if !x.connected(from) || int64(number) >= int64(len(x.known[from].sets)) {
		return nil
	}
	return x.known[from].sets[number]
}

// Set returns what the number in an EffectWant, EffectSpare or EffectSetDef stands for: the app and the labels that are
// required with it. Labels are shared, and not to be changed.
func (c *Core) Set(number uint32) (app string, require []probe.Label, ok bool) {
	if c.idle == nil || number == 0 || int64(number) > int64(len(c.idle.sets)) || c.idle.sets[number-1] == nil {
		return "", nil, false
	}
	s := c.idle.sets[number-1]
	return s.app, s.require, true
}

// define gives a set a number, and tells it to a peer that does not know it.
func (c *Core) define(s *set, t *told, to PeerID, out []Effect) []Effect {
	x, q := c.idle, s.request
	if q.number == 0 {
		i := slices.Index(x.sets, nil)
		if i < 0 {
			i = len(x.sets)
			x.sets = append(x.sets, nil)
		}
		x.sets[i] = s
		q.number = uint32(i) + 1
	}
	if t.defined {
		return out
	}
	t.defined = true
	return append(out, Effect{Kind: EffectSetDef, Peer: to, Task: q.number})
}

// undefine has the number of a set that is forgotten used again.
func (c *Core) undefine(s *set) {
	if s.request != nil && s.request.number != 0 {
		c.idle.sets[s.request.number-1] = nil
	}
}
