package view

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"

	"dunnock/probe"
)

// Table folds gossip's events into views. It has one method per event; each
// reports whether the view changed. A table is not safe for concurrent use;
// the views that it hands out are.
//
// It holds one entry for each node that gossip holds, and so has gossip's bounds.
type Table struct {
	nodes   map[string]node  // by identity: everyone who joined and has not left
	lives   map[Key][]Member // the decodable ones, newest first; no key without a member
	bad     int              // how many are not decodable
	view    *View            // nil: to be made anew
	ignored uint64
}

type node struct {
	gossipAddr string
	decodable  bool
}

// NewTable makes an empty table.
func NewTable() *Table {
	return &Table{nodes: map[string]node{}, lives: map[Key][]Member{}}
}

// Join takes in that a node is alive. gossipAddr is its ip:port, meta what it
// announces; nothing is kept of meta. A node that had joined before is updated.
func (t *Table) Join(identity, gossipAddr string, meta []byte) bool {
	key, life, _ := ParseIdentity(identity) // the zero Key, which has no lives, if it does not parse
	was, bad := t.newest(key), t.bad
	t.remove(identity, key, life)
	m, err := Decode(identity, gossipAddr, meta)
	t.nodes[identity] = node{gossipAddr: gossipAddr, decodable: err == nil}
	if err != nil {
		t.bad++
	} else {
		lives := t.lives[key]
		at, _ := slices.BinarySearchFunc(lives, m.Incarnation, newestFirst)
		t.lives[key] = slices.Insert(lives, at, m)
	}
	return t.changed(key, was, bad)
}

// Update takes in that a node announces something new. It is the same as
// [Table.Join]: gossip may well deliver only one of the two.
func (t *Table) Update(identity, gossipAddr string, meta []byte) bool {
	return t.Join(identity, gossipAddr, meta)
}

// Leave takes in that a node has left or is held for dead. One that never
// joined is ignored, and counted.
func (t *Table) Leave(identity string) bool {
	if _, known := t.nodes[identity]; !known {
		t.ignored++
		return false
	}
	key, life, _ := ParseIdentity(identity)
	was, bad := t.newest(key), t.bad
	t.remove(identity, key, life)
	return t.changed(key, was, bad)
}

// View returns the view of the events so far. It is the same pointer until an
// event changes it.
func (t *Table) View() *View {
	if t.view == nil {
		all := make([]Member, 0, len(t.nodes))
		for _, lives := range t.lives {
			all = append(all, lives...)
		}
		t.view = New(all...)
		t.view.undecodable = t.bad
	}
	return t.view
}

// Nodes is how many nodes are alive as gossip has it: also those that no view
// shows, because they are joining, superseded or not decodable.
func (t *Table) Nodes() int { return len(t.nodes) }

// GossipAddrs yields the gossip address of each node that is alive, in no order.
func (t *Table) GossipAddrs() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, n := range t.nodes {
			if !yield(n.gossipAddr) {
				return
			}
		}
	}
}

// Lives returns all lives of one name that gossip holds for alive, newest
// first and joining ones too. The slice is the caller's.
func (t *Table) Lives(k Key) []Member { return slices.Clone(t.lives[k]) }

// Ignored is how many events had no node to act on.
func (t *Table) Ignored() uint64 { return t.ignored }

// CheckInvariants walks the whole table.
func (t *Table) CheckInvariants() error {
	var errs []error
	decodable := 0
	for key, lives := range t.lives {
		if len(lives) == 0 {
			errs = append(errs, fmt.Errorf("%v: kept without a life", key))
		}
		if !slices.IsSortedFunc(lives, func(a, b Member) int { return newestFirst(a, b.Incarnation) }) {
			errs = append(errs, fmt.Errorf("%v: lives are not newest first", key))
		}
		decodable += len(lives)
		for i := range lives {
			m := &lives[i]
			n, ok := t.nodes[Identity(key, m.Incarnation)]
			if m.Key() != key || !ok || !n.decodable || n.gossipAddr != m.GossipAddr {
				errs = append(errs, fmt.Errorf("%v: life %s is not what its node says", key, m.Incarnation))
			}
		}
	}
	if decodable+t.bad != len(t.nodes) {
		errs = append(errs, fmt.Errorf("%d decodable and %d other nodes of %d", decodable, t.bad, len(t.nodes)))
	}
	if t.view != nil {
		kept := t.view
		t.view = nil
		fresh := t.View()
		if !slices.EqualFunc(kept.members, fresh.members, func(a, b Member) bool { return a.Equal(&b) }) || kept.undecodable != fresh.undecodable {
			errs = append(errs, errors.New("the view is out of date"))
		}
		t.view = kept
	}
	return errors.Join(errs...)
}

// remove forgets a node, if there is one.
func (t *Table) remove(identity string, key Key, life probe.Incarnation) {
	n, known := t.nodes[identity]
	if !known {
		return
	}
	delete(t.nodes, identity)
	if !n.decodable {
		t.bad--
		return
	}
	t.lives[key] = slices.DeleteFunc(t.lives[key], func(m Member) bool { return m.Incarnation == life })
	if len(t.lives[key]) == 0 {
		delete(t.lives, key)
	}
}

// newest returns the life of a name that belongs into the view; one without a name if none does.
func (t *Table) newest(key Key) Member {
	for _, m := range t.lives[key] {
		if m.State != Joining {
			return m
		}
	}
	return Member{}
}

// changed drops the view if what an event could touch is no longer what it was.
func (t *Table) changed(key Key, was Member, bad int) bool {
	is := t.newest(key)
	if is.Equal(&was) && bad == t.bad {
		return false
	}
	t.view = nil
	return true
}

func newestFirst(m Member, i probe.Incarnation) int { return cmp.Compare(i, m.Incarnation) }
