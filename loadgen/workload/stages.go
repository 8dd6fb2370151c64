package workload

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxStages bounds how many stages a workload has.
const MaxStages = 1000

// Stage is a part of a workload with a rate of its own.
type Stage struct {
	// Load is the fraction of all slots that its jobs keep busy, as [Spec.Load]; 0 where Rate is set.
	Load float64
	// Rate is its mean rate of arrivals in jobs per second, as [Spec.Rate]; 0 where Load is set.
	Rate   float64
	Length time.Duration // more than 0
}

// Stages follow one another, the first from the start on. The zero value is none; [ParseStages] makes some.
//
// The arrivals in a stage are those of the process at the stage's rate, and the change of the rate is part of the
// process: a gap that a stage's end cuts goes on at the next one's rate, so Poisson arrivals are a Poisson process all
// the way (its time is that of rate 1, stretched), and constant ones keep their beat.
type Stages struct{ list []Stage }

const stagesForm = "want LOAD:DURATION or RATE/s:DURATION, separated by commas, such as 0.5:30s,0.8:30s or 100/s:1m"

// ParseStages reads stages: a load or a rate, a colon and how long it lasts, separated by commas.
//
//	0.5:30s,0.8:30s,0.95:30s    fractions of all slots
//	100/s:10s,5000/s:10s        jobs per second
func ParseStages(s string) (Stages, error) {
	var v Stages
	for part := range strings.SplitSeq(s, ",") {
		level, length, found := strings.Cut(strings.TrimSpace(part), ":")
		d, err := time.ParseDuration(strings.TrimSpace(length))
		if !found || err != nil {
			return Stages{}, fmt.Errorf("stages %s: %s", quote(s), stagesForm)
		}
		number, isRate := strings.CutSuffix(strings.TrimSpace(level), "/s")
		x, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return Stages{}, fmt.Errorf("stages %s: %s", quote(s), stagesForm)
		}
		stage := Stage{Load: x, Length: d}
		if isRate {
			stage = Stage{Rate: x, Length: d}
		}
		if err := stage.check(isRate); err != nil {
			return Stages{}, fmt.Errorf("stages %s: %s: %w", quote(s), quote(part), err)
		}
		v.list = append(v.list, stage)
	}
	switch {
	case len(v.list) > MaxStages:
		return Stages{}, fmt.Errorf("stages: at most %d, got %d", MaxStages, len(v.list))
	case v.Length() > MaxAt:
		return Stages{}, fmt.Errorf("stages %s: want at most %v altogether", quote(s), MaxAt)
	}
	return v, nil
}

func (s *Stage) check(isRate bool) error {
	switch {
	case isRate && !within(s.Rate, MinRate, MaxRate):
		return fmt.Errorf("want %g to %g jobs a second, got %g", MinRate, MaxRate, s.Rate)
	case !isRate && !(s.Load > 0 && s.Load <= MaxLoad):
		return fmt.Errorf("want a load of more than 0 and at most %d, got %g", MaxLoad, s.Load)
	case s.Length <= 0 || s.Length > MaxAt:
		return fmt.Errorf("want a length of more than 0 and at most %v, got %v", MaxAt, s.Length)
	}
	return nil
}

// String returns the form that [ParseStages] reads; empty for the zero value.
func (s Stages) String() string {
	parts := make([]string, len(s.list))
	for i, stage := range s.list {
		level := formatFloat(stage.Load)
		if stage.Rate != 0 {
			level = formatFloat(stage.Rate) + "/s"
		}
		parts[i] = level + ":" + stage.Length.String()
	}
	return strings.Join(parts, ",")
}

// MarshalText is [Stages.String] for encoders.
func (s Stages) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseStages] for decoders and command lines.
func (s *Stages) UnmarshalText(b []byte) (err error) {
	*s, err = ParseStages(string(b))
	return err
}

// Len returns how many stages there are.
func (s Stages) Len() int { return len(s.list) }

// Stage returns the i-th stage, from 0.
func (s Stages) Stage(i int) Stage { return s.list[i] }

// Length returns how long all stages last together; more than 64 bits hold is the most that they do.
func (s Stages) Length() time.Duration {
	sum := time.Duration(0)
	for _, stage := range s.list {
		if sum += stage.Length; sum < 0 {
			return math.MaxInt64
		}
	}
	return sum
}

// leg is a stage as a clock needs it.
type leg struct {
	end int64   // in nanoseconds since the start
	gap float64 // mean gap between jobs in nanoseconds
}

// legs returns what the arrivals of a spec in stages go through; nil without stages.
func (s *Spec) legs() []leg {
	if s.Stages.Len() == 0 {
		return nil
	}
	legs := make([]leg, s.Stages.Len())
	end := int64(0)
	for i := range legs {
		end += int64(s.Stages.list[i].Length)
		legs[i] = leg{end: end, gap: float64(time.Second) / s.StageRate(i)}
	}
	return legs
}

// StageRate returns the mean rate of arrivals in the i-th stage, in jobs per second.
func (s *Spec) StageRate(i int) float64 {
	stage := s.Stages.list[i]
	if stage.Rate != 0 {
		return stage.Rate
	}
	return float64(stage.Load*float64(s.Slots)) * float64(time.Second) / s.work()
}

// StageLoad returns the fraction of all slots that the jobs of the i-th stage keep busy: its load, or what its rate
// comes to; 0 without Slots.
func (s *Spec) StageLoad(i int) float64 {
	stage := s.Stages.list[i]
	if stage.Rate == 0 || s.Slots == 0 {
		return stage.Load
	}
	return float64(stage.Rate*s.work()) / float64(float64(time.Second)*float64(s.Slots))
}

// average returns the mean of a stage's number over all stages, weighted by their lengths.
func (s Stages) average(of func(i int) float64) float64 {
	sum, length := 0.0, 0.0
	for i, stage := range s.list {
		sum += float64(of(i) * float64(stage.Length))
		length += float64(stage.Length)
	}
	return sum / length
}

// validateStages reports what is wrong with a spec that has stages.
func (s *Spec) validateStages() (faults []error) {
	if s.Rate != 0 || s.Load != 0 {
		faults = append(faults, errors.New("rate, load: the stages say them"))
	}
	byLoad := false
	for i := range s.Stages.list {
		byLoad = byLoad || s.Stages.list[i].Rate == 0
	}
	if byLoad {
		faults = append(faults, s.validateCapacity()...)
	}
	return faults
}

// walk moves the clock on by so many mean gaps between bursts, each as long as it is where the clock is. After the last
// stage nothing arrives any more.
func (c *clock) walk(gaps float64) {
	for c.leg < len(c.legs) {
		l := &c.legs[c.leg]
		mean := float64(l.gap * float64(c.arrival.burst))
		left := max(float64(l.end-c.at)-c.part, 0)
		if d := float64(gaps * mean); d < left {
			c.advance(d)
			return
		}
		gaps = max(gaps-left/mean, 0)
		c.at, c.part = max(c.at, l.end), 0
		c.leg++
	}
	c.at = math.MaxInt64
}
