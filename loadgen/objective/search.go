package objective

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Reading is what one run at one rate showed.
type Reading int

// Readings.
const (
	Holds    Reading = iota + 1 // all conditions hold
	Clear                       // they hold with room to spare
	Broken                      // one does not
	Unusable                    // the generator did not keep up, so the run says nothing of the fleet
)

// Probe runs the load once at a rate, which is in whatever unit the caller counts in, and reads the result. n counts
// the probes of a search from 0: whoever draws the jobs from a seed takes a fresh one for each.
type Probe func(ctx context.Context, rate float64, n int) (Reading, error)

// SearchConfig bounds a search.
type SearchConfig struct {
	Start float64 // where to begin, above 0
	Least float64 // where to give up, at most Start
	Most  float64 // where to stop, at least Start
	// Precision is how far apart the ends may be that are found: 0.05 is 5 % of the lower one. Above 0.
	Precision float64
	// Votes is how many runs decide on a rate by majority, an odd number from 1 up. On the two rates that the search is
	// about to name it takes as many of 2·Votes − 1.
	Votes int
	// MaxProbes is how many runs there are at most, from Votes up.
	MaxProbes int
}

// Validate reports all faults at once.
func (c *SearchConfig) Validate() error {
	var faults []error
	if !(c.Least > 0 && c.Least <= c.Start && c.Start <= c.Most && !math.IsInf(c.Most, 1)) {
		faults = append(faults, fmt.Errorf("want 0 < least ≤ start ≤ most, got %g, %g and %g", c.Least, c.Start, c.Most))
	}
	if !(c.Precision >= 0.001 && c.Precision <= 1) {
		faults = append(faults, fmt.Errorf("precision: want 0.001 to 1, got %g", c.Precision))
	}
	if c.Votes < 1 || c.Votes%2 == 0 || c.Votes > 99 {
		faults = append(faults, fmt.Errorf("votes: want an odd number from 1 to 99, got %d", c.Votes))
	}
	if c.MaxProbes < c.Votes || c.MaxProbes > 10_000 {
		faults = append(faults, fmt.Errorf("probes: want %d (one vote) to 10000, got %d", c.Votes, c.MaxProbes))
	}
	return errors.Join(faults...)
}

// Step is a rate that was tried.
type Step struct {
	Rate     float64 `json:"rate"`
	Holds    int     `json:"holds"`    // runs in which all conditions held
	Broken   int     `json:"broken"`   // runs in which one did not
	Unusable int     `json:"unusable"` // runs in which the generator did not keep up
	// Verdict is VerdictHolds, VerdictBroken, VerdictGenerator, or VerdictOpen if the search ended before the vote did.
	Verdict string `json:"verdict"`
}

// Verdicts of a [Step].
const (
	VerdictHolds     = "holds"
	VerdictBroken    = "broken"
	VerdictGenerator = "generator" // did not keep up
	VerdictOpen      = "open"
)

// Ends of a search.
const (
	EndFound     = "found"     // the ends are as close as asked for, and the lower one has won its vote
	EndMost      = "most"      // the objective holds at the most that was allowed
	EndLeast     = "least"     // it does not even hold at the least
	EndGenerator = "generator" // it holds as far as the generator can go; what the fleet can do beyond is not known
	EndProbes    = "probes"    // no more runs were allowed
	EndTime      = "time"      // the context ended
)

// Found is what a search has found.
type Found struct {
	// Rate is the highest rate of which a majority held, below all that did not; 0 if there is none.
	Rate float64 `json:"rate"`
	// Above is the lowest rate that did not hold; 0 if all did.
	Above     float64 `json:"above"`
	End       string  `json:"end"`
	Confirmed bool    `json:"confirmed"` // by the vote of 2·Votes − 1 on Rate
	Probes    int     `json:"probes"`
	Steps     []Step  `json:"steps"` // in the order in which they were first tried
}

// Search finds the highest rate at which the probe says that the objective holds. With an error of a probe it returns
// what it knows until then too, and an End only if the context was the reason, which is no error.
func Search(ctx context.Context, cfg SearchConfig, probe Probe) (*Found, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &search{cfg: cfg, probe: probe, found: &Found{}}
	err := s.run(ctx)
	s.sum()
	if err == nil {
		return s.found, nil
	}
	switch {
	case errors.Is(err, errProbes):
		s.found.End = EndProbes
	case ctx.Err() != nil:
		s.found.End = EndTime
	default:
		return s.found, err
	}
	return s.found, nil
}

