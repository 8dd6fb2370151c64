package placement

import (
	"slices"
	"time"

	"dunnock/probe"
)

const (
	// Each launch earns this many messages to peers, and every want, withdrawal and spare that is sent costs one, and
	// every hand that comes. Charged to who hands on, a scheduler with few jobs of its own would be in debt for ever.
	budget      = 3
	firstCredit = 64
	maxCredit   = 256
	deepDebt    = -32
	minCredit   = -256
	// The fleet is not full while more offers than this are here when a job comes.
	fewOffers = 2
	// maxRoundShift bounds by how many doublings rounds are apart that were in vain; with little credit by twice as many.
	maxRoundShift = 2
	// A scheduler in debt, which has asked more than its launches have earned, leaves more time between rounds, so many
	// doublings at most, and asks further peers only then. In deep debt it waits for some rounds before it tells
	// anybody.
	debtRounds = 6
	deepRounds = 4
	// maxRounds bounds by how many doublings more peers are told after them: more than there can be.
	maxRounds = 12
	// roundTenths is how long a round takes, in tenths of a hop: there and back, and a little.
	roundTenths = 22
)

// want is what a peer wants of our offers.
type want struct {
	from    PeerID
	number  uint32 // of its set
	set     *set
	arrived time.Duration // its oldest job
	left    uint32        // offers that it gets
}

// told is what a peer was told of a set.
type told struct {
	arrived time.Duration // of the oldest job, as it was told
	left    uint32        // of its quota
	now     uint32        // that it was to give at once
	gave    uint32        // that it gave since
	at      time.Duration // when it was told
	defined bool          // it knows the set's number
}

// rich reports whether a peer has given all that it was to give at once, so that it may hold more.
func (t *told) rich() bool { return t.now > 0 && t.gave >= t.now }

// count notes that a peer has something left of its quota, or nothing.
func (q *request) count(t *told, left uint32) {
	switch {
	case t.left == 0 && left > 0:
		q.ntold++
	case t.left > 0 && left == 0:
		q.ntold--
	}
	t.left = left
}

// toldOf returns what a peer was told.
func (q *request) toldOf(p PeerID) *told {
	if missing := int(p) + 1 - len(q.told); missing > 0 {
		q.told = append(q.told, make([]told, missing)...)
	}
	return &q.told[p]
}

// oldest is when the job came of what waits longest.
func (q *request) oldest() time.Duration { return q.head.timer.j.submitted }

// tell tells a peer what it is to hand on; with quota 0, nothing any more.
func (c *Core) tell(now time.Duration, s *set, to PeerID, quota, atOnce uint32, out []Effect) []Effect {
	q := s.request
	t := q.toldOf(to)
	out = c.define(s, t, to, out)
	q.count(t, quota)
	t.now, t.gave, t.arrived, t.at = atOnce, 0, now, now
	if q.head != nil {
		t.arrived = q.oldest()
	}
	c.idle.credit = max(c.idle.credit-1, minCredit)
	c.stats.Wants++
	return append(out, Effect{Kind: EffectWant, Peer: to, Task: q.number, Wait: now - t.arrived, Count: quota, Res: atOnce})
}

// quota is what each of n peers is to hand on in all: half as much again as what waits.
func quota(waiting, n int) uint32 {
	n = max(n, 1)
	return uint32(max(1, (3*waiting+2*n-1)/(2*n)))
}

// enough is how many offers are asked for at once for n tasks, because not all who are asked have one: half more, but
// for many no more than a quarter and four. What comes and is not needed stays here, so that those of the next wide job
// are found in a few heaps instead of everywhere.
func enough(n int) int { return min((3*n+1)/2, n+n/4+4) }

