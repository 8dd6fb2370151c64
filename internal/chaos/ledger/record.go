package ledger

// Event says what a line is about.
type Event string

// The events, by who writes them.
const (
	Up     Event = "up"     // harness: a process was started; Node, Life, Role, and of a worker Slots
	Down   Event = "down"   // harness: a process has ended; Node, Life, Result is how, Planned whether it was meant to
	Inject Event = "inject" // harness: a fault begins; Fault, Kind, what it touches
	Heal   Event = "heal"   // harness: the fault is over; Fault, Kind

	// Stall is of anyone who notices that a short sleep took long; Node (empty: the whole machine), Nanos how much too
	// long. A process that gets no CPU for longer than a lease looks dead to the others, and nothing tells it from one
	// that was stopped.
	Stall Event = "stall"

	Start  Event = "start"  // handler: an attempt starts; Job, Task, Attempt, Epoch
	Finish Event = "finish" // handler: it ends; the same, and Result is ok, failed or cut (its context ended); of an ok one Nanos, how much longer it took than it was to

	Submit  Event = "submit"  // client: a job is about to be submitted; Job, Tasks, Once, MaxAttempts
	Accept  Event = "accept"  // client: it was accepted, or has gone on to another scheduler; Job, Scheduler
	Refuse  Event = "refuse"  // client: it was not; Job, Code
	Outcome Event = "outcome" // client: a task has an outcome; Job, Task, Result, Code, Attempt, and of an ok one Proof
	Done    Event = "done"    // client: the job is done; Job, Result, Scheduler
	Bye     Event = "bye"     // client: it ends, and all of its jobs were done
)

// What a finished attempt comes to, by its handler's own account.
const (
	OK     = "ok"
	Failed = "failed"
	Cut    = "cut"
)

// Record is one line. Fields that an event does not have are zero.
type Record struct {
	At    int64  `json:"at"` // nanoseconds of CLOCK_MONOTONIC
	Event Event  `json:"event"`
	Node  string `json:"node,omitempty"` // whom it is about: the process by its name
	Life  int    `json:"life,omitempty"` // which of its lives; no two processes of a run share one

	Job       string `json:"job,omitempty"`
	Task      int    `json:"task,omitempty"`
	Attempt   int    `json:"attempt,omitempty"`
	Epoch     uint32 `json:"epoch,omitempty"`
	Scheduler string `json:"scheduler,omitempty"`
	Worker    string `json:"worker,omitempty"` // of an outcome: who had the last attempt, started or not
	Result    string `json:"result,omitempty"`
	Code      string `json:"code,omitempty"`
	Proof     string `json:"proof,omitempty"` // see [Proof]

	Tasks       int  `json:"tasks,omitempty"`
	Once        bool `json:"once,omitempty"`  // no task of the job may start twice
	Plain       bool `json:"plain,omitempty"` // its client speaks HTTP: to it a result is delivered when it has been written to the connection
	MaxAttempts int  `json:"max_attempts,omitempty"`

	Role    string `json:"role,omitempty"`
	Slots   int    `json:"slots,omitempty"`
	Planned bool   `json:"planned,omitempty"`
	Nanos   int64  `json:"nanos,omitempty"`

	Fault int         `json:"fault,omitempty"` // from 1
	Kind  string      `json:"kind,omitempty"`
	Nodes []string    `json:"nodes,omitempty"` // processes whose work the fault may cost
	Pairs [][2]string `json:"pairs,omitempty"` // or connections, when it is only what travels between the two
}
