package storm

import (
	"io"
	"time"

	"dunnock/scheduler/placement"
	"dunnock/task"
)

// Result is what a run was like.
type Result struct {
	Plan     Plan
	Err      error // the first promise that was broken; nil: none
	Time     time.Duration
	Events   uint64
	Messages uint64
	Jobs     int
	Tasks    int
	Refused  int // jobs that no scheduler took
	Starts   int
	Again    int // starts of a task that had started before, each explained by a failure or a fault
	Outcomes map[task.Outcome]int
	Counts   map[string]uint64 // faults by their names, and what the cores have counted
}

// Run runs a seed, with policy 0 under the one that it draws. With a trace, what happens is written to it.
func Run(seed uint64, policy placement.Policy, trace io.Writer) *Result {
	return run(NewPlan(seed, policy), trace)
}

func run(p Plan, trace io.Writer) *Result {
	w := newWorld(p, trace)
	err := w.run()
	r := &Result{
		Plan: p, Err: err, Time: w.now, Events: w.events, Messages: w.messages, Jobs: len(w.book.jobs), Refused: w.refused,
		Starts: w.book.starts, Again: w.book.again, Outcomes: make(map[task.Outcome]int), Counts: w.counts,
	}
	for _, j := range w.book.jobs {
		r.Tasks += len(j.tasks)
	}
	for o, n := range w.outcomes {
		if n > 0 {
			r.Outcomes[task.Outcome(o)] = n
		}
	}
	return r
}
