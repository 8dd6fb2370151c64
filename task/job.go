package task

import (
	"math"
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
	MaxLabels          = 32  // required, preferred or excluded labels of one job or task
	MinPriority        = -1000
	MaxPriority        = 1000
	MaxSlots           = 4096 // of its worker, that a task takes
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
	ID           JobID             // zero: chosen at submit
	App          string            // the handler on workers, [a-z0-9._-]{1,63}
	User         string            // path such as "org/team/ann", ≤ 255 bytes; empty: no user
	Priority     int               // larger runs first under the priority discipline; −1000…1000
	ProbeRatio   float64           // reservations per task, 1…16, default 2
	Deadline     time.Duration     // from acceptance, >0…24 h, default 5 m
	TaskTimeout  time.Duration     // of one attempt; 0: only the deadline
	Estimate     time.Duration     // of one task's service time, 0…24 h: slots are asked for ahead of their end by it, and workers may serve the shortest first; 0: nothing is known
	MaxAttempts  int               // starts per task, 1…100, default 3
	Delivery     Delivery          // default AtLeastOnce
	OnFailure    OnFailure         // default Continue
	OnDisconnect OnDisconnect      // default CancelJob
	Require      map[string]string // labels that a worker must have
	Prefer       map[string]string // labels that are better to have: workers that have all of them come first, for a while
	Exclude      []string          // workers that will not do: each a label, "key=value", or a worker's name
	Spread       string            // key of a label, such as "zone": tasks are dealt out evenly over its values; empty: they are not
	Slots        int               // of its worker, that each task takes: 1…4096, default 1
	Resources    map[string]uint32 // of its worker, that each task takes beside its slots, such as gpu: 1
	Epoch        uint32            // which submission of this job this is; 0 the first
	Finished     []byte            // with Epoch > 0: bitmap of tasks not to run again, bit i%8 of byte i/8
	Attempts     []Attempts        // with Epoch > 0: the tasks that have failed before, ascending, each once
	Tasks        []Task            // at least one
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
	if j.ProbeRatio == 0 {
		j.ProbeRatio = DefaultProbeRatio
	}
	if j.Deadline == 0 {
		j.Deadline = DefaultDeadline
	}
	if j.MaxAttempts == 0 {
		j.MaxAttempts = DefaultMaxAttempts
	}
	if j.Delivery == 0 {
		j.Delivery = AtLeastOnce
	}
	if j.OnFailure == 0 {
		j.OnFailure = Continue
	}
	if j.Slots == 0 {
		j.Slots = 1
	}
	if j.OnDisconnect == 0 {
		j.OnDisconnect = CancelJob
	}
	return j
}

// Validate says whether a job with its defaults set is well formed and within the limits.
// The error is an [*Error] with code [CodeInvalidJob] or [CodeTooLarge]
// whose message names the field as it is called in JSON.
func (j *Job) Validate(l Limits) error {
	if l == (Limits{}) {
		l = DefaultLimits()
	}
	switch {
	case !validName(j.App):
		return Errorf(CodeInvalidJob, "app: want 1 to %d characters of a-z 0-9 . _ -, got %q", MaxNameLen, clip(j.App))
	case len(j.User) > MaxUserLen:
		return Errorf(CodeInvalidJob, "user: at most %d bytes, got %d", MaxUserLen, len(j.User))
	case j.Priority < MinPriority || j.Priority > MaxPriority:
		return Errorf(CodeInvalidJob, "priority: want %d to %d, got %d", MinPriority, MaxPriority, j.Priority)
	case math.IsNaN(j.ProbeRatio) || j.ProbeRatio < 1 || j.ProbeRatio > MaxProbeRatio:
		return Errorf(CodeInvalidJob, "probe_ratio: want 1 to %g, got %g", MaxProbeRatio, j.ProbeRatio)
	case j.Deadline <= 0 || j.Deadline > MaxDeadline:
		return Errorf(CodeInvalidJob, "deadline: want more than 0 and at most %v, got %v", MaxDeadline, j.Deadline)
	case j.TaskTimeout < 0 || j.TaskTimeout > MaxDeadline:
		return Errorf(CodeInvalidJob, "task_timeout: want 0 to %v, got %v", MaxDeadline, j.TaskTimeout)
	case j.Estimate < 0 || j.Estimate > MaxDeadline:
		return Errorf(CodeInvalidJob, "estimate: want 0 to %v, got %v", MaxDeadline, j.Estimate)
	case j.MaxAttempts < 1 || j.MaxAttempts > MaxAttempts:
		return Errorf(CodeInvalidJob, "max_attempts: want 1 to %d, got %d", MaxAttempts, j.MaxAttempts)
	case j.Delivery != AtLeastOnce && j.Delivery != AtMostOnce:
		return Errorf(CodeInvalidJob, "delivery: want at-least-once or at-most-once")
	case j.OnFailure != Continue && j.OnFailure != CancelRest:
		return Errorf(CodeInvalidJob, "on_failure: want continue or cancel")
	case j.OnDisconnect != CancelJob && j.OnDisconnect != DrainJob:
		return Errorf(CodeInvalidJob, "on_disconnect: want cancel or drain")
	case len(j.Tasks) == 0:
		return Errorf(CodeInvalidJob, "tasks: a job needs at least one task")
	case len(j.Tasks) > l.MaxTasks:
		return Errorf(CodeTooLarge, "tasks: at most %d tasks a job, got %d", l.MaxTasks, len(j.Tasks))
	case len(j.Finished) > (len(j.Tasks)+7)/8:
		return Errorf(CodeInvalidJob, "finished: at most %d bytes for %d tasks, got %d", (len(j.Tasks)+7)/8, len(j.Tasks), len(j.Finished))
	case len(j.Finished) > 0 && j.Epoch == 0:
		return Errorf(CodeInvalidJob, "finished: needs epoch > 0")
	case len(j.Attempts) > 0 && j.Epoch == 0:
		return Errorf(CodeInvalidJob, "attempts: needs epoch > 0")
	}
	if err := j.validateAttempts(); err != nil {
		return err
	}
	if err := validLabels("require", j.Require); err != nil {
		return err
	}
	if err := validLabels("prefer", j.Prefer); err != nil {
		return err
	}
	if err := validExclude("exclude", j.Exclude); err != nil {
		return err
	}
	if j.Spread != "" && !validName(j.Spread) {
		return Errorf(CodeInvalidJob, "spread: want the key of a label, 1 to %d characters of a-z 0-9 . _ -, got %q", MaxNameLen, clip(j.Spread))
	}
	if err := validNeed("", j.Slots, 1, j.Resources); err != nil {
		return err
	}
	return j.validateTasks(l)
}

