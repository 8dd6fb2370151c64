package scheduler

import (
	"time"

	"dunnock/task"
)

// record is the state of one task for those who ask, filled at its launches and at its end.
type record struct {
	outcome task.Outcome // 0 while unfinished
	attempt uint16
	inVain  uint16 // the last attempt that was; 0: none
	worker  string // of the last launch
	wait    time.Duration
	service time.Duration
	value   []byte
	err     *task.Error
}

// recordsOf is how many records of a job with more tasks than that are one piece of memory.
const recordsOf = 64

// records are those of a job's tasks. There is no memory for them before something is to be written there, so that
// tasks that wait take none.
type records struct {
	n    int
	few  []record   // of a job of up to recordsOf tasks
	many [][]record // of a larger one
}

// len is how many tasks the job has.
func (r *records) len() int { return r.n }

// read returns what is known of a task. What is written there may be lost.
func (r *records) read(i int) *record {
	if r.n > recordsOf {
		if r.many == nil || r.many[i/recordsOf] == nil {
			return &record{}
		}
		return &r.many[i/recordsOf][i%recordsOf]
	}
	if r.few == nil {
		return &record{}
	}
	return &r.few[i]
}

// write returns the record of a task.
func (r *records) write(i int) *record {
	if r.n > recordsOf {
		if r.many == nil {
			r.many = make([][]record, (r.n+recordsOf-1)/recordsOf)
		}
		part := i / recordsOf
		if r.many[part] == nil {
			r.many[part] = make([]record, min(recordsOf, r.n-part*recordsOf))
		}
		return &r.many[part][i%recordsOf]
	}
	if r.few == nil {
		r.few = make([]record, r.n)
	}
	return &r.few[i]
}

// each calls do with every record that may have been written.
func (r *records) each(do func(*record)) {
	for i := range r.few {
		do(&r.few[i])
	}
	for _, part := range r.many {
		for i := range part {
			do(&part[i])
		}
	}
}
