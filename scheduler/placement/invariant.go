package placement

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"dunnock/probe"
)

// CheckInvariants walks the whole state and returns what is wrong with it, or nil. It takes time in proportion to all
// tasks, reservations, workers and sets, and is meant for tests and simulations.
//
// The one invariant that is more than bookkeeping is liveness: a waiting task has a reservation to count on, or its job
// samples anew at a set time, or no worker is eligible and the next one to connect will be asked. "To count on" means,
// for a task that may run anywhere, that the reservations which belong to no displaced task are at least as many as
// such tasks; for a displaced task, one of its own.
func (c *Core) CheckInvariants() error {
	k := checker{c: c, chained: make(map[uint32]bool)}
	k.slab()
	for j := c.oldest; j != nil; j = j.next {
		k.job(j)
	}
	k.fleet()
	k.totals()
	if c.idle != nil {
		k.idle()
	}
	return errors.Join(k.errs...)
}

type checker struct {
	c       *Core
	errs    []error
	load    Load            // counted anew
	bound   int             // slots
	chained map[uint32]bool // cells of Core.avoids seen, index + 1
}

func (k *checker) expect(ok bool, format string, args ...any) {
	if !ok && len(k.errs) < 20 {
		k.errs = append(k.errs, fmt.Errorf(format, args...))
	}
}

// slab checks that every job struct is either live, in the list and the heap, or free.
func (k *checker) slab() {
	c := k.c
	live, wakers := 0, 0
	var prev *job
	for j := c.oldest; j != nil; j = j.next {
		live++
		if live > len(c.jobs) {
			k.expect(false, "the list of live jobs is a ring")
			return
		}
		k.expect(c.find(j.ref) == j, "live job %#x is not where its Ref says", j.ref)
		k.expect(j.prev == prev, "job %#x: wrong predecessor", j.ref)
		k.expect(prev == nil || prev.submitted <= j.submitted, "job %#x is out of order", j.ref)
		k.waker(&j.first.timer, "job", j)
		k.expect(j.first.extra == &j.extra, "job %#x: its first group has another's extra", j.ref)
		wakers++
		for i := range j.more {
			g := &j.more[i]
			k.expect(g.timer.j == j && int(g.timer.index) == i+1 && g.extra != &j.extra, "job %#x: group %d does not know itself", j.ref, i+1)
			k.expect(g.timer.Set() == (g.wake() != never), "job %#x: group %d wants to be woken at %v, and its timer is set: %v", j.ref, i+1, g.wake(), g.timer.Set())
			if g.timer.Set() {
				k.waker(&g.timer, "group", j)
				wakers++
			}
		}
		prev = j
	}
	k.expect(c.newest == prev, "the list of live jobs has another end")
	k.expect(c.whole.more == nil && c.whole.links == nil && c.whole.nears == nil, "a job without parts has some: %+v", *c.whole)
	k.expect(*c.usual == extra{cost: costUnit, resampleAt: never}, "what is usual has changed: %+v", *c.usual)
	k.expect(len(c.timers) == wakers, "%d timers for %d live jobs and groups", len(c.timers), wakers)
	k.expect(live+len(c.free) == len(c.jobs), "%d live and %d free of %d jobs", live, len(c.free), len(c.jobs))
	for _, i := range c.free {
		k.expect(c.jobs[i].ref == 0 && c.jobs[i].tasks == nil, "free job %d is in use", i)
	}
	if err := c.timers.Check((*waker).at); err != nil {
		k.expect(false, "%v", err)
	}
	k.load.Jobs = live
}

func (k *checker) waker(w *waker, what string, j *job) {
	k.expect(w.j == j && w.Set(), "a %s of job %#x is not in the heap", what, j.ref)
}

// groupCount is what a group counts, counted anew.
type groupCount struct{ fresh, returned, displaced, owned, bare, left int }

