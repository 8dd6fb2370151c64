package placement

import (
	"fmt"
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// maxWorkerID bounds the table of workers to 128 MiB.
const maxWorkerID = 1<<24 - 1

// Worker is what a worker says of itself when it connects. The core keeps the
// slices; they must not change while the worker is connected.
type Worker struct {
	Slots  int      // attempts that it runs at a time; one with 0 is never sampled
	Apps   []string // that it can run
	Labels []probe.Label

	Resources []probe.Amount // beside its slots, at most 8, each name once
	Fair      bool           // it shares its slots between users
	Weights   map[string]int // with Fair: of users and groups of users that do not have 1. It is kept, and must not change

	Name uint64 // the xxhash of its name, by which affinity keys choose it. Schedulers that are to agree say the same

	// Sorts says that it has a discipline by which those that came later may come first. So what waits has to wait in
	// its queue: it makes no offers, and under IdleOffer a job that comes while such a worker is in sampling is sampled
	// for as under LateBinding.
	Sorts bool
}

// same reports whether two workers, whatever their names, have said the same in the very same slices, so that one copy
// does for both.
func (w *Worker) same(o *Worker) bool {
	return w.Slots == o.Slots && w.Sorts == o.Sorts && w.Fair == o.Fair && len(w.Apps) == len(o.Apps) && len(w.Labels) == len(o.Labels) && slices.Equal(w.Resources, o.Resources) &&
		(len(w.Apps) == 0 || &w.Apps[0] == &o.Apps[0]) && (len(w.Labels) == 0 || &w.Labels[0] == &o.Labels[0])
}

// worker is one connected worker, or the room for one. A scheduler has one for each worker of the fleet, and which of
// them a message is about is as good as random: what it costs in a fleet that does not fit into a cache is how many
// cache lines it has to fetch. So what most messages need is 32 bytes here and 16 for a slot, of which four fill a
// line, and the rest is in [profile].
type worker struct {
	slots   []slot // nil before the first call
	id      probe.WorkerID
	up      bool // connected
	severed bool // not connected, and may be back in the same life: what is bound there stays bound
	active  bool // may be sampled: it has slots and is not draining
	standing
}

// profile is the rest of what is known of a worker.
type profile struct {
	offer   *Worker // what it said of itself, but for its name
	name    uint64  // the xxhash of that
	life    uint32
	leaving bool          // it said itself that it drains, for which there is no way back
	drained bool          // by WorkerDrain
	busy    time.Duration // until when what was launched there from here takes all its slots, as far as can be foretold
}

// slotState is what became of the last call of a slot.
type slotState uint8

const (
	slotSilent  slotState = iota // it has never asked
	slotBound                    // answered with a task that is bound there still
	slotKilled                   // answered with a task that was told to end, and whose end is not reported yet
	slotOver                     // answered with NoTask, or with a task that is bound there no longer
	slotDoubted                  // as slotBound, but the connection broke since: it may never have started
	slotOffered                  // not answered: it is free, and its offer is held
	slotSoon                     // not answered: it will be free, and its offer is held
	slotBrief                    // not answered: an offer of it for a brief app is held
	slotHanded                   // not answered from here: its offer was handed on
	slotDormant                  // not answered: its offer is of no use until its worker is in sampling
)

// binds reports whether a task is bound to the slot.
func (s slotState) binds() bool { return s == slotBound || s == slotDoubted }

// offered reports whether an offer of the slot is held.
func (s slotState) offered() bool { return s == slotOffered || s == slotSoon || s == slotBrief }

// slot is the last answer to one slot of a worker: all that is needed to answer a repeated call the same way, and to
// tell what counts from what is late.
type slot struct {
	job     uint32 // with slotBound: place in Core.jobs of the job whose task is bound here
	task    uint32
	call    uint32
	attempt uint16 // as the worker knows it; the task may have had more. With slotHanded: how often the offer had been handed on
	state   slotState
	sure    surety
}

// surety is what is known of whether a task that is bound to a slot has started there.
type surety uint8

const (
	likely  surety = iota // the slot asked for it
	perhaps               // it was launched on an offer, which may have been taken back
	sooner                // the same, of a slot that was not free yet
	started               // the worker has said so
	ended                 // and it has said how it ended
)

// occupied reports whether the end of what was launched in the slot has not come yet.
func (s *slot) occupied() bool { return s.state.binds() || s.state == slotKilled }

// holds reports whether the last answer to the slot was to launch this.
func (s *slot) holds(ref probe.Ref, t, call uint32) bool {
	return s.call == call && s.task == t && s.job == uint32(ref)
}

// worker returns a connected worker, or nil.
func (c *Core) worker(id probe.WorkerID) *worker {
	if int64(id) >= int64(len(c.workers)) || !c.workers[id].up {
		return nil
	}
	return &c.workers[id]
}

// known returns a worker that is connected or severed, or nil.
func (c *Core) known(id probe.WorkerID) *worker {
	if int64(id) >= int64(len(c.workers)) || (!c.workers[id].up && !c.workers[id].severed) {
		return nil
	}
	return &c.workers[id]
}

// offer is what a worker said of itself.
func (c *Core) offer(w *worker) *Worker { return c.profiles[w.id].offer }

// slot returns what the last answer to a slot of a worker was, or nil if it has no such slot.
func (c *Core) slot(w *worker, i uint16) *slot {
	if int(i) >= len(w.slots) && !c.growSlots(w, int(i)) || !c.hasLane(w, i) {
		return nil
	}
	return &w.slots[i]
}

// growSlots makes room for a slot of a worker, or reports that it has no such one. Under IdleOffer they are lanes, of
// which a slot that asks ahead has two, and more are needed only where brief apps are offered for.
func (c *Core) growSlots(w *worker, i int) bool {
	n, most := c.offer(w).Slots, c.offer(w).Slots
	if c.idle != nil {
		n, most = 2*n, probe.Lanes(n)
	}
	switch {
	case i < n:
	case i < most:
		n = most
	default:
		return false
	}
	grown := make([]slot, n)
	copy(grown, w.slots)
	w.slots = grown
	return true
}

// bound returns the job whose task is bound to a slot; nil if it has just been ended by another task that was lost with
// the same worker.
func (c *Core) bound(s *slot) *job {
	if j := c.jobs[s.job]; j.ref != 0 {
		return j
	}
	return nil
}

// WorkerUp adds a worker that has connected. Jobs whose waiting tasks it may run give it reservations at once, oldest
// first: each as many as it would have got had it been there when the job was sampled (probe ratio × waiting tasks /
// eligible workers, rounded up or down by chance), and at least one as long as it got fewer than 2 per slot altogether,
// of which each scheduler may give its part ([Core.Peers]).
//
// The id is a dense number: the core's memory grows with the largest. It may be used again after [Core.WorkerDown].
// After [Core.WorkerLost] the same id is the same life of the worker, which is back: what is bound there is doubtful
// until it says what it has ([Core.Adopt], [Core.Found], [Core.Told]). With another number of slots it is another life
// all the same. Jobs that were at another scheduler before are claimed from every worker that connects. It panics if id
// is connected already or above 2²⁴ − 1, or if Slots is out of 0…65,536.
func (c *Core) WorkerUp(now time.Duration, id probe.WorkerID, w Worker, out []Effect) []Effect {
	if id > maxWorkerID || w.Slots < 0 || w.Slots > 1<<16 {
		panic(fmt.Sprintf("placement: worker %d with %d slots is out of range", id, w.Slots))
	}
	if c.worker(id) != nil {
		panic(fmt.Sprintf("placement: worker %d is connected already", id))
	}
	if missing := int64(id) + 1 - int64(len(c.workers)); missing > 0 {
		c.workers = append(c.workers, make([]worker, missing)...)
		c.profiles = append(c.profiles, make([]profile, missing)...)
	}
	back := c.workers[id].severed
	if back && c.profiles[id].offer.Slots != w.Slots { // no life of a worker does that, so it is another one
		out = c.WorkerDown(now, id, out)
		back = false
	}
	c.lives++
	if w.Fair {
		c.weigh(w.Weights)
	}
	w.Weights = nil
	if c.lastOffer == nil || !c.lastOffer.same(&w) {
		offer := w // w itself would be allocated for every worker
		c.lastOffer = &offer
	}
	wk := &c.workers[id]
	if back {
		c.profiles[id] = profile{offer: c.lastOffer, name: w.Name, life: c.profiles[id].life}
		wk.up, wk.severed = true, false
	} else {
		c.profiles[id] = profile{offer: c.lastOffer, name: w.Name, life: c.lives}
		*wk = worker{id: id, up: true}
	}
	c.load.Draining++
	if w.Slots == 0 {
		return out
	}
	out = c.join(now, wk, out)
	for j := c.oldest; j != nil; j = j.next {
		if j.epoch > 0 && j.concerns(c.offer(wk)) {
			out = c.claim(j, wk, out)
		}
	}
	return c.attend(now, out)
}

// WorkerResume takes a worker back into sampling after [Core.WorkerDrain], and jobs that wait give it reservations as
// if it had just connected, but for those that it still has. It is for a caller that had drained the worker for a
// reason of its own; a worker that refused or declined something because it drains stays out of sampling. An unknown
// worker is no mistake.
func (c *Core) WorkerResume(now time.Duration, id probe.WorkerID, out []Effect) []Effect {
	w := c.worker(id)
	if w == nil {
		c.stats.Stale++
		return out
	}
	c.profiles[id].drained = false
	if w.active || w.standing == quarantined || !c.mayJoin(w) {
		return out
	}
	return c.attend(now, c.join(now, w, out))
}

// join takes a worker into sampling.
func (c *Core) join(now time.Duration, w *worker, out []Effect) []Effect {
	w.active = true
	c.load.Draining--
	c.load.Workers++
	if c.offer(w).Fair {
		c.fairWorkers++
	}
	slots := c.offer(w).Slots
	c.load.Slots += slots
	if c.offer(w).Sorts {
		c.sorters++
	}
	c.index.enter(w.id, c.offer(w))
	c.seat(w)
	for _, s := range c.sets {
		s.joined = s.matches(c.offer(w))
		if s.joined {
			s.eligible = append(s.eligible, w.id)
			c.listed++
			if c.idle != nil && s.waiting > 0 {
				c.stir(s, true)
			}
		}
	}
	given, welcome := 0, c.welcome(slots)
	for j := c.oldest; j != nil; j = j.next {
		if j.halted() {
			continue
		}
		for i := range j.groups() {
			g := j.at(i)
			if g.waiting() == 0 {
				continue
			}
			if g.gives() {
				out = c.relax(now, j, g, out)
				continue
			}
			if !g.set.joined || j.onOffers(g) || g.near {
				continue
			}
			if n := c.share(j, g, given < welcome) - j.held(g, w.id); n > 0 {
				given += n
				out = c.reserve(j, g, w.id, n, 0, out)
			}
			out = c.replenish(now, j, g, out)
		}
	}
	return c.revive(now, w, out)
}

// Peers tells how many schedulers share the workers, at least 1, and which of them this one is, from 0. A worker that
// joins is given something to do at once, 2 reservations per slot where that much waits, and if each scheduler gave it
// that, many would flood it. So they deal: each gives its part, and what does not divide the first ones give. Without a
// call there is one scheduler. Schedulers that do not agree for a while give somewhat more or less.
func (c *Core) Peers(self, schedulers int) {
	if self < 0 || self >= schedulers {
		panic(fmt.Sprintf("placement: scheduler %d of %d", self, schedulers))
	}
	c.self, c.schedulers = self, schedulers
}

// welcome is up to how many reservations in all a worker that joins gets at least one of each waiting job.
func (c *Core) welcome(slots int) int {
	n := 2 * slots / c.schedulers
	if c.self < 2*slots%c.schedulers {
		n++
	}
	return n
}

// share is how many reservations of a group that waits a worker gets that joins its eligible ones.
func (c *Core) share(j *job, g *group, atLeastOne bool) int {
	exact := float64(j.ratio*float64(g.waiting())) / float64(len(g.set.eligible))
	n := int(exact)
	if float64(c.rng.Uint64()<<11>>11)/(1<<53) < exact-float64(n) {
		n++
	}
	if n == 0 && atLeastOne {
		n = 1
	}
	return n
}

// held counts a group's outstanding reservations at a worker.
func (j *job) held(g *group, id probe.WorkerID) int {
	n := 0
	for i := j.firstRes(g); i != 0; i = j.nextRes(i) {
		if r := &j.res[i-1]; r.left > 0 && r.worker == id {
			n += int(r.left)
		}
	}
	return n
}

// WorkerDrain takes a worker out of sampling. What it runs runs on, and the reservations that it has are given to
// others when it refuses them. An unknown worker is no mistake: its connection may just have ended.
func (c *Core) WorkerDrain(now time.Duration, id probe.WorkerID, out []Effect) []Effect {
	w := c.worker(id)
	if w == nil {
		c.stats.Stale++
		return out
	}
	c.profiles[id].drained = true
	c.drain(now, w)
	return c.attend(now, out)
}

func (c *Core) drain(now time.Duration, w *worker) {
	if !w.active {
		return
	}
	if len(c.quarantine) > 0 {
		c.trialAt = 0 // there may be a job that needs them now
	}
	w.active = false
	c.withdraw(now, w)
	c.load.Workers--
	if c.offer(w).Fair {
		c.fairWorkers--
	}
	c.load.Draining++
	c.load.Slots -= c.offer(w).Slots
	if c.offer(w).Sorts {
		c.sorters--
	}
	c.index.leave(w.id, c.offer(w))
	c.unseat(w)
	for _, s := range c.sets {
		if !s.matches(c.offer(w)) {
			continue
		}
		s.eligible = dropWorker(s.eligible, w.id)
		c.listed--
		if len(s.eligible) == 0 {
			s.emptied = now
		}
		if c.idle != nil && s.waiting > 0 {
			c.stir(s, true) // what has failed elsewhere may now have nowhere else to go
		}
	}
}

// WorkerLeft takes a draining worker's last word: nothing runs there, and it has told of all that has ended. What is
// bound there has never started: its launch has crossed that word, or what was said before it. Those tasks wait again,
// as after [Core.Decline]. An unknown worker is no mistake.
func (c *Core) WorkerLeft(now time.Duration, id probe.WorkerID, out []Effect) []Effect {
	w := c.worker(id)
	if w == nil {
		c.stats.Stale++
		return out
	}
	c.profiles[id].leaving = true
	c.drain(now, w)
	for i := range w.slots {
		s := &w.slots[i]
		switch {
		case s.state == slotKilled:
			s.state = slotOver
		case s.state != slotBound || s.sure == started: // a worker that contradicts itself is gone soon, and taken for lost
		default:
			if j := c.bound(s); j != nil {
				out = c.putBack(now, j, s, probe.RefusedDraining, out)
			}
		}
	}
	return c.attend(now, out)
}

// WorkerLost takes note that a worker's connection has ended and that the same life of it may connect again. Its
// reservations are gone; the tasks that are bound there stay so, until it is back and says what it has, or
// [Core.WorkerDown] gives it up. An unknown worker is no mistake.
func (c *Core) WorkerLost(now time.Duration, id probe.WorkerID, out []Effect) []Effect {
	w := c.worker(id)
	if w == nil {
		c.stats.Stale++
		return out
	}
	c.drain(now, w)
	if w.standing == quarantined {
		out = c.discharge(w, out)
	}
	c.load.Draining--
	c.stats.Severed++
	w.up, w.severed = false, true
	for i := range w.slots {
		switch s := &w.slots[i]; s.state {
		case slotBound:
			s.state = slotDoubted
		case slotKilled: // that may not have reached it: if it is back and runs this still, it is told again
			s.state = slotOver
		case slotDormant: // it makes its offers anew
			s.state = slotOver
		case slotSilent, slotOver, slotDoubted, slotOffered, slotSoon, slotBrief, slotHanded:
		}
	}
	for j := c.oldest; j != nil; j = j.next {
		out = c.forfeit(now, j, id, out)
	}
	return c.attend(now, out)
}

// WorkerDown removes a worker whose connection has ended for good. Tasks that were bound there have used up an attempt:
// they wait again at the head, or end Failed with task.CodeWorkerLost on the last one, or end Unknown if they may start
// once only. Its reservations are gone, and jobs that counted on them sample anew. An unknown worker is no mistake.
func (c *Core) WorkerDown(now time.Duration, id probe.WorkerID, out []Effect) []Effect {
	w := c.known(id)
	if w == nil {
		c.stats.Stale++
		return out
	}
	if w.up {
		c.drain(now, w)
		if w.standing == quarantined {
			out = c.discharge(w, out)
		}
		c.load.Draining--
	}
	delete(c.breakers, id)
	slots := w.slots
	*w = worker{id: id}
	for j := c.oldest; j != nil; {
		next := j.next // a job may end with the last answer to its claims
		j.unchoose(id)
		out = c.forfeit(now, j, id, out)
		out = c.answered(now, j, id, out)
		j = next
	}
	for i := range slots {
		if slots[i].state.binds() {
			out = c.lose(now, w, &slots[i], out)
		}
	}
	return c.attend(now, out)
}

// forfeit writes off a job's reservations at a worker that is gone.
func (c *Core) forfeit(now time.Duration, j *job, id probe.WorkerID, out []Effect) []Effect {
	if j.outstanding == 0 {
		return out
	}
	for i := range j.res {
		if r := &j.res[i]; r.left > 0 && r.worker == id {
			g := j.holder(uint32(i))
			g.touched = true
			c.deduct(j, g, r, r.left)
			j.reuse(uint32(i))
		}
	}
	return c.regain(now, j, out)
}

// regain gives the groups of a job others for reservations that they have just lost. Workers come and go rarely, so
// this does not wait for a backoff.
func (c *Core) regain(now time.Duration, j *job, out []Effect) []Effect {
	for i := range j.groups() {
		g := j.at(i)
		if g.touched && j.deficit(g) > 0 {
			out = c.resample(now, j, g, out)
		}
		g.touched = false
	}
	return out
}

// lose voids a binding whose end will never be reported: its worker is gone, or says
// that the slot is free. It may end the task and with it the job.
func (c *Core) lose(now time.Duration, w *worker, s *slot, out []Effect) []Effect {
	j := c.bound(s)
	s.state = slotOver
	c.stats.Lost++
	if j == nil {
		return out // another task lost with this worker has just ended the job
	}
	if j.atMostOnce {
		return c.end(now, j, s.task, task.Unknown, causeWorkerLost, out)
	}
	return c.fail(now, j, s.task, w, causeWorkerLost, out)
}
