package sim

import "time"

// central is a single scheduler that knows the state of every slot without delay but needs a decision time for each
// task, one after the other: a task joins the queue of [ideal] when it has been decided on. It saturates at one task
// per decision time, whatever the number of slots.
type central struct {
	ideal
	decision  time.Duration
	undecided pending
}

// timerDecided is the end of a decision.
const timerDecided TimerKind = 1

func newCentral(e *Engine) Policy {
	return &central{ideal: *newOmniscient(e), decision: e.cfg.Decision}
}

// Submit has the tasks wait for their decisions.
func (p *central) Submit(e *Engine, job JobID) {
	if p.undecided.n == 0 {
		e.After(p.decision, Timer{Kind: timerDecided})
	}
	for i := range e.Tasks(job) {
		p.undecided.push(queued{job, uint32(i)})
	}
}

// Wake takes the end of a decision or of a task.
func (p *central) Wake(e *Engine, t Timer) {
	if t.Kind == TimerDone {
		p.ideal.Wake(e, t)
		return
	}
	next, _ := p.undecided.pop()
	e.Send(&Message{Kind: MessageLaunch, Scheduler: e.Scheduler(next.job), Job: next.job, Task: next.task})
	if p.undecided.n > 0 {
		e.After(p.decision, Timer{Kind: timerDecided})
	}
}
