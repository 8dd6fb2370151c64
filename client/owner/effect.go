package owner

import (
	"strconv"
	"time"

	"dunnock/task"
)

// EffectKind says what an [Effect] asks of the caller or tells it.
type EffectKind uint8

// The kinds of effects, and the fields that each of them fills besides Kind.
const (
	// EffectConnect asks for a connection: Scheduler. The answer is SchedulerUp or SchedulerDown.
	EffectConnect EffectKind = iota + 1
	// EffectSubmit sends a Submit: Scheduler, Seq, Ref, Epoch, and Deadline, what is left of the job's. What else
	// differs from the last submission is in [Core.Finished] and [Core.AppendAttempts]. A job that is over this
	// scheduler's limits is not sent; the caller says Rejected in the scheduler's place.
	EffectSubmit
	// EffectCancel sends a Cancel: Scheduler, Seq.
	EffectCancel
	// EffectStill sends a Still with [Core.AppendSeqs]: Scheduler.
	EffectStill
	// EffectAccepted tells that a scheduler has taken the job: Ref, Scheduler, Epoch. The first one is the promise of
	// an outcome for every task; later ones tell who runs the job now.
	EffectAccepted
	// EffectRefused tells that no scheduler took the job, and it is over: Ref, Code. The Ref is unknown from here on.
	EffectRefused
	// EffectOutcome tells the one outcome of a task: Ref, Task, Outcome. Without a Code it is that of the TaskDone
	// being handled, and goes with what that says; with one the owner itself ends the task.
	EffectOutcome
	// EffectRetry tells that an attempt was in vain, and will be followed by another: Ref, Task. It is what the
	// TaskRetry being handled says.
	EffectRetry
	// EffectDone tells that every task has its outcome: Ref, Outcome, and Count, how many did not end OK. The Ref is
	// unknown from here on.
	EffectDone
)

// String returns the kind's name.
func (k EffectKind) String() string {
	switch k {
	case EffectConnect:
		return "Connect"
	case EffectSubmit:
		return "Submit"
	case EffectCancel:
		return "Cancel"
	case EffectStill:
		return "Still"
	case EffectAccepted:
		return "Accepted"
	case EffectRefused:
		return "Refused"
	case EffectOutcome:
		return "Outcome"
	case EffectRetry:
		return "Retry"
	case EffectDone:
		return "Done"
	default:
		return "EffectKind(" + strconv.Itoa(int(k)) + ")"
	}
}

// Effect is one thing for the caller to do or to know. Which fields are filled depends on Kind; the others are zero.
type Effect struct {
	Ref       Ref
	Deadline  time.Duration // > 0
	Code      task.Code     // why the owner itself ended a task or a job
	Seq       uint32
	Epoch     uint32
	Task      uint32 // index into the job's tasks
	Count     uint32
	Kind      EffectKind
	Outcome   task.Outcome
	Scheduler Scheduler
}