// job checks one live job: counts against what they count, lists against states, and liveness.
func (k *checker) job(j *job) {
	var running, failed, waiting int
	counts := make([]groupCount, j.groups())
	for i := range j.tasks {
		r := &j.tasks[i]
		if int(r.group) >= len(counts) {
			k.expect(false, "job %#x: task %d is in group %d", j.ref, i, r.group)
			return
		}
		n := &counts[r.group]
		switch r.state {
		case stateFresh:
			n.fresh++
			k.expect(j.several() || i >= int(j.cursor), "job %#x: fresh task %d before the cursor %d", j.ref, i, j.cursor)
			k.expect(r.attempt == 0 && r.avoid == 0, "job %#x: fresh task %d has a past", j.ref, i)
		case stateReturned:
			n.returned++
		case stateDisplaced:
			n.displaced++
			n.owned += int(r.probes)
			if r.probes == 0 {
				n.bare++
			}
		case stateRunning:
			running++
			k.running(j, i)
		case stateEnded:
			if r.outcome > 1 {
				failed++
			}
			k.expect(r.avoid == 0, "job %#x: ended task %d still avoids workers", j.ref, i)
		default:
			k.expect(false, "job %#x: task %d in state %d", j.ref, i, r.state)
		}
		k.expect(r.attempt <= j.maxAttempts, "job %#x: task %d has had %d attempts", j.ref, i, r.attempt)
		k.expect(r.state == stateDisplaced || r.probes == 0, "job %#x: task %d owns reservations in state %d", j.ref, i, r.state)
		k.chain(r.avoid)
	}
	k.reservations(j, counts)
	for i, n := range counts {
		k.group(j, j.at(i), n)
		waiting += n.fresh + n.returned + n.displaced
	}
	k.expect(int(j.running) == running && int(j.failed) == failed && int(j.unfinished) == waiting+running, "job %#x: counts running %d failed %d unfinished %d, want %d %d %d",
		j.ref, j.running, j.failed, j.unfinished, running, failed, waiting+running)
	k.expect(j.unfinished > 0, "job %#x is live without an unfinished task", j.ref)
	k.claims(j)
	k.load.Waiting += waiting
	k.load.Running += running
	k.load.Reservations += int(j.outstanding)
}

// group checks one group against what its job's tasks and reservations say of it.
func (k *checker) group(j *job, g *group, n groupCount) {
	got := groupCount{int(g.fresh), int(g.returned.n), int(g.displaced.n), int(g.owned), int(g.bare), int(g.left)}
	k.expect(got == n, "job %#x: group %d counts %+v, want %+v", j.ref, g.timer.index, got, n)
	k.list(j, g, &g.returned, stateReturned, n.returned)
	k.list(j, g, &g.displaced, stateDisplaced, n.displaced)
	if j.several() {
		k.list(j, g, &g.unbound, stateFresh, n.fresh)
	}
	k.expect(g.wider[0] != nil || g.wider[1] == nil && !g.prefers, "job %#x: group %d prefers %v and gives way to %v", j.ref, g.timer.index, g.prefers, g.wider)
	k.expect(g.base().need.equal(g.set.need) && (j.needs || g.set.need == nil) && (j.unlike || g.set.need.equal(j.first.set.need)), "job %#x: group %d needs another thing", j.ref, g.timer.index)
	k.expect(g.base().base, "job %#x: group %d ends with a set that is not known to be one", j.ref, g.timer.index)
	k.expect(g.queued == (k.c.idle != nil && g.set.need == nil && g.waiting() > 0 && !j.halted() && !g.near), "job %#x: group %d of which %d tasks wait is queued: %v", j.ref, g.timer.index, g.waiting(), g.queued)
	k.expect(!g.touched, "job %#x: what group %d has lost is forgotten", j.ref, g.timer.index)
	k.near(j, g)
	if g.waiting() == 0 {
		k.expect(k.c.cfg.Policy == LateBindingNoCancel || g.left == 0, "job %#x: %d reservations outstanding and nothing waits", j.ref, g.left)
		return
	}
	k.expect(j.deficit(g) == 0 || g.resampleAt != never || len(k.c.pool(g)) == 0 && g.bare == 0 && !g.gives(),
		"job %#x: %d waiting tasks have no reservation to count on, and nothing will be done about it", j.ref, j.deficit(g))
}

func (k *checker) claims(j *job) {
	k.expect(!j.halted() || j.outstanding == 0, "job %#x: %d reservations outstanding though nothing of it is to be launched", j.ref, j.outstanding)
	k.expect(j.claiming == (j.claim != nil), "job %#x: claiming %v until %v", j.ref, j.claiming, j.claimUntil())
	if j.claim == nil {
		return
	}
	owing := 0
	for _, word := range j.claim.asked {
		owing += bits.OnesCount64(word)
	}
	k.expect(owing == j.claim.unanswered, "job %#x: %d of %d answers are due", j.ref, j.claim.unanswered, owing)
}

// running checks that a running task and its slot agree.
func (k *checker) running(j *job, i int) {
	r := &j.tasks[i]
	w := k.c.known(r.worker)
	if w == nil || int(r.slot) >= len(w.slots) {
		k.expect(false, "job %#x: task %d runs at worker %d slot %d, which is not there", j.ref, i, r.worker, r.slot)
		return
	}
	s := w.slots[r.slot]
	k.expect(s.state.binds() && s.job == uint32(j.ref) && int(s.task) == i && r.attempt > 0,
		"job %#x: task %d attempt %d runs in a slot that holds %+v", j.ref, i, r.attempt, s)
}

