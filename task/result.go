package task

import (
	"strconv"
	"time"
)

// Outcome is how a task ended. Each task ends in exactly one.
type Outcome uint8

// The outcomes of a task; a job's own outcome uses the same words.
const (
	OK        Outcome = iota + 1 // the handler returned a result
	Failed                       // the handler failed on its last allowed attempt
	Timeout                      // the job's deadline or the last attempt's task_timeout passed
	Cancelled                    // the job was cancelled first
	Unknown                      // it may or may not have run, and may not be tried again
)

// String returns the word used on the wire and in JSON.
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case Failed:
		return "failed"
	case Timeout:
		return "timeout"
	case Cancelled:
		return "cancelled"
	case Unknown:
		return "unknown"
	default:
		return "outcome(" + strconv.Itoa(int(o)) + ")"
	}
}

// Result is the end of one task.
type Result struct {
	Task    int           // index into Job.Tasks
	Outcome Outcome       // exactly one per task
	Worker  string        // that ran the last attempt; empty if none started
	Attempt int           // number of the last attempt, from 1; 0 if none started
	Wait    time.Duration // submit to the last attempt's launch, by the scheduler's clock
	Service time.Duration // the last attempt's run, by the worker's clock
	Value   []byte        // what the handler returned, if OK
	Err     *Error        // nil if OK
}

// Retry is an attempt at a task that was in vain, and that is followed by another.
type Retry struct {
	Task    int    // index into Job.Tasks
	Attempt int    // its number, from 1; those before it were in vain too
	Worker  string // that ran it; empty if that is not known
	Err     *Error // why
}
