package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker/queue"
)

// slot runs one task at a time on a goroutine of its own: the only place where user code runs.
type slot struct {
	w      *Worker
	number uint16
	start  chan *attempt // capacity 1: the core starts one at a time, so a send never blocks

	current *attempt // guarded by Worker.mu; nil when free
	payload []byte   // memory for the next payload; owned by the slot's goroutine from begin to Done
}

func newSlot(w *Worker, number uint16) *slot {
	return &slot{w: w, number: number, start: make(chan *attempt, 1)}
}

// slotGroup are the running goroutines of all slots.
type slotGroup struct {
	w  *Worker
	wg sync.WaitGroup
}

func (w *Worker) startSlots() *slotGroup {
	g := &slotGroup{w: w}
	for _, s := range w.slots {
		g.wg.Go(func() { s.run(&g.wg) })
	}
	return g
}

// wait ends the goroutines. It reports false when a handler has not returned by the timeout.
func (g *slotGroup) wait(timeout time.Duration) bool {
	g.w.mu.Lock()
	for _, s := range g.w.slots {
		if s.current != nil {
			s.current.stop(stopError(probe.StatusKilled))
		}
		close(s.start)
	}
	g.w.mu.Unlock()
	done := make(chan struct{})
	go func() { g.wg.Wait(); close(done) }()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// begin hands an attempt to the slot's goroutine, with a copy of the payload unless that is owned. The caller holds Worker.mu.
func (s *slot) begin(m *probe.Launch, owned bool, jobEnd time.Time) {
	payload := m.Payload
	if !owned {
		s.payload = append(s.payload[:0], payload...)
		payload = s.payload
	}
	a := &attempt{
		call: m.Call, app: s.w.hello.Apps[m.App], handler: s.w.apps[m.App], deadline: jobEnd,
		task: Task{Job: m.Job, Index: int(m.Task), Attempt: int(m.Attempt), Epoch: m.Epoch, Deadline: jobEnd, Payload: payload},
	}
	if m.Timeout > 0 && m.Timeout < m.Deadline {
		a.deadline = jobEnd.Add(m.Timeout - m.Deadline)
	}
	s.current = a
	s.start <- a
}

// stop ends the context of the attempt that a call started. The caller holds Worker.mu.
func (s *slot) stop(call uint32, why probe.Status) {
	if s.current != nil && s.current.call == call {
		s.current.stop(stopError(why))
	}
}

// run runs what is started, until start is closed. A handler that ends its goroutine (runtime.Goexit, as a test's
// FailNow does) has failed its attempt, and the slot goes on in another one.
func (s *slot) run(slots *sync.WaitGroup) {
	var t turn
	var running *attempt
	defer func() {
		if running == nil {
			return
		}
		t.end = s.w.outcome(running, nil, task.Errorf(task.CodeAppFailed, "the handler ended its goroutine"))
		s.finish(running, &t)
		slots.Go(func() { s.run(slots) })
	}()
	for a := range s.start {
		running = a
		t.end = s.invoke(a)
		running = nil
		s.finish(a, &t)
	}
}

// maxKeptPayload is how much payload memory a slot keeps from one task to the next. It is less than a frame, because
// a handler may return its payload as the result, and a result of more than a frame is not copied but sent from where it is.
const maxKeptPayload = stream.MaxBody / 2

// finish tells the core. Other slots may be about to finish too, so the flush lets
// them go first: under load many results leave in one write.
func (s *slot) finish(a *attempt, t *turn) {
	a.stop(context.Canceled) // what the handler left running learns that it is over
	if cap(s.payload) > maxKeptPayload {
		s.payload = nil
	}
	w := s.w
	now := w.enter()
	s.current = nil
	t.effects = w.core.Done(now, s.number, a.call, t.end, t.effects)
	w.exit(now, t)
	t.end = queue.End{}
	t.batch.FlushSoon()
}

// invoke calls the handler; a panic, also of the error that it returned, is an error with the stack as its detail.
func (s *slot) invoke(a *attempt) (end queue.End) {
	defer func() {
		if r := recover(); r != nil {
			e := task.Errorf(task.CodeAppFailed, "the handler panicked: %v", r)
			e.Detail = string(debug.Stack())
			end = s.w.outcome(a, nil, e)
			s.w.node.Logger.Warn("a handler panicked", a.attrs(e)...)
		}
	}()
	value, err := a.handler(a, a.task)
	return s.w.outcome(a, value, err)
}

// outcome turns what a handler returned into what travels.
func (w *Worker) outcome(a *attempt, value []byte, err error) queue.End {
	switch {
	case err != nil && IsPermanent(err):
		return fault(probe.StatusPermanent, asFault(err, task.CodePermanent))
	case err != nil:
		return fault(probe.StatusFailed, asFault(err, task.CodeAppFailed))
	case len(value) > w.cfg.MaxResultBytes:
		e := task.Errorf(task.CodeResultTooLarge, "the result has %d bytes; at most %d are allowed", len(value), w.cfg.MaxResultBytes)
		w.node.Logger.Warn("a result is too large", a.attrs(e)...)
		return fault(probe.StatusPermanent, e)
	default:
		return queue.End{Status: probe.StatusOK, Body: value}
	}
}

func fault(s probe.Status, e *task.Error) queue.End {
	return queue.End{Status: s, Body: probe.AppendFault(nil, e), Owned: true}
}

// asFault keeps the code of a handler's own *task.Error, unless it has none that can travel. The message becomes one line.
func asFault(err error, code task.Code) *task.Error {
	fault := task.Error{Code: code}
	if e, ok := errors.AsType[*task.Error](err); ok && e != nil { // a nil pointer in an error is a handler's easiest mistake
		fault.Message, fault.Detail = e.Message, e.Detail
		if e.Code != "" && len(e.Code) <= task.MaxNameLen {
			fault.Code = e.Code
		}
	} else {
		fault.Message = fmt.Sprint(err) // which outlives an Error method that panics
	}
	if first, _, more := strings.Cut(fault.Message, "\n"); more {
		if fault.Detail == "" {
			fault.Detail = fault.Message
		}
		fault.Message = first
	}
	return &fault
}
