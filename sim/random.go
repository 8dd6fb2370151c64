package sim

import (
	"math/rand/v2"

	"dunnock/probe"
)

// random sends each task to a worker that is drawn uniformly, where it waits its turn. A task starts one hop after its
// arrival at the earliest, and takes two messages.
type random struct {
	queues *Queues
	rngs   []*rand.Rand // by scheduler
}

func newRandom(e *Engine) Policy {
	return &random{queues: NewQueues(e), rngs: generators(e)}
}

// generators returns one generator for each scheduler.
func generators(e *Engine) []*rand.Rand {
	rngs := make([]*rand.Rand, e.cfg.Schedulers)
	for i := range rngs {
		rngs[i] = e.Rand(uint64(i))
	}
	return rngs
}

// Submit sends the tasks.
func (p *random) Submit(e *Engine, job JobID) {
	s := e.Scheduler(job)
	for i := range e.Tasks(job) {
		w := probe.Below(p.rngs[s], uint64(e.cfg.Workers))
		e.Send(&Message{Kind: MessageLaunch, Scheduler: s, Worker: uint32(w), Job: job, Task: uint32(i)})
	}
}

// Deliver takes a task at its worker or a result at its scheduler.
func (p *random) Deliver(e *Engine, m *Message) { p.queues.Deliver(e, m) }

// Wake takes the end of a task.
func (p *random) Wake(e *Engine, t Timer) { p.queues.Done(e, t) }
