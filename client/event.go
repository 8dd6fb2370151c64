package client

import (
	"iter"

	"dunnock/task"
)

// Event is what has happened to a task of a job. One of its fields is set.
type Event struct {
	Result *task.Result // the task's one result
	Retry  *task.Retry  // an attempt was in vain, and there will be another; before the task's result
}

// Bounds of what a Handle remembers of attempts in vain, so that a job of which everything fails takes no more room
// than its results.
const (
	maxRetries    = 1 << 14 // attempts
	maxRetryBytes = 4 << 20 // of their errors' text
)

// retries are the attempts of a job that were in vain, in their order. Beyond the bounds the oldest are forgotten.
type retries struct {
	gone  int // that are forgotten
	log   []retried
	bytes int
}

type retried struct {
	task.Retry
	results int // that had arrived by then
}

func (r *retries) count() int { return r.gone + len(r.log) }

func (r *retries) add(x retried) {
	r.log = append(r.log, x)
	r.bytes += x.size()
	n := 0
	for ; len(r.log)-n > maxRetries || r.bytes > maxRetryBytes; n++ {
		r.bytes -= r.log[n].size()
		r.log[n] = retried{}
	}
	r.log = r.log[n:]
	r.gone += n
}

func (r *retried) size() int {
	if r.Err == nil {
		return 0
	}
	return len(r.Err.Message) + len(r.Err.Detail)
}

// Events yields what happens to the job's tasks, as it happens: each attempt that was in vain, and each task's one
// result, until every task has one. Each call starts from the first event, but for attempts in vain that are too long
// ago: the last 16,384 are remembered, or 4 MiB of what was said of them. Leaving the loop early does not end the job.
func (h *Handle) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for results, tries := 0, 0; ; {
			e, ok := h.event(&results, &tries)
			if !ok || !yield(e) {
				return
			}
		}
	}
}

// event waits for what comes behind so many results and attempts in vain, and counts it; false when there is no more.
func (h *Handle) event(results, tries *int) (Event, bool) {
	for {
		h.mu.Lock()
		if *tries = max(*tries, h.retries.gone); *tries < h.retries.count() {
			if r := &h.retries.log[*tries-h.retries.gone]; r.results <= *results {
				*tries++
				retry := r.Retry
				h.mu.Unlock()
				return Event{Retry: &retry}, true
			}
		}
		if *results < len(h.results) {
			r := h.results[*results]
			*results++
			h.mu.Unlock()
			return Event{Result: &r}, true
		}
		if !h.wait() {
			return Event{}, false
		}
	}
}

// retry takes an attempt that was in vain.
func (h *Handle) retry(r *task.Retry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retries.add(retried{Retry: *r, results: len(h.results)})
	h.notify()
}
