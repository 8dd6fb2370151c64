package placement

import "dunnock/probe"

// idle checks offers, what waits for them, and what peers were told.
//
// The invariant that matters is again liveness: while tasks wait under a set and somebody is eligible, it is known when
// it will be looked whether they are launched (net.go), and nothing that could be is held back.
func (k *checker) idle() {
	c, x := k.c, k.c.idle
	k.offers()
	k.aside()
	k.expect(len(x.dirty) == 0, "%d sets are to be looked at and were not", len(x.dirty))
	waiting, numbers := 0, 0
	for _, s := range c.sets {
		q := s.request
		if q == nil {
			k.expect(s.waiting == 0 || s.need != nil, "%d tasks wait under app %q %v, and nothing is done for them", s.waiting, s.app, s.require)
			continue
		}
		k.queue(s)
		if q.head != nil {
			waiting++
		}
		k.expect((q.place != 0) == (q.head != nil) && (q.place == 0 || x.waiting[q.place-1] == s), "the set of app %q %v is out of place", s.app, s.require)
		if q.number != 0 {
			numbers++
			k.expect(x.sets[q.number-1] == s, "number %d is another set's", q.number)
		}
		k.expect(s.waiting == 0 || len(s.eligible) == 0 || q.netAt != never, "%d tasks wait under app %q %v, and nobody will look whether they are launched", s.waiting, s.app, s.require)
		k.expect(x.wake <= q.at(), "the set of app %q %v wants to be looked at at %v, and the core at %v", s.app, s.require, q.at(), x.wake)
		k.expect(q.kept == (q.ntold > 0 || q.roundAt != never), "the set of app %q %v is kept: %v", s.app, s.require, q.kept)
		told := 0
		for p := range q.told {
			if q.told[p].left > 0 {
				told++
				k.expect(x.connected(PeerID(p)), "peer %d is told and not connected", p)
			}
		}
		k.expect(told == q.ntold, "%d peers are told of app %q %v, counted %d", told, s.app, s.require, q.ntold)
	}
	k.expect(len(x.calls) <= maxParked, "%d calls are put by", len(x.calls))
	k.expect(len(x.parked) <= maxParked, "%d offers are put by", len(x.parked))
	for i := range x.parked {
		t := &x.parked[i]
		w := &c.workers[t.worker]
		k.expect(c.profiles[t.worker].life == t.life && int(t.lane) < len(w.slots) && w.slots[t.lane].occupied(), "offer %d that is put by, of worker %d, is void or could be used", i, t.worker)
	}
	k.expect(waiting == len(x.waiting), "%d sets have tasks that wait, counted %d", waiting, len(x.waiting))
	used := 0
	for _, s := range x.sets {
		if s != nil {
			used++
		}
	}
	k.expect(used == numbers, "%d sets have a number, and %d numbers are used", numbers, used)
	for i := range x.stated.promises {
		k.expect(i == 0 || x.stated.promises[(i-1)/2].due <= x.stated.promises[i].due, "promise %d is late before the one above it", i)
	}
	k.expect(x.credit >= minCredit-len(x.peers)-len(c.sets) && x.credit <= maxCredit, "credit is %d", x.credit)
	for i := range x.wants {
		w := &x.wants[i]
		k.expect(w.left > 0 && x.peerSet(w.from, w.number) == w.set, "want %d is void: %+v", i, w)
		k.expect(i == 0 || x.wants[i-1].arrived <= w.arrived, "wants are out of order at %d", i)
		for _, o := range x.wants[:i] {
			k.expect(o.from != w.from || o.number != w.number, "peer %d wants twice of set %d", w.from, w.number)
		}
	}
}

