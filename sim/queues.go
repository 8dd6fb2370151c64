package sim

// Queues are the workers of the policies that send each task to a worker at once: a worker runs as many tasks as it has
// slots, and the others wait there first in, first out.
type Queues struct {
	slots   uint32
	workers []fifo
}

// fifo is a worker: how many slots are taken, and what waits.
type fifo struct {
	busy    uint32
	head    uint32
	waiting uint32
	ring    []queued // a power of two
}

// queued is a task that waits at a worker.
type queued struct {
	job  JobID
	task uint32
}

// NewQueues returns the idle workers of a run.
func NewQueues(e *Engine) *Queues {
	return &Queues{slots: uint32(e.cfg.Slots), workers: make([]fifo, e.cfg.Workers)}
}

// Len returns how many tasks a worker runs and how many wait there, together.
func (q *Queues) Len(worker uint32) uint32 {
	w := &q.workers[worker]
	return w.busy + w.waiting
}

// Push brings a task to a worker, which starts it if a slot is free.
func (q *Queues) Push(e *Engine, worker uint32, job JobID, task uint32) {
	w := &q.workers[worker]
	if w.busy < q.slots {
		w.busy++
		e.Start(Timer{Worker: worker, Job: job, Task: task})
		return
	}
	if w.waiting == uint32(len(w.ring)) {
		w.grow()
	}
	w.ring[(w.head+w.waiting)&uint32(len(w.ring)-1)] = queued{job, task}
	w.waiting++
}

// Done takes the end of a task, as [Policy.Wake] gets it: the worker starts the next one and sends the result.
func (q *Queues) Done(e *Engine, t Timer) {
	w := &q.workers[t.Worker]
	if w.waiting == 0 {
		w.busy--
	} else {
		next := w.ring[w.head&uint32(len(w.ring)-1)]
		w.head++
		w.waiting--
		e.Start(Timer{Worker: t.Worker, Job: next.job, Task: next.task})
	}
	e.Send(&Message{Kind: MessageFinished, Scheduler: e.Scheduler(t.Job), Worker: t.Worker, Job: t.Job, Task: t.Task})
}

// Deliver takes what is common to the policies with such workers: a launch at a worker, which pushes the task; a probe
// there, which is answered with how full the worker is; and a result at a scheduler, which finishes the task. Other
// messages are the policy's.
func (q *Queues) Deliver(e *Engine, m *Message) {
	switch m.Kind { //nolint:exhaustive // the fleet's own messages are not for these workers
	case MessageLaunch:
		q.Push(e, m.Worker, m.Job, m.Task)
	case MessageFinished:
		e.Finish(m.Job, m.Task, m.Worker)
	case MessageProbe:
		reply := *m
		reply.Kind, reply.Count = MessageAnswer, q.Len(m.Worker)
		e.Send(&reply)
	}
}

func (w *fifo) grow() {
	larger := make([]queued, max(2*len(w.ring), 4))
	for i := range w.waiting {
		larger[i] = w.ring[(w.head+i)&uint32(len(w.ring)-1)]
	}
	w.ring, w.head = larger, 0
}
