package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dunnock/probe"
)

// attempt is one start of a task: what the handler gets and the context that
// ends it. Once it has ended it is used for another, but for the context.
type attempt struct {
	*attemptContext

	slot    *slot
	call    uint32
	app     string
	handler Handler
	habit   *habit // its app's
	brief   bool   // by that, when it was put in line; guarded by Worker.mu
	task    Task
}

// attemptContext is what a handler's goroutines may hold on to. So there is a new one for every start, and it is small.
//
// The library's would cost a timer and three allocations a task; here the core keeps the time, and the Done channel is
// made only for a handler that asks.
type attemptContext struct {
	deadline time.Time // the earlier of the job's and the attempt's; not changed after the start

	mu   sync.Mutex // guards what follows
	done chan struct{}
	why  ending // 0 until it is stopped
}

// ending is why a context has ended.
type ending uint8

const (
	timedOut ending = iota + 1
	cancelled
)

var _ context.Context = (*attemptContext)(nil)

// Deadline is when the attempt will be stopped.
func (c *attemptContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done is closed when the attempt is stopped.
func (c *attemptContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.why != 0 {
			close(c.done)
		}
	}
	return c.done
}

// Err is nil until the attempt is stopped.
func (c *attemptContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.why {
	case timedOut:
		return context.DeadlineExceeded
	case cancelled:
		return context.Canceled
	default:
		return nil
	}
}

// Value is always nil.
func (c *attemptContext) Value(any) any { return nil }

// stop ends the context, once.
func (c *attemptContext) stop(why ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != 0 {
		return
	}
	c.why = why
	if c.done != nil {
		close(c.done)
	}
}

// attempts has the memory for those that start. Worker.mu guards it.
type attempts struct {
	ended    []*attempt       // to be used again
	contexts []attemptContext // not used yet
}

// contextsAtOnce is how many contexts are one piece of memory. Who holds on to one holds them all, 768 bytes.
const contextsAtOnce = 16

func (p *attempts) take() *attempt {
	if len(p.contexts) == 0 {
		p.contexts = make([]attemptContext, contextsAtOnce)
	}
	c := &p.contexts[0]
	p.contexts = p.contexts[1:]
	n := len(p.ended)
	if n == 0 {
		return &attempt{attemptContext: c}
	}
	a := p.ended[n-1]
	p.ended = p.ended[:n-1]
	*a = attempt{attemptContext: c}
	return a
}

// giveBack takes an attempt that has ended, and lets go of its payload.
func (p *attempts) giveBack(a *attempt) {
	a.task = Task{}
	p.ended = append(p.ended, a)
}

// endingOf is what a context ends with that is stopped for this reason.
func endingOf(s probe.Status) ending {
	if s == probe.StatusTimeout {
		return timedOut
	}
	return cancelled
}

// attrs says in a log which attempt it was and what was wrong.
func (a *attempt) attrs(err error) []any {
	return []any{slog.String("app", a.app), slog.String("job", a.task.Job.String()), slog.Int("task", a.task.Index), slog.Any("error", err)}
}
