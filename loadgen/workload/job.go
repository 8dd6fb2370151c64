package workload

import (
	"fmt"
	"math/bits"
	"time"
	"unicode/utf8"
)

// Bounds of what a workload may hold. A file that goes past one is refused; a
// draw that would is cut to it.
const (
	MaxTasks   = 1_000_000            // tasks of one job
	MaxService = 24 * time.Hour       // of one task, which is also the longest deadline of a job
	MaxAt      = 366 * 24 * time.Hour // arrival of the last job
	MaxUser    = 255                  // length of a user path in bytes
)

// Job is one job of a workload. [Source.Next] fills it and uses its Service slice
// again; a caller that keeps a job copies the slice.
type Job struct {
	At      time.Duration   // arrival, since the start of the run; 0…MaxAt, never before the previous job's
	User    string          // path such as "org/team/ann"; empty: no user
	Service []time.Duration // one a task, 0…MaxService; at least one
	// Est is what a scheduler that plans by estimates is told about the job's
	// tasks: the mean of their service times, unless a file says otherwise. 0: nothing is known.
	Est time.Duration
}

// check says whether a job keeps the bounds and does not arrive before prev. The
// field is named as a workload file names it.
func (j *Job) check(prev time.Duration) (field, reason string) {
	switch {
	case j.At < prev:
		return fieldAt, fmt.Sprintf("%v is before the previous job's %v", j.At, prev)
	case j.At > MaxAt:
		return fieldAt, fmt.Sprintf("%v is after the last arrival allowed, %v", j.At, MaxAt)
	case len(j.Service) == 0:
		return fieldService, "a job has at least one task"
	case len(j.Service) > MaxTasks:
		return fieldService, fmt.Sprintf("a job has at most %d tasks, got %d", MaxTasks, len(j.Service))
	case j.Est < 0 || j.Est > MaxService:
		return fieldEst, fmt.Sprintf("want 0 to %v, got %v", MaxService, j.Est)
	case len(j.User) > MaxUser:
		return fieldUser, fmt.Sprintf("a user has at most %d bytes, got %d", MaxUser, len(j.User))
	case !utf8.ValidString(j.User):
		return fieldUser, "not valid UTF-8"
	}
	for i, s := range j.Service {
		if s < 0 || s > MaxService {
			return element(fieldService, i), fmt.Sprintf("want 0 to %v, got %v", MaxService, s)
		}
	}
	return "", ""
}

// meanService is the mean of the job's service times, to the nanosecond below.
func (j *Job) meanService() time.Duration {
	var hi, lo, carry uint64 // 10⁶ tasks of 24 h are more nanoseconds than 64 bits hold
	for _, s := range j.Service {
		lo, carry = bits.Add64(lo, uint64(s), 0) //nolint:gosec // not negative
		hi += carry
	}
	mean, _ := bits.Div64(hi, lo, uint64(len(j.Service)))
	return time.Duration(mean) //nolint:gosec // at most MaxService
}
