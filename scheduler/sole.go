package scheduler

import (
	"bytes"

	"dunnock/internal/bitmap"
	"dunnock/scheduler/lease"
	"dunnock/task"
)

// sole is a job of one task, with what most such jobs need, in one piece of memory. It is what a job costs whose
// clients submit one task at a time.
type sole struct {
	job
	own struct { // what the job's slices are of
		record [1]record
		order  [1]uint32
		client [1]follower
		value  [soleValue]byte
	}
}

// soleValue is how many bytes a result may have to be kept there.
const soleValue = 32

// newJob makes a job of a submission. Payloads that are lent it copies.
func newJob(from *task.Job, lent bool) *job {
	var j *job
	n := len(from.Tasks)
	if n == 1 {
		x := &sole{}
		j = &x.job
		own := &x.own
		j.tasks, j.order, j.clients, j.piece = records{n: 1, few: own.record[:]}, own.order[:0], own.client[:0], own.value[:0]
		j.payloads = gather(from.Tasks, lent, nil)
	} else {
		numbers := make([]uint32, n, n+min(n, recordsOf))
		j = &job{tasks: records{n: n}, payloads: gather(from.Tasks, lent, numbers[:n:n])}
		if n <= recordsOf { // otherwise order has memory of its own, when the first task has ended
			j.order = numbers[n:n]
		}
	}
	j.spec = spec{
		ID: from.ID, App: from.App, User: from.User, Epoch: from.Epoch, Priority: int16(from.Priority), Slots: uint16(from.Slots), ProbeRatio: from.ProbeRatio,
		Deadline: from.Deadline, TaskTimeout: from.TaskTimeout, Estimate: from.Estimate, Resources: from.Resources,
	}
	j.lease = lease.Job{Epoch: from.Epoch, Drains: from.OnDisconnect == task.DrainJob}
	j.skipped = bytes.Clone(from.Finished)
	for i := range min(n, 8*len(from.Finished)) {
		if bitmap.Has(from.Finished, uint32(i)) {
			j.before++
		}
	}
	j.payload, j.digest = payloadBytes(from.Tasks), digestOf(from)
	return j
}
