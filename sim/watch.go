package sim

import (
	"fmt"

	"dunnock/probe"
)

// watch counts what runs at each worker by what its jobs say that it takes: whatever the cores think, it must never be
// more than there is.
type watch struct {
	busy  []int     // slots, by worker
	taken []uint32  // of resources, by worker and resource
	lanes []holding // of what runs or waits in a lane, by worker and lane
	most  int       // lanes of a worker
}

// holding is who has what runs in a lane, and what that takes.
type holding struct {
	user uint16 // 0: nobody, or one without statistics
	need uint16 // by number
	runs bool
}

// holder is a task's in one number, for a Launch.
func (e *Engine) holder(id JobID, t uint32) JobID {
	user := e.jobs[id].user
	if user > maxReported {
		user = nobody
	}
	return JobID(user<<16 | uint32(e.needOf(id, t)))
}

// slots returns how many slots a holding takes.
func (e *Engine) slots(h *holding) int { return int(max(e.needs[h.need].Slots, 1)) }

// occupied has something begin to run in a lane, and returns how many slots it takes.
func (c *cores) occupied(worker uint32, lane uint16) int64 {
	w, e := &c.watch, c.engine
	if w.lanes == nil {
		return 1
	}
	h := &w.lanes[int(worker)*w.most+int(lane)]
	h.runs = true
	n := e.slots(h)
	if w.busy[worker] += n; w.busy[worker] > e.cfg.Slots {
		e.fail(fmt.Errorf("worker %d runs tasks of %d slots together, and has %d", worker, w.busy[worker], e.cfg.Slots))
	}
	for r, has := range e.fleet.kindOf(worker).amount {
		t := &w.taken[int(worker)*len(e.fleet.resources)+r]
		if more := e.needs[h.need].Resources[r]; more > has-*t {
			e.fail(fmt.Errorf("worker %d runs tasks that take %s=%d together, and has %d", worker, e.fleet.resources[r], uint64(*t)+uint64(more), has))
		} else {
			*t += more
		}
	}
	e.shares.change(e, h, 1)
	return int64(n)
}

// vacated has it end.
func (c *cores) vacated(worker uint32, lane uint16) int64 {
	w, e := &c.watch, c.engine
	if w.lanes == nil {
		return 1
	}
	h := &w.lanes[int(worker)*w.most+int(lane)]
	h.runs = false
	n := e.slots(h)
	w.busy[worker] -= n
	for r := range e.fleet.resources {
		w.taken[int(worker)*len(e.fleet.resources)+r] -= e.needs[h.need].Resources[r]
	}
	e.shares.change(e, h, -1)
	return int64(n)
}

// expect notes whose is what is launched in a lane, and has been started already or waits.
func (c *cores) expect(worker uint32, lane uint16, holder JobID, started bool) {
	w := &c.watch
	if w.lanes == nil {
		if uint16(holder) == 0 && c.engine.shares == nil {
			return
		}
		c.beginWatch()
		if started {
			w.busy[worker]-- // it is about to be counted
		}
	}
	h := &w.lanes[int(worker)*w.most+int(lane)]
	h.user, h.need = uint16(holder>>16), uint16(holder)
}

// beginWatch begins to count.
func (c *cores) beginWatch() {
	w := &c.watch
	w.most = c.engine.cfg.Slots
	if c.idle {
		w.most = probe.Lanes(w.most)
	}
	w.busy, w.lanes = make([]int, len(c.workers)), make([]holding, len(c.workers)*w.most)
	w.taken = make([]uint32, len(c.workers)*len(c.engine.fleet.resources))
	for i := range c.workers {
		if core := c.workers[i].core; core != nil { // else it is down just now
			load := core.Load()
			w.busy[i] = load.Running + load.Stopping + load.Stuck // of one slot each, so far
		}
	}
}

// crashed has all end that runs at a worker, so many attempts, and returns how many slots they took.
func (c *cores) crashed(worker uint32, attempts int) int64 {
	w, e := &c.watch, c.engine
	if w.lanes == nil {
		return int64(attempts)
	}
	n := w.busy[worker]
	w.busy[worker] = 0
	clear(w.taken[int(worker)*len(e.fleet.resources):][:len(e.fleet.resources)])
	for lane := range w.most {
		if h := &w.lanes[int(worker)*w.most+lane]; h.runs {
			h.runs = false
			e.shares.change(e, h, -1)
		}
	}
	return int64(n)
}
