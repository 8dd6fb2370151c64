package queue

// far is what a queue remembers of Cancels far from its head. A job may have very many entries, one for each affinity
// key of its tasks, and each of them is cancelled for itself. They are not near the head: what was sampled for the
// second worker of a key came behind all that was sampled for the first ones. But they are cancelled in their order. So
// a Cancel looks where one has found something lately, and leaves a gap: an entry without a count.
type far struct {
	gaps   int    // at most half of all entries. The first is none
	popped uint64 // entries that have left at the head since this was made: places are counted from there
	// trails are places where something was found lately: some, since the reservations of several jobs may be cancelled
	// in turn. They are only guesses.
	trails [4]uint64
	next   int // trail to be given up for another
}

const (
	// nearHead is how far from the head entries are looked for at first, and gaps are closed.
	nearHead = 64
	// trailReach is how far before and behind the end of a trail its next entry is looked for.
	trailReach = 32
)

// gaps returns how many entries are gaps.
func (q *fifo) gaps() int {
	if q.far == nil {
		return 0
	}
	return q.far.gaps
}

// find returns where the entry of a reservation is, or -1, and how many entries it has looked at.
func (q *fifo) find(want entry) (i, looked int) {
	near := min(q.live, nearHead)
	if i = q.scan(want, 0, near); i >= 0 {
		return i, i + 1
	}
	looked = near
	if q.live == near {
		return -1, looked
	}
	if q.far == nil {
		q.far = &far{}
	}
	for t, place := range q.far.trails {
		at := int(place - q.far.popped) // below 0 if it has left since
		low, high := max(at-trailReach, near), min(at+trailReach, q.live)
		if low >= high {
			continue
		}
		if i = q.scan(want, low, high); i >= 0 {
			q.far.trails[t] = q.far.popped + uint64(i)
			return i, looked + i + 1 - low
		}
		looked += high - low
	}
	if i = q.scan(want, near, q.live); i < 0 {
		return -1, looked + q.live - near
	}
	q.far.trails[q.far.next] = q.far.popped + uint64(i)
	q.far.next = (q.far.next + 1) % len(q.far.trails)
	return i, looked + i + 1 - near
}

// scan returns where the entry of a reservation is among those from low up to, but without, high; -1: not there.
func (q *fifo) scan(want entry, low, high int) int {
	for i := low; i < high; i++ {
		if e := q.at(i); e.ref == want.ref && e.res == want.res && e.scheduler == want.scheduler && e.count > 0 {
			return i
		}
	}
	return -1
}

// erase takes entry i out: near the head by moving those before it up, farther away by leaving a gap.
func (q *fifo) erase(i int) {
	if i < nearHead || q.far == nil {
		for ; i > 0; i-- {
			*q.at(i) = *q.at(i - 1)
		}
		q.advance()
		return
	}
	q.at(i).count = 0
	q.far.gaps++
	q.settle()
}

// follow notes that an entry has left at the head, and takes the gaps behind it out.
func (q *fifo) follow() {
	q.far.popped++
	for q.far.gaps > 0 && q.at(0).count == 0 {
		q.head = q.index(1)
		q.live--
		q.far.gaps--
		q.far.popped++
	}
	q.settle()
}

// settle closes the gaps if they are more than half of all entries: so each has cost a constant.
func (q *fifo) settle() {
	if 2*q.far.gaps > q.live {
		q.compact()
	}
}

// compact closes all gaps. Trails lead astray then, and are found again.
func (q *fifo) compact() {
	kept := 0
	for i := range q.live {
		if e := *q.at(i); e.count > 0 {
			*q.at(kept) = e
			kept++
		}
	}
	q.live = kept
	q.closed()
}

// closed notes that there are no gaps any more.
func (q *fifo) closed() {
	if q.far != nil {
		q.far.gaps = 0
	}
}
