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

// Submit asks the scheduler to run a job, or what is left of one: Job.Epoch, Deadline, Finished and Attempts say how
// far the client has got with it.
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

// TaskRetry says that an attempt failed or was lost and its task waits again. The client counts such attempts, so that
// max_attempts holds also for a job that is handed to another scheduler.
type TaskRetry struct {
	Seq     uint32
	Task    uint32
	Attempt uint16 // its number, from 1
	Worker  []byte // that ran it, if that is known; aliases the frame when decoded
	Code    task.Code
	Message []byte // of the error; aliases the frame when decoded
	Detail  []byte // likewise
}

// Ask wants to know which jobs of this connection the client still owns. It comes after a pause of the scheduler's
// process, in which the client may have handed them to another; until the answer is there nothing of theirs is started.
type Ask struct{}

// Still answers an Ask: the jobs that the client still owns here. The scheduler gives up the others of this connection.
type Still struct{ Seqs []uint32 }

// Leave is a leaving scheduler's last word: a Submit that it has not answered by now it has not taken and will not. The
// client hangs up.
type Leave struct{}

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
