package worker

import (
	"context"
	"errors"
	"time"

	"dunnock/task"
)

// Task is one attempt at a task, as its handler sees it.
type Task struct {
	Job      task.JobID
	Index    int       // into the job's tasks, from 0
	Attempt  int       // from 1; more than 1 after a failed or lost attempt
	Epoch    uint32    // which submission of the job this is
	Deadline time.Time // when the job ends, by this machine's clock; the context ends no later
	Slots    int       // that it has, at least 1: how much it may run at once
	// Resources are what it has beside its slots, such as gpu: 1; nil if it asked for nothing. Not to be changed.
	Resources map[string]uint32
	Payload   []byte // valid until the handler returns, and not to be changed
}

// Handler runs one attempt at a task of its app and returns the result, or an error that makes the attempt a failed
// one. It is called from many goroutines at once, one per taken slot. It should return soon after ctx is done; one that
// does not keeps its slot taken.
//
// The error text travels to the client, cut to 4 KiB. An [*task.Error] keeps its code and detail, and of a message of
// several lines the first is the message and all is the detail. The result must not be changed once it is returned. See
// [Permanent] for an error that must not be retried.
type Handler func(ctx context.Context, t Task) ([]byte, error)

// Permanent wraps an error to say that trying the task again is no use. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether err, or one it wraps, came from [Permanent].
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }
