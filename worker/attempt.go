package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dunnock/probe"
)

// attempt is one start of a task: what the handler gets and the context that
// ends it. There is a new one for every start, because a handler's goroutines may hold on to it.
//
// It is its own context.Context, since the library's would cost a timer and three
// allocations a task; here the core keeps the time, and the Done channel is made only for a handler that asks.
type attempt struct {
	slot     *slot
	call     uint32
	app      string
	handler  Handler
	habit    *habit // its app's
	brief    bool   // by that, when it was put in line; guarded by Worker.mu
	task     Task
	deadline time.Time // the earlier of the job's and the attempt's

	mu   sync.Mutex // guards what follows
	done chan struct{}
	err  error
}

var _ context.Context = (*attempt)(nil)

// Deadline is when the attempt will be stopped.
func (a *attempt) Deadline() (time.Time, bool) { return a.deadline, true }

// Done is closed when the attempt is stopped.
func (a *attempt) Done() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done == nil {
		a.done = make(chan struct{})
		if a.err != nil {
			close(a.done)
		}
	}
	return a.done
}

// Err is nil until the attempt is stopped.
func (a *attempt) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// Value is always nil.
func (a *attempt) Value(any) any { return nil }

// stop ends the context, once.
func (a *attempt) stop(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return
	}
	a.err = err
	if a.done != nil {
		close(a.done)
	}
}

// stopError is what a context stopped for this reason reports.
func stopError(s probe.Status) error {
	if s == probe.StatusTimeout {
		return context.DeadlineExceeded
	}
	return context.Canceled
}

// attrs says in a log which attempt it was and what was wrong.
func (a *attempt) attrs(err error) []any {
	return []any{slog.String("app", a.app), slog.String("job", a.task.Job.String()), slog.Int("task", a.task.Index), slog.Any("error", err)}
}
