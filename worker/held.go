package worker

import (
	"time"

	"dunnock/probe"
	"dunnock/worker/queue"
)

// held is a launch that came before a slot was free for it. The core says when it starts, or that it does not.
type held struct {
	attempt   *attempt
	scheduler probe.SchedulerID
	ref       probe.Ref
	timeout   time.Duration // of the attempt, from its start; 0: none
}

// is reports whether an effect is about this launch. Another one by the same call may come, be declined, and change
// nothing here.
func (h *held) is(e *queue.Effect) bool {
	return h != nil && h.attempt.call == e.Call && h.scheduler == e.Scheduler && h.ref == e.Ref && h.attempt.task.Index == int(e.Task)
}

// hold keeps a launch.
func (s *slot) hold(e *queue.Effect, m *probe.Launch, owned bool, jobEnd time.Time) {
	s.keep = held{attempt: s.prepare(m, owned, jobEnd), scheduler: e.Scheduler, ref: m.Ref, timeout: m.Timeout}
	s.held = &s.keep
}

// release starts the launch that was kept. It reports false if an effect is not about it.
func (s *slot) release(e *queue.Effect, now time.Time) bool {
	h := s.held
	if !h.is(e) {
		return false
	}
	a := h.attempt
	a.deadline = a.task.Deadline
	if end := now.Add(h.timeout); h.timeout > 0 && end.Before(a.deadline) {
		a.deadline = end
	}
	s.drop()
	s.run(a)
	return true
}

// letGo drops the launch that was kept, if an effect says that it does not start.
func (s *slot) letGo(e *queue.Effect) {
	if s.held.is(e) {
		s.drop()
	}
}

func (s *slot) drop() { s.held, s.keep = nil, held{} }

// forgetHeld drops the launches of a scheduler that has gone, as the core does.
func (w *Worker) forgetHeld(s probe.SchedulerID) {
	for _, lane := range w.slots {
		if lane.held != nil && lane.held.scheduler == s {
			lane.drop()
		}
	}
}
