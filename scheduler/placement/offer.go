package placement

import (
	"time"

	"dunnock/probe"
)

const (
	// homeGrace is for how much longer than its life ([probe.Life]) an offer is held by whom it was made to. Its worker
	// makes it anew up to a second after that, and nearly always to the same scheduler: that is the end of the old one.
	// If it were dropped before, the slot would be nobody's in between. Others, who do not hear of that, hold it for
	// its life: a launch seldom crosses the new one.
	homeGrace = 1500 * time.Millisecond
	// margin is by how much longer a peer's task must have waited to get an offer that this scheduler could use:
	// handing it on takes a hop, in which the slot is empty.
	margin = 3 * time.Millisecond
	// maxHops is how often an offer goes on past a scheduler that could use it.
	maxHops = 3
	// mostHops is how often it goes on at all. Then it stays where it is, or is dropped where it is of no use: its
	// worker makes it anew.
	mostHops = 64
	// spareOffers is how many offers a scheduler holds beyond twice its share of the slots.
	spareOffers = 256
	// Those that are void by now lie among the others until these go, which may be good for more than a minute. They
	// are looked for when there are this many times as many, and some more.
	voidShare = 2
	voidLeast = 64
)

// offer is a slot that is free or soon will be, and that a task may be launched on. It is good as long as its lane's
// record says so.
type offer struct {
	worker probe.WorkerID
	life   uint32 // of the worker
	call   uint32
	lane   uint16
	hops   uint8  // how often it was handed on
	ahead  bool   // it was made before its slot was free
	brief  uint16 // the number + 1 of the app that it is for; 0: for all
	ready  time.Duration
	until  time.Duration
}

// Offer takes the offer of a slot that is free, or will be when m.Ready has passed: the oldest waiting task that may
// run there is launched on it, or it goes on to a peer whose task has waited longer, or it is held. An offer that
// repeats the lane's last call or comes from a worker that is not sampled is dropped. Like a new GetTask, one from a
// lane whose last task is still bound says that its end was lost, unless that may be on its way still. Under another
// policy than [IdleOffer] it has no effect.
func (c *Core) Offer(now time.Duration, w probe.WorkerID, m probe.Offer, out []Effect) []Effect {
	wk := c.worker(w)
	if c.idle == nil || wk == nil {
		c.stats.Stale++
		return out
	}
	s := c.slot(wk, m.Slot)
	if s == nil || s.state != slotSilent && int32(m.Call-s.call) <= 0 || int(m.Brief) > len(c.offer(wk).Apps) {
		c.stats.Stale++
		return out
	}
	c.stats.Offers++
	c.idle.come(now)
	t := offer{worker: w, life: c.profiles[w].life, lane: m.Slot, call: m.Call, ready: now, until: now + probe.Life(m.Renewed) + homeGrace}
	if t.ahead = m.Ready > 0 || m.Brief > 0; t.ahead { // that was so when it left
		t.ready = now + max(m.Ready-c.hop(), 0)
	}
	if t.brief = m.Brief; t.brief > 0 {
		t.until = now + briefLife
	}
	if s.state.binds() {
		if c.crosses(now, s) {
			if !c.putBy(t) {
				c.stats.OffersDropped++
			}
			return c.attend(now, out)
		}
		out = c.lose(now, wk, s, out)
	}
	return c.attend(now, c.handed(now, wk, t, out))
}

// offered does with an offer what is best.
func (c *Core) offered(now time.Duration, w *worker, t offer, out []Effect) []Effect {
	app := c.appOf(&t)
	g, out := c.nextFor(now, w, app, out)
	if i := c.wantFor(w, app); i >= 0 && t.hops < mostHops && (g == nil || t.hops < maxHops && c.idle.wants[i].arrived < g.timer.j.submitted-margin) {
		return c.pass(now, i, t, out)
	}
	if g != nil && !c.awaitsBetter(now, g, &t) {
		var ok bool
		if out, ok = c.launchOn(now, g, w, t, out); ok {
			c.used(&w.slots[t.lane], t)
			return out
		}
	}
	c.stats.OffersHeld++
	c.keepOffer(now, t)
	return out
}