// ask tells peers what waits, fewer than there are tasks: the more are told, the surer offers come, and the more come
// that are not needed.
func (c *Core) ask(now time.Duration, s *set, out []Effect) []Effect {
	x, q := c.idle, s.request
	peers := len(x.peers)
	if s.needy() == 0 {
		return c.settle(now, s, out)
	}
	if peers == 0 {
		return out
	}
	lack := max(1, s.needy()-q.asked) // tasks that nobody was asked for
	target := min(peers, max(1, (7*s.needy()+5)/10)+1<<min(q.rounds, maxRounds)-1)
	fresh := target - q.ntold
	rich := q.stock > fewOffers*unit
	if rich {
		fresh = min(peers-q.ntold, lack+1)
	}
	if fresh = min(fresh, c.affords(q)); fresh <= 0 {
		c.again(now, q)
		return out
	}
	units := max(fresh, enough(lack)) // to be given at once, by all of them together
	each := uint32(0)
	if !rich {
		each = quota(s.needy(), max(target, fresh))
	}
	heaps := c.heapsFirst(now, s)
	for n := 0; n < peers && fresh > 0 && (units > 0 || !rich); n++ {
		if n >= heaps {
			i := n + int(probe.Below(c.rng, uint64(peers-n)))
			x.peers[n], x.peers[i] = x.peers[i], x.peers[n]
		}
		if p := x.peers[n]; q.toldOf(p).left == 0 {
			part := (units + fresh - 1) / fresh
			if n < heaps {
				part = min(units, max(part, x.known[p].heap.take(units)))
			}
			out = c.tell(now, s, p, max(each, uint32(part)), uint32(part), out)
			units -= part
			fresh--
		}
	}
	q.asked, q.toldAt = s.needy(), now
	c.again(now, q)
	return out
}

// affords is how many peers more may be told. Each may have to be told again. But one that holds what is needed here is
// found in the end, whatever that costs.
func (c *Core) affords(q *request) int {
	switch credit := c.idle.credit; {
	case credit >= 0:
		return max(credit/2, 1-q.ntold, min(q.rounds, 1))
	case q.rounds >= debtRounds:
		return 1
	case credit < deepDebt && q.rounds < deepRounds:
		return 0
	}
	return 1 - q.ntold
}

// again has it looked after a round whether what was asked for has come.
func (c *Core) again(now time.Duration, q *request) {
	if q.roundAt == never {
		shift := maxRoundShift
		switch credit := c.idle.credit; {
		case credit < 0:
			shift = debtRounds
		case credit < firstCredit:
			shift *= 2
		}
		q.roundAt = after(now, c.roundTrip()<<min(q.rounds, shift))
		c.idle.wake = min(c.idle.wake, q.roundAt)
	}
}

// roundTrip is when what was to be given at once has come.
func (c *Core) roundTrip() time.Duration { return max(c.hop()*roundTenths/10, minRound) }

// minRound bounds how often what waits is asked for, where a hop takes next to nothing.
const minRound = 50 * time.Microsecond

// settle tells the peers that were told something when the oldest task has changed, or nothing waits any more. The
// latter may be so because what they were asked for is coming in; until that has come there is nothing to withdraw. In
// the former case they are to give one at once: a peer whose quota has just run out may hold some, and passes on only
// what comes after it has heard this.
func (c *Core) settle(now time.Duration, s *set, out []Effect) []Effect {
	q, over := s.request, s.needy() == 0
	if over {
		q.asked, q.rounds = 0, 0
	} else {
		q.asked = min(q.asked, s.needy())
	}
	if q.ntold == 0 {
		return out
	}
	if over && q.stock > fewOffers*unit && now < q.toldAt+2*c.hop() {
		c.again(now, q)
		return out
	}
	if !over && c.idle.credit < q.ntold {
		return out
	}
	for p := range q.told {
		switch t := &q.told[p]; {
		case t.left == 0:
		case over:
			out = c.tell(now, s, PeerID(p), 0, 0, out)
		case t.arrived != q.oldest():
			out = c.tell(now, s, PeerID(p), quota(s.needy(), q.ntold), 1, out)
		}
	}
	if !over {
		c.again(now, q)
	}
	return out
}

