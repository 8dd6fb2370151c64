package workload

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Bounds of a time scale.
const (
	MinTimeScale = 1e-6
	MaxTimeScale = 1e6
)

// Window says which part of a workload runs, and how fast. The zero Window is all of it, as it is.
type Window struct {
	// Jobs ends the workload after so many jobs, those of the warm-up included. 0: no such end.
	Jobs int
	// Duration ends it before the first job that arrives this long after the start or later; up to MaxAt. 0: no such
	// end.
	Duration time.Duration
	// Warmup is the part at the beginning that statistics leave out.
	Warmup Warmup
	// TimeScale multiplies arrivals, service times and estimates, MinTimeScale…MaxTimeScale: with 0.01 a day's trace
	// runs in a quarter of an hour, under the same load. 0 stands for 1. Duration and Warmup count time as scaled.
	TimeScale float64
}

// Validate reports all faults at once; nil if there are none.
func (w *Window) Validate() error {
	var faults []error
	if w.Jobs < 0 {
		faults = append(faults, fmt.Errorf("jobs: want 0 or more, got %d", w.Jobs))
	}
	if w.Duration < 0 || w.Duration > MaxAt {
		faults = append(faults, fmt.Errorf("duration: want 0 to %v, got %v", MaxAt, w.Duration))
	}
	if w.TimeScale != 0 && !within(w.TimeScale, MinTimeScale, MaxTimeScale) {
		faults = append(faults, fmt.Errorf("time scale: want %g to %g, got %g", MinTimeScale, MaxTimeScale, w.TimeScale))
	}
	switch {
	case w.Warmup.Jobs < 0 || w.Warmup.Time < 0:
		faults = append(faults, errors.New("warmup: want 0 or more"))
	case w.Jobs > 0 && w.Warmup.Jobs >= w.Jobs:
		faults = append(faults, fmt.Errorf("warmup: of %d jobs, %d are warm-up and none is left to measure", w.Jobs, w.Warmup.Jobs))
	case w.Duration > 0 && w.Warmup.Time >= w.Duration:
		faults = append(faults, fmt.Errorf("warmup: of %v, %v is warm-up and nothing is left to measure", w.Duration, w.Warmup.Time))
	}
	return errors.Join(faults...)
}

// endAfter returns the window that ends after a time that is yet to be scaled, if it did not end before.
func (w Window) endAfter(d time.Duration) Window {
	if w.TimeScale != 0 && w.TimeScale != 1 {
		d = scale(d, w.TimeScale)
	}
	if w.Duration == 0 || d < w.Duration {
		w.Duration = d
	}
	return w
}

// Warmup is a number of jobs or a time at the beginning of a run. The zero Warmup is none.
type Warmup struct {
	Jobs int
	Time time.Duration
}

// ParseWarmup reads a warm-up: a bare number is jobs, a number with a unit (as [time.ParseDuration] reads it) is time.
func ParseWarmup(s string) (Warmup, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 {
			return Warmup{}, fmt.Errorf("warmup %s: want 0 or more jobs", quote(s))
		}
		return Warmup{Jobs: n}, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > MaxAt {
		return Warmup{}, fmt.Errorf("warmup %s: want a number of jobs, such as 1000, or a time of at most %v, such as 5s", quote(s), MaxAt)
	}
	return Warmup{Time: d}, nil
}

// String returns the form that [ParseWarmup] reads.
func (w Warmup) String() string {
	if w.Time > 0 {
		return w.Time.String()
	}
	return strconv.Itoa(w.Jobs)
}

// MarshalText is [Warmup.String] for encoders.
func (w Warmup) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText is [ParseWarmup] for decoders and command lines.
func (w *Warmup) UnmarshalText(b []byte) (err error) {
	*w, err = ParseWarmup(string(b))
	return err
}

// Covers reports whether a job is part of the warm-up: the index-th of the run, from 0, that arrives at the given time.
func (w Warmup) Covers(index int, at time.Duration) bool {
	return index < w.Jobs || at < w.Time
}
