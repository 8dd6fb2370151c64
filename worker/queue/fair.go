package queue

import (
	"fmt"
	"math"
	"slices"
	"time"

	"dunnock/probe"
)

// fair divides the slots' time between users in proportion to their weights: start-time fair queueing (Goyal, Vin and
// Cheng, IEEE/ACM ToN 1997) at each level of a hierarchy (Bennett and Zhang, SIGCOMM 1996), with slot time in the place
// of bits.
//
// Of the shares that want a slot the one is next that has spent the least for its weight. It is work-conserving: a
// share that wants nothing is not waited for. And it has no memory of the past: a share that wants slots again begins
// at the clock of its siblings, what the last one served had spent, so that nobody has to pay for having been alone; or
// up to [credit] before it, by what it had left to others since it was first seen. A user whose jobs come in bursts is
// below its share on the whole and above it at times: without any credit the bursts queue in its own half while the
// flood has the other.
//
// Two things are not as they are for packets. How long a slot will be taken is not known when it is given away. So what
// the user's attempts usually take is charged at once, which keeps two slots that free together from going to the same
// user, and set right when the slot is free again. And with late binding about every other call ends in NoTask: that
// costs the user the time of a round trip, which its slot was taken for, and nothing else. Rejected: to count tasks,
// which gives the user of long ones more; and to charge when a slot frees, by which a user who comes with a flood has
// every slot before it has paid for one.
type fair struct {
	store
	root    *share
	shares  map[string]*share // by path, but the root and leaves
	order   []*share          // all but the root, parents before their children
	weights map[string]int
	slots   []hold        // by lane; the last one is the collector's
	width   int           // slots
	next    *share        // leaf of the entry that was popped last
	usual   time.Duration // how long an attempt usually has its slot, whoever's it is
	busy    int           // leaves with something queued or a slot
	stagger stagger
	sweepAt int // how many shares are too many
}

// hold is what a slot was given for.
type hold struct {
	leaf    *share // nil: free
	since   time.Duration
	charged time.Duration
	cost    uint64 // of an hour in it, in hours of one slot · costUnit
}

var _ discipline = (*fair)(nil)

const (
	// firstCharge is what an attempt is charged before any has ended: about the least of the tasks that a fleet is for.
	// What was charged is set right when the attempt ends.
	firstCharge = time.Millisecond
	// creditTurns is for how many usual attempts in a row a share that was below its part may have all slots at most:
	// how long others wait for somebody's burst, and how large a burst finds its slots although it takes more than its
	// part for once.
	creditTurns = 8
	// keepShares is how many shares that want nothing are kept, for users who come and go.
	keepShares = 1024
	// rebaseAt is when clocks are set back: time goes by up to 4096 times as fast on them.
	rebaseAt = time.Duration(1) << 60
)

func newFair(lanes uint16, cfg *Config) *fair {
	return &fair{
		store: newStore(), root: &share{weight: 1}, shares: make(map[string]*share), weights: cfg.Weights, slots: make([]hold, lanes+1), sweepAt: keepShares,
		width: cfg.Slots, stagger: stagger{seed: cfg.Seed, switched: -never / 2},
	}
}

func (q *fair) push(now time.Duration, e entry, class *probe.Class) {
	var leaf *share
	if class == nil {
		leaf = q.leafOf(nil)
	} else {
		leaf = q.leafOf(class.User)
	}
	i := q.add(now, e)
	q.items[i].leaf = leaf
	leaf.entries.append(&q.store, i)
	if leaf.queued+leaf.held == 0 {
		q.busy++
	}
	for s := leaf; s.parent != nil; s = s.parent {
		if s.queued++; s.queued == 1 {
			s.spent = max(s.spent, s.parent.clock-q.credit())
			s.since = q.items[i].seq
			s.parent.insert(s)
		}
	}
}

// credit is how far below the clock a share may begin. Turns are in time, so that tasks of seconds have a credit of
// seconds.
func (q *fair) credit() time.Duration { return creditTurns * time.Duration(q.width) * q.usual }

func (q *fair) pop(_ time.Duration, most uint32) (entry, bool) {
	if q.live == 0 {
		return entry{}, false
	}
	leaf := q.root.heap[0]
	for !leaf.leaf {
		leaf = leaf.heap[0]
	}
	q.next = leaf
	i := leaf.entries.head
	e, gone := q.take(i, most)
	if gone {
		q.delete(i)
	}
	return e, true
}

// popFit takes the first entry that fits of the first user who has one.
func (q *fair) popFit(_ time.Duration, core *Core) (entry, bool) {
	left := 4 * lookahead
	i := q.first(q.root, core, &left)
	if i == none {
		return entry{}, false
	}
	q.next = q.items[i].leaf
	e, gone := q.take(i, 1)
	if gone {
		q.delete(i)
	}
	return e, true
}