// awaitsBetter reports whether an offer of a slot that is free later is put aside, because where there are many offers
// those of slots that are free now are on their way from peers. What still waits when they have come is launched on it.
func (c *Core) awaitsBetter(now time.Duration, g *group, t *offer) bool {
	q := g.set.request
	return t.ready > now+c.hop() && q.stock > fewOffers*unit && q.rounds == 0 && now < q.roundAt && q.roundAt != never
}

// used notes that a task was launched on an offer.
func (c *Core) used(s *slot, t offer) {
	c.stats.OffersUsed++
	switch {
	case s.state != slotBound:
	case t.ahead:
		s.sure = sooner
	default:
		s.sure = perhaps
	}
}

// launchOn launches a task of a group on an offer, if one may run there.
func (c *Core) launchOn(now time.Duration, g *group, w *worker, t offer, out []Effect) ([]Effect, bool) {
	j := g.timer.j
	i, out, ok := c.pick(j, g, w, 0, out)
	if !ok {
		return out, false
	}
	c.idle.credit = min(c.idle.credit+budget, maxCredit)
	out = c.bind(now, j, i, w, &probe.GetTask{Slot: t.lane, Call: t.call}, out)
	if g.waiting() == 0 {
		out = c.settled(j, g, out)
	}
	return out, true
}

// keepOffer holds an offer. Beyond the bound the oldest one is dropped.
func (c *Core) keepOffer(now time.Duration, t offer) {
	x, s := c.idle, &c.workers[t.worker].slots[t.lane]
	if t.brief > 0 {
		c.keepBrief(now, s, t)
		return
	}
	if t.ready > now+c.hop() {
		s.state = slotSoon
		x.ahead++
		x.soon.push(t)
	} else {
		s.state = slotOffered
		x.free++
		x.held.push(t)
	}
	most := 2*c.load.Slots/c.schedulers + spareOffers
	if x.held.len() > voidShare*x.free+voidLeast {
		x.held.filter(c.good)
	}
	for x.held.len() > 0 {
		if oldest := x.held.at(0); c.good(oldest) && now < oldest.until && x.free <= most {
			return
		}
		c.forget(x.held.shift())
	}
}

// good reports whether an offer has not been overtaken: by another call of its lane, or the end of its worker.
func (c *Core) good(t *offer) bool {
	if c.profiles[t.worker].life != t.life || int(t.lane) >= len(c.workers[t.worker].slots) {
		return false
	}
	s := &c.workers[t.worker].slots[t.lane]
	return s.state.offered() && s.call == t.call
}

// forget lets go of an offer that is held no more.
func (c *Core) forget(t offer) {
	if c.good(&t) {
		c.stats.OffersDropped++
		c.unoffer(&c.workers[t.worker].slots[t.lane])
	}
}

// unoffer notes that what a lane has offered is used, or void.
func (c *Core) unoffer(s *slot) {
	switch s.state {
	case slotOffered:
		c.idle.free--
	case slotSoon:
		c.idle.ahead--
	case slotBrief:
		c.idle.brief--
	case slotDormant:
	case slotSilent, slotBound, slotKilled, slotOver, slotDoubted, slotHanded:
		return
	}
	s.state = slotOver
}

// withdraw puts away all that a worker has offered, because it is not sampled any more. What is for brief apps lapses
// soon, and is dropped.
func (c *Core) withdraw(now time.Duration, w *worker) {
	if c.idle == nil {
		return
	}
	others := func(t *offer) bool { // what is taken up again is not to be in the lists twice
		if t.worker == w.id && c.good(t) {
			c.unoffer(&w.slots[t.lane])
			c.lay(now, *t)
		}
		return t.worker != w.id
	}
	c.idle.held.filter(others)
	c.idle.soon.filter(others)
	for i := range w.slots {
		if s := &w.slots[i]; s.state.offered() {
			c.unoffer(s)
		}
	}
}