func (k *checker) list(j *job, g *group, l *taskList, state taskState, want int) {
	n, prev := 0, uint32(0)
	for i := l.head; i != 0; i = j.tasks[i-1].next {
		n++
		r := &j.tasks[i-1]
		k.expect(r.state == state && r.prev == prev && r.group == g.timer.index, "job %#x: task %d does not belong in the list of state %d", j.ref, i-1, state)
		prev = i
		if n > want {
			break
		}
	}
	k.expect(n == want && int(l.n) == want && l.tail == prev, "job %#x: list of state %d has %d tasks, want %d", j.ref, state, n, want)
}

// reservations checks those of a job, and counts them for its groups.
func (k *checker) reservations(j *job, counts []groupCount) {
	left, unused := 0, 0
	owned := make([]int, len(counts))
	for i := range j.res {
		r := &j.res[i]
		if r.left == 0 {
			unused++
			continue
		}
		g := j.holder(uint32(i))
		left += int(r.left)
		counts[g.timer.index].left += int(r.left)
		w := k.c.worker(r.worker)
		k.expect(w != nil && g.set.matches(k.c.offer(w)), "job %#x: reservation %d is at worker %d, which cannot serve it", j.ref, i, r.worker)
		if r.owner == 0 {
			continue
		}
		t := &j.tasks[r.owner-1]
		k.expect(t.group == g.timer.index, "job %#x: reservation %d of group %d is for task %d of group %d", j.ref, i, g.timer.index, r.owner-1, t.group)
		if t.state == stateDisplaced && t.round == r.round {
			owned[g.timer.index] += int(r.left)
			k.expect(w == nil || !k.c.avoided(t, w), "job %#x: task %d has a reservation at worker %d, where it failed", j.ref, r.owner-1, r.worker)
		}
	}
	for i, n := range owned {
		k.expect(n == counts[i].owned, "job %#x: tasks of group %d own %d reservations, and %d are theirs", j.ref, i, counts[i].owned, n)
	}
	free := 0
	for i := j.resFree; i != 0 && free <= unused; i = j.res[i-1].owner {
		free++
		k.expect(j.res[i-1].left == 0, "job %#x: reservation %d is outstanding and unused", j.ref, i-1)
	}
	k.expect(free == unused, "job %#x: %d of %d unused reservations are free", j.ref, free, unused)
	k.expect(left == int(j.outstanding), "job %#x: %d reservations outstanding, counted %d", j.ref, j.outstanding, left)
	k.links(j)
}

// links checks that each group reaches its reservations, and no others.
func (k *checker) links(j *job) {
	if !j.several() {
		return
	}
	k.expect(len(j.links) == len(j.res), "job %#x: %d links for %d reservations", j.ref, len(j.links), len(j.res))
	for gi := range j.groups() {
		g := j.at(gi)
		n, prev := 0, uint32(0)
		for i := g.resHead; i != 0 && n <= len(j.res); i = j.links[i-1].next {
			n++
			l := j.links[i-1]
			k.expect(int(l.group) == gi && l.prev == prev && j.res[i-1].left > 0, "job %#x: reservation %d does not belong in the list of group %d", j.ref, i-1, gi)
			prev = i
		}
		want := 0
		for i := range j.res {
			if j.res[i].left > 0 && int(j.links[i].group) == gi {
				want++
			}
		}
		k.expect(n == want, "job %#x: group %d reaches %d of %d reservations", j.ref, gi, n, want)
	}
}

func (k *checker) chain(i uint32) {
	for ; i != 0; i = k.c.avoids[i-1].next {
		if k.chained[i] {
			k.expect(false, "avoid cell %d is in two lists", i-1)
			return
		}
		k.chained[i] = true
	}
}

// fleet checks workers and constraint sets against each other.
func (k *checker) fleet() {
	c, sorters := k.c, 0
	for id := range c.workers {
		w := &c.workers[id]
		if !w.up {
			k.expect(!w.active && (w.severed || w.slots == nil), "worker %d is not connected and has %d slots", id, len(w.slots))
			if !w.severed {
				continue
			}
		}
		k.expect(int(w.id) == id, "worker %d calls itself %d", id, w.id)
		bound := 0
		for i := range w.slots {
			if s := &w.slots[i]; s.state.binds() {
				k.expect(w.up || s.state == slotDoubted, "worker %d slot %d is bound without a doubt and not connected", id, i)
				bound++
				j := c.bound(s)
				k.expect(j != nil && int(s.task) < len(j.tasks) && j.tasks[s.task].state == stateRunning &&
					j.tasks[s.task].worker == w.id && int(j.tasks[s.task].slot) == i, "worker %d slot %d holds what does not run there: %+v", id, i, *s)
			}
		}
		k.bound += bound
		switch {
		case !w.up:
		case w.active:
			k.load.Workers++
			k.load.Slots += c.offer(w).Slots
			if c.offer(w).Sorts {
				sorters++
			}
		default:
			k.load.Draining++
		}
	}
	k.expect(sorters == c.sorters, "%d workers in sampling sort what waits, counted %d", sorters, c.sorters)
	k.expect(len(c.tripped) == 0, "workers %v are to be quarantined and are not", c.tripped)
	for _, id := range c.quarantine {
		w := c.worker(id)
		k.expect(w != nil && !w.active && w.standing == quarantined && c.trialAt <= c.breakers[id].due, "worker %d is quarantined and %+v, trials at %v", id, w, c.trialAt)
	}
	k.load.Quarantined = len(c.quarantine)
	k.sets()
	k.index()
	k.affinity()
}

