package placement

import (
	"math"
	"time"

	"dunnock/probe"
)

// pass hands an offer on to the peer of a want.
func (c *Core) pass(now time.Duration, i int, t offer, out []Effect) []Effect {
	w := &c.idle.wants[i]
	to := w.from
	w.left--
	if w.left == 0 {
		c.idle.wants = append(c.idle.wants[:i], c.idle.wants[i+1:]...)
	}
	return c.hand(now, to, t, out)
}

// hand hands an offer on.
func (c *Core) hand(now time.Duration, to PeerID, t offer, out []Effect) []Effect {
	s := &c.workers[t.worker].slots[t.lane]
	s.state, s.attempt = slotHanded, uint16(t.hops)
	c.stats.Hands++
	if t.hops == 0 && t.brief == 0 {
		t.until -= homeGrace
	}
	return append(out, Effect{
		Kind: EffectHand, Peer: to, Worker: t.worker, HasWorker: true, Slot: t.lane, Call: t.call,
		Wait: max(t.ready-now, 0), Deadline: max(t.until-now, 0), Attempt: uint16(min(t.hops, math.MaxUint8-1)) + 1,
		Res: uint32(t.brief), Count: c.idle.more(),
	})
}

// Hand takes an offer that a peer hands on. Where the end of what its lane ran before has not come yet, it is put by
// until then. Where its worker is not known here, it goes back: EffectHand without HasWorker means the message that
// came, with a hop more. The caller passes any id that is not connected for a worker that it does not know. A repeated
// one has no effect.
func (c *Core) Hand(now time.Duration, from PeerID, w probe.WorkerID, m probe.Hand, out []Effect) []Effect {
	if c.idle == nil || !c.idle.connected(from) {
		c.stats.Stale++
		return out
	}
	x := c.idle
	x.credit = max(x.credit-1, minCredit)
	c.stats.HandsTaken++
	c.idle.come(now)
	wk := c.worker(w)
	x.known[from].says(now, m.More)
	c.got(now, from, wk)
	var s *slot
	if wk != nil {
		s = c.slot(wk, m.Slot)
	}
	switch {
	case wk == nil:
		return c.attend(now, c.returned(from, &m, out))
	case s == nil || !s.takes(&m) || int(m.Brief) > len(c.offer(wk).Apps):
		c.stats.Stale++
		return c.attend(now, out)
	}
	t := offer{worker: w, life: c.profiles[w].life, lane: m.Slot, call: m.Call, hops: m.Hops, brief: m.Brief, ready: now, until: after(now, min(m.Left, probe.Life(probe.MaxRenewed)))}
	if t.ahead = m.Ready > 0 || m.Brief > 0; t.ahead {
		t.ready = now + max(m.Ready-c.hop(), 0)
	}
	if s.occupied() {
		if !c.putBy(t) {
			return c.attend(now, c.returned(from, &m, out))
		}
		return c.attend(now, out)
	}
	return c.attend(now, c.handed(now, wk, t, out))
}

// putBy keeps an offer until its lane has ended what it runs, or said that it does not, unless there are too many.
func (c *Core) putBy(t offer) bool {
	if len(c.idle.parked) == maxParked {
		return false
	}
	c.idle.parked = append(c.idle.parked, t)
	return true
}

// handed does with a new offer of a lane what is best.
func (c *Core) handed(now time.Duration, w *worker, t offer, out []Effect) []Effect {
	s := &w.slots[t.lane]
	c.unoffer(s)
	s.call, s.state = t.call, slotOver
	if !w.active {
		c.stats.OffersDropped++
		if t.brief == 0 {
			c.lay(now, t)
		}
		return out
	}
	return c.offered(now, w, t, out)
}

// maxParked bounds the offers that are put by. What comes then goes back.
const maxParked = 256

// unpark takes up the offers whose lanes have ended what they ran, and drops those that are void by now. A worker says
// the end of a task to one scheduler and offers its slot to another, whose hand may be faster: sent back, it would come
// again at once, any number of times.
func (c *Core) unpark(now time.Duration, out []Effect) []Effect {
	x := c.idle
	for i := 0; i < len(x.parked); {
		t := x.parked[i]
		w := &c.workers[t.worker]
		void := now >= t.until || c.profiles[t.worker].life != t.life || int(t.lane) >= len(w.slots) || int32(t.call-w.slots[t.lane].call) <= 0
		if !void && w.slots[t.lane].occupied() {
			i++
			continue
		}
		x.parked = append(x.parked[:i], x.parked[i+1:]...)
		if void {
			c.stats.OffersDropped++
			continue
		}
		out = c.handed(now, w, t, out)
	}
	return out
}

