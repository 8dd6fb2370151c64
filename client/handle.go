package client

import (
	"context"
	"iter"
	"sync"

	"dunnock/client/owner"
	"dunnock/internal/bitmap"
	"dunnock/task"
)

// Handle follows one job. It is safe for use by many goroutines.
type Handle struct {
	c     *Client
	tasks int
	id    task.JobID
	size  task.Limits // what the job needs of a scheduler's limits

	// Client.mu guards these four, until the job is over.
	ref         owner.Ref
	job         task.Job
	encoded     []byte      // the job, if it is too long to encode it for each submission
	lastRefusal *task.Error // the last scheduler's

	answered chan struct{} // closed when a scheduler has accepted the job, or none has; nil if nobody waits for that
	ended    chan struct{} // closed when every task has its outcome, or no scheduler has accepted the job

	mu        sync.Mutex // guards what follows; taken under Client.mu
	accepted  bool       // by a scheduler
	refused   *task.Error
	scheduler string
	results   []task.Result // in the order of their arrival
	retries   retries
	outcome   task.Outcome  // of the job, 0 until it is done
	changed   chan struct{} // closed at the next event; nil when nobody waits for it
}

func newHandle(c *Client, job task.Job, answered chan struct{}) *Handle {
	h := &Handle{
		c: c, tasks: len(job.Tasks), id: job.ID, job: job, answered: answered, ended: make(chan struct{}),
		results: make([]task.Result, 0, len(job.Tasks)),
	}
	h.size.MaxTasks = len(job.Tasks)
	for i := range job.Tasks {
		n := len(job.Tasks[i].Payload)
		h.size.MaxPayloadBytes = max(h.size.MaxPayloadBytes, n)
		h.size.MaxJobBytes += n
	}
	return h
}

// ID is the job's.
func (h *Handle) ID() task.JobID { return h.id }

// Scheduler is the name of the one that has the job, or had it last.
func (h *Handle) Scheduler() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.scheduler
}

// Done is closed when every task has its outcome.
func (h *Handle) Done() <-chan struct{} { return h.ended }

// Outcome is the job's own, or 0 while it is not done: ok if every task ended ok, timeout if its deadline ended it,
// cancelled if it was cancelled, unknown if the client was closed first, and otherwise failed.
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
		if !h.wait() {
			return task.Result{}, false
		}
	}
}

// wait lets go of mu and waits for the next change; false if there will be none.
func (h *Handle) wait() bool {
	if h.outcome != 0 {
		h.mu.Unlock()
		return false
	}
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	changed := h.changed
	h.mu.Unlock()
	<-changed
	return true
}

// Wait returns all results by task index when every task has one. Its error is nil only if all ended ok; otherwise it
// is ctx's, or a *task.Error that counts the failures and carries the code of the first. When ctx ends first the job
// goes on; see [Handle.Cancel].
func (h *Handle) Wait(ctx context.Context) ([]task.Result, error) {
	select {
	case <-h.ended:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byTask(), h.fault()
}

// byTask returns a copy of all results by task index. The caller holds mu, and the job is over.
func (h *Handle) byTask() []task.Result {
	list := make([]task.Result, h.tasks)
	for i := range h.results {
		list[h.results[i].Task] = h.results[i]
	}
	return list
}

// take returns all results by task index, in the memory that they are in, if there is one of each: it is for who alone
// has the handle. The caller holds mu, and the job is over.
func (h *Handle) take() []task.Result {
	if len(h.results) < h.tasks {
		return h.byTask()
	}
	list := h.results
	for i := range list {
		for at := list[i].Task; list[at].Task != at; at = list[i].Task { // each swap brings one to its place
			list[i], list[at] = list[at], list[i]
		}
	}
	h.results = nil
	return list
}

// fault counts the tasks that did not end ok; nil if all did. The caller holds mu, and the job is over.
func (h *Handle) fault() error {
	var first *task.Result
	failed := 0
	for i := range h.results {
		if r := &h.results[i]; r.Outcome != task.OK {
			failed++
			if first == nil {
				first = r
			}
		}
	}
	if failed == 0 {
		return nil
	}
	e := task.Errorf(first.Err.Code, "%d of %d tasks did not end ok; task %d: %s", failed, h.tasks, first.Task, first.Err.Message)
	e.Detail = first.Err.Detail
	return e
}

// Cancel asks the scheduler to end the job. Tasks that have not finished end cancelled; results still come.
func (h *Handle) Cancel() {
	c := h.c
	now, ok := c.enter()
	if !ok {
		return
	}
	var t turn
	t.effects = c.core.Cancel(h.ref, t.effects)
	c.exit(now, &t)
	t.batch.Flush()
}

// accept notes that a scheduler has the job.
func (h *Handle) accept(scheduler string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.scheduler = scheduler
	if !h.accepted { // by another one before
		h.accepted = true
		h.answer()
	}
}

// answer tells who waits for it that a scheduler has accepted the job, or none has. The caller holds mu.
func (h *Handle) answer() {
	if h.answered != nil {
		close(h.answered)
	}
}

// refuse ends a job that no scheduler has accepted.
func (h *Handle) refuse(err *task.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuseLocked(err)
}

func (h *Handle) refuseLocked(err *task.Error) {
	h.refused = err
	h.finish(task.Unknown)
	h.answer()
}

// taskDone takes a task's one outcome.
func (h *Handle) taskDone(r *task.Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.add(*r)
	h.notify()
}

// add appends a result. The caller holds mu.
func (h *Handle) add(r task.Result) {
	if r.Outcome != task.OK && r.Err == nil {
		r.Err = errNoReason
	}
	h.results = append(h.results, r)
}

var errNoReason = task.Errorf(task.CodeInternal, "the scheduler gave no reason")

// done ends the job.
func (h *Handle) done(outcome task.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finish(outcome)
}

// abandon ends the job with its client: what has no outcome yet is unknown.
func (h *Handle) abandon() {
	finished := h.c.core.Finished(h.ref)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.accepted {
		h.refuseLocked(errAbandoned)
		return
	}
	for i := range h.tasks {
		if !bitmap.Has(finished, i) {
			h.add(task.Result{Task: i, Outcome: task.Unknown, Err: errAbandoned})
		}
	}
	h.finish(task.Unknown)
}

// finish closes the books. The caller holds mu, and Client.mu.
func (h *Handle) finish(outcome task.Outcome) {
	h.outcome = outcome
	h.job.Tasks, h.encoded = nil, nil
	h.notify()
	close(h.ended)
}

// notify wakes those who wait for the next event. The caller holds mu.
func (h *Handle) notify() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}
