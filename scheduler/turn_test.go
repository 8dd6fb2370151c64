package scheduler

import (
	"testing"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// When a worker stops an attempt at the job's deadline a moment before the scheduler does, the task's error is the
// deadline and not that it was cancelled.
func TestStoppedAtTheDeadline(t *testing.T) {
	e := placement.Effect{Ref: 7, Task: 1, Attempt: 1, Outcome: task.Timeout, Code: task.CodeDeadline}
	m := probe.Finished{Ref: 7, Task: 1, Attempt: 1, Status: probe.StatusKilled, Body: probe.AppendFault(nil, task.Errorf(task.CodeCancelled, "the attempt was stopped"))}
	if err := (&turn{finished: m}).fault(&e); err != nil {
		t.Errorf("got %v", err)
	}
	m.Status, m.Body = probe.StatusFailed, probe.AppendFault(nil, task.Errorf(task.CodeAppFailed, "no"))
	if err := (&turn{finished: m}).fault(&e); err == nil || err.Code != task.CodeAppFailed {
		t.Errorf("got %v", err)
	}
	m.Body = []byte{0xff}
	if err := (&turn{finished: m}).fault(&e); err == nil || err.Code != task.CodeInternal {
		t.Errorf("a fault that cannot be read: %v", err)
	}
	other := e
	other.Task = 2
	if err := (&turn{finished: m}).fault(&other); err != nil {
		t.Errorf("of another task: %v", err)
	}
}
