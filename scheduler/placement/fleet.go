package placement

import (
	"fmt"
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
}

// same reports whether two workers have said the same in the very same slices, so that one copy does for both.
func (w *Worker) same(o *Worker) bool {
	return w.Slots == o.Slots && len(w.Apps) == len(o.Apps) && len(w.Labels) == len(o.Labels) &&
		(len(w.Apps) == 0 || &w.Apps[0] == &o.Apps[0]) && (len(w.Labels) == 0 || &w.Labels[0] == &o.Labels[0])
}

// worker is one connected worker. A scheduler has one for each worker of the fleet, so it is small until it is used: what the
// last calls of its slots came to is kept from the first call on, see [Core.unfold].
type worker struct {
	slots   []slot  // nil before the first call
	offer   *Worker // what it said of itself
	running int
	id      probe.WorkerID
	life    uint32
	active  bool // may be sampled: it has slots and is not draining
	leaving bool // it said itself that it drains, for which there is no way back
}

// fewSlots is how many slots a used worker's record has room for.
const fewSlots = 4

// usedWorker is a worker that has called. The records of few slots lie beside its own: in a fleet whose
// workers do not fit into a cache, what a message costs is how many cache lines it has to fetch.
type usedWorker struct {
	worker
	few [fewSlots]slot
}

// unfold gives a worker that calls for the first time the records of its slots.
func (c *Core) unfold(w *worker) *worker {
	if w.offer.Slots > fewSlots {
		w.slots = make([]slot, w.offer.Slots)
		return w
	}
	used := &usedWorker{worker: *w}
	used.slots = used.few[:w.offer.Slots]
	c.workers[w.id] = &used.worker
	return &used.worker
}

// slotState is what became of the last call of a slot.
type slotState uint8

const (
	slotSilent slotState = iota // it has never asked
	slotBound                   // answered with a task that is bound there still
	slotKilled                  // answered with a task that was told to end, and whose end is not reported yet
	slotOver                    // answered with NoTask, or with a task that is bound there no longer
)

// slot is the last answer to one slot of a worker: all that is needed to
// answer a repeated call the same way, and to tell what counts from what is late.
type slot struct {
	ref     probe.Ref // with slotBound: the task that is bound here
	call    uint32
	task    uint32
	attempt uint16
	state   slotState
}

// worker returns a connected worker, or nil.
func (c *Core) worker(id probe.WorkerID) *worker {
	if int64(id) >= int64(len(c.workers)) {
		return nil
	}
	return c.workers[id]
}

// WorkerUp adds a worker that has connected. Jobs whose waiting tasks it may run give it
// reservations at once, oldest first: each as many as it would have got had it been there
// when the job was sampled (probe ratio × waiting tasks / eligible workers, rounded up or down by
// chance), and at least one as long as it got fewer than 2 per slot altogether.
//
// The id is a dense number: the core's memory grows with the largest. It may be used again after
// [Core.WorkerDown]. It panics if id is connected already or above 2²⁴ − 1, or if Slots is out of 0…65,536.
func (c *Core) WorkerUp(now time.Duration, id probe.WorkerID, w Worker, out []Effect) []Effect {
	if id > maxWorkerID || w.Slots < 0 || w.Slots > 1<<16 {
		panic(fmt.Sprintf("placement: worker %d with %d slots is out of range", id, w.Slots))
	}
	if c.worker(id) != nil {
		panic(fmt.Sprintf("placement: worker %d is connected already", id))
	}
	if missing := int64(id) + 1 - int64(len(c.workers)); missing > 0 {
		c.workers = append(c.workers, make([]*worker, missing)...)
	}
	c.lives++
	if c.offer == nil || !c.offer.same(&w) {
		offer := w // w itself would be allocated for every worker
		c.offer = &offer
	}
	wk := &worker{id: id, life: c.lives, offer: c.offer}
	c.workers[id] = wk
	c.load.Draining++
	if w.Slots == 0 {
		return out
	}
	return c.join(now, wk, out)
}

// WorkerResume takes a worker back into sampling after [Core.WorkerDrain], and jobs that wait give it reservations as if
// it had just connected, but for those that it still has. It is for a caller that had drained the worker for a reason of
// its own; a worker that refused or declined something because it drains stays out of sampling. An unknown worker is
// no mistake.
func (c *Core) WorkerResume(now time.Duration, id probe.WorkerID, out []Effect) []Effect {
	w := c.worker(id)
	if w == nil {
		c.stats.Stale++
		return out
	}
	if w.active || w.leaving || w.offer.Slots == 0 {
		return out
	}
	return c.join(now, w, out)
}

