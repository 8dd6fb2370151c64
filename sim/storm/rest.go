package storm

import (
	"slices"
	"time"

	"dunnock/worker/queue"
)

// quiet is for how long nothing has to happen before a fleet is at rest: longer than anything is kept or waited for
// without a job.
const quiet = time.Minute

// restBy is when a run ends whose fleet is never without events: slots that are free offer themselves anew for ever.
// While somebody waits for a job there is time for its deadline and what follows it.
func (b *book) restBy() time.Duration {
	w := b.w
	switch {
	case !w.plan.offers():
		return never
	case b.open > 0:
		return w.heal + 5*time.Minute
	}
	return max(w.heal, b.last) + quiet
}

// crossing is for how long a message may be on its way when all is well.
func (p *Plan) crossing() time.Duration { return 2 * (p.Delay + p.Jitter) }

// handLife is for how long a scheduler holds an offer at least that was made to another and handed on, after which it
// may be nobody's until its worker makes it anew.
const handLife = 4500 * time.Millisecond

// handed notes that an offer of a worker is handed on.
func (l *link) handed(lane uint16, call uint32) {
	if k := l.k; k.up && k.life == l.life && int32(call-k.handed[lane]) > 0 {
		k.handed[lane] = call
	}
}

// offersAtRest judges what is left of offers when nothing waits: each slot is offered, by its present call, and that is
// held by somebody who may use it; nobody holds another one, and nobody wants any. Where what peers say goes astray a
// want may have come behind the word that it is over: it stands until as many offers have been handed on as it was for.
func (b *book) offersAtRest() {
	w := b.w
	held := make(map[laneOfLife]uint32)
	for _, s := range w.schedulers {
		ofUs, ofPeers := s.core.Wanted()
		offers := s.core.HeldOffers(w.now, nil)
		if (ofUs > 0 && len(offers) > 0 && w.plan.Picky == 0 && !s.misheard()) || ofPeers > 0 { // it hands on what it gets while there is a want
			w.fail("%s is at rest with %d wants of others and %d of its own", w.name(s.node), ofUs, ofPeers)
		}
		for _, o := range offers {
			l := s.linkOf(o.Worker)
			if l == nil || !l.k.up || l.life != l.k.life {
				w.fail("%s is at rest with an offer of worker %d, which is not connected", w.name(s.node), o.Worker)
				return
			}
			v := l.k.core.Slot(int(o.Lane))
			if (v.State != queue.Offered || v.Call != o.Call) && w.now-v.Since > w.plan.crossing() {
				w.fail("%s is at rest with the offer of %s in lane %d, call %d; that is %v, call %d", w.name(s.node), w.name(l.k.node), o.Lane, o.Call, v.State, v.Call)
			}
			held[laneOfLife{l.k.node, o.Lane}] = o.Call
		}
	}
	for _, k := range w.workers {
		b.offeredAtRest(k, held)
	}
}

// laneOfLife is a lane of a worker.
type laneOfLife struct {
	worker int
	lane   uint16
}

// offeredAtRest judges one worker's offers.
func (b *book) offeredAtRest(k *worker, held map[laneOfLife]uint32) {
	w := b.w
	if k.sorts() {
		return
	}
	if l := k.core.Load(); l.Held > 0 || (!k.draining && l.Offered != l.Slots) {
		w.fail("%s is at rest with %d of %d slots on offer, and %d launches that wait", w.name(k.node), l.Offered, l.Slots, l.Held)
	}
	for i := range w.plan.lanes() {
		v := k.core.Slot(i)
		if v.State != queue.Offered || w.now-v.Since < w.plan.crossing() {
			continue
		}
		p := k.callerOf(v.Scheduler)
		if p == nil {
			w.fail("%s is at rest with an offer to somebody who is not connected", w.name(k.node))
			return
		}
		if !p.s.samples(k) || (k.handed[i] == v.Call && w.now-v.Since >= handLife) {
			continue
		}
		if call, ok := held[laneOfLife{k.node, uint16(i)}]; !ok || call != v.Call {
			w.fail("%s is at rest with lane %d on offer to %s, call %d since %v, and nobody holds that", w.name(k.node), i, w.name(p.s.node), v.Call, v.Since)
		}
	}
}

// misheard reports whether a scheduler may have heard a word of a peer twice, or behind a later one.
func (s *scheduler) misheard() bool {
	return slices.ContainsFunc(s.peers, func(p *peer) bool { return p != nil && p.end.line.astray })
}

// samples reports whether a scheduler may place tasks on a worker.
func (s *scheduler) samples(k *worker) bool {
	l := s.linkOf(s.numberOf(k.incarnation(k.life)))
	if l == nil {
		return false
	}
	v, ok := s.core.Worker(l.id)
	return ok && !v.Draining && !v.Quarantined
}

// atRest judges what is left when nothing happens any more.
func (b *book) atRest() {
	w := b.w
	for _, j := range b.jobs {
		if !j.over && !j.orphaned && j.ref != 0 {
			w.fail("job %d has no end", j.index)
		}
		for _, t := range j.tasks {
			for _, x := range t.starts {
				if !x.over {
					w.fail("job %d, task %d: its start on %s has no end", j.index, t.index, w.name(x.k.node))
				}
			}
		}
	}
	for _, s := range w.schedulers {
		if l := s.core.Load(); l.Jobs+l.Waiting+l.Running+l.Reservations > 0 {
			w.fail("%s is at rest with %+v", w.name(s.node), l)
		}
	}
	for _, k := range w.workers {
		if l := k.core.Load(); l.Free != l.Slots || l.Reservations > 0 || l.Results > 0 {
			w.fail("%s is at rest with %+v", w.name(k.node), l)
		}
	}
	for _, c := range w.clients {
		if l := c.core.Load(); l.Jobs > 0 {
			w.fail("%s is at rest with %+v", w.name(c.node), l)
		}
	}
	if w.plan.offers() {
		b.offersAtRest()
	}
}
