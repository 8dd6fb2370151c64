package gossip

import (
	"time"

	"github.com/hashicorp/memberlist"

	"dunnock/gossip/view"
)

// events is what memberlist calls when it learns of a change. It calls with its
// node lock held, so nothing here blocks or calls memberlist back; our lock comes
// after its own, and is never held when we call memberlist.
type events struct{ n *Node }

// NotifyJoin takes in that a node is alive.
func (e events) NotifyJoin(m *memberlist.Node) {
	e.n.fold(func(t *view.Table) bool {
		e.n.lost.found(m)
		return t.Join(m.Name, m.Address(), m.Meta)
	})
}

// NotifyUpdate takes in that a node announces something new.
func (e events) NotifyUpdate(m *memberlist.Node) {
	e.n.fold(func(t *view.Table) bool { return t.Update(m.Name, m.Address(), m.Meta) })
}

// NotifyLeave takes in that a node left, or is held for dead.
func (e events) NotifyLeave(m *memberlist.Node) {
	e.n.fold(func(t *view.Table) bool {
		e.n.lost.miss(m, time.Now())
		return t.Leave(m.Name)
	})
	wake(e.n.wakeLost)
}

// delegate is what memberlist asks for and tells beside events.
type delegate struct{ n *Node }

// NodeMeta returns what the node announces now. It is within the limit, which is larger than ours.
func (d delegate) NodeMeta(int) []byte { return *d.n.meta.Load() }

// LocalState is sent with each exchange of the whole state. It is one byte, because without any the
// other side would not be told of the exchange.
func (d delegate) LocalState(bool) []byte { return []byte{1} }

// MergeRemoteState comes after all nodes of an exchange have been taken in.
func (d delegate) MergeRemoteState([]byte, bool) { d.n.hadContact() }

// NotifyMsg ignores what strangers send: the fleet sends no messages over gossip.
func (d delegate) NotifyMsg([]byte) {}

// GetBroadcasts has nothing to add.
func (d delegate) GetBroadcasts(int, int) [][]byte { return nil }
