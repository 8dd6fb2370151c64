package sim

import (
	"fmt"
	"strconv"

	"dunnock/probe"
)

// widen notes that a job has tasks of several slots.
func (e *Engine) widen(j *job) {
	switch {
	case !usesCores(e.cfg.Policy):
		e.fail(fmt.Errorf("policy %s is a model of tasks of one slot, and job %d has tasks of %d; those that run the fleet's own code know them", e.cfg.Policy, j.index, j.slots))
	case int(j.slots) > e.cfg.Slots:
		e.fail(fmt.Errorf("job %d has tasks of %d slots, and no worker has more than %d", j.index, j.slots, e.cfg.Slots))
	case e.widths == nil:
		e.widths = make(map[uint16]*user)
	}
}

// maxWidths bounds how many widths have statistics of their own.
const maxWidths = 64

// width returns whose statistics a job is part of that has tasks of some width.
func (e *Engine) width(j *job) *user {
	u := e.widths[j.slots]
	if u == nil {
		u = &user{}
		if len(e.widths) < maxWidths {
			u.reported, u.responses, u.waits = true, newHistogram(), newHistogram()
		}
		e.widths[j.slots] = u
	}
	return u
}

// widthResults returns what is reported of jobs by how many slots their tasks take; nil if that is one.
func (e *Engine) widthResults() map[string]UserResult {
	var all map[string]UserResult
	for slots, u := range e.widths {
		if u.jobs == 0 {
			continue
		}
		if all == nil {
			all = make(map[string]UserResult)
		}
		all[strconv.Itoa(int(slots))] = u.result()
	}
	return all
}

// watch counts what runs at each worker by what its jobs say that it takes: whatever the cores think, it must never be more than
// there is.
type watch struct {
	busy  []int    // slots, by worker
	lanes []uint16 // that what runs or waits in a lane takes, by worker and lane
	most  int      // lanes of a worker
}

// occupied has something begin to run in a lane, and returns how many slots it takes.
func (c *cores) occupied(worker uint32, lane uint16) int64 {
	w := &c.watch
	if w.lanes == nil {
		return 1
	}
	n := int(max(w.lanes[int(worker)*w.most+int(lane)], 1))
	if w.busy[worker] += n; w.busy[worker] > c.engine.cfg.Slots {
		c.engine.fail(fmt.Errorf("worker %d runs tasks of %d slots together, and has %d", worker, w.busy[worker], c.engine.cfg.Slots))
	}
	return int64(n)
}

// vacated has it end.
func (c *cores) vacated(worker uint32, lane uint16) int64 {
	w := &c.watch
	if w.lanes == nil {
		return 1
	}
	n := int(max(w.lanes[int(worker)*w.most+int(lane)], 1))
	w.busy[worker] -= n
	return int64(n)
}

// expect notes how many slots what is launched in a lane takes.
func (c *cores) expect(worker uint32, lane, slots uint16) {
	w := &c.watch
	if w.lanes == nil {
		if slots <= 1 {
			return
		}
		w.most = c.engine.cfg.Slots
		if c.idle {
			w.most = probe.Lanes(w.most)
		}
		w.busy, w.lanes = make([]int, len(c.workers)), make([]uint16, len(c.workers)*w.most)
		for i := range c.workers {
			load := c.workers[i].core.Load()
			w.busy[i] = load.Running + load.Stopping + load.Stuck // of one slot each, so far
		}
		w.busy[worker]-- // this one, which begins now
	}
	w.lanes[int(worker)*w.most+int(lane)] = slots
}

// crashed has all end that runs at a worker, so many attempts, and returns how many slots they took.
func (c *cores) crashed(worker uint32, attempts int) int64 {
	w := &c.watch
	if w.lanes == nil {
		return int64(attempts)
	}
	n := w.busy[worker]
	w.busy[worker] = 0
	return int64(n)
}

// needOf is what the tasks of a job take, as its reservations say.
func needOf(m *Message) probe.Need { return probe.Need{Slots: m.Slot} }
