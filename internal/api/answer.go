package api

import (
	"time"

	"dunnock/task"
)

// Failure is the body of every answer that is not a success.
type Failure struct {
	Error *task.Error `json:"error"`
}

// Accepted is the answer to a detached submission (202).
type Accepted struct {
	Job   string `json:"job"`
	Tasks int    `json:"tasks"`
}

// States of a job and of a task. A finished one has its outcome's word instead.
const (
	StateWaiting = "waiting"
	StateRunning = "running"
)

// JobSummary is one row of GET /v1/jobs.
type JobSummary struct {
	Job        string  `json:"job"`
	App        string  `json:"app"`
	User       string  `json:"user,omitempty"`
	State      string  `json:"state"` // running, or the outcome
	Tasks      int     `json:"tasks"`
	Waiting    int     `json:"waiting"`
	Running    int     `json:"running"`
	Finished   int     `json:"finished"` // with any outcome
	Failed     int     `json:"failed"`   // with an outcome other than ok
	AgeMS      float64 `json:"age_ms"`   // since acceptance
	ResponseMS float64 `json:"response_ms,omitempty"`
	Detached   bool    `json:"detached"`

	Error *task.Error `json:"error,omitempty"` // of a job that goes on elsewhere: code superseded
}

// Superseded reports whether the job goes on elsewhere, under a later epoch.
func (j JobSummary) Superseded() bool { return j.Error != nil && j.Error.Code == task.CodeSuperseded }

// JobList is the answer to GET /v1/jobs.
type JobList struct {
	Jobs []JobSummary `json:"jobs"`
}

// JobDetail is the answer to GET /v1/jobs/{id}.
type JobDetail struct {
	JobSummary
	Scheduler  string            `json:"scheduler"`
	ProbeRatio float64           `json:"probe_ratio"`
	Slots      int               `json:"slots,omitempty"`     // that each task takes, but for those that say otherwise, if that is not one
	Resources  map[string]uint32 `json:"resources,omitempty"` // likewise
	// EstimateMS is what a job states that a task of its takes and EstimateUse what that is used for, while it is live.
	// 0: it states nothing.
	EstimateMS  float64     `json:"estimate_ms,omitempty"`
	EstimateUse string      `json:"estimate_use,omitempty"`
	DeadlineMS  float64     `json:"deadline_ms"`   // left until the deadline; 0 when finished
	Why         string      `json:"why,omitempty"` // why tasks still wait
	TaskList    []TaskState `json:"task_states"`
}

// TaskState is one task of a [JobDetail].
type TaskState struct {
	Task      int         `json:"task"`
	State     string      `json:"state"` // waiting, running, or the outcome
	Worker    string      `json:"worker,omitempty"`
	Attempt   int         `json:"attempt"`
	WaitMS    float64     `json:"wait_ms"`
	ServiceMS float64     `json:"service_ms"`
	Result    []byte      `json:"result,omitempty"`
	Error     *task.Error `json:"error,omitempty"`
}

// Event is one line of an event stream; Event says which fields are set: accepted (Job), task (see [TaskEvent]), retry
// ([RetryEvent]), beat, done ([DoneEvent]).
type Event struct {
	Event string `json:"event"`
	Job   string `json:"job,omitempty"`
}

// TaskEvent is the event "task".
type TaskEvent struct {
	Event     string      `json:"event"`
	Task      int         `json:"task"`
	Outcome   string      `json:"outcome"`
	Worker    string      `json:"worker"`
	Attempt   int         `json:"attempt"`
	WaitMS    float64     `json:"wait_ms"`
	ServiceMS float64     `json:"service_ms"`
	Result    []byte      `json:"result"`
	Error     *task.Error `json:"error"`
}

// RetryEvent is the event "retry": an attempt at a task was in vain, and there will be another. It is what a client has
// to count, should it hand the job to another scheduler.
type RetryEvent struct {
	Event   string      `json:"event"`
	Task    int         `json:"task"`
	Attempt int         `json:"attempt"` // that was in vain; so were those before
	Worker  string      `json:"worker"`  // that ran it, if that is known
	Error   *task.Error `json:"error"`   // why, if that is known
}

// DoneEvent is the event "done", the last of a stream.
type DoneEvent struct {
	Event   string      `json:"event"`
	Outcome string      `json:"outcome"`
	Tasks   int         `json:"tasks"`
	Failed  int         `json:"failed"`
	Error   *task.Error `json:"error,omitempty"` // of a job that goes on elsewhere: code superseded
}

// Worker is one row of GET /v1/workers. Busy and Queued count over all
// schedulers, as the worker said last: what it says is up to 250 ms old.
type Worker struct {
	Name        string            `json:"name"`
	Incarnation string            `json:"incarnation"`
	Addr        string            `json:"addr"`
	Slots       int               `json:"slots"`
	Busy        int               `json:"busy"`
	Queued      int               `json:"queued"`
	State       string            `json:"state"`                // active, draining, or quarantined by the scheduler that answers
	Connected   bool              `json:"connected"`            // by a stream from this scheduler
	Resources   map[string]uint32 `json:"resources,omitempty"`  // beside its slots; only while connected
	Discipline  string            `json:"discipline,omitempty"` // whose turn it is in its queue; only while connected
	Apps        []string          `json:"apps"`
	Labels      map[string]string `json:"labels"`
}

// WorkerList is the answer to GET /v1/workers.
type WorkerList struct {
	Workers []Worker `json:"workers"`
}

// Scheduler is one row of GET /v1/schedulers.
type Scheduler struct {
	Name        string `json:"name"`
	Incarnation string `json:"incarnation"`
	Addr        string `json:"addr"`
	State       string `json:"state"`
	Self        bool   `json:"self"`
	Connection  string `json:"connection,omitempty"` // connected, dialled, awaited or refused, where schedulers connect to each other
	Fault       string `json:"fault,omitempty"`      // why there is none
}

// SchedulerList is the answer to GET /v1/schedulers.
type SchedulerList struct {
	Schedulers []Scheduler `json:"schedulers"`
}

// Fleet is the answer to GET /v1/fleet: the membership with live load, in sums.
type Fleet struct {
	Fleet      string `json:"fleet"`
	Policy     string `json:"policy"`
	Scheduler  string `json:"scheduler"` // that answers
	Schedulers int    `json:"schedulers"`
	Workers    int    `json:"workers"`
	Connected  int    `json:"connected"`
	Peers      int    `json:"peers,omitempty"` // schedulers that the one that answers is connected with, under idle-offer
	Slots      int    `json:"slots"`
	Jobs       int    `json:"jobs"`    // here, unfinished
	Waiting    int    `json:"waiting"` // tasks here
	Running    int    `json:"running"` // tasks here
}

// Health is the answer to GET /healthz and /readyz.
type Health struct {
	Status      string `json:"status"` // ok, draining, starting
	Role        string `json:"role"`
	Name        string `json:"name"`
	Incarnation string `json:"incarnation"` // 16 hexadecimal digits
	Fleet       string `json:"fleet"`
}

// Millis is d in milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
