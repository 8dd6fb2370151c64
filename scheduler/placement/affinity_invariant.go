package placement

// near checks what a group with a key waits for.
//
// Here liveness means that nothing waits near for ever: when it spills over is set.
func (k *checker) near(j *job, g *group) {
	if g.key == 0 {
		k.expect(!g.near && g.nears == 0, "job %#x: group %d has no key and %d workers of its own", j.ref, g.timer.index, g.nears)
		return
	}
	k.expect(k.c.affinity != nil, "job %#x: group %d has a key, and nothing is kept for keys", j.ref, g.timer.index)
	k.expect(int64(g.from)+int64(g.nears) <= int64(len(j.nears)), "job %#x: group %d has workers %d to %d of %d", j.ref, g.timer.index, g.from, int(g.from)+int(g.nears), len(j.nears))
	if !g.near {
		return
	}
	k.expect(!g.queued, "job %#x: group %d is near, and waits for offers of anybody", j.ref, g.timer.index)
	if g.waiting() > 0 && !j.halted() && j.begun {
		k.expect(g.relaxAt != never, "job %#x: group %d waits near for ever", j.ref, g.timer.index)
	}
	for i := j.firstRes(g); i != 0; i = j.nextRes(i) {
		if r := &j.res[i-1]; r.left > 0 {
			k.expect(g.trying || k.c.cfg.Policy == LateBindingNoCancel || g.chosen(r.worker), "job %#x: group %d has a reservation at worker %d, which its key has not chosen", j.ref, g.timer.index, r.worker)
		}
	}
}

// affinity checks who is seated, and what is kept of hot keys.
func (k *checker) affinity() {
	a := k.c.affinity
	if a == nil {
		return
	}
	seats := 0
	for i := range k.c.workers {
		if w := &k.c.workers[i]; w.active {
			seats += k.c.seatsOf(w).Own()
		}
	}
	k.expect(seats == a.seats.Len(), "%d seats are taken by those who may be sampled, and %d by all", seats, a.seats.Len())
	listed, queued := 0, make(map[hotKey]bool)
	for i := range a.queue.len() {
		queued[*a.queue.at(i)] = true
	}
	for key, h := range a.hot {
		listed += len(h.workers)
		k.expect(queued[key], "hot key %#x would never be forgotten", key.key)
		k.expect(h.width >= widthUnit, "hot key %#x is %d wide", key.key, h.width)
	}
	k.expect(listed == a.listed, "%d workers of hot keys are listed, counted %d", listed, a.listed)
	k.expect(len(a.hot) <= maxHot && a.queue.len() <= 2*maxHot, "%d hot keys of %d", len(a.hot), a.queue.len())
}
