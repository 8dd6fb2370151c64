package sim

import (
	"fmt"
	"strconv"
)

// widen notes that a job has tasks of several slots.
func (e *Engine) widen(j *job) {
	switch {
	case !usesCores(e.cfg.Policy):
		e.fail(fmt.Errorf("%w: policy %s is a model of tasks of one slot, and job %d has tasks of %d; those that run the fleet's own code know them", ErrNotModelled, e.cfg.Policy, j.index, j.slots))
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
