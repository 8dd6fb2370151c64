package placement

import (
	"slices"
	"time"

	"dunnock/probe"
)

// Affinity. Tasks with one key like the same workers, whose caches are warm with what the key stands for. The tasks of
// a job with one key are a group, under the same constraint set as those without, and the key chooses ⌈d⌉ of its
// eligible workers by rendezvous (probe/seat.go). The group is *near* while only these will do: it has reservations
// there and nowhere else, and no offer of another worker is for it. Load decides between them, by late binding. What
// has not been launched after [Config].AffinityWait spills over: from then on any eligible worker will do.
//
// So a key costs a group and a short list of workers, and no constraint set, of which each lists all of its workers.
//
// Hot keys have more tasks than ⌈d⌉ workers can run. A key whose tasks spill over is given more workers, the next ones
// in its order, and each task that did not spill takes some of them away, so that about one in spillShare goes on doing
// so. That is consistent hashing with bounded loads (Mirrokni et al., SODA 2018) with the bound found by what waits, as
// no scheduler knows the load of the others; and the wait is delay scheduling (Zaharia et al., EuroSys 2010).

const (
	// A hot key's width is counted in units of 1/widthUnit workers. Each spilled task adds a quarter, and each other
	// one takes away spillShare − 1 times less.
	widthUnit  = 256
	widthGrow  = 4
	spillShare = 100
	// maxHot bounds the keys that are given more workers than others, at about 100 bytes each and 4 for each worker of
	// theirs.
	maxHot = 4096
	// maxHotWorkers bounds all of their workers.
	maxHotWorkers = 1 << 20
	// maxNears bounds the workers of one group.
	maxNears = 1<<16 - 1

	tryHops   = 4  // it takes two for a worker with a free slot to answer
	firstWait = 4  // part of AffinityWait that the first choice alone has
	maxTries  = 16 // doublings of AffinityWait between tries
)

// affinity is what a core keeps for keys; nil until the first one comes.
type affinity struct {
	seats  probe.Seats
	ranks  []uint64 // scratch of choose
	best   []probe.WorkerID
	turn   uint64 // how often a worker came or went
	hot    map[hotKey]*hot
	queue  deque[hotKey] // hot keys, oldest first; also some that are not any more
	listed int           // workers of hot keys

	homes  []uint32 // scratch of split: by task, its group
	groups []keyed  // scratch of split: beyond those of the plan
	known  map[keyed]uint32
}

// keyed is a group of a plan, and one key of its tasks.
type keyed struct {
	of  uint32 // in the plan
	key probe.Key
}

// hotKey is a key among the workers of a set.
type hotKey struct {
	set *set
	key probe.Key
}

// hot is a key that is given more workers than others.
type hot struct {
	width   int64 // in 1/widthUnit
	grownAt time.Duration
	grown   int64            // since then
	workers []probe.WorkerID // as many as that, in no order
	turn    uint64           // of affinity, when they were chosen
}

// seatsOf is where a worker sits.
func (c *Core) seatsOf(w *worker) probe.SeatsOf {
	return probe.SeatsOf{Name: c.profiles[w.id].name, Slots: c.offer(w).Slots}
}

// seated returns what is kept for keys, with all workers seated.
func (c *Core) seated() *affinity {
	if c.affinity == nil {
		c.affinity = &affinity{hot: make(map[hotKey]*hot), known: make(map[keyed]uint32)}
		for i := range c.workers {
			if w := &c.workers[i]; w.active {
				c.affinity.seats.Add(w.id, c.seatsOf(w))
			}
		}
	}
	return c.affinity
}

// seat notes that a worker may be sampled from now on, and unseat that it may not.
func (c *Core) seat(w *worker) {
	if a := c.affinity; a != nil {
		a.turn++
		a.seats.Add(w.id, c.seatsOf(w))
	}
}

func (c *Core) unseat(w *worker) {
	if a := c.affinity; a != nil {
		a.turn++
		a.seats.Remove(w.id, c.seatsOf(w))
	}
}

// split parts the planned groups of a job by key. It returns how many there will be: those that are planned, for tasks
// without a key, and one for each of them and key. If all tasks have the same one, sole is that, and there is nothing
// to part.
func (c *Core) split(s *Spec) (sole probe.Key, n int) {
	a := c.seated()
	a.groups = a.groups[:0]
	if len(c.plan) == 1 && len(s.Groups) == 0 {
		sole = c.soleKey(s)
		if sole != 0 {
			return sole, 1
		}
	}
	if missing := s.Tasks - len(a.homes); missing > 0 {
		a.homes = append(a.homes, make([]uint32, missing)...)
	}
	clear(a.homes[:s.Tasks])
	for i := range s.Groups {
		for _, t := range s.Groups[i].Tasks {
			a.homes[t] = c.heads[i]
		}
	}
	if len(a.known) > 1<<12 {
		a.known = make(map[keyed]uint32) // to clear a large map takes long
	}
	clear(a.known)
	for t := range s.Tasks {
		if s.finished(t) {
			continue
		}
		p := &c.plan[a.homes[t]]
		if p.zones > 1 {
			a.homes[t] += uint32(p.dealt % p.zones)
			p.dealt++
		}
		if s.Keys[t] == 0 {
			continue
		}
		of := keyed{a.homes[t], s.Keys[t]}
		i, there := a.known[of]
		if !there {
			i = uint32(len(c.plan) + len(a.groups))
			a.known[of] = i
			a.groups = append(a.groups, of)
		}
		a.homes[t] = i
	}
	return 0, len(c.plan) + len(a.groups)
}