// join takes a worker into sampling.
func (c *Core) join(now time.Duration, w *worker, out []Effect) []Effect {
	w.active = true
	c.load.Draining--
	c.load.Workers++
	c.load.Slots += w.offer.Slots
	for _, s := range c.sets {
		s.joined = s.matches(w)
		if s.joined {
			s.eligible = append(s.eligible, w.id)
		}
	}
	given := 0
	for j := c.oldest; j != nil; j = j.next {
		if !j.set.joined || j.waiting() == 0 {
			continue
		}
		if n := c.share(j, given < 2*w.offer.Slots) - j.held(w.id); n > 0 {
			given += n
			out = c.reserve(j, w.id, n, 0, out)
		}
		out = c.replenish(now, j, out)
	}
	return out
}

// share is how many reservations of a waiting job a worker gets that joins its eligible ones.
func (c *Core) share(j *job, atLeastOne bool) int {
	exact := float64(j.ratio*float64(j.waiting())) / float64(len(j.set.eligible))
	n := int(exact)
	if float64(c.rng.Uint64()<<11>>11)/(1<<53) < exact-float64(n) {
		n++
	}
	if n == 0 && atLeastOne {
		n = 1
	}
	return n
}

// held counts the job's outstanding reservations at a worker.
func (j *job) held(id probe.WorkerID) int {
	n := 0
	for i := range j.res {
		if r := &j.res[i]; r.left > 0 && r.worker == id {
			n += int(r.left)
		}
	}
	return n
}

// WorkerDrain takes a worker out of sampling. What it runs runs on, and the reservations that it has
// are given to others when it refuses them. An unknown worker is no mistake: its connection may just have ended.
func (c *Core) WorkerDrain(_ time.Duration, id probe.WorkerID, out []Effect) []Effect {
	w := c.worker(id)
	if w == nil {
		c.stats.Stale++
		return out
	}
	c.drain(w)
	return out
}

func (c *Core) drain(w *worker) {
	if !w.active {
		return
	}
	w.active = false
	c.load.Workers--
	c.load.Draining++
	c.load.Slots -= w.offer.Slots
	for _, s := range c.sets {
		if s.matches(w) {
			s.drop(w.id)
		}
	}
}

// WorkerDown removes a worker whose connection has ended. Tasks that were bound
// there have used up an attempt: they wait again at the head, or end Failed with
// task.CodeWorkerLost on the last one, or end Unknown if they may start once only. Its reservations are
// gone, and jobs that counted on them sample anew. An unknown worker is no mistake.
func (c *Core) WorkerDown(now time.Duration, id probe.WorkerID, out []Effect) []Effect {
	w := c.worker(id)
	if w == nil {
		c.stats.Stale++
		return out
	}
	c.drain(w)
	c.load.Draining--
	c.workers[id] = nil
	for j := c.oldest; j != nil; j = j.next {
		if j.outstanding > 0 {
			out = c.forfeit(now, j, id, out)
		}
	}
	for i := range w.slots {
		if w.slots[i].state == slotBound {
			out = c.lose(now, w, &w.slots[i], out)
		}
	}
	return out
}

// forfeit writes off a job's reservations at a worker that is gone.
func (c *Core) forfeit(now time.Duration, j *job, id probe.WorkerID, out []Effect) []Effect {
	found := false
	for i := range j.res {
		if r := &j.res[i]; r.left > 0 && r.worker == id {
			c.deduct(j, r, r.left)
			j.reuse(uint32(i))
			found = true
		}
	}
	if found && j.deficit() > 0 {
		// Workers come and go rarely, so this one does not wait for the job's backoff.
		out = c.resample(now, j, out)
	}
	return out
}

// lose voids a binding whose end will never be reported: its worker is gone, or says
// that the slot is free. It may end the task and with it the job.
func (c *Core) lose(now time.Duration, w *worker, s *slot, out []Effect) []Effect {
	j := c.find(s.ref)
	s.state = slotOver
	w.running--
	c.stats.Lost++
	if j == nil {
		return out // another task lost with this worker has just ended the job
	}
	if j.atMostOnce {
		return c.end(now, j, s.task, task.Unknown, causeWorkerLost, out)
	}
	return c.fail(now, j, s.task, w, causeWorkerLost, out)
}
