package scheduler

import (
	"bytes"

	"dunnock/task"
)

// sole is a job of one task, with what most such jobs need, in one piece of memory. It is what a job costs whose clients submit one task at a time.
type sole struct {
	job
	own struct { // what the job's slices are of
		task   [1]task.Task
		record [1]record
		order  [1]uint32
		client [1]follower
		value  [soleValue]byte
	}
}

// soleValue is how many bytes a result may have to be kept there.
const soleValue = 32

// newJob makes a job of a submission, whose Tasks it copies if there is only one: that is memory of a decoder's.
func newJob(spec *task.Job) *job {
	if len(spec.Tasks) != 1 {
		n := len(spec.Tasks)
		return &job{spec: *spec, skipped: bytes.Clone(spec.Finished), tasks: make([]record, n), order: make([]uint32, 0, n)}
	}
	x := &sole{job: job{spec: *spec, skipped: bytes.Clone(spec.Finished)}}
	own := &x.own
	own.task[0] = spec.Tasks[0]
	x.spec.Tasks, x.tasks, x.order, x.clients, x.piece = own.task[:], own.record[:], own.order[:0], own.client[:0], own.value[:0]
	return &x.job
}

// dropTasks lets go of the payloads of a job that is over; len(j.tasks) still says how many there were.
func (j *job) dropTasks() {
	if len(j.spec.Tasks) == 1 {
		clear(j.spec.Tasks) // which may be part of a sole
	}
	j.spec.Tasks = nil
}
