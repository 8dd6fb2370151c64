package queue

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Attempts that all take the same time keep their order for ever: slots that were given together are free together,
// again and again. A flood that fills an empty fleet in half of a task's time leaves no slot to free anywhere in the
// other half of every such time, and a user under its share who comes then waits for the whole of that. Nothing that is
// work-conserving can mend this, since when slots free changes only by how long they stand empty.
//
// So a worker that has been full for some tasks' time, with more than one user, holds each slot back once, for a part
// of a task's time that is another one for each. From then on its slots free at times that have nothing to do with each
// other. Who is behind its part does not wait for what is held. It costs half a task's time of each slot, once for as
// long as the worker remains full, and at most a hundredth of all time.
//
// Tasks of which each takes another time do this by themselves, and nothing is held back for them.
type stagger struct {
	seed     uint64
	rest     time.Duration   // when a slot was free last and nothing waited
	retry    time.Duration   // when to look again whether to begin
	over     bool            // it was done since the last rest
	left     int             // slots still to be held back
	step     uint64          // of the present round, as a fraction of 2^64: where in a task's time the next slot is put
	ready    int             // free slots that were held back long enough
	until    []time.Duration // for how long others are, ascending
	turn     *share          // who was served last
	switched time.Duration   // when that was somebody else last
	held     uint64          // slots that were held back
}

const (
	// trusted is how many attempts of a user say that all of them take the same time.
	trusted = 16
	// fullFor is how many usual attempts a worker must have been full in a row before it staggers its slots.
	fullFor = 8
	// staggerEvery is how many usual attempts there are between two rounds at least, of which each costs half of one;
	// and for how long a user who was served counts.
	staggerEvery = 50
	// leastStaggered is from how long usual attempts on it is done: of shorter ones nobody waits long for the next
	// slot, and timers are not that exact.
	leastStaggered = 10 * time.Millisecond
	// golden is the golden section of 2^64: its multiples are spread evenly, whatever their number.
	golden = 0x9e3779b97f4a7c15
)

// served notes whose turn it was.
func (g *stagger) served(now time.Duration, leaf *share) {
	if g.turn != nil && g.turn != leaf {
		g.switched = now
	}
	g.turn = leaf
}

// rested notes that a slot is free and nothing waits.
func (g *stagger) rested(now time.Duration) {
	g.rest, g.over, g.left, g.ready, g.until = now, false, 0, 0, g.until[:0]
}

// restrain reports whether whoever is next has to wait although so many slots are free, because they are held back.
func (q *fair) restrain(now time.Duration, free int) bool {
	g := &q.stagger
	if q.live == 0 {
		g.rested(now)
		return false
	}
	if g.left == 0 && len(g.until) == 0 && g.ready == 0 && now < g.retry {
		return false
	}
	leaf := q.root.heap[0]
	for !leaf.leaf {
		leaf = leaf.heap[0]
	}
	g.expire(now)
	if free > len(g.until)+g.ready && (g.left > 0 || q.begins(now, leaf)) && !leaf.behind(leaf.usual) {
		g.hold(now, leaf.usual)
	}
	switch {
	case free > len(g.until)+g.ready:
	case g.ready > 0:
		g.ready--
	case leaf.behind(leaf.usual):
		g.until = slices.Delete(g.until, 0, 1)
	default:
		return true
	}
	return false
}

// begins reports whether slots are to be held back from now on.
func (q *fair) begins(now time.Duration, leaf *share) bool {
	g := &q.stagger
	if now < g.retry {
		return false
	}
	g.retry = now + max(leaf.usual, leastStaggered)
	if g.over || leaf.usual < leastStaggered || !leaf.alike() || now-g.rest < fullFor*leaf.usual || now-g.switched > staggerEvery*leaf.usual {
		return false
	}
	g.retry = now + staggerEvery*leaf.usual
	var key [16]byte
	binary.LittleEndian.PutUint64(key[:], g.seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(now))
	g.over, g.left, g.step = true, q.width, xxhash.Sum64(key[:])
	return true
}

// hold holds one more slot back.
func (g *stagger) hold(now, usual time.Duration) {
	g.left--
	g.held++
	at := now + usual/(1<<16)*time.Duration(g.step>>48)
	g.step += golden
	i := len(g.until)
	for i > 0 && g.until[i-1] > at {
		i--
	}
	g.until = slices.Insert(g.until, i, at)
}

// expire finds the slots that were held back long enough.
func (g *stagger) expire(now time.Duration) {
	n := 0
	for n < len(g.until) && g.until[n] <= now {
		n++
	}
	g.ready += n
	g.until = slices.Delete(g.until, 0, n)
}

// wake is when a slot is to be used that is held back.
func (g *stagger) wake() time.Duration {
	if len(g.until) == 0 {
		return never
	}
	return g.until[0]
}

// Staggered counts how often a slot was held back, under Fair, so that not all are free at the same time.
func (c *Core) Staggered() uint64 {
	if c.named != Fair {
		return 0
	}
	return c.fair().stagger.held
}

// heldBack reports whether all free slots are held back.
func (c *Core) heldBack() bool {
	return c.named == Fair && len(c.fair().stagger.until) >= int(c.freeSlots())
}

// checkStagger verifies that no more slots are held back than there are free, and none for longer than a task takes.
func (c *Core) checkStagger() error {
	if c.named != Fair || c.wide != nil || c.offering && len(c.offers.takers) > 0 {
		return nil
	}
	g := &c.fair().stagger
	switch {
	case len(g.until)+g.ready > int(c.freeSlots()):
		return fmt.Errorf("%d slots are held back, %d no longer, and %d are free", len(g.until), g.ready, c.freeSlots())
	case !slices.IsSorted(g.until):
		return fmt.Errorf("slots are held back until %v", g.until)
	case g.left < 0 || g.left > c.fair().width:
		return fmt.Errorf("%d slots of %d are still to be held back", g.left, c.fair().width)
	}
	return nil
}
