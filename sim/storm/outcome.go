package storm

import (
	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// What owners and schedulers say of tasks and jobs is held against what handlers did and what faults touched.

// lost judges that a scheduler takes an attempt for lost with its worker. That a worker leaves when it is told to is no
// fault.
func (b *book) lost(s *scheduler, h *heldJob, f *placement.Effect) {
	w, x := b.w, h.launched[f.Task]
	if f.Code != task.CodeWorkerLost || x.attempt != f.Attempt || w.plan.Wild > 0 || w.plan.Spikes > 0 {
		return
	}
	if max(x.k.touched, s.touched, w.pair[x.k.node][s.node]) < x.at {
		w.fail("job %d, task %d: %s takes its attempt %d for lost with %s, and no fault has touched them since its launch at %v",
			h.job.index, f.Task, w.name(s.node), f.Attempt, w.name(x.k.node), x.at)
	}
}

// told judges an outcome as a scheduler tells it.
func (b *book) told(j *job, t taskEnd) {
	if t.outcome == task.OK && !b.ranOK(j.tasks[t.task]) {
		b.w.fail("job %d, task %d: a scheduler says that it ended ok, and it never did", j.index, t.task)
	}
}

func (b *book) ranOK(t *jobTask) bool {
	for _, x := range t.starts {
		if x.over && x.status == probe.StatusOK {
			return true
		}
	}
	return false
}

func (b *book) accepted(j *job) {
	if !j.isTaken {
		j.isTaken, j.taken = true, b.w.now
	}
}

// refused takes the end of a job that nobody has accepted.
func (b *book) refused(j *job, code task.Code) {
	w := b.w
	w.refused++
	j.over = true
	if j.isTaken {
		w.fail("job %d: refused (%s) after it was accepted", j.index, code)
	}
	for _, t := range j.tasks {
		if j.outcomes[t.index] != 0 {
			w.fail("job %d: refused, and task %d has an outcome", j.index, t.index)
		}
	}
}

// outcome takes the outcome of a task at its owner.
func (b *book) outcome(j *job, i uint32, outcome task.Outcome, code task.Code) {
	w, t := b.w, j.tasks[i]
	switch {
	case j.outcomes[i] != 0:
		w.fail("job %d, task %d: a second outcome, %v after %v", j.index, i, outcome, j.outcomes[i])
	case !j.isTaken:
		w.fail("job %d, task %d: an outcome before it was accepted", j.index, i)
	case outcome == task.OK && !b.ranOK(t):
		w.fail("job %d, task %d: ok at its owner, and it never ended so", j.index, i)
	case outcome == task.Timeout && w.now < j.taken+j.deadline-w.slack() && code != task.CodeTaskTimeout && j.timeout == 0:
		w.fail("job %d, task %d: timed out at %v, %v before its deadline", j.index, i, w.now, j.taken+j.deadline-w.now)
	case outcome == task.Unknown && j.once && !b.inDoubt(j):
		w.fail("job %d, task %d: unknown (%s), and no fault has touched those who know", j.index, i, code)
	case outcome == task.Unknown && !j.once && j.twin == nil:
		w.fail("job %d, task %d: unknown (%s), and it may start again", j.index, i, code)
	case outcome == task.Cancelled && !j.cancelled && !j.rest && (j.twin == nil || !j.twin.cancelled):
		w.fail("job %d, task %d: cancelled (%s), and nobody did", j.index, i, code)
	}
	w.log("job %d, task %d: %v %s at its owner %s", j.index, i, outcome, code, w.name(j.client.node))
	j.outcomes[i] = outcome
	b.last = w.now
	w.outcomes[outcome]++
}

// inDoubt reports whether a fault has touched a job since it was handed in: its client, a scheduler that it was
// submitted to, a worker, or what connects them. That a scheduler or a worker leaves when it is told to is none.
func (b *book) inDoubt(j *job) bool {
	w := b.w
	if w.plan.Wild > 0 || w.plan.Spikes > 0 || j.client.touched >= j.since {
		return true
	}
	for _, s := range j.at {
		if max(w.processes[s].touched, w.pair[j.client.node][s]) >= j.since {
			return true
		}
		for _, k := range w.workers {
			if max(k.touched, w.pair[k.node][s]) >= j.since {
				return true
			}
		}
	}
	return false
}

// done takes the end of a job at its owner.
func (b *book) done(j *job, outcome task.Outcome, failed uint32) {
	w := b.w
	bad := uint32(0)
	for _, t := range j.tasks {
		if j.outcomes[t.index] == 0 {
			w.fail("job %d: done without an outcome of task %d", j.index, t.index)
		}
		if j.outcomes[t.index] != task.OK {
			bad++
		}
	}
	if j.over {
		w.fail("job %d: over twice", j.index)
	}
	if bad != failed || (outcome == task.OK) != (bad == 0) {
		w.fail("job %d: done as %v with %d failed, counted %d", j.index, outcome, failed, bad)
	}
	if late := w.now - (j.taken + j.deadline + ownerGrace); late > 0 && j.client.touched < j.taken+j.deadline {
		w.fail("job %d: done %v after its deadline and its grace", j.index, late)
	}
	j.over = true
	b.last = w.now
}
