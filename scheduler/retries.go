package scheduler

import (
	"dunnock/internal/api"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// Who hands a job to another scheduler says how often its tasks have failed, so that the next does not begin to count
// anew. Over HTTP that is told by an event for each attempt in vain, as it happens.

// retries are the attempts of a job that were in vain, in their order. Those that there is no room for are forgotten,
// the older ones too: a stream that has not read them looks at each task instead, which remembers its last.
type retries struct {
	gone int // that are forgotten
	log  []retried
}

type retried struct {
	task    uint32
	attempt uint16
	at      int // in job.order: what had ended by then
	worker  string
	err     *task.Error
}

const (
	// maxRetries bounds what is remembered of one job.
	maxRetries = 1 << 14
	// retryCost is what one takes up, beside its error.
	retryCost = 64
)

func (r *retries) count() int { return r.gone + len(r.log) }

// noteRetry remembers an attempt in vain for those who follow the job over HTTP. Where nobody else does they have to
// have been told of it before it is acknowledged.
func (s *Scheduler) noteRetry(t *turn, j *job, e *placement.Effect) {
	rec := j.tasks.write(int(e.Task))
	rec.inVain = max(rec.inVain, e.Attempt)
	if len(j.clients) == 0 && len(j.waiting) > 0 {
		j.unsent = append(j.unsent, unsentResult{at: len(j.order) + j.retries.count(), receipt: t.take()})
	}
	r := retried{task: e.Task, attempt: e.Attempt, at: len(j.order), worker: rec.worker, err: t.inVain(j, e)}
	cost := r.cost()
	if !j.readable || len(j.retries.log) >= maxRetries || s.retained+cost > s.cfg.MaxRetainedBytes/2 {
		s.forgetRetries(j)
		j.retries.gone++
	} else {
		j.retries.log = append(j.retries.log, r)
		s.charge(j, cost)
	}
	j.notify()
}

// inVain is why an attempt was in vain.
func (t *turn) inVain(j *job, e *placement.Effect) *task.Error {
	if why := t.fault(e); why != nil {
		return why
	}
	return explain(e.Code, j.tasks.read(int(e.Task)))
}

func (r *retried) cost() int64 {
	return retryCost + faultCost + int64(len(r.err.Message)+len(r.err.Detail))
}

// forgetRetries makes room.
func (s *Scheduler) forgetRetries(j *job) {
	for i := range j.retries.log {
		s.charge(j, -j.retries.log[i].cost())
	}
	j.retries.gone += len(j.retries.log)
	j.retries.log = nil
}

// scan is a stream's look at all tasks for attempts in vain that it was not told of.
type scan struct {
	next  int // task
	until int // of job.retries: what it makes up for; 0: there is none
}

// nextRetry returns the next attempt in vain that the stream is to tell before anything else; more says that there may
// be others, also if it is nil. It runs under the lock.
func (es *eventStream) nextRetry() (_ *api.RetryEvent, more bool) {
	j := es.job
	if es.heard < j.retries.gone && es.scan.until == 0 {
		es.scan = scan{until: j.retries.count()}
	}
	if es.scan.until > 0 {
		for looked := 0; es.scan.next < j.tasks.len(); looked++ {
			if looked == tasksPerHold {
				return nil, true
			}
			i := es.scan.next
			es.scan.next++
			if rec := j.tasks.read(i); rec.inVain > 0 && rec.outcome == 0 {
				return &api.RetryEvent{Event: "retry", Task: i, Attempt: int(rec.inVain)}, true
			}
		}
		es.heard, es.scan = es.scan.until, scan{}
		return nil, true
	}
	if es.heard == j.retries.count() {
		return nil, false
	}
	r := &j.retries.log[es.heard-j.retries.gone]
	if r.at > es.sent {
		return nil, false
	}
	es.heard++
	return &api.RetryEvent{Event: "retry", Task: int(r.task), Attempt: int(r.attempt), Worker: r.worker, Error: r.err}, true
}
