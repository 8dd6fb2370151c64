package workload

import (
	"fmt"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"
)

// Bounds of what a workload may hold. A file that goes past one is refused; a
// draw that would is cut to it.
const (
	MaxTasks    = 1_000_000            // tasks of one job
	MaxService  = 24 * time.Hour       // of one task, which is also the longest deadline of a job
	MaxAt       = 366 * 24 * time.Hour // arrival of the last job
	MaxUser     = 255                  // length of a user path in bytes
	MaxWidth    = 4096                 // slots that a task takes
	maxPriority = 1000
)

// Job is one job of a workload. [Source.Next] fills it and uses its slices
// again; a caller that keeps a job copies them.
type Job struct {
	At      time.Duration   // arrival, since the start of the run; 0…MaxAt, never before the previous job's
	User    string          // path such as "org/team/ann"; empty: no user
	Service []time.Duration // one a task, 0…MaxService; at least one
	// Est is what the job says that its tasks take, of a file what is written there: at most MaxService. 0: nothing is
	// known.
	Est time.Duration
	// Unsaid says that the job does not say Est by itself. It is the mean of its service times, and told where workers
	// serve the shortest job first, which are nothing without, and nowhere else.
	Unsaid bool
	// Keys are the tasks' affinity keys by number, 1…MaxKeys, one a task; none if the job has no keys.
	Keys     []uint32
	Priority int // −1000…1000
	// Deadline is what the job has from its arrival on: at most MaxService. 0: it has none of its own.
	Deadline time.Duration
	// Demand is what each task says about its worker, but for those in Groups, which say more.
	Demand
	// Spread is the key of a label over whose values tasks are dealt out evenly; empty: they are not.
	Spread string
	Groups []Group // at most MaxGroups
}

// Width is how many slots each task of a job takes.
func (j *Job) Width() int { return max(j.Slots, 1) }

// field is one part of a job, under whatever name a format knows it.
type field uint8

const (
	fieldAt field = iota
	fieldUser
	fieldService
	fieldEst
	fieldPriority
	fieldDeadline
	fieldSlots
	fieldKeys
	fieldResources
	fieldRequire
	fieldPrefer
	fieldExclude
	fieldSpread
	fieldGroups
	fields int = iota
)

// names is what a format calls the fields of a job, in the order of their constants.
type names [fields]string

// breach says which bound a job does not keep.
type breach struct {
	field  field
	index  int // of a task; −1: none
	reason string
	name   string // instead of the field's, where all formats call it the same; empty: they do not
}

// in returns the breached field under a format's name, such as "service_ms[3]".
func (b *breach) in(n names) string {
	if b.name != "" {
		return b.name
	}
	if b.index >= 0 {
		return element(n[b.field], b.index)
	}
	return n[b.field]
}

// element names one element of a field.
func element(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// check returns the first bound that the job does not keep; nil if it keeps all and does not arrive before prev.
func (j *Job) check(prev time.Duration) *breach {
	switch {
	case j.At < prev:
		return &breach{field: fieldAt, index: -1, reason: fmt.Sprintf("%v is before the previous job's %v", j.At, prev)}
	case j.At > MaxAt:
		return &breach{field: fieldAt, index: -1, reason: fmt.Sprintf("%v is after the last arrival allowed, %v", j.At, MaxAt)}
	case len(j.Service) == 0:
		return &breach{field: fieldService, index: -1, reason: "a job has at least one task"}
	case len(j.Service) > MaxTasks:
		return &breach{field: fieldService, index: -1, reason: fmt.Sprintf("a job has at most %d tasks, got %d", MaxTasks, len(j.Service))}
	case j.Est < 0 || j.Est > MaxService:
		return &breach{field: fieldEst, index: -1, reason: fmt.Sprintf("want 0 to %v, got %v", MaxService, j.Est)}
	case j.Priority < -maxPriority || j.Priority > maxPriority:
		return &breach{field: fieldPriority, index: -1, reason: fmt.Sprintf("want %d to %d, got %d", -maxPriority, maxPriority, j.Priority)}
	case j.Deadline < 0 || j.Deadline > MaxService:
		return &breach{field: fieldDeadline, index: -1, reason: fmt.Sprintf("want 0 to %v, got %v", MaxService, j.Deadline)}
	case j.Slots < 0 || j.Slots > MaxWidth:
		return &breach{field: fieldSlots, index: -1, reason: fmt.Sprintf("want 1 to %d, got %d", MaxWidth, j.Slots)}
	case len(j.Keys) > 0 && len(j.Keys) != len(j.Service):
		return &breach{field: fieldKeys, index: -1, reason: fmt.Sprintf("want one a task, which are %d, got %d", len(j.Service), len(j.Keys))}
	case len(j.User) > MaxUser:
		return &breach{field: fieldUser, index: -1, reason: fmt.Sprintf("a user has at most %d bytes, got %d", MaxUser, len(j.User))}
	case !utf8.ValidString(j.User):
		return &breach{field: fieldUser, index: -1, reason: "not valid UTF-8"}
	}
	for i, s := range j.Service {
		if s < 0 || s > MaxService {
			return &breach{field: fieldService, index: i, reason: fmt.Sprintf("want 0 to %v, got %v", MaxService, s)}
		}
	}
	for i, k := range j.Keys {
		if k < 1 || k > MaxKeys {
			return &breach{field: fieldKeys, index: i, reason: fmt.Sprintf("want 1 to %d, got %d", MaxKeys, k)}
		}
	}
	if !j.Plain() {
		return j.checkDemands()
	}
	return nil
}

// meanService is the mean of the job's service times, to the nanosecond below.
func (j *Job) meanService() time.Duration {
	var hi, lo, carry uint64 // 10⁶ tasks of 24 h are more nanoseconds than 64 bits hold
	for _, s := range j.Service {
		lo, carry = bits.Add64(lo, uint64(s), 0)
		hi += carry
	}
	mean, _ := bits.Div64(hi, lo, uint64(len(j.Service)))
	return time.Duration(mean)
}
