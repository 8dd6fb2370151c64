package task

import "fmt"

// Code is the stable name of an error: the same in Go, on the wire and in HTTP answers. New codes may be added; an
// existing one never changes meaning.
type Code string

// The codes. The comment gives the HTTP status of a refusal with this code, or
// "task" for one that only a task's result carries.
const (
	CodeInvalidJob    Code = "invalid_job"        // 400: malformed or out of range; the message names the field
	CodeUnsupported   Code = "unsupported"        // 400: well formed, but this version does not do it
	CodeNotFound      Code = "not_found"          // 404: no such job or path on this node
	CodeMethod        Code = "method_not_allowed" // 405
	CodeConflict      Code = "conflict"           // 409: the job id is in use with another spec
	CodeTooLarge      Code = "too_large"          // 413: payload, job or body over a limit
	CodeUnknownApp    Code = "unknown_app"        // 422: no connected worker has the app
	CodeUnsatisfiable Code = "unsatisfiable"      // 422: no connected worker has a required label; the message names it
	CodeOverloaded    Code = "overloaded"         // 429 with Retry-After
	CodeNoWorkers     Code = "no_workers"         // 503 with Retry-After: no worker is connected
	CodeDraining      Code = "draining"           // 503 with Retry-After: this node is leaving
	CodeInternal      Code = "internal"           // 500: a bug here

	CodeAppFailed      Code = "app_failed"       // task: the handler returned an error on its last attempt
	CodePermanent      Code = "permanent"        // task: the handler said that trying again is no use
	CodeTaskTimeout    Code = "task_timeout"     // task: the last attempt ran longer than task_timeout
	CodeDeadline       Code = "deadline"         // task: the job's deadline passed first
	CodeCancelled      Code = "cancelled"        // task: the job was cancelled
	CodeWorkerLost     Code = "worker_lost"      // task: its worker died on the last attempt
	CodeSchedulerLost  Code = "scheduler_lost"   // task: the connection to the job's scheduler ended first
	CodeSuperseded     Code = "superseded"       // task: another scheduler has taken the job over under a later epoch
	CodeResultDropped  Code = "result_dropped"   // task: it ended ok, but its result was dropped for want of room before anyone read it
	CodeResultTooLarge Code = "result_too_large" // task: the handler's result is over the limit
)

// Error is what Dunnock's public calls fail with. Compare by code:
//
//	errors.Is(err, task.CodeUnknownApp)
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`          // one line for a person
	Detail  string `json:"detail,omitempty"` // more, such as the tail of standard error; may have several lines
	// RetryAfterMS is how long to wait before trying again, in milliseconds; 0: trying again at once is no better or
	// worse.
	RetryAfterMS int64 `json:"retry_after_ms,omitempty"`
}

// Errorf makes an [*Error] with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns "code: message".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is lets errors.Is match an error by its [Code].
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case Code:
		return e.Code == t
	case *Error:
		return e.Code == t.Code
	}
	return false
}

// Error lets a Code stand as the target of errors.Is.
func (c Code) Error() string { return string(c) }
