package client

import (
	"context"
	"iter"
	"sync"
	"time"

	"dunnock/task"
)

// deadlineGrace is how long after a job's deadline the client waits for the scheduler's word, before it
// ends the job itself.
const deadlineGrace = time.Second

// Handle follows one accepted job. It is safe for use by many goroutines.
type Handle struct {
	s        *session
	id       task.JobID
	seq      uint32
	accepted chan struct{} // closed when the scheduler has answered the submission
	done     chan struct{} // closed when every task has its outcome

	mu       sync.Mutex // guards what follows
	refused  error
	results  []task.Result // in the order of their arrival
	seen     []bool        // by task: has its outcome
	finished bool          // done is closed
	outcome  task.Outcome  // of the job, 0 until it is done
	changed  chan struct{} // closed at the next result; nil when nobody waits for it
	limit    time.Duration // how long the job may take, until deadline ends it
	deadline *time.Timer   // runs from the submission, and anew from the acceptance
}

func newHandle(s *session, seq uint32, job *task.Job) *Handle {
	h := &Handle{
		s: s, id: job.ID, seq: seq, limit: job.Deadline + deadlineGrace, accepted: make(chan struct{}), done: make(chan struct{}),
		results: make([]task.Result, 0, len(job.Tasks)), seen: make([]bool, len(job.Tasks)),
	}
	for i := range h.seen {
		h.seen[i] = i/8 < len(job.Finished) && job.Finished[i/8]&(1<<(i%8)) != 0
	}
	return h
}

// ID is the job's.
func (h *Handle) ID() task.JobID { return h.id }

// Scheduler is the name of the one that runs the job.
func (h *Handle) Scheduler() string {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	return h.s.name
}

// Done is closed when every task has its outcome.
func (h *Handle) Done() <-chan struct{} { return h.done }

// Outcome is the job's own, or 0 while it is not done: ok if every task ended ok, timeout if its deadline ended it, cancelled
// if it was cancelled, unknown if its scheduler was lost, and otherwise failed.
func (h *Handle) Outcome() task.Outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.outcome
}

// Results yields each task's one result, in the order in which tasks end, until every task has one. Each call starts
// from the first result. Leaving the loop early does not end the job. Tasks that Job.Finished lists have no result.
func (h *Handle) Results() iter.Seq[task.Result] {
	return func(yield func(task.Result) bool) {
		for i := 0; ; i++ {
			r, ok := h.result(i)
			if !ok || !yield(r) {
				return
			}
		}
	}
}

// result waits for the i-th result; false when there are no more.
func (h *Handle) result(i int) (task.Result, bool) {
	for {
		h.mu.Lock()
		if i < len(h.results) {
			r := h.results[i]
			h.mu.Unlock()
			return r, true
		}
		if h.finished {
			h.mu.Unlock()
			return task.Result{}, false
		}
		if h.changed == nil {
			h.changed = make(chan struct{})
		}
		changed := h.changed
		h.mu.Unlock()
		<-changed
	}
}

// Wait returns all results by task index when every task has one. Its error is nil only if all ended
// ok; otherwise it is ctx's, or a *task.Error that counts the failures and carries the code of the first.
// When ctx ends first the job goes on; see [Handle.Cancel].
func (h *Handle) Wait(ctx context.Context) ([]task.Result, error) {
	select {
	case <-h.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	byTask := make([]task.Result, len(h.seen))
	var first *task.Result
	failed := 0
	for i := range h.results {
		r := &h.results[i]
		byTask[r.Task] = *r
		if r.Outcome != task.OK {
			failed++
			if first == nil {
				first = r
			}
		}
	}
	if failed == 0 {
		return byTask, nil
	}
	e := task.Errorf(first.Err.Code, "%d of %d tasks did not end ok; task %d: %s", failed, len(byTask), first.Task, first.Err.Message)
	e.Detail = first.Err.Detail
	return byTask, e
}

// Cancel asks the scheduler to end the job. Tasks that have not finished end cancelled; results still come.
func (h *Handle) Cancel() { h.s.cancel(h.seq) }

// await starts the deadline.
func (h *Handle) await() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.finished {
		h.deadline = time.AfterFunc(h.limit, h.overdue)
	}
}

// accept notes the scheduler's answer to the submission.
func (h *Handle) accept(refused *task.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.accepted:
		return
	default:
	}
	if refused != nil {
		h.refused = refused
		h.finish()
	} else if !h.finished && h.deadline != nil {
		h.deadline.Reset(h.limit)
	}
	close(h.accepted)
}

// taskDone takes a task's first outcome; later ones and unknown tasks are ignored.
func (h *Handle) taskDone(r task.Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.finished || r.Task >= len(h.seen) || h.seen[r.Task] {
		return
	}
	if r.Outcome != task.OK && r.Err == nil {
		r.Err = task.Errorf(task.CodeInternal, "the scheduler gave no reason")
	}
	h.seen[r.Task] = true
	h.results = append(h.results, r)
	h.notify()
}

// jobDone ends the job. The scheduler has sent every outcome by then; should one be missing, it is unknown.
func (h *Handle) jobDone(outcome task.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.endRest(task.Unknown, errNoOutcome)
	if h.outcome == 0 {
		h.outcome = outcome
	}
}

var errNoOutcome = task.Errorf(task.CodeInternal, "the scheduler ended the job without this task's outcome")

// lost ends the job because its scheduler is gone.
func (h *Handle) lost(err *task.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.giveUp(task.Unknown, err)
}

// giveUp ends the job without its scheduler. The caller holds mu.
func (h *Handle) giveUp(o task.Outcome, err *task.Error) {
	if !h.finished {
		h.outcome = o
	}
	select {
	case <-h.accepted:
		h.endRest(o, err)
	default:
		h.refused = err
		h.finish()
		close(h.accepted)
	}
}

// overdue ends the job when the scheduler has not, some time after the deadline.
func (h *Handle) overdue() {
	h.s.take(h.seq)
	h.Cancel() // should it live after all
	h.mu.Lock()
	defer h.mu.Unlock()
	h.giveUp(task.Timeout, task.Errorf(task.CodeDeadline, "the job's deadline passed and its scheduler did not say so"))
}

// endRest gives every task without an outcome this one. The caller holds mu.
func (h *Handle) endRest(o task.Outcome, err *task.Error) {
	if h.finished {
		return
	}
	for i, seen := range h.seen {
		if !seen {
			h.seen[i] = true
			h.results = append(h.results, task.Result{Task: i, Outcome: o, Err: err})
		}
	}
	h.finish()
}

// finish closes done. The caller holds mu.
func (h *Handle) finish() {
	if h.finished {
		return
	}
	h.finished = true
	if h.deadline != nil {
		h.deadline.Stop()
	}
	h.notify()
	close(h.done)
}

// notify wakes those who wait for the next result. The caller holds mu.
func (h *Handle) notify() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}