// offers checks that each lane with an offer is in one of the lists, once, and that none is held that a waiting task
// could use.
func (k *checker) offers() {
	c, x := k.c, k.c.idle
	type lane struct {
		worker probe.WorkerID
		slot   uint16
	}
	held, free, ahead := make(map[lane]bool), 0, 0
	for _, list := range []*deque[offer]{&x.held, &x.soon} {
		for i := range list.len() {
			t := list.at(i)
			if !c.good(t) {
				continue
			}
			at, w := lane{t.worker, t.lane}, &c.workers[t.worker]
			k.expect(!held[at], "lane %d of worker %d is held twice", t.lane, t.worker)
			held[at] = true
			state := w.slots[t.lane].state
			k.expect((state == slotOffered) == (list == &x.held), "lane %d of worker %d is in the wrong list", t.lane, t.worker)
			k.expect(w.active, "an offer of worker %d is held, which is not sampled", t.worker)
			if state == slotOffered {
				free++
			} else {
				ahead++
			}
			for _, s := range x.waiting {
				if !s.matches(c.offer(w)) || t.ahead && s.request.roundAt != never { // then it is taken up when the round is over, unless a better one has come
					continue
				}
				n := 0 // who looks for one that may run there looks no further than that
				for g := s.request.head; g != nil && n < scanLimit; g, n = g.nextWaiting, n+1 {
					k.expect(g.fresh == 0, "job %#x waits, and an offer of worker %d is held", g.timer.j.ref, t.worker)
				}
			}
		}
	}
	brief := 0
	for app, f := range x.forecasts {
		for i := range f.brief.len() {
			t := f.brief.at(i)
			if !c.good(t) {
				continue
			}
			at, w := lane{t.worker, t.lane}, &c.workers[t.worker]
			k.expect(!held[at], "lane %d of worker %d is held twice", t.lane, t.worker)
			held[at] = true
			brief++
			k.expect(w.slots[t.lane].state == slotBrief && c.appOf(t) == app, "lane %d of worker %d is not for app %q", t.lane, t.worker, app)
			k.expect(w.active, "an offer of worker %d is held, which is not sampled", t.worker)
		}
	}
	k.expect(brief == x.brief, "%d offers for brief apps are held, counted %d", brief, x.brief)
	k.expect(free == x.free && ahead == x.ahead, "%d and %d offers are held, counted %d and %d", x.free, x.ahead, free, ahead)
	lanes := 0
	for i := range c.workers {
		for l := range c.workers[i].slots {
			if c.workers[i].slots[l].state.offered() {
				lanes++
			}
		}
	}
	k.expect(lanes == free+ahead+brief, "%d lanes are offered, and %d offers are held", lanes, free+ahead+brief)
}

// aside checks that what is kept beside the lanes is just the launches whose lanes are another's, each once.
func (k *checker) aside() {
	c, x := k.c, k.c.idle
	type record struct {
		worker probe.WorkerID
		place  uint16
	}
	kept := make(map[record]bool)
	k.expect(len(x.aside) <= maxParked, "%d launches are kept aside", len(x.aside))
	for i := range x.aside {
		a := &x.aside[i]
		k.expect(x.wake <= a.until, "a launch is kept aside until %v, and the core is woken at %v", a.until, x.wake)
		if !c.isSettled(a) {
			k.expect(!kept[record{a.worker, a.place}] && int(a.place) >= c.lanes(&c.workers[a.worker]), "launch %d that is kept aside has another's record: %+v", i, *a)
			kept[record{a.worker, a.place}] = true
		}
	}
	for id := range c.workers {
		w := &c.workers[id]
		for i := range w.slots {
			k.expect(i < c.lanes(w) || !w.slots[i].occupied() || kept[record{w.id, uint16(i)}], "record %d of worker %d is nobody's: %+v", i, id, w.slots[i])
		}
	}
}

// queue checks the groups that wait under a set.
func (k *checker) queue(s *set) {
	q := s.request
	var prev *group
	n := 0
	for g := q.head; g != nil; g = g.nextWaiting {
		k.expect(g.queued && g.set == s && g.prevWaiting == prev, "job %#x: group %d does not belong where it waits", g.timer.j.ref, g.timer.index)
		k.expect(prev == nil || prev.timer.j.order <= g.timer.j.order, "job %#x: group %d waits out of order", g.timer.j.ref, g.timer.index)
		prev = g
		n += g.waiting()
	}
	k.expect(q.tail == prev, "the list of what waits under app %q %v has another end", s.app, s.require)
	k.expect(n == s.waiting, "%d tasks are queued under app %q %v, and %d wait", n, s.app, s.require, s.waiting)
}
