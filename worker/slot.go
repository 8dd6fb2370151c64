package worker

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker/queue"
)

// slot is what one lane of the core runs: at most one attempt at a time. There are several to a slot, and never more
// attempts than slots. Worker.mu guards it.
type slot struct {
	w      *Worker
	number uint16

	current *attempt // nil when free
	held    *held    // a launch that waits for a slot; nil without
	keep    held     // what held points to
	payload []byte   // memory for the next payload; owned by the attempt from begin to Done
}

// begin puts an attempt in line to be run, with a copy of the payload unless that is owned. The caller holds Worker.mu.
func (s *slot) begin(m *probe.Launch, owned bool, jobEnd time.Time) {
	s.run(s.prepare(m, owned, jobEnd))
}

func (s *slot) run(a *attempt) {
	s.current = a
	s.w.crew.add(a)
}

// prepare makes an attempt of a launch.
func (s *slot) prepare(m *probe.Launch, owned bool, jobEnd time.Time) *attempt {
	payload := m.Payload
	if !owned {
		s.payload = append(s.payload[:0], payload...)
		payload = s.payload
	}
	a := s.w.attempts.take()
	a.slot, a.call, a.app, a.handler, a.habit, a.deadline = s, m.Call, s.w.hello.Apps[m.App], s.w.apps[m.App], &s.w.habits[m.App], jobEnd
	a.task = Task{Job: m.Job, Index: int(m.Task), Attempt: int(m.Attempt), Epoch: m.Epoch, Deadline: jobEnd, Payload: payload}
	a.task.Slots = 1
	if n := s.w.core.Need(s.number); n.Slots > 0 {
		a.task.Slots, a.task.Resources = int(n.Slots), s.w.named(&n)
	}
	if m.Timeout > 0 && m.Timeout < m.Deadline {
		a.deadline = jobEnd.Add(m.Timeout - m.Deadline)
	}
	return a
}

// named returns what a need says of resources, by their names.
func (w *Worker) named(n *probe.Need) map[string]uint32 {
	var all map[string]uint32
	for i, r := range w.hello.Resources {
		if n.Resources[i] > 0 {
			if all == nil {
				all = make(map[string]uint32)
			}
			all[r.Name] = n.Resources[i]
		}
	}
	return all
}

// stop ends the context of the attempt that a call started. The caller holds Worker.mu.
func (s *slot) stop(call uint32, why probe.Status) {
	if s.current != nil && s.current.call == call {
		s.current.stop(endingOf(why))
	}
}

// maxKeptPayload is how much payload memory a slot keeps from one task to the next. It is less than a frame, because a
// handler may return its payload as the result, and a result of more than a frame is not copied but sent from where it
// is.
const maxKeptPayload = stream.MaxBody / 2

// invoke calls the handler; a panic, also of the error that it returned, is an error with the stack as its detail.
func (w *Worker) invoke(a *attempt) (end queue.End) {
	defer func() {
		if r := recover(); r != nil {
			e := task.Errorf(task.CodeAppFailed, "the handler panicked: %v", r)
			e.Detail = string(debug.Stack())
			end = w.outcome(a, nil, e)
			w.node.Logger.Warn("a handler panicked", a.attrs(e)...)
		}
	}()
	if err := a.Err(); err != nil { // it was stopped in line: nobody wants it any more
		return w.outcome(a, nil, err)
	}
	value, err := a.handler(a.attemptContext, a.task)
	return w.outcome(a, value, err)
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

// asFault keeps the code of a handler's own *task.Error, unless it has none that can travel. The message becomes one
// line.
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