// errProbes ends a search that has used up its runs.
var errProbes = errors.New("no more probes")

type search struct {
	cfg   SearchConfig
	probe Probe
	found *Found
}

func (s *search) run(ctx context.Context) error {
	rate := s.cfg.Start
	for {
		low, high := s.bracket()
		switch {
		case low == 0 && high == 0: // nothing tried yet
		case high == 0 && low < s.cfg.Most:
			rate = min(2*low, s.cfg.Most)
		case low == 0 && high > s.cfg.Least:
			rate = max(high/2, s.cfg.Least)
		case low > 0 && high > low*(1+s.cfg.Precision):
			rate = math.Sqrt(low) * math.Sqrt(high)
		default: // there is nothing more to try, if the votes stand
			for _, end := range []float64{low, high} {
				if end > 0 {
					if err := s.judge(ctx, end, 2*s.cfg.Votes-1, false); err != nil {
						return err
					}
				}
			}
			if l, h := s.bracket(); l == low && h == high {
				s.found.End = s.end(low, high)
				return nil
			}
			continue
		}
		if err := s.judge(ctx, rate, s.cfg.Votes, true); err != nil {
			return err
		}
	}
}

// end says why there is nothing more to try.
func (s *search) end(low, high float64) string {
	switch {
	case high == 0:
		return EndMost
	case s.step(high).Verdict == VerdictGenerator:
		return EndGenerator
	case low == 0:
		return EndLeast
	}
	return EndFound
}

// bracket returns the highest rate that holds below all that do not, and the lowest that does not; 0 for none.
func (s *search) bracket() (low, high float64) {
	for i := range s.found.Steps {
		if step := &s.found.Steps[i]; (step.Verdict == VerdictBroken || step.Verdict == VerdictGenerator) && (high == 0 || step.Rate < high) {
			high = step.Rate
		}
	}
	for i := range s.found.Steps {
		if step := &s.found.Steps[i]; step.Verdict == VerdictHolds && step.Rate > low && (high == 0 || step.Rate < high) {
			low = step.Rate
		}
	}
	return low, high
}

// judge votes on a rate until a majority is certain. If a clear run may decide, the first run of a rate does if it is
// clear.
func (s *search) judge(ctx context.Context, rate float64, votes int, clearDecides bool) error {
	step := s.step(rate)
	majority := votes/2 + 1
	for {
		switch {
		case step.Holds >= majority:
			step.Verdict = VerdictHolds
			return nil
		case step.Broken+step.Unusable >= majority:
			step.Verdict = VerdictBroken
			if step.Unusable > step.Broken {
				step.Verdict = VerdictGenerator
			}
			return nil
		case s.found.Probes >= s.cfg.MaxProbes:
			step.cut()
			return errProbes
		}
		reading, err := s.probe(ctx, rate, s.found.Probes)
		if err == nil {
			err = ctx.Err() // a run that was cut short says nothing
		}
		if err != nil {
			step.cut()
			return err
		}
		s.found.Probes++
		switch reading {
		case Clear:
			step.Holds++
			if clearDecides && step.Broken+step.Unusable == 0 {
				step.Verdict = VerdictHolds
				return nil
			}
		case Holds:
			step.Holds++
		case Broken:
			step.Broken++
		case Unusable:
			step.Unusable++
		default:
			return fmt.Errorf("unknown reading %d", reading)
		}
	}
}

// cut is for a vote that is not finished: an earlier verdict stands if most runs still say the same.
func (s *Step) cut() {
	against := s.Broken + s.Unusable
	if (s.Verdict == VerdictHolds && s.Holds <= against) || (s.Verdict != VerdictHolds && against <= s.Holds) {
		s.Verdict = VerdictOpen
	}
}

// step returns the step at a rate, a new one if it was not tried.
func (s *search) step(rate float64) *Step {
	for i := range s.found.Steps {
		if s.found.Steps[i].Rate == rate {
			return &s.found.Steps[i]
		}
	}
	s.found.Steps = append(s.found.Steps, Step{Rate: rate, Verdict: VerdictOpen})
	return &s.found.Steps[len(s.found.Steps)-1]
}

// sum fills in what the steps add up to.
func (s *search) sum() {
	f := s.found
	f.Rate, f.Above = s.bracket()
	if f.Rate > 0 {
		f.Confirmed = s.step(f.Rate).Holds >= s.cfg.Votes
	}
}