// soleKey returns the key that all unfinished tasks have; 0 if there is none.
func (c *Core) soleKey(s *Spec) probe.Key {
	sole, some := probe.Key(0), false
	for t, k := range s.Keys[:s.Tasks] {
		switch {
		case s.finished(t):
		case k == 0 || some && k != sole:
			return 0
		default:
			sole, some = k, true
		}
	}
	return sole
}

// part makes the groups that split has found.
func (c *Core) part(j *job) {
	for i, k := range c.affinity.groups {
		c.newGroup(j, len(c.plan)+i, &c.plan[k.of], k.key)
		g := j.at(len(c.plan) + i)
		for _, s := range []*set{g.set, g.wider[0], g.wider[1]} {
			if s != nil {
				c.pin(s)
			}
		}
	}
}

// approach chooses the workers of a near group, and samples its tasks among them: first on what these offer, if they
// are known to.
func (c *Core) approach(now time.Duration, j *job, g *group, out []Effect) []Effect {
	c.choose(j, g)
	if len(c.pool(g)) == 0 {
		return c.spill(now, j, g, out)
	}
	g.wide = probes(j.ratio, g.anywhere()) >= 2*len(c.pool(g))
	if out = c.launchNear(now, g, out); g.waiting() == 0 {
		return out
	}
	out = c.sample(j, g, g.anywhere(), out)
	if c.cfg.AffinityWait < 0 {
		return c.spill(now, j, g, out)
	}
	c.arm(now, j, g)
	return c.replenish(now, j, g, out) // what was tried before may be placed more narrowly than the rest
}

// arm sets when what waits near spills over.
func (c *Core) arm(now time.Duration, j *job, g *group) {
	if g.near && g.relaxAt == never && g.waiting() > 0 && !j.halted() {
		g.since, g.tries = now, 0
		wait := max(c.cfg.AffinityWait, 0)
		if g.asked < g.nears {
			wait /= firstWait
		}
		g.relaxAt = after(now, wait)
		c.rewake(j, g)
	}
}

// disarm is when nothing waits near any more.
func (c *Core) disarm(j *job, g *group) {
	if g.near && g.relaxAt != never {
		g.relaxAt, g.trying = never, false
		c.rewake(j, g)
	}
}

// choose has the key of a group choose its workers.
func (c *Core) choose(j *job, g *group) {
	a := c.seated()
	n := probes(j.ratio, 1)
	g.from = uint32(len(j.nears))
	h := a.hot[hotKey{g.set, g.key}]
	hot := h != nil && h.width >= int64(n+1)*widthUnit
	if hot {
		if h.turn != a.turn || len(h.workers) != h.wants(g.set) {
			a.listed -= len(h.workers)
			h.workers = append(h.workers[:0], c.nearest(g.set, g.key, int(h.width/widthUnit))...)
			a.listed += len(h.workers)
			h.turn = a.turn
		}
		n = min(len(h.workers), max(n, probes(j.ratio, g.anywhere())), maxNears)
		probe.Sample(c.rng, h.workers, n)
		j.nears = append(j.nears, h.workers[:n]...)
	} else {
		j.nears = append(j.nears, c.nearest(g.set, g.key, n)...)
	}
	g.nears = uint16(len(j.nears) - int(g.from))
	g.asked = g.nears
	if !hot && c.cfg.AffinityWait > 0 {
		g.asked = min(g.nears, 1)
	}
}

// wants is how many workers a hot key has in a set.
func (h *hot) wants(s *set) int { return min(int(h.width/widthUnit), len(s.eligible)) }

// nearest returns the n eligible workers that a key chooses, best first, until it is called again.
func (c *Core) nearest(s *set, k probe.Key, n int) []probe.WorkerID {
	a := c.affinity
	a.best, a.ranks = a.best[:0], a.ranks[:0]
	n = min(n, len(s.eligible))
	if n == 0 {
		return nil
	}
	if own := len(s.eligible) * c.load.Slots / max(c.load.Workers, 1); !probe.Dense(own, n) {
		rank := k.Rank()
		for _, id := range s.eligible {
			a.best, a.ranks = probe.Insert(a.best, a.ranks, id, rank.Of(c.seatsOf(&c.workers[id])), n)
		}
		return a.best
	}
	all := len(s.eligible) == c.load.Workers
	walk := a.seats.Walk(k)
	for len(a.best) < n {
		id, ok := walk.Next()
		if !ok {
			break
		}
		w := &c.workers[id]
		if !slices.Contains(a.best, id) && (all || s.matches(c.offer(w))) {
			a.best = append(a.best, id)
		}
	}
	return a.best
}

// pool returns the workers that tasks of a group may be sampled to now. Its order means nothing, and is the caller's to
// change.
func (c *Core) pool(g *group) []probe.WorkerID {
	if !g.near {
		return g.set.eligible
	}
	j := g.timer.j
	list := j.nears[g.from:][:g.asked]
	n := 0
	for i := range list {
		if c.workers[list[i]].active {
			list[i], list[n] = list[n], list[i]
			n++
		}
	}
	return list[:n]
}

// chosen reports whether the key of a group has chosen a worker, active or not.
func (g *group) chosen(id probe.WorkerID) bool {
	return slices.Contains(g.timer.j.nears[g.from:][:g.nears], id)
}

// unchoose takes a worker that is gone out of what keys have chosen: another one may get its number, which need not be
// eligible.
func (j *job) unchoose(id probe.WorkerID) {
	if len(j.nears) == 0 {
		return
	}
	for i := range j.groups() {
		g := j.at(i)
		list := j.nears[g.from:][:g.nears]
		at := slices.Index(list, id)
		if at < 0 {
			continue
		}
		copy(list[at:], list[at+1:])
		g.nears--
		if at < int(g.asked) {
			g.asked--
		}
	}
}

// fits reports whether tasks of a group may be bound at a worker.
func (c *Core) fits(g *group, w *worker) bool {
	if g.near {
		return g.chosen(w.id)
	}
	return g.set.matches(c.offer(w))
}

// launchNear launches tasks of a near group on what its workers have offered.
func (c *Core) launchNear(now time.Duration, g *group, out []Effect) []Effect {
	if c.idle == nil || g.set.need != nil {
		return out
	}
	for _, id := range c.pool(g) {
		w := &c.workers[id]
		for i := range w.slots {
			s := &w.slots[i]
			if s.state != slotOffered {
				continue
			}
			c.unoffer(s)
			var ok bool
			if out, ok = c.launchOn(now, g, w, offer{worker: id, lane: uint16(i), call: s.call}, out); !ok {
				s.state = slotOffered // it has not left the list
				c.idle.free++
				break
			}
			c.used(s, offer{ahead: true}) // as far as is known
			if g.waiting() == 0 {
				c.idle.sweep(c)
				return out
			}
		}
	}
	return out
}

// answerNear answers a call on a reservation of a group with a key, under [IdleOffer], with a task of it.
func (c *Core) answerNear(now time.Duration, j *job, g *group, w *worker, m *probe.GetTask, owner uint32, out []Effect) ([]Effect, bool) {
	t, out, ok := c.pick(j, g, w, owner, out)
	if ok {
		out = c.bind(now, j, t, w, m, out)
		if g.waiting() == 0 {
			out = c.settled(j, g, out)
		}
	}
	return c.replenish(now, j, g, out), ok
}

// launchFar launches tasks of a near group on what any eligible worker has offered.
func (c *Core) launchFar(now time.Duration, g *group, out []Effect) []Effect {
	for c.idle != nil && g.set.need == nil && g.waiting() > 0 {
		t, w, ok := c.takeFor(now, g.set)
		if !ok {
			break
		}
		if out, ok = c.launchOn(now, g, w, t, out); !ok {
			c.keepOffer(now, t)
			break
		}
		c.used(&w.slots[t.lane], t)
	}
	return out
}

// sweep drops offers from the list of those that are held once most of it is of no use.
func (x *idle) sweep(c *Core) {
	if x.held.len() < 2*x.free+spareOffers {
		return
	}
	x.held.filter(c.good)
}

// overdue is when a near group has waited for long enough, or has tried other workers for long enough.
func (c *Core) overdue(now time.Duration, j *job, g *group, out []Effect) []Effect {
	switch {
	case g.trying:
		return c.giveUp(now, j, g, out)
	case j.halted() || g.waiting() == 0:
		c.disarm(j, g)
		return out
	case g.asked < g.nears:
		return c.askAll(j, g, out)
	}
	if g.tries == 0 {
		c.stats.Spills += uint64(g.waiting())
	}
	if out = c.launchFar(now, g, out); g.waiting() == 0 {
		return out
	}
	g.trying = true
	age := now - g.since
	g.relaxAt = after(now, max(age/2, tryHops*c.hop(), minRound))
	c.rewake(j, g)
	eligible, k := g.set.eligible, probes(j.ratio, g.anywhere())
	for i := 0; i < len(eligible) && k > 0; i++ {
		if w := probe.SampleNext(c.rng, eligible, i); !g.chosen(w) {
			out = c.reserve(j, g, w, 1, 0, out)
			k--
		}
	}
	return out
}