// returned sends an offer back that is of no use here yet.
func (c *Core) returned(to PeerID, m *probe.Hand, out []Effect) []Effect {
	if m.Hops >= mostHops {
		c.stats.OffersDropped++
		return out
	}
	return append(out, Effect{Kind: EffectHand, Peer: to, Count: c.idle.more()})
}

// takes reports whether a hand is news to its lane: it is of a later call, or the offer that was handed on from here is
// back.
func (s *slot) takes(m *probe.Hand) bool {
	if s.state == slotSilent {
		return true
	}
	ahead := int32(m.Call - s.call)
	return ahead > 0 || ahead == 0 && s.state == slotHanded && uint16(m.Hops) > s.attempt
}

// fewTold is how few peers may owe something before others are told.
const fewTold = 2

// got notes that a peer has given one of what it was told to. The offer does not say for which set that was. When no
// peer owes anything more, what still waits is asked for anew.
func (c *Core) got(now time.Duration, from PeerID, w *worker) {
	for _, s := range c.sets {
		q := s.request
		if q == nil || int64(from) >= int64(len(q.told)) || q.told[from].left == 0 && q.told[from].now == 0 || w != nil && !s.matches(c.offer(w)) {
			continue
		}
		t := &q.told[from]
		t.gave++
		if t.left > 0 {
			q.count(t, t.left-1)
		}
		if c.mayHaveMore(now, s, t, from) && q.roundAt != never { // it may have more
			q.roundAt = min(q.roundAt, max(now, t.at+c.roundTrip()))
			c.idle.wake = min(c.idle.wake, q.roundAt)
		}
		if t.left == 0 && s.needy() > 0 && q.ntold < fewTold {
			c.stir(s, true)
		}
		break
	}
	for _, s := range c.idle.waiting {
		if s.request.ntold == 0 {
			s.request.asked = 0
			c.stir(s, true)
		}
	}
}

const (
	spareHelpers = 3  // peers that are asked for what they can spare
	spareCredit  = 16 // that it takes
)

// restock asks a few peers for what they can spare if a job has left less than the next one will need.
func (c *Core) restock(now time.Duration, s *set, out []Effect) []Effect {
	x, q := c.idle, s.request
	free, ahead := c.fitting(s)
	width := (q.width + unit/2) / unit
	lack, helpers := width-free-ahead, min(spareHelpers, len(x.peers))
	if lack <= 0 || helpers == 0 || q.stock < q.width || x.credit < spareCredit || q.restocked != 0 && now < q.restocked+2*c.hop() {
		return out
	}
	q.restocked = now
	each := min((2*lack+helpers-1)/helpers, lack)
	for n := range helpers {
		i := n + int(probe.Below(c.rng, uint64(len(x.peers)-n)))
		x.peers[n], x.peers[i] = x.peers[i], x.peers[n]
		p := x.peers[n]
		out = c.define(s, q.toldOf(p), p, out)
		x.credit--
		c.stats.Spares++
		out = append(out, Effect{Kind: EffectSpare, Peer: p, Task: q.number, Count: uint32(each), Res: uint32(width)})
	}
	return out
}

// Spare gives a peer of what is held here beyond what the next job will need, unless somebody waits for that.
func (c *Core) Spare(now time.Duration, from PeerID, m probe.Spare, out []Effect) []Effect {
	if c.idle == nil || c.idle.peerSet(from, m.Set) == nil {
		c.stats.Stale++
		return out
	}
	x := c.idle
	s := x.peerSet(from, m.Set)
	if len(x.waiting) > 0 || len(x.wants) > 0 {
		return out
	}
	c.ripen(now)
	width := 0
	for _, own := range c.sets {
		if own.request != nil {
			width = max(width, (own.request.width+unit/2)/unit)
		}
	}
	n := min(int64(m.Lack), int64(x.free)-max(int64(m.Floor), int64(width)))
	for ; n > 0; n-- {
		t, _, ok := c.takeFor(now, s)
		if !ok {
			break
		}
		out = c.hand(now, from, t, out)
	}
	return out
}