func (j *Job) validateAttempts() error {
	next := 0
	for i, a := range j.Attempts {
		switch {
		case a.Task < next || a.Task >= len(j.Tasks):
			return Errorf(CodeInvalidJob, "attempts[%d].task: want an index of tasks, ascending, got %d", i, a.Task)
		case a.Failed < 1 || a.Failed > j.MaxAttempts:
			return Errorf(CodeInvalidJob, "attempts[%d].failed: want 1 to max_attempts, %d, got %d", i, j.MaxAttempts, a.Failed)
		}
		next = a.Task + 1
	}
	return nil
}

func (j *Job) validateTasks(l Limits) error {
	total := 0
	for i := range j.Tasks {
		t := &j.Tasks[i]
		if len(t.Payload) > l.MaxPayloadBytes {
			return Errorf(CodeTooLarge, "tasks[%d].payload: at most %d bytes, got %d", i, l.MaxPayloadBytes, len(t.Payload))
		}
		total += len(t.Payload)
		if len(t.Affinity) > MaxUserLen {
			return Errorf(CodeInvalidJob, "tasks[%d].affinity: at most %d bytes, got %d", i, MaxUserLen, len(t.Affinity))
		}
		if t.plain() {
			continue
		}
		if err := t.ValidateDemand("tasks[" + itoa(i) + "]."); err != nil {
			return err
		}
	}
	if total > l.MaxJobBytes {
		return Errorf(CodeTooLarge, "tasks: payloads of one job at most %d bytes together, got %d", l.MaxJobBytes, total)
	}
	return nil
}

// plain reports whether a task says nothing about workers beside what its job says.
func (t *Task) plain() bool {
	return t.Slots == 0 && len(t.Require)+len(t.Prefer)+len(t.Exclude)+len(t.Resources) == 0
}

// ValidateDemand says whether what a task says about workers, its constraints and what it takes, is within its bounds.
// The error is an [*Error] with code [CodeInvalidJob] whose message begins with where, such as "tasks[3].", and the
// field as it is called in JSON.
func (t *Task) ValidateDemand(where string) error {
	if err := validLabels(where+"require", t.Require); err != nil {
		return err
	}
	if err := validLabels(where+"prefer", t.Prefer); err != nil {
		return err
	}
	if err := validExclude(where+"exclude", t.Exclude); err != nil {
		return err
	}
	return validNeed(where, t.Slots, 0, t.Resources)
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

func validExclude(field string, list []string) error {
	if len(list) > MaxLabels {
		return Errorf(CodeInvalidJob, "%s: at most %d, got %d", field, MaxLabels, len(list))
	}
	for _, entry := range list {
		k, v := Excluded(entry)
		if !validName(k) || len(v) > MaxNameLen || k == WorkerLabel && !validName(v) {
			return Errorf(CodeInvalidJob, "%s: %q: want a label, key=value, or the name of a worker", field, clip(entry))
		}
	}
	return nil
}

func validLabels(field string, labels map[string]string) error {
	if len(labels) > MaxLabels {
		return Errorf(CodeInvalidJob, "%s: at most %d labels, got %d", field, MaxLabels, len(labels))
	}
	for k, v := range labels {
		if !validName(k) || len(v) > MaxNameLen {
			return Errorf(CodeInvalidJob, "%s: label %q: want a key of 1 to %d characters of a-z 0-9 . _ - and a value of at most %d bytes",
				field, clip(k), MaxNameLen, MaxNameLen)
		}
	}
	return nil
}

// validNeed says whether what a task takes is within its bounds.
func validNeed(where string, slots, least int, resources map[string]uint32) error {
	if slots < least || slots > MaxSlots {
		return Errorf(CodeInvalidJob, "%sslots: want 1 to %d, got %d", where, MaxSlots, slots)
	}
	if len(resources) > MaxResources {
		return Errorf(CodeInvalidJob, "%sresources: at most %d, got %d", where, MaxResources, len(resources))
	}
	for name := range resources {
		if !validName(name) || name == SlotsName {
			return Errorf(CodeInvalidJob, "%sresources: %q: want a name of 1 to %d characters of a-z 0-9 . _ - other than %s", where, clip(name), MaxNameLen, SlotsName)
		}
	}
	return nil
}

// SlotsName is what no resource is called: slots are stated apart.
const SlotsName = "slots"

// ValidApp says whether s can name an app: 1 to 63 characters of a-z 0-9 . _ -.
func ValidApp(s string) bool { return validName(s) }

func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxNameLen
}