// askAll asks the other workers that a key has chosen, because the first one had no slot in time.
func (c *Core) askAll(j *job, g *group, out []Effect) []Effect {
	first := g.asked
	g.asked = g.nears
	g.relaxAt = after(g.since, max(c.cfg.AffinityWait, 0))
	c.rewake(j, g)
	n := (g.anywhere() + int(g.nears-first) - 1) / int(g.nears-first) // 0 if all have failed before: they ask for themselves
	for _, w := range j.nears[g.from:][first:g.nears] {
		if c.workers[w].active && n > 0 {
			out = c.reserve(j, g, w, n, 0, out)
		}
	}
	return out
}

// giveUp takes back what other workers have not used.
func (c *Core) giveUp(now time.Duration, j *job, g *group, out []Effect) []Effect {
	g.trying = false
	for i := j.firstRes(g); i != 0; {
		at := i - 1
		i = j.nextRes(i)
		if r := &j.res[at]; r.left > 0 && !g.chosen(r.worker) {
			out = append(out, c.cancel(j, g, at))
		}
	}
	if g.waiting() == 0 || j.halted() {
		c.disarm(j, g)
		return out
	}
	g.tries = min(g.tries+1, maxTries)
	g.relaxAt = max(after(g.since, max(c.cfg.AffinityWait, 0)<<g.tries), after(now, max(c.cfg.AffinityWait, minRound)))
	c.rewake(j, g)
	return c.replenish(now, j, g, out)
}

// spill lets any eligible worker run what waits near.
func (c *Core) spill(now time.Duration, j *job, g *group, out []Effect) []Effect {
	n := g.waiting()
	if j.halted() {
		n = 0
	}
	g.wait(-n)
	g.near, g.trying = false, false
	g.wait(n)
	c.changed(g, n)
	g.relaxAt = never
	if g.prefers {
		g.relaxAt = after(now, max(c.cfg.PreferWait, 0))
	}
	c.rewake(j, g)
	if n == 0 {
		return out
	}
	c.stats.Spills += uint64(n)
	g.wide = !j.onOffers(g) && probes(j.ratio, g.anywhere()) >= 2*len(g.set.eligible)
	if lack := g.anywhere(); lack > 0 {
		out = c.sample(j, g, lack, out)
	}
	return c.replenish(now, j, g, out)
}

// heat gives a key more workers because n tasks spill over: at most twice as many within one AffinityWait, since what
// spills over at once says no more than one of it does.
func (c *Core) heat(now time.Duration, j *job, g *group, n int) {
	a, k := c.affinity, hotKey{g.set, g.key}
	h := a.hot[k]
	if h == nil {
		for a.queue.len() > 0 && (len(a.hot) >= maxHot || a.listed > maxHotWorkers || a.queue.len() >= 2*maxHot) {
			c.cool(a.queue.shift())
		}
		h = &hot{width: int64(probes(j.ratio, 1)) * widthUnit, grownAt: now}
		a.hot[k] = h
		a.queue.push(k)
	}
	if now-h.grownAt > max(c.cfg.AffinityWait, 0) {
		h.grownAt, h.grown = now, 0
	}
	base := h.width - h.grown // what it was then
	more := max(min(base*int64(n)/widthGrow, base-h.grown), 0)
	h.grown += more
	h.width = min(h.width+more, int64(max(len(g.set.eligible), 1))*widthUnit)
}

// calm takes some of its workers from a key of which a task was launched where it was to be.
func (c *Core) calm(j *job, g *group) {
	a, k := c.affinity, hotKey{g.set, g.key}
	h := a.hot[k]
	if h == nil {
		return
	}
	h.width -= max(h.width/(widthGrow*(spillShare-1)), 1)
	if h.width < int64(probes(j.ratio, 1))*widthUnit {
		c.cool(k)
	}
}

// cool forgets that a key is hot.
func (c *Core) cool(k hotKey) {
	if h := c.affinity.hot[k]; h != nil {
		c.affinity.listed -= len(h.workers)
		delete(c.affinity.hot, k)
	}
}

// met counts a launch of a task with a key.
func (c *Core) met(now time.Duration, j *job, g *group, id probe.WorkerID) {
	if !g.chosen(id) {
		c.stats.FarLaunches++
		c.heat(now, j, g, 1)
		return
	}
	c.stats.NearLaunches++
	if len(c.affinity.hot) > 0 {
		c.calm(j, g)
	}
}
