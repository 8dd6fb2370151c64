package sim

import (
	"math"
	"math/rand/v2"
	"slices"

	"dunnock/probe"
)

// batch probes ⌈d·m⌉ distinct workers for the m tasks of a job together, and sends one task each to the m least full,
// counting what runs and what waits there (batch sampling: Ousterhout et al., SOSP 2013, §3.2). In a fleet of fewer
// workers than tasks, each next task goes to the worker that is then least full. A task takes three hops to start, and
// 2d + 2 messages.
type batch struct {
	queues *Queues
	rngs   []*rand.Rand // by scheduler
	fleet  []uint32     // all workers, in the order in which sampling leaves them
	jobs   []answers    // by JobID
}

// answers is what the probes of a job have found.
type answers struct {
	found   []uint64 // fullness and worker, to be sorted by the former and then by the order of drawing
	workers []uint32 // in the order of drawing
	missing int
}

func newBatch(e *Engine) Policy {
	b := &batch{queues: NewQueues(e), rngs: generators(e), fleet: make([]uint32, e.cfg.Workers)}
	for i := range b.fleet {
		b.fleet[i] = uint32(i)
	}
	return b
}

// Submit probes for all tasks together.
func (b *batch) Submit(e *Engine, job JobID) {
	for int(job) >= len(b.jobs) {
		b.jobs = append(b.jobs, answers{})
	}
	s := e.Scheduler(job)
	k := min(probes(e.cfg.ProbeRatio, e.Tasks(job)), len(b.fleet))
	probe.Sample(b.rngs[s], b.fleet, k)
	a := &b.jobs[job]
	a.found, a.missing = a.found[:0], k
	a.workers = append(a.workers[:0], b.fleet[:k]...)
	for i, w := range a.workers {
		e.Send(&Message{Kind: MessageProbe, Scheduler: s, Worker: w, Job: job, Task: uint32(i)})
	}
}

// probes is ⌈ratio·tasks⌉, forgiving what floating point adds: 1.1·10 is 11 though its product is a hair more.
func probes(ratio float64, tasks int) int {
	return int(math.Ceil(float64(ratio*float64(tasks)) - 1e-6))
}

// Deliver takes a message at a worker or a scheduler.
func (b *batch) Deliver(e *Engine, m *Message) {
	if m.Kind != MessageAnswer {
		b.queues.Deliver(e, m)
		return
	}
	a := &b.jobs[m.Job]
	a.found = append(a.found, uint64(m.Count)<<32|uint64(m.Task))
	a.missing--
	if a.missing == 0 {
		b.place(e, m, a)
	}
}

// place sends the tasks once all answers are in.
func (b *batch) place(e *Engine, m *Message, a *answers) {
	slices.Sort(a.found)
	launch := Message{Kind: MessageLaunch, Scheduler: m.Scheduler, Job: m.Job}
	for i := range e.Tasks(m.Job) {
		if i >= len(a.found) && i%len(a.found) == 0 { // each has got one: they are to be compared anew
			slices.Sort(a.found)
		}
		f := &a.found[i%len(a.found)]
		launch.Task, launch.Worker = uint32(i), a.workers[uint32(*f)]
		*f += 1 << 32
		e.Send(&launch)
	}
}

// Wake takes the end of a task.
func (b *batch) Wake(e *Engine, t Timer) { b.queues.Done(e, t) }
