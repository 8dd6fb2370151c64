package placement

import (
	"cmp"
	"slices"
	"time"

	"dunnock/probe"
)

// What wide jobs have got and did not need lies in a few heaps: most schedulers hold next to nothing, and some have
// dozens of offers. A hand says how many its giver has left, so that what waits is asked for where it is.

const (
	// heapLife is for how long it is believed what a peer had, in hops: then a job of its own may have had it.
	heapLife = 40
	// fewTasks is how many tasks a job of mean width has at most for which it is asked anywhere: they need next to
	// nothing of a heap, and who is told to hand on later offers is to be anybody.
	fewTasks = 16
)

// heap is what a peer has left, as far as is known.
type heap struct {
	more uint8 // offers
	at   time.Duration
}

// says takes what a peer says that it has.
func (p *peer) says(now time.Duration, more uint8) { p.heap = heap{more: more, at: now} }

// take takes of a heap what is there of n offers, until its owner says how many it has then.
func (h *heap) take(n int) int {
	n = min(n, int(h.more))
	h.more -= uint8(n)
	return n
}

// more is how many offers are left here, as a hand says it.
func (x *idle) more() uint32 { return uint32(min(x.free+x.ahead, probe.MaxMore)) }

// heapOf is what a peer is known to hold; none of that is old.
func (c *Core) heapOf(now time.Duration, p PeerID) *heap {
	h := &c.idle.known[p].heap
	if now > h.at+heapLife*c.hop() {
		h.more = 0
	}
	return h
}

// wide reports whether jobs under a set are so wide that it is looked where offers are, as long as that has been of
// use: what is not found so is looked for everywhere.
func (s *set) wide() bool { return s.request.rounds == 0 && s.request.width > fewTasks*unit }

// mayHaveMore reports whether a peer has given all that it was to give at once, and may have some left: for narrow jobs
// nobody looks closer.
func (c *Core) mayHaveMore(now time.Duration, s *set, t *told, p PeerID) bool {
	return t.rich() && (!s.wide() || c.heapOf(now, p).more > 0)
}

// heapsFirst has the peers that are known to hold offers before the others, those with most first, and returns how many
// they are; 0 where jobs are narrow.
func (c *Core) heapsFirst(now time.Duration, s *set) int {
	x, n := c.idle, 0
	if !s.wide() {
		return 0
	}
	for i, p := range x.peers {
		if c.heapOf(now, p).more > 0 {
			x.peers[n], x.peers[i] = p, x.peers[n]
			n++
		}
	}
	slices.SortFunc(x.peers[:n], func(a, b PeerID) int {
		return cmp.Or(cmp.Compare(x.known[b].heap.more, x.known[a].heap.more), cmp.Compare(a, b))
	})
	return n
}