// first returns an entry below a share. It looks at no more than are left to be looked at.
func (q *fair) first(s *share, core *Core, left *int) uint32 {
	if s.leaf {
		i := s.entries.head
		for n := 0; i != none && n < lookahead && *left > 0; n++ {
			if *left--; core.fits(&q.items[i].entry) {
				return i
			}
			i = q.items[i].next
		}
		return none
	}
	var best *share
	found := none
	for _, child := range s.heap {
		if best != nil && !child.before(best) {
			continue
		}
		if i := q.first(child, core, left); i != none {
			best, found = child, i
		}
	}
	return found
}

// took says that the reservation popped last has taken a slot, and with it what costs as much as cost says: its user is
// charged.
func (q *fair) took(now time.Duration, slot uint16, dominant uint64) {
	leaf, cost := q.next, q.next.usual
	if cost == 0 {
		cost = q.usual
	}
	if cost == 0 {
		cost = firstCharge
	}
	if leaf.queued+leaf.held == 0 {
		q.busy++
	}
	for s := leaf; s.parent != nil; s = s.parent {
		s.held++
		s.parent.clock = max(s.parent.clock, s.spent)
	}
	q.stagger.served(now, leaf)
	cost = scale(cost, dominant)
	leaf.charge(cost)
	q.slots[slot] = hold{leaf, now, cost, dominant}
	if q.root.clock > rebaseAt {
		q.rebase()
	}
}

// holds reports whether a slot was taken and has not been released.
func (q *fair) holds(slot uint16) bool { return q.slots[slot].leaf != nil }

// released says that a slot is free again, and whether an attempt had it or only a call: what was charged is set right.
func (q *fair) released(now time.Duration, slot uint16, ran bool) {
	h := &q.slots[slot]
	leaf, cost := h.leaf, max(now-h.since, 0)
	if ran {
		leaf.learn(cost)
		q.usual = smooth(q.usual, cost)
	}
	for s := leaf; s.parent != nil; s = s.parent {
		s.held--
	}
	if leaf.queued+leaf.held == 0 {
		q.busy--
	}
	leaf.charge(scale(cost, h.cost) - h.charged)
	*h = hold{}
}

// scale multiplies a time with a cost.
func scale(d time.Duration, cost uint64) time.Duration {
	if cost == costUnit {
		return d
	}
	whole, part := uint64(d)/costUnit, uint64(d)%costUnit
	return time.Duration(min(whole, math.MaxInt64/2/cost)*cost + part*cost/costUnit)
}

// hold says that the reservation popped last collects: its user is charged as if it had what it collects.
func (q *fair) hold(now time.Duration, cost uint64) { q.took(now, q.collector(), cost) }

func (q *fair) collector() uint16 { return uint16(len(q.slots) - 1) }

// holdSince says since when the collector keeps others from slots. Until then its time costs nothing.
func (q *fair) holdSince(now time.Duration) {
	if h := &q.slots[q.collector()]; h.leaf != nil {
		h.since = now
	}
}

// unhold says that the collector has given up.
func (q *fair) unhold(now time.Duration) { q.released(now, q.collector(), false) }

// settle says that the collector has its slots, of which the first is slot.
func (q *fair) settle(slot uint16) {
	h := &q.slots[q.collector()]
	q.slots[slot], *h = *h, hold{}
}

// smooth moves what is usual by an eighth towards what was. At least 1: 0 is nothing known.
func smooth(usual, was time.Duration) time.Duration {
	if usual == 0 {
		return max(was, 1)
	}
	return max(usual+(was-usual)/8, 1)
}

func (q *fair) cancel(s probe.SchedulerID, ref probe.Ref, res uint32) uint32 {
	return q.withdraw(s, ref, res, q.delete)
}

func (q *fair) drop(s probe.SchedulerID) uint64 { return q.withdrawAll(s, q.delete) }

func (q *fair) touch() uint64 {
	if q.live == 0 {
		return 0
	}
	return uint64(q.root.heap[0].spent)
}

func (q *fair) tidy(now time.Duration) {
	moved := q.shrink(now)
	if moved == nil {
		return
	}
	for _, s := range q.order {
		if s.leaf && s.queued > 0 {
			s.entries.move(moved)
		}
	}
}

// delete takes an item out of everything.
func (q *fair) delete(i uint32) {
	leaf := q.items[i].leaf
	leaf.entries.remove(&q.store, i)
	q.remove(i)
	for s := leaf; s.parent != nil; s = s.parent {
		if s.queued--; s.queued == 0 {
			s.parent.extract(s)
		}
	}
	if leaf.queued+leaf.held == 0 {
		q.busy--
	}
}

