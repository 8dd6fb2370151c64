package placement

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"dunnock/probe"
)

// CheckInvariants walks the whole state and returns what is wrong with it, or nil. It
// takes time in proportion to all tasks, reservations, workers and sets, and is meant for tests and simulations.
//
// The one invariant that is more than bookkeeping is liveness: a waiting task has a
// reservation to count on, or its job samples anew at a set time, or no worker is eligible and the next one to
// connect will be asked. "To count on" means, for a task that may run anywhere, that
// the reservations which belong to no displaced task are at least as many as such tasks; for a displaced task,
// one of its own.
func (c *Core) CheckInvariants() error {
	k := checker{c: c, chained: make(map[uint32]bool)}
	k.slab()
	for j := c.oldest; j != nil; j = j.next {
		k.job(j)
	}
	k.fleet()
	k.totals()
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
	live := 0
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
		k.expect(j.timer < len(c.timers) && c.timers[j.timer].j == j, "job %#x is not in the heap", j.ref)
		prev = j
	}
	k.expect(c.newest == prev, "the list of live jobs has another end")
	k.expect(len(c.timers) == live, "%d timers for %d live jobs", len(c.timers), live)
	k.expect(live+len(c.free) == len(c.jobs), "%d live and %d free of %d jobs", live, len(c.free), len(c.jobs))
	for _, i := range c.free {
		k.expect(c.jobs[i].ref == 0 && c.jobs[i].tasks == nil, "free job %d is in use", i)
	}
	for i, t := range c.timers {
		k.expect(t.at == t.j.wake(), "job %#x: timer at %v, want %v", t.j.ref, t.at, t.j.wake())
		k.expect(i == 0 || c.timers[(i-1)/2].at <= t.at, "the heap is out of order at %d", i)
	}
	k.load.Jobs = live
}