// round asks again for what still waits: peers that gave all that they were asked for may have more, and otherwise
// others may, twice as many each time. One that gave less holds nothing, and hands on what comes as long as its quota
// lasts. So a task for which somebody holds an offer gets that after a few rounds.
func (c *Core) round(now time.Duration, s *set, out []Effect) []Effect {
	q := s.request
	q.roundAt = never
	out = c.serve(now, s, out)
	if s.needy() == 0 {
		return c.settle(now, s, out)
	}
	rich := 0
	for p := range q.told {
		if t := &q.told[p]; c.mayHaveMore(now, s, t, PeerID(p)) {
			rich++
		} else if now >= t.at+2*c.hop() {
			if t.now > t.gave {
				c.idle.known[p].heap = heap{}
			}
			t.now = 0
		}
	}
	if rich == 0 {
		q.asked = 0
		q.rounds++
		out = c.bindLate(now, s, out)
		return c.ask(now, s, out)
	}
	if s.wide() {
		return c.askHeaps(now, s, out)
	}
	atOnce := uint32((s.needy() + rich - 1) / rich)
	each := max(atOnce, quota(s.needy(), q.ntold))
	for p := range q.told {
		if q.told[p].rich() {
			out = c.tell(now, s, PeerID(p), each, atOnce, out)
		}
	}
	c.again(now, q)
	return out
}

// askHeaps asks the peers again that have given all that they were asked for and have more, those that have most first,
// until what they have would do.
func (c *Core) askHeaps(now time.Duration, s *set, out []Effect) []Effect {
	x, q := c.idle, s.request
	lack, each := s.needy(), quota(s.needy(), q.ntold)
	for _, p := range x.peers[:c.heapsFirst(now, s)] {
		if lack == 0 {
			break
		}
		if int64(p) < int64(len(q.told)) && q.told[p].rich() {
			n := x.known[p].heap.take(lack)
			lack -= n
			out = c.tell(now, s, p, max(each, uint32(n)), uint32(n), out)
		}
	}
	c.again(now, q)
	return out
}

// Want takes what a peer wants of the offers here, instead of what it wanted before under the same set. It is given at
// once what it asks for and is here.
func (c *Core) Want(now time.Duration, from PeerID, m probe.Want, out []Effect) []Effect {
	if c.idle == nil || c.idle.peerSet(from, m.Set) == nil {
		c.stats.Stale++
		return out
	}
	x := c.idle
	if i := slices.IndexFunc(x.wants, func(w want) bool { return w.from == from && w.number == m.Set }); i >= 0 {
		x.wants = slices.Delete(x.wants, i, i+1)
	}
	if m.Quota == 0 {
		return out
	}
	x.known[from].heap = heap{} // or it would not ask
	if f := x.forecasts[x.peerSet(from, m.Set).app]; f != nil {
		f.wanted = now
	}
	w := want{from: from, number: m.Set, set: x.peerSet(from, m.Set), arrived: now - max(m.Age, 0) - c.hop(), left: m.Quota}
	k := len(x.wants)
	for k > 0 && x.wants[k-1].arrived > w.arrived {
		k--
	}
	x.wants = slices.Insert(x.wants, k, w)
	for n := min(m.Now, m.Quota); n > 0; n-- {
		t, _, ok := c.takeFor(now, w.set)
		if !ok {
			break
		}
		out = c.pass(now, k, t, out)
	}
	return out
}

// wantFor returns the want whose tasks have waited longest of those for which a worker's offer would do, of one app
// unless that is empty; -1: none.
func (c *Core) wantFor(w *worker, app string) int {
	return slices.IndexFunc(c.idle.wants, func(o want) bool { return (app == "" || o.set.app == app) && o.set.matches(c.offer(w)) })
}
