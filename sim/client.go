package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dunnock/internal/bitmap"
	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// clients own the jobs of a run with faults, as the fleet's clients do: they know which tasks have their outcome, and
// hand what is unfinished to another scheduler when theirs is gone.
type clients struct {
	rng     *rand.Rand
	delay   time.Duration // before another try, at least, and half of it at most
	last    time.Duration // when a job was submitted last
	longest time.Duration // deadline
}

// client owns one job.
type client struct {
	scheduler uint32 // that has the job
	placed    bool   // one has it
	finished  []byte // bitmap of the tasks with an outcome
}

func newClients(cfg *Config) clients {
	return clients{rng: newStream(cfg.Seed, labelNetwork).generator(1), delay: cfg.Faults.Redial}
}

// submit hands a job, or what is unfinished of it, to a scheduler: its own the first time, later any that is up. When
// none takes it the client tries again.
func (k *clients) submit(e *Engine, c *cores, id JobID) {
	k.last = e.now
	j := &e.jobs[id]
	k.longest = max(k.longest, j.deadline)
	s := j.scheduler
	if j.client == nil || len(j.client.finished)*8 < len(j.service) {
		j.client = &client{finished: make([]byte, (len(j.service)+7)/8)}
	}
	if j.fresh {
		clear(j.client.finished)
		j.client.placed = false
		j.fresh = false
	} else {
		s = uint32(probe.Below(k.rng, uint64(len(c.schedulers))))
	}
	if c.schedulers[s].core != nil {
		if err := c.submit(s, id, j.client.finished); err == nil {
			j.client.scheduler, j.client.placed = s, true
			return
		} // else no worker is connected there
	}
	k.again(e, id)
}

// again has a job submitted once more, a little later.
func (k *clients) again(e *Engine, id JobID) {
	d := k.delay + time.Duration(probe.Below(k.rng, uint64(k.delay)))
	e.plan(e.now+d, Timer{Kind: TimerKind(faultSubmit), Job: id, class: classFault})
}

// overdue reports whether the jobs there are can only have been lost: all have passed the longest deadline, and twice
// that.
func (k *clients) overdue(e *Engine) bool {
	return e.ahead.at == never && e.now > k.last+2*k.longest
}

// schedulerLost tells the clients of a scheduler that it is gone.
func (k *clients) schedulerLost(e *Engine, scheduler uint32) {
	for i := range e.jobs {
		j := &e.jobs[i]
		if j.left > 0 && j.client != nil && j.client.placed && j.client.scheduler == scheduler {
			j.client.placed = false
			k.again(e, JobID(i))
		}
	}
}

// taskDone takes the outcome of a task, of which there may be only one.
func (k *clients) taskDone(e *Engine, id JobID, f *placement.Effect) {
	j := &e.jobs[id]
	if bitmap.Has(j.client.finished, f.Task) {
		e.fail(fmt.Errorf("job %d, task %d: a second outcome: %v", j.index, f.Task, f.Outcome))
	}
	bitmap.Add(j.client.finished, f.Task)
}
