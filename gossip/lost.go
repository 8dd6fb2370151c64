package gossip

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"dunnock/gossip/view"
)

const (
	// lostFor is for how long who was lost is looked for. Later only Config.Join brings parts of a fleet together.
	lostFor = deadTime
	// lostPause is the time between two looks, and lostTries by how many of all nodes each lost one is tried in that
	// time.
	lostPause = time.Second
	lostTries = 3
	// lostParallel bounds the tries of one node that have no answer yet: one takes as long as streamTimeout if packets
	// are dropped.
	lostParallel = 4
	// maxLost bounds how many are remembered. If more are lost, any of them will tell us of the others.
	maxLost = 256
)

// lost is who was given up without having said that it leaves. Whoever was cut off and believes most of the others dead
// hears nothing new once it can be reached: nobody probes the dead, gossip is silent without news, and states are
// exchanged with the living only, now and then. So the lost are asked for their state again and again for a while,
// which tells both sides that they are alive.
type lost struct {
	nodes  map[string]*lostNode // by identity
	trying int
}

type lostNode struct {
	addr   netip.AddrPort // of its gossip
	until  time.Time
	trying bool
}

// miss notes that a node was lost.
func (l *lost) miss(m *memberlist.Node, now time.Time) {
	addr, err := netip.ParseAddrPort(m.Address())
	if err != nil || len(l.nodes) >= maxLost {
		return
	}
	if said, err := view.Decode(m.Name, m.Address(), m.Meta); err == nil && said.State == view.Draining {
		return // it has left
	}
	if l.nodes == nil {
		l.nodes = map[string]*lostNode{}
	}
	l.nodes[m.Name] = &lostNode{addr: addr, until: now.Add(lostFor)}
}

// found forgets a node that is back, and those whose address another life has now.
func (l *lost) found(m *memberlist.Node) {
	for identity, n := range l.nodes {
		if identity == m.Name || n.addr.String() == m.Address() {
			delete(l.nodes, identity)
		}
	}
}

// pick draws whom to try now, in a fleet of so many nodes that are alive.
func (l *lost) pick(now time.Time, alive int) []*lostNode {
	var picked []*lostNode
	for identity, n := range l.nodes {
		switch {
		case now.After(n.until):
			delete(l.nodes, identity)
		case n.trying || l.trying >= lostParallel || rand.IntN(max(alive, 1)) >= lostTries:
		default:
			n.trying = true
			l.trying++
			picked = append(picked, n)
		}
	}
	return picked
}

// tried ends a try.
func (l *lost) tried(n *lostNode) {
	n.trying = false
	l.trying--
}

// keepFound looks for the lost until ctx is done.
func (n *Node) keepFound(ctx context.Context) {
	var tries sync.WaitGroup
	defer tries.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		n.mu.Lock()
		picked, left := n.lost.pick(time.Now(), n.table.Nodes()), len(n.lost.nodes)
		n.mu.Unlock()
		for _, l := range picked {
			tries.Go(func() {
				_ = n.joinOne(l.addr) // it is tried again
				n.mu.Lock()
				n.lost.tried(l)
				n.mu.Unlock()
			})
		}
		if left == 0 {
			select {
			case <-ctx.Done():
				return
			case <-n.wakeLost:
			}
		}
		timer.Reset(jitter(lostPause))
	}
}
