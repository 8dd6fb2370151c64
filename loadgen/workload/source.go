package workload

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Source yields the jobs of a workload in the order of their arrival. [Generate] and [Read] make one. It is
// not safe for use by several goroutines.
type Source struct {
	feed   feed
	window Window
	wishes *wishing // nil: there are none
	jobs   int
	last   time.Duration // arrival of the latest job, as scaled
	ended  bool
	err    error
}

// feed is where a Source gets its jobs from, one after the other.
type feed interface {
	// next fills j, of which it may use the slices, and reports whether there was a job.
	next(j *Job) (bool, error)
	// fault makes an error about the job that next filled last.
	fault(b *breach) error
}

// Generate returns the source of a Spec's jobs. Without an end in the window it ends where arrivals pass [MaxAt], with
// an error. The error is all that [Spec.Validate] and [Window.Validate] find.
func Generate(s Spec, w Window) (*Source, error) {
	if s.Stages.Len() > 0 && w.Duration >= 0 {
		w = w.endAfter(s.Stages.Length())
	}
	if err := errors.Join(s.Validate(), w.Validate()); err != nil {
		return nil, fmt.Errorf("workload: %w", err)
	}
	return newSource(newGenerator(&s), w), nil
}

func newSource(f feed, w Window) *Source {
	w.TimeScale = cmp.Or(w.TimeScale, 1)
	return &Source{feed: f, window: w}
}

// Next fills j with the next job and reports whether there was one. It uses the slice in j.Service again if it is
// large enough: give it the same Job each time and it allocates nothing once the largest has come. After false, j
// holds nothing of use and Err says whether that was the end.
func (s *Source) Next(j *Job) bool {
	if s.ended {
		return false
	}
	var ok bool
	var err error
	if s.window.Jobs == 0 || s.jobs < s.window.Jobs {
		ok, err = s.feed.next(j)
	}
	if ok {
		ok, err = s.admit(j)
	}
	if !ok {
		s.ended = true
		if s.err = err; err == nil {
			s.err = s.measured()
		}
		return false
	}
	s.jobs++
	s.last = j.At
	return true
}

// measured returns an error if there was no job that statistics are made of. What is made of none looks like zeros.
func (s *Source) measured() error {
	switch {
	case s.jobs == 0:
		return fmt.Errorf("workload: no job arrives within %v", s.window.Duration)
	case s.window.Warmup.Covers(s.jobs-1, s.last):
		return fmt.Errorf("workload: warmup: all jobs are warm-up (%d, the last one at %v) and none is left to measure", s.jobs, s.last)
	}
	return nil
}

// admit scales a job and reports whether it belongs to the window. An error is about a bound that the job breaks.
func (s *Source) admit(j *Job) (bool, error) {
	if s.window.TimeScale != 1 {
		j.At = scale(j.At, s.window.TimeScale)
		j.Est = scale(j.Est, s.window.TimeScale)
		j.Deadline = scale(j.Deadline, s.window.TimeScale)
		for i, d := range j.Service {
			j.Service[i] = scale(d, s.window.TimeScale)
		}
	}
	if s.window.Duration > 0 && j.At >= s.window.Duration {
		return false, nil
	}
	if s.wishes != nil {
		if b := s.wishes.apply(j, uint64(s.jobs)); b != nil {
			return false, s.feed.fault(b)
		}
	}
	if b := j.check(s.last); b != nil {
		return false, s.feed.fault(b)
	}
	return true, nil
}

// Err returns why the source ended early, or that not one job was left to measure, and nil if it has not ended or came
// to a good end. About what a file says it is an [*InputError].
func (s *Source) Err() error { return s.err }

// Jobs returns how many jobs there were so far.
func (s *Source) Jobs() int { return s.jobs }

// Warmup returns the window's warm-up, to ask which jobs it covers.
func (s *Source) Warmup() Warmup { return s.window.Warmup }

// scale multiplies a time and rounds to the nearest nanosecond. More than 64 bits hold becomes more than any bound.
func scale(d time.Duration, by float64) time.Duration {
	x := float64(float64(d) * by)
	if x >= 1<<62 {
		return 1 << 62
	}
	return time.Duration(x + 0.5)
}