// leafOf returns the leaf of a user. It allocates for a user that it does not know.
func (q *fair) leafOf(user []byte) *share {
	s := q.root
	if len(user) > 0 {
		s = q.shares[string(user)]
	}
	if s != nil && s.own != nil {
		return s.own
	}
	if len(q.order) >= q.sweepAt {
		q.sweep()
	}
	s = q.shareOf(string(user))
	if s.own == nil {
		s.own = q.join(&share{parent: s, path: s.path, leaf: true, weight: 1, entries: newList()})
	}
	return s.own
}

// shareOf returns the share of a path.
func (q *fair) shareOf(path string) *share {
	if path == "" {
		return q.root
	}
	if s := q.shares[path]; s != nil {
		return s
	}
	parent := q.shareOf(probe.UserGroup(path))
	s := &share{parent: parent, path: path, weight: 1}
	if w := q.weights[path]; w > 0 {
		s.weight = int64(w)
	}
	q.shares[path] = s
	return q.join(s)
}

func (q *fair) join(s *share) *share {
	s.spent = s.parent.clock
	s.parent.children++
	q.order = append(q.order, s)
	return s
}

// sweep forgets shares that want nothing. Those that have spent more than the clock come last, since that is all that
// there is to forget: they go only where too many are left.
func (q *fair) sweep() {
	q.forget(func(s *share) bool { return s.spent <= s.parent.clock })
	if len(q.order) >= q.sweepAt {
		q.forget(func(*share) bool { return true })
	}
	q.sweepAt = max(keepShares, 2*len(q.order))
}

func (q *fair) forget(may func(*share) bool) {
	for i := len(q.order) - 1; i >= 0; i-- { // children before their parents
		s := q.order[i]
		if s.queued+s.held+s.children > 0 || !may(s) {
			continue
		}
		q.order[i] = nil
		s.parent.children--
		if s.leaf {
			s.parent.own = nil
		} else {
			delete(q.shares, s.path)
		}
	}
	kept := q.order[:0]
	for _, s := range q.order {
		if s != nil {
			kept = append(kept, s)
		}
	}
	clear(q.order[len(kept):])
	q.order = kept
}

// rebase sets every clock back to 0 and takes as much from what the children have spent. What matters is who is ahead
// of whom, and by how much.
func (q *fair) rebase() {
	for _, s := range q.order {
		s.spent -= s.parent.clock
	}
	q.root.clock = 0
	for _, s := range q.order {
		s.clock = 0
	}
}

func (q *fair) check(connected func(probe.SchedulerID) bool) (uint64, error) {
	sum, err := q.store.check(connected)
	if err != nil {
		return 0, err
	}
	counts := map[*share]*below{q.root: {}}
	for _, s := range q.order {
		counts[s] = &below{}
	}
	for i := range q.slots {
		if leaf := q.slots[i].leaf; leaf != nil {
			counts[leaf].held++
		}
	}
	busy := 0
	for _, s := range slices.Backward(q.order) { // children before their parents
		if s.leaf {
			if counts[s].queued, err = q.checkLeaf(s); err != nil {
				return 0, err
			}
			if s.queued+s.held > 0 {
				busy++
			}
		}
		if err := s.check(counts[s]); err != nil {
			return 0, err
		}
		b := counts[s.parent]
		b.queued, b.held, b.children = b.queued+s.queued, b.held+s.held, b.children+1
		if s.queued > 0 {
			b.wanting++
		}
	}
	if b := counts[q.root]; b.queued != q.live || busy != q.busy || len(q.root.heap) != b.wanting {
		return 0, fmt.Errorf("fair: %d entries of %d busy users, recorded %d of %d", b.queued, busy, q.live, q.busy)
	}
	return sum, nil
}

// below is what is counted below a share.
type below struct{ queued, held, children, wanting int }

func (q *fair) checkLeaf(s *share) (n int, _ error) {
	last := uint64(0)
	for i := s.entries.head; i != none; i = q.items[i].next {
		if n++; n > q.live || q.items[i].leaf != s || q.items[i].seq <= last {
			return 0, fmt.Errorf("fair: entry %d of %q is another's or out of order", n, s.path)
		}
		last = q.items[i].seq
	}
	return n, nil
}

// check compares what a share says of those below it with what they say.
func (a *share) check(b *below) error {
	if *b != (below{a.queued, a.held, a.children, len(a.heap)}) {
		return fmt.Errorf("fair: below %q are %+v, recorded %d, %d, %d, %d", a.path, *b, a.queued, a.held, a.children, len(a.heap))
	}
	if a.queued > 0 && (a.place >= len(a.parent.heap) || a.parent.heap[a.place] != a) {
		return fmt.Errorf("fair: %q has something queued and is not in its parent's heap", a.path)
	}
	for at, c := range a.heap {
		if at > 0 && c.before(a.heap[(at-1)/2]) {
			return fmt.Errorf("fair: %q is in the wrong place of the heap", c.path)
		}
	}
	return nil
}
