package submission

import (
	"time"

	"dunnock/task"
)

// Limits is what the scheduler takes, said once behind its Hello. What is over them is refused by the client: a message
// over MessageBytes would end the connection, and all jobs on it.
type Limits struct {
	Job          task.Limits
	MessageBytes int // of one encoded Submit
}

// Submit asks the scheduler to run a job.
type Submit struct {
	Seq uint32 // numbers the client's jobs on this connection
	Job task.Job
}

// Cancel asks to end a job early; its tasks still end with an outcome each.
type Cancel struct{ Seq uint32 }

// Accepted promises an outcome for every task of the job.
type Accepted struct{ Seq uint32 }

// Rejected says that the job was not accepted, and why.
type Rejected struct {
	Seq uint32
	Err *task.Error
}

// TaskDone is the one outcome of a task.
type TaskDone struct {
	Seq     uint32
	Task    uint32
	Outcome task.Outcome
	Attempt uint16
	Wait    time.Duration
	Service time.Duration
	Worker  []byte // its name; aliases the frame when decoded
	Code    task.Code
	Message []byte // of the error, with Code; aliases the frame when decoded
	Detail  []byte // likewise
	Value   []byte // result; aliases the frame when decoded
}

// JobDone is the last message about a job.
type JobDone struct {
	Seq     uint32
	Outcome task.Outcome
	Failed  uint32 // tasks with an outcome other than ok
}
