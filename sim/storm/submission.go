package storm

import (
	"slices"
	"time"
)

// What an owner knows when it hands a job to a scheduler binds what happens from there on: tasks that have an outcome
// do not start, attempts are counted on, and the epoch rises only where it must.

// sent is what an owner knew when it submitted a job under an epoch.
type sent struct {
	finished []bool   // by task: it had its outcome
	failures []uint16 // by task
}

// submitted notes what an owner knows when it submits a job.
func (b *book) submitted(j *job, epoch uint32, s int) {
	b.judgeEpoch(j, epoch)
	if j.last = (submitting{to: s, epoch: epoch, at: b.w.now}); !slices.Contains(j.at, s) {
		j.at = append(j.at, s)
	}
	x := sent{finished: make([]bool, len(j.tasks)), failures: slices.Clone(j.failures)}
	for i, o := range j.outcomes {
		x.finished[i] = o != 0
	}
	if _, again := j.sent[epoch]; again {
		return // it was refused before: nobody has had it in between
	}
	j.sent[epoch] = x
}

// submitting is what became of handing a job to a scheduler.
type submitting struct {
	to    int // its node
	epoch uint32
	at    time.Duration
	had   bool // it took the job, or said that somebody else has it
}

// had notes that a scheduler has a job that was submitted to it, or says that it is another's.
func (j *job) had(s int, epoch uint32) {
	if j.last.to == s && j.last.epoch == epoch {
		j.last.had = true
	}
}

// judgeEpoch judges that a job is submitted under a later epoch: the scheduler before must have it, or a fault have
// kept it from saying that it has not. One that leaves when it is told to says so.
func (b *book) judgeEpoch(j *job, epoch uint32) {
	w, x := b.w, j.last
	if epoch == x.epoch || x.had || j.twin != nil {
		return
	}
	if max(j.client.touched, w.processes[x.to].touched, w.pair[j.client.node][x.to]) < x.at {
		w.fail("job %d: submitted under epoch %d, though %s, which got it under epoch %d at %v, has not taken it, and no fault has kept it from saying so",
			j.index, epoch, w.name(x.to), x.epoch, x.at)
	}
}

// inVain notes that an owner is told of an attempt that has failed.
func (b *book) inVain(j *job, i uint32, attempt uint16) { j.failures[i] = max(j.failures[i], attempt) }
