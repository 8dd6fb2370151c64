package queue

import "time"

// share is a user or a group of users in the tree that their paths make. The jobs of exactly one path are a leaf below
// its share, so that "org/team" can have jobs of its own beside those of "org/team/ann".
type share struct {
	parent *share
	own    *share // the leaf for jobs of exactly this path, if there were any
	path   string
	leaf   bool
	weight int64

	// spent is the slot time that the share had, over its weight, on a scale that its siblings have in common; of those
	// that want slots the one with the least is next. clock is what the last of its children to be served had spent.
	spent time.Duration
	clock time.Duration

	queued   int      // entries below
	held     int      // slots below
	children int      // shares with this parent, leaf included
	heap     []*share // children that have something queued, the next one first
	place    int      // in the parent's heap, if anything is queued
	since    uint64   // what was queued: number of the entry that made it so; settles ties

	entries list          // leaf: in the order of arrival
	usual   time.Duration // leaf: how long an attempt usually has its slot; 0: none has ended
	error   time.Duration // leaf: how far an attempt usually is from that
	seen    uint32        // leaf: attempts that have ended, up to trusted
}

// learn notes how long an attempt had its slot.
func (a *share) learn(was time.Duration) {
	if a.usual > 0 {
		a.error += (max(was-a.usual, a.usual-was) - a.error) / 8
	}
	a.usual = smooth(a.usual, was)
	a.seen = min(a.seen+1, trusted)
}

// alike reports whether the user's attempts are known to take nearly the same time each.
func (a *share) alike() bool { return a.seen == trusted && a.error <= a.usual/16 }

// behind reports whether the share, or a group that it is in, has had less than others by more than half a usual
// attempt.
func (a *share) behind(usual time.Duration) bool {
	for ; a.parent != nil; a = a.parent {
		if a.spent+usual/2 < a.parent.clock {
			return true
		}
	}
	return false
}

// before says which of two siblings is next.
func (a *share) before(b *share) bool {
	return a.spent < b.spent || (a.spent == b.spent && a.since < b.since)
}

// charge adds slot time to what the share and those above it have spent; a negative one is given back.
func (a *share) charge(d time.Duration) {
	for ; a.parent != nil; a = a.parent {
		a.spent += d / time.Duration(a.weight)
		if a.queued > 0 {
			a.parent.fix(a.place)
		}
	}
}

// insert puts a child that has something queued into the heap.
func (a *share) insert(child *share) {
	child.place = len(a.heap)
	a.heap = append(a.heap, child)
	a.fix(child.place)
}

// extract takes a child out of the heap.
func (a *share) extract(child *share) {
	at, last := child.place, len(a.heap)-1
	a.set(at, a.heap[last])
	a.heap[last] = nil
	a.heap = a.heap[:last]
	if at < last {
		a.fix(at)
	}
}

func (a *share) set(at int, child *share) {
	a.heap[at] = child
	child.place = at
}

// fix moves the child at a place up or down to where it belongs.
func (a *share) fix(at int) {
	child := a.heap[at]
	for at > 0 && child.before(a.heap[(at-1)/2]) {
		a.set(at, a.heap[(at-1)/2])
		at = (at - 1) / 2
	}
	for {
		least := 2*at + 1
		if least >= len(a.heap) {
			break
		}
		if least+1 < len(a.heap) && a.heap[least+1].before(a.heap[least]) {
			least++
		}
		if !a.heap[least].before(child) {
			break
		}
		a.set(at, a.heap[least])
		at = least
	}
	a.set(at, child)
}