// sets checks constraint sets against the workers and groups that they are of.
func (k *checker) sets() {
	c := k.c
	k.expect(len(c.sets) == len(c.byKey), "%d sets under %d keys", len(c.sets), len(c.byKey))
	pins, waiting, near := make(map[*set]int), make(map[*set]int), make(map[*set]int)
	for j := c.oldest; j != nil; j = j.next {
		for i := range j.groups() {
			g := j.at(i)
			for _, s := range []*set{g.set, g.wider[0], g.wider[1]} {
				if s != nil {
					pins[s]++
					k.expect(c.byKey[s.key] == s, "job %#x: the set of app %q %v is not kept", j.ref, s.app, s.require)
				}
			}
			switch {
			case j.halted():
			case g.near:
				near[g.set] += g.waiting()
			default:
				waiting[g.set] += g.waiting()
			}
		}
	}
	for _, s := range c.sets {
		if s.request != nil && s.request.kept {
			pins[s]++
		}
	}
	k.expect(len(pins) == c.pinned, "%d sets are pinned, counted %d", c.pinned, len(pins))
	listed := 0
	for i, s := range c.sets {
		listed += len(s.eligible)
		k.expect(s.place == i+1 && c.byKey[s.key] == s, "set %d is out of place", i)
		var want []probe.WorkerID
		for i := range c.workers {
			if w := &c.workers[i]; w.active && s.matches(c.offer(w)) {
				want = append(want, w.id)
			}
		}
		got := slices.Sorted(slices.Values(s.eligible))
		k.expect(slices.Equal(got, want), "set of app %q %v without %v has workers %v, want %v", s.app, s.require, s.exclude, got, want)
		k.expect(s.need == nil || c.needs[s.need.number-1] == s.need, "set of app %q %v: its need has another's number", s.app, s.require)
		k.expect(pins[s] == s.pins, "set of app %q %v has %d pins, counted %d", s.app, s.require, s.pins, pins[s])
		k.expect(near[s] == s.near, "set of app %q %v has %d tasks waiting near, counted %d", s.app, s.require, s.near, near[s])
		k.expect(waiting[s] == s.waiting, "set of app %q %v has %d tasks waiting, counted %d", s.app, s.require, s.waiting, waiting[s])
	}
	k.expect(listed == c.listed, "%d workers are listed in all sets, counted %d", c.listed, listed)
}

// index checks that each list has exactly the workers that belong there.
func (k *checker) index() {
	c := k.c
	want := make(map[probe.Label]int)
	for id := range c.workers {
		w := &c.workers[id]
		if !w.active {
			continue
		}
		had := make(map[probe.Label]bool)
		for _, app := range c.offer(w).Apps {
			had[appLabel(app)] = true
		}
		for _, l := range c.offer(w).Labels {
			had[l] = true
		}
		for l := range had {
			want[l]++
			k.expect(slices.Contains(c.index.have(l), w.id), "worker %d is not listed under %s=%s", id, l.Key, l.Value)
		}
	}
	lists := 0
	for l, p := range c.index.lists {
		k.expect(len(p.workers) == want[l] && len(p.workers) > 0, "%d workers are listed under %s=%s, want %d", len(p.workers), l.Key, l.Value, want[l])
		k.expect(p.label == l && p.place < len(c.index.values[l.Key]) && c.index.values[l.Key][p.place] == p, "the list of %s=%s is out of place", l.Key, l.Value)
	}
	for _, of := range c.index.values {
		lists += len(of)
	}
	k.expect(lists == len(c.index.lists), "%d lists by key, %d by label", lists, len(c.index.lists))
}

func (k *checker) totals() {
	c := k.c
	k.chain(c.avoidsFree)
	k.expect(len(k.chained) == len(c.avoids), "%d of %d avoid cells are accounted for", len(k.chained), len(c.avoids))
	k.expect(k.load == c.load, "load is %+v, counted %+v", c.load, k.load)
	k.expect(k.bound == c.load.Running, "%d slots are bound and %d tasks run", k.bound, c.load.Running)
	k.expect(c.stats.Submitted-c.stats.Done == uint64(c.load.Jobs), "%d jobs submitted, %d done, %d live", c.stats.Submitted, c.stats.Done, c.load.Jobs)
	k.users()
}