// lay puts an offer away until its worker is in sampling, and drops those that are too old. It gets no younger there:
// its slot may have been offered elsewhere since, of which nothing is heard here.
func (c *Core) lay(now time.Duration, t offer) {
	list := &c.idle.dormant
	for list.len() > 0 && !c.wakes(now, list.at(0)) {
		list.shift()
	}
	c.workers[t.worker].slots[t.lane].state = slotDormant
	list.push(t)
}

// wakes reports whether an offer that was put away is good still.
func (c *Core) wakes(now time.Duration, t *offer) bool {
	if now >= t.until || c.profiles[t.worker].life != t.life || int(t.lane) >= len(c.workers[t.worker].slots) {
		return false
	}
	s := &c.workers[t.worker].slots[t.lane]
	return s.state == slotDormant && s.call == t.call
}

// revive takes up what a worker has offered while it was not sampled, as far as that has not lapsed.
func (c *Core) revive(now time.Duration, w *worker, out []Effect) []Effect {
	if c.idle == nil {
		return out
	}
	var woken []offer
	c.idle.dormant.filter(func(t *offer) bool {
		if t.worker == w.id && c.wakes(now, t) {
			woken = append(woken, *t)
		}
		return t.worker != w.id
	})
	for i := range w.slots {
		if s := &w.slots[i]; s.state == slotDormant {
			s.state = slotOver
		}
	}
	for _, t := range woken {
		out = c.offered(now, w, t, out)
	}
	return out
}

// ripen moves the offers of slots that are free when a launch gets there to those that are held.
func (c *Core) ripen(now time.Duration) {
	x := c.idle
	for x.soon.len() > 0 {
		t := x.soon.at(0)
		good := c.good(t)
		if good && t.ready > now+c.hop() {
			return
		}
		if good {
			c.workers[t.worker].slots[t.lane].state = slotOffered
			x.ahead--
			x.free++
			x.held.push(*t)
		}
		x.soon.shift()
	}
}

// takeFor takes an offer that a task under a set may be launched on: the freshest of a slot that is free when the
// launch arrives, else the first of one that is free soon.
func (c *Core) takeFor(now time.Duration, s *set) (offer, *worker, bool) {
	x := c.idle
	c.ripen(now)
	for i := x.held.len() - 1; i >= 0 && x.free > 0; i-- {
		t := x.held.at(i)
		if c.good(t) && now < t.until {
			if w := &c.workers[t.worker]; s.matches(c.offer(w)) {
				c.unoffer(&w.slots[t.lane])
				return x.held.remove(i), w, true
			}
			continue
		}
		c.forget(x.held.remove(i))
	}
	if t, w, ok := c.takeBrief(now, s); ok {
		return t, w, true
	}
	for i := 0; i < x.soon.len() && x.ahead > 0; i++ {
		t := x.soon.at(i)
		if w := &c.workers[t.worker]; c.good(t) && s.matches(c.offer(w)) {
			taken := *t
			c.unoffer(&w.slots[t.lane])
			if i == 0 {
				x.soon.shift()
			} // else it is passed over from now on
			return taken, w, true
		}
	}
	return offer{}, nil, false
}

// fitting counts the offers that tasks under a set may be launched on.
func (c *Core) fitting(s *set) (free, ahead int) {
	x := c.idle
	if len(s.eligible) == c.load.Workers {
		return x.free, x.ahead
	}
	for i := range x.held.len() {
		if t := x.held.at(i); c.good(t) && s.matches(c.offer(&c.workers[t.worker])) {
			free++
		}
	}
	for i := range x.soon.len() {
		if t := x.soon.at(i); c.good(t) && s.matches(c.offer(&c.workers[t.worker])) {
			ahead++
		}
	}
	return free, ahead
}