// job checks one live job: counts against what they count, lists against states, and liveness.
func (k *checker) job(j *job) {
	var fresh, returned, displaced, running, failed, bare, owned int
	for i := range j.tasks {
		r := &j.tasks[i]
		switch r.state {
		case stateFresh:
			fresh++
			k.expect(i >= j.cursor, "job %#x: fresh task %d before the cursor %d", j.ref, i, j.cursor)
			k.expect(r.attempt == 0 && r.avoid == 0, "job %#x: fresh task %d has a past", j.ref, i)
		case stateReturned:
			returned++
		case stateDisplaced:
			displaced++
			owned += int(r.probes)
			if r.probes == 0 {
				bare++
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
	k.expect(j.fresh == fresh && j.running == running && j.failed == failed && j.unfinished == fresh+returned+displaced+running,
		"job %#x: counts fresh %d running %d failed %d unfinished %d, want %d %d %d %d",
		j.ref, j.fresh, j.running, j.failed, j.unfinished, fresh, running, failed, fresh+returned+displaced+running)
	k.expect(j.unfinished > 0, "job %#x is live without an unfinished task", j.ref)
	k.list(j, &j.returned, stateReturned, returned)
	k.list(j, &j.displaced, stateDisplaced, displaced)
	k.expect(j.bare == bare && j.owned == owned, "job %#x: bare %d owned %d, want %d %d", j.ref, j.bare, j.owned, bare, owned)
	k.reservations(j)
	k.liveness(j)
	k.load.Waiting += fresh + returned + displaced
	k.load.Running += running
	k.load.Reservations += j.outstanding
}

func (k *checker) liveness(j *job) {
	k.expect(!j.halted() || j.outstanding == 0, "job %#x: %d reservations outstanding though nothing of it is to be launched", j.ref, j.outstanding)
	k.expect(j.claiming == (j.claimUntil != never), "job %#x: claiming %v until %v", j.ref, j.claiming, j.claimUntil)
	owing := 0
	for _, word := range j.asked {
		owing += bits.OnesCount64(word)
	}
	k.expect(owing == j.unanswered && j.claiming == (owing > 0), "job %#x: claiming %v, %d of %d answers are due", j.ref, j.claiming, j.unanswered, owing)
	if j.waiting() == 0 {
		k.expect(k.c.cfg.Policy == LateBindingNoCancel || j.outstanding == 0,
			"job %#x: %d reservations outstanding and nothing waits", j.ref, j.outstanding)
		return
	}
	k.expect(j.deficit() == 0 || j.resampleAt != never || len(j.set.eligible) == 0 && j.bare == 0,
		"job %#x: %d waiting tasks have no reservation to count on, and nothing will be done about it", j.ref, j.deficit())
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

func (k *checker) list(j *job, l *taskList, state taskState, want int) {
	n, prev := 0, uint32(0)
	for i := l.head; i != 0; i = j.tasks[i-1].next {
		n++
		r := &j.tasks[i-1]
		k.expect(r.state == state && r.prev == prev, "job %#x: task %d does not belong in the list of state %d", j.ref, i-1, state)
		prev = i
		if n > want {
			break
		}
	}
	k.expect(n == want && l.n == want && l.tail == prev, "job %#x: list of state %d has %d tasks, want %d", j.ref, state, n, want)
}

func (k *checker) reservations(j *job) {
	left, owned, unused := 0, 0, 0
	for i := range j.res {
		r := &j.res[i]
		if r.left == 0 {
			unused++
			continue
		}
		left += int(r.left)
		w := k.c.worker(r.worker)
		k.expect(w != nil && j.set.matches(k.c.offer(w)), "job %#x: reservation %d is at worker %d, which cannot serve it", j.ref, i, r.worker)
		if r.owner == 0 {
			continue
		}
		if t := &j.tasks[r.owner-1]; t.state == stateDisplaced && t.round == r.round {
			owned += int(r.left)
			k.expect(w == nil || !k.c.avoided(t, w), "job %#x: task %d has a reservation at worker %d, where it failed", j.ref, r.owner-1, r.worker)
		}
	}
	free := 0
	for i := j.resFree; i != 0 && free <= unused; i = j.res[i-1].owner {
		free++
		k.expect(j.res[i-1].left == 0, "job %#x: reservation %d is outstanding and unused", j.ref, i-1)
	}
	k.expect(free == unused, "job %#x: %d of %d unused reservations are free", j.ref, free, unused)
	k.expect(left == j.outstanding && owned == j.owned, "job %#x: %d reservations outstanding and %d owned, counted %d and %d",
		j.ref, j.outstanding, j.owned, left, owned)
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
	c := k.c
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
		default:
			k.load.Draining++
		}
	}
	k.expect(len(c.tripped) == 0, "workers %v are to be quarantined and are not", c.tripped)
	for _, id := range c.quarantine {
		w := c.worker(id)
		k.expect(w != nil && !w.active && w.standing == quarantined && c.trialAt <= c.breakers[id].due, "worker %d is quarantined and %+v, trials at %v", id, w, c.trialAt)
	}
	k.load.Quarantined = len(c.quarantine)
	k.expect(len(c.sets) == len(c.byKey), "%d sets under %d keys", len(c.sets), len(c.byKey))
	for i, s := range c.sets {
		k.expect(s.index == i && c.byKey[s.key] == s, "set %d is out of place", i)
		var want []probe.WorkerID
		for i := range c.workers {
			if w := &c.workers[i]; w.active && s.matches(c.offer(w)) {
				want = append(want, w.id)
			}
		}
		got := slices.Sorted(slices.Values(s.eligible))
		k.expect(slices.Equal(got, want), "set of app %q %v has workers %v, want %v", s.app, s.require, got, want)
		jobs, waiting := 0, 0
		for j := c.oldest; j != nil; j = j.next {
			if j.set != s {
				continue
			}
			jobs++
			if !j.halted() {
				waiting += j.waiting()
			}
		}
		k.expect(jobs == s.jobs, "set of app %q %v has %d jobs, counted %d", s.app, s.require, s.jobs, jobs)
		k.expect(waiting == s.waiting, "set of app %q %v has %d tasks waiting, counted %d", s.app, s.require, s.waiting, waiting)
	}
}

func (k *checker) totals() {
	c := k.c
	k.chain(c.avoidsFree)
	k.expect(len(k.chained) == len(c.avoids), "%d of %d avoid cells are accounted for", len(k.chained), len(c.avoids))
	k.expect(k.load == c.load, "load is %+v, counted %+v", c.load, k.load)
	k.expect(k.bound == c.load.Running, "%d slots are bound and %d tasks run", k.bound, c.load.Running)
	k.expect(c.stats.Submitted-c.stats.Done == uint64(c.load.Jobs), "%d jobs submitted, %d done, %d live", c.stats.Submitted, c.stats.Done, c.load.Jobs)
}
