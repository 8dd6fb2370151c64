package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"dunnock/probe"
)

// perTask probes d workers, of those that it may run on, for each task and sends it to the one that the probe found
// least full, counting what runs and what waits there (power of d choices: Mitzenmacher 2001). A probe ratio between
// two numbers counts as the larger. A task takes three hops to start, and 2d + 2 messages.
type perTask struct {
	queues *Queues
	rngs   []*rand.Rand // by scheduler
	probes int          // of a task
	drawn  []uint32     // scratch: the workers drawn for one task
	jobs   [][]choice   // by JobID, then by task
}

// choice is the least full worker that a task has heard of; of equally full ones it is the first that was drawn.
type choice struct {
	worker  uint32
	length  uint32
	missing uint32 // answers
}

func newPerTask(e *Engine) Policy {
	probes := min(int(math.Ceil(e.cfg.ProbeRatio)), e.cfg.Workers)
	return &perTask{queues: NewQueues(e), rngs: generators(e), probes: probes}
}

// Submit probes for each task on its own.
func (p *perTask) Submit(e *Engine, job JobID) {
	for int(job) >= len(p.jobs) {
		p.jobs = append(p.jobs, nil)
	}
	choices := p.jobs[job][:0]
	for i := range e.Tasks(job) {
		choices = append(choices, choice{length: math.MaxUint32})
		p.probe(e, job, uint32(i), choices)
	}
	p.jobs[job] = choices
}

// probe asks distinct workers how full they are.
func (p *perTask) probe(e *Engine, job JobID, task uint32, choices []choice) {
	s := e.Scheduler(job)
	p.drawn = p.drawn[:0]
	probes, eligible := p.probes, []uint32(nil)
	if a := e.jobs[job].asks; a != nil {
		eligible = e.fleet.who(&a.groups[a.of[task]])
		if probes = min(probes, len(eligible)); probes == 0 {
			e.fail(fmt.Errorf("job %d: tasks[%d]: no worker has the labels that it requires", e.jobs[job].index, task))
		}
	}
	choices[task].missing = uint32(probes)
	for len(p.drawn) < probes {
		var w uint32
		if eligible == nil {
			w = uint32(probe.Below(p.rngs[s], uint64(e.cfg.Workers)))
		} else {
			w = eligible[probe.Below(p.rngs[s], uint64(len(eligible)))]
		}
		if slices.Contains(p.drawn, w) {
			continue
		}
		p.drawn = append(p.drawn, w)
		e.Send(&Message{Kind: MessageProbe, Scheduler: s, Worker: w, Job: job, Task: task})
	}
}

// Deliver takes a message at a worker or a scheduler.
func (p *perTask) Deliver(e *Engine, m *Message) {
	if m.Kind != MessageAnswer {
		p.queues.Deliver(e, m)
		return
	}
	c := &p.jobs[m.Job][m.Task]
	if m.Count < c.length {
		c.worker, c.length = m.Worker, m.Count
	}
	c.missing--
	if c.missing == 0 {
		e.Send(&Message{Kind: MessageLaunch, Scheduler: m.Scheduler, Worker: c.worker, Job: m.Job, Task: m.Task})
	}
}

// Wake takes the end of a task.
func (p *perTask) Wake(e *Engine, t Timer) { p.queues.Done(e, t) }
