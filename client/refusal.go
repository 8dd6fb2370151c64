package client

import (
	"errors"
	"fmt"
	"strings"

	"dunnock/client/owner"
	"dunnock/internal/submission"
	"dunnock/task"
)

// refusal is the error of a job that nobody has accepted.
func (c *Client) refusal(h *Handle, code task.Code) *task.Error {
	switch code {
	case task.CodeSchedulerLost:
		if h.lastRefusal != nil {
			return h.lastRefusal // by one that has gone since
		}
		var faults []string
		for i, err := range c.faults {
			if err != nil {
				faults = append(faults, fmt.Sprintf("%s: %v", c.addrs[i], err))
			}
		}
		return task.Errorf(code, "no scheduler can be reached: %s", strings.Join(faults, "; "))
	case task.CodeDeadline:
		return task.Errorf(code, "no scheduler has answered for as long as the job might take")
	case task.CodeCancelled:
		return task.Errorf(code, "the submission was cancelled")
	default:
		return h.lastRefusal
	}
}

// One for all, since a job may end thousands of tasks at once.
var (
	errOverdue    = task.Errorf(task.CodeDeadline, "the job's deadline passed and no scheduler said so")
	errCancelled  = task.Errorf(task.CodeCancelled, "the job was cancelled, and its scheduler was lost before it said how the task ended")
	errNoOutcome  = task.Errorf(task.CodeInternal, "the scheduler ended the job without this task's outcome")
	errSuperseded = task.Errorf(task.CodeSuperseded, "others have submitted the same job elsewhere, and took it over time and again")
	errAbandoned  = task.Errorf(task.CodeSchedulerLost, "the client was closed")
)

// reasonOf is the error of a task that the owner has ended.
func reasonOf(code task.Code) *task.Error {
	switch code {
	case task.CodeDeadline:
		return errOverdue
	case task.CodeCancelled:
		return errCancelled
	case task.CodeSuperseded:
		return errSuperseded
	default:
		return errNoOutcome
	}
}

// noteRefusal keeps why a scheduler does not take a job, for the case that nobody does. It runs under the lock.
func (c *Client) noteRefusal(s owner.Scheduler, m submission.Rejected) {
	if ref, ok := c.core.Lookup(s, m.Seq); ok {
		c.handles[ref.Index()].lastRefusal = m.Err
	}
}

// noteLeaving does so for all jobs of a scheduler that leaves. It runs under the lock.
func (c *Client) noteLeaving(s owner.Scheduler) {
	c.seqs = c.core.AppendSeqs(s, c.seqs[:0])
	for _, seq := range c.seqs {
		c.noteRefusal(s, submission.Rejected{Seq: seq, Err: task.Errorf(task.CodeDraining, "scheduler %s has left", c.sessions[s].name)})
	}
}

// errLeft is why a connection to a scheduler ends that has drained.
var errLeft = errors.New("the scheduler has left")

var errHungUp = errors.New("the scheduler has hung up")

func asError(err error) *task.Error {
	if e, ok := errors.AsType[*task.Error](err); ok {
		return e
	}
	return task.Errorf(task.CodeInternal, "%v", err)
}
