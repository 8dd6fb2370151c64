package task

import (
	"cmp"
	"strings"
	"time"
)

// Defaults of the job fields that may be left zero, and their bounds.
const (
	DefaultProbeRatio  = 2.0
	MaxProbeRatio      = 16.0
	DefaultDeadline    = 5 * time.Minute
	MaxDeadline        = 24 * time.Hour
	DefaultMaxAttempts = 3
	MaxAttempts        = 100
	MaxNameLen         = 63  // app, label key and label value, in bytes
	MaxUserLen         = 255 // user path, in bytes
	MaxAffinityLen     = 255 // affinity key, in bytes
	MaxLabels          = 32  // required, preferred or excluded labels of one job or task
	MinPriority        = -1000
	MaxPriority        = 1000
	MaxSlots           = 4096 // that a worker has, or that a task takes
	MaxResources       = 8    // beside slots, that a worker has or a task takes
)

// Delivery says how often a task may start.
type Delivery uint8

const (
	// AtLeastOnce starts a task again after a failed or lost attempt, up to
	// MaxAttempts. The default.
	AtLeastOnce Delivery = iota + 1
	// AtMostOnce never starts a task twice; one whose fate is in doubt ends
	// [Unknown].
	AtMostOnce
)

// OnFailure says what a task that failed for good does to the rest of its job.
type OnFailure uint8

const (
	// Continue lets the other tasks run. The default.
	Continue OnFailure = iota + 1
	// CancelRest cancels the tasks that have not finished.
	CancelRest
)

// OnDisconnect says what becomes of a job when nobody owns it any more: the connections of all clients that had
// submitted it have ended, and no client has come back in time.
type OnDisconnect uint8

const (
	// CancelJob cancels it. The default.
	CancelJob OnDisconnect = iota + 1
	// DrainJob lets the tasks that run finish and starts no others.
	DrainJob
)

// Attempts is how often one task had failed before this submission of its job.
type Attempts struct {
	Task   int // index into Job.Tasks
	Failed int // starts that failed or were lost, 1…MaxAttempts of the job
}

// Job is m tasks of one app for one user with one deadline, as submitted.
// Zero fields take their defaults in [Job.WithDefaults].
type Job struct {
	ID       JobID  // zero: chosen at submit
	App      string // the handler on workers, [a-z0-9._-]{1,63}
	User     string // path such as "org/team/ann", ≤ 255 bytes; empty: no user
	Priority int    // larger runs first under the priority discipline; −1000…1000

	Deadline    time.Duration // from acceptance, >0…24 h, default 5 m
	TaskTimeout time.Duration // of one attempt; 0: only the deadline
	// Estimate is the service time of one task, 0…24 h; 0: nothing is known. Where it proves right, a slot's next task
	// is on its way before the slot is free; and workers may serve the shortest job first by it.
	Estimate     time.Duration
	MaxAttempts  int          // starts per task, 1…100, default 3
	Delivery     Delivery     // default AtLeastOnce
	OnFailure    OnFailure    // default Continue
	OnDisconnect OnDisconnect // default CancelJob

	// Which workers will do. ProbeRatio is how many reservations per task are left at them, 1…16, default 2.
	ProbeRatio float64
	Require    map[string]string // labels that a worker must have
	Prefer     map[string]string // labels that are better to have: workers that have all of them come first, for a while
	Exclude    []string          // workers that will not do: each a label, "key=value", or a worker's name
	// Spread is the key of a label, such as "zone": tasks are dealt out evenly over its values. Empty: they are not.
	Spread string

	// What each task takes of its worker while it runs.
	Slots     int               // 1…4096, default 1
	Resources map[string]uint32 // beside its slots, such as gpu: 1

	// A client that hands its unfinished tasks to another scheduler says so with Epoch, and what it knows of them.
	Epoch    uint32     // which submission of this job this is; 0 the first
	Finished []byte     // with Epoch > 0: bitmap of tasks not to run again, bit i%8 of byte i/8
	Attempts []Attempts // with Epoch > 0: the tasks that have failed before, ascending, each once

	Tasks []Task // at least one
}

// Task is one unit of work: an opaque payload for the job's app.
type Task struct {
	Payload   []byte
	Require   map[string]string // in addition to the job's; of one key the task's value counts
	Prefer    map[string]string // in addition to the job's; of one key the task's value counts
	Exclude   []string          // in addition to the job's
	Slots     int               // instead of the job's; 0: as the job says
	Resources map[string]uint32 // in addition to the job's; of one name the task's amount counts, and 0 is none
	Affinity  string            // tasks with one key like the same workers, whose caches are warm for it; ≤ 255 bytes, empty: any worker
}

// WorkerLabel is the key of a label that every worker has beside its own: its name. To require it is to name the
// worker, and what an exclusion without a key means.
const WorkerLabel = "worker"

// Excluded splits what an entry of Exclude says into a label's key and value; a worker's name is a label too.
func Excluded(entry string) (key, value string) {
	if k, v, ok := strings.Cut(entry, "="); ok {
		return k, v
	}
	return WorkerLabel, entry
}

// SlotsName is what no resource is called: slots are stated apart.
const SlotsName = "slots"

// Limits bound what a scheduler accepts in one job. The zero Limits stands for
// [DefaultLimits].
type Limits struct {
	MaxTasks        int // tasks a job, default 100,000
	MaxPayloadBytes int // payload of one task, default 1 MiB
	MaxJobBytes     int // payloads of one job together, default 64 MiB
}

// DefaultLimits returns the bounds that hold when none are configured.
func DefaultLimits() Limits {
	return Limits{MaxTasks: 100_000, MaxPayloadBytes: 1 << 20, MaxJobBytes: 64 << 20}
}

// WithDefaults returns the job with every zero field that has a default set to it.
// Tasks and maps are shared with the receiver.
func (j Job) WithDefaults() Job {
	j.ProbeRatio = cmp.Or(j.ProbeRatio, DefaultProbeRatio)
	j.Deadline = cmp.Or(j.Deadline, DefaultDeadline)
	j.MaxAttempts = cmp.Or(j.MaxAttempts, DefaultMaxAttempts)
	j.Delivery = cmp.Or(j.Delivery, AtLeastOnce)
	j.OnFailure = cmp.Or(j.OnFailure, Continue)
	j.Slots = cmp.Or(j.Slots, 1)
	j.OnDisconnect = cmp.Or(j.OnDisconnect, CancelJob)
	return j
}
