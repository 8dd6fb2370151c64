package placement

import (
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// JobView is one live job as its users see it. Times count from the same origin as the now of the core's methods.
type JobView struct {
	Ref          probe.Ref
	Submitted    time.Duration
	Deadline     time.Duration
	ResampleAt   time.Duration // when it samples anew because workers refused it; 0: it is not waiting for that
	Tasks        int           // all, also those that were not to run
	Waiting      int           // tasks
	Running      int           // tasks
	Failed       int           // tasks that ended not OK
	Reservations int           // outstanding ones
	Claiming     bool          // it was at another scheduler before, and workers are being asked what they hold of it
	Suspended    bool          // nothing of it is launched for now
	Eligible     int           // workers that its tasks may be sampled to; 0: they wait for one to connect
}

// TaskState is what a task is doing.
type TaskState uint8

// The states of a task.
const (
	TaskWaiting TaskState = iota + 1 // for a worker to ask for it
	TaskRunning                      // bound to a slot
	TaskDone                         // has its outcome
)

// String returns the word used in JSON.
func (s TaskState) String() string {
	switch s {
	case TaskWaiting:
		return "waiting"
	case TaskRunning:
		return "running"
	case TaskDone:
		return "done"
	default:
		return "unknown"
	}
}

// TaskView is one task of a live job as its users see it.
type TaskView struct {
	State     TaskState
	Outcome   task.Outcome   // once it is done; 0 if it was not to run
	Code      task.Code      // why it is done, if not OK
	Attempt   int            // the last attempt, from 1; 0 if none started
	HasWorker bool           // Worker is who had it; false if none started, or the last launch was declined
	Worker    probe.WorkerID // as of the launch; it may have gone down since
	Launched  time.Duration  // when the last attempt was, from the same origin as the core's now; 0 if none started
	Wait      time.Duration  // submit to that; for a task that ended without an attempt, to its end; else 0
	Service   time.Duration  // of the last attempt, by the worker's clock; 0 until it has finished
}

// WorkerView is one connected worker as this core has used it.
type WorkerView struct {
	Slots       int
	Running     int  // slots that hold a task of this core
	Draining    bool // sampled no more, or without slots
	Quarantined bool // sampled no more for a while, because it fails everything
}

// Job returns a live job. It costs O(1).
func (c *Core) Job(ref probe.Ref) (JobView, bool) {
	j := c.find(ref)
	if j == nil {
		return JobView{}, false
	}
	v := JobView{
		Ref: ref, Submitted: j.submitted, Deadline: j.deadline, Tasks: len(j.tasks), Waiting: j.waiting(), Running: j.running,
		Failed: j.failed, Reservations: j.outstanding, Eligible: len(j.set.eligible),
		Claiming: j.claiming, Suspended: j.suspended,
	}
	if j.resampleAt != never {
		v.ResampleAt = j.resampleAt
	}
	return v, true
}

// Task returns one task of a live job, by its index from 0. It costs O(1).
func (c *Core) Task(ref probe.Ref, i int) (TaskView, bool) {
	j := c.find(ref)
	if j == nil || i < 0 || i >= len(j.tasks) {
		return TaskView{}, false
	}
	r := &j.tasks[i]
	v := TaskView{
		State: TaskWaiting, Outcome: r.outcome, Code: r.cause.code(), Attempt: int(r.attempt),
		HasWorker: r.hasWorker, Worker: r.worker, Service: r.service,
	}
	if r.attempt > 0 {
		v.Launched = r.launched
	}
	if r.attempt > 0 || r.outcome != 0 {
		v.Wait = r.launched - j.submitted
	}
	switch r.state {
	case stateFresh, stateReturned, stateDisplaced:
	case stateRunning:
		v.State = TaskRunning
	case stateEnded:
		v.State = TaskDone
	}
	return v, true
}

// Worker returns a connected worker.
func (c *Core) Worker(id probe.WorkerID) (WorkerView, bool) {
	w := c.worker(id)
	if w == nil {
		return WorkerView{}, false
	}
	v := WorkerView{Slots: c.offer(w).Slots, Draining: !w.active && w.standing != quarantined, Quarantined: w.standing == quarantined}
	for i := range w.slots {
		if w.slots[i].state.binds() {
			v.Running++
		}
	}
	return v, true
}
