package sim

// ideal is one omniscient first-in first-out queue over all slots: a task starts one hop after its arrival if a slot is
// free then, else at the instant when one frees and it is its turn, and its result takes one hop back. No policy that
// learns anything by messages can have a shorter mean response without knowing service times beforehand, so it is the
// bound that the others are held against.
type ideal struct {
	free    []uint32 // workers, once for each free slot
	waiting pending
}

func newIdeal(e *Engine) Policy { return newOmniscient(e) }

func newOmniscient(e *Engine) *ideal {
	p := &ideal{free: make([]uint32, 0, e.cfg.Workers*e.cfg.Slots)}
	for range e.cfg.Slots { // so that tasks spread over workers first
		for w := e.cfg.Workers - 1; w >= 0; w-- {
			p.free = append(p.free, uint32(w))
		}
	}
	return p
}

// Submit sends the tasks to the queue.
func (p *ideal) Submit(e *Engine, job JobID) {
	for i := range e.Tasks(job) {
		e.Send(&Message{Kind: MessageLaunch, Scheduler: e.Scheduler(job), Job: job, Task: uint32(i)})
	}
}

// Deliver takes a task at the queue or a result at the scheduler.
func (p *ideal) Deliver(e *Engine, m *Message) {
	if m.Kind == MessageFinished {
		e.Finish(m.Job, m.Task, m.Worker)
		return
	}
	if len(p.free) == 0 {
		p.waiting.push(queued{m.Job, m.Task})
		return
	}
	last := len(p.free) - 1
	w := p.free[last]
	p.free = p.free[:last]
	e.Start(Timer{Worker: w, Job: m.Job, Task: m.Task})
}

// Wake takes the end of a task.
func (p *ideal) Wake(e *Engine, t Timer) {
	e.Send(&Message{Kind: MessageFinished, Scheduler: e.Scheduler(t.Job), Worker: t.Worker, Job: t.Job, Task: t.Task})
	next, ok := p.waiting.pop()
	if !ok {
		p.free = append(p.free, t.Worker)
		return
	}
	e.Start(Timer{Worker: t.Worker, Job: next.job, Task: next.task})
}

// pending is a first-in first-out queue of tasks.
type pending struct {
	ring []queued // a power of two
	head int
	n    int
}

func (p *pending) push(q queued) {
	if p.n == len(p.ring) {
		larger := make([]queued, max(2*p.n, 64))
		for i := range p.n {
			larger[i] = p.ring[(p.head+i)&(len(p.ring)-1)]
		}
		p.ring, p.head = larger, 0
	}
	p.ring[(p.head+p.n)&(len(p.ring)-1)] = q
	p.n++
}

func (p *pending) pop() (queued, bool) {
	if p.n == 0 {
		return queued{}, false
	}
	q := p.ring[p.head]
	p.head = (p.head + 1) & (len(p.ring) - 1)
	p.n--
	return q, true
}
