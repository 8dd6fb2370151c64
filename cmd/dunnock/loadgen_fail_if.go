package main

import (
	"errors"
	"fmt"
	"strings"

	"dunnock/loadgen"
	"dunnock/loadgen/objective"
)

// exitCondition is the exit code when a --fail-if holds.
const exitCondition = 3

// failIfFlag makes a command fail on what was measured.
type failIfFlag struct {
	FailIf []objective.Condition `help:"Exit with code 3 if this holds, such as 'p99>50ms', 'errors>0.1%' or 'wait.p99>5ms'; several with several flags." sep:"none" placeholder:"CONDITION"`
}

// checkFlags refuses what takes two results.
func (f *failIfFlag) checkFlags() error {
	for _, c := range f.FailIf {
		if c.Relative() {
			return usagef("--fail-if %s: a multiple takes two results: see 'dunnock loadgen compare --help'", c)
		}
	}
	return nil
}

// holds returns the error of the conditions that hold for the mean of the valid runs; nil if none does.
func (f *failIfFlag) holds(runs []*loadgen.Result) error {
	if len(f.FailIf) == 0 {
		return nil
	}
	var met []string
	for i := range f.FailIf {
		c := &f.FailIf[i]
		value, valid := 0.0, 0
		for _, r := range runs {
			if !r.Valid || r.Interrupted {
				continue
			}
			check, err := c.Of(r)
			if err != nil {
				return fmt.Errorf("--fail-if %w", err)
			}
			value += check.Value
			valid++
		}
		if valid == 0 {
			return fmt.Errorf("--fail-if %s: there is no whole and valid run that it could be held against", c)
		}
		if value /= float64(valid); c.Holds(value, 0) {
			met = append(met, fmt.Sprintf("%s: %s", c, metricText(c.Metric, value)))
		}
	}
	return conditionsMet(met)
}

// conditionsMet is the error that ends a command whose --fail-if holds; nil if none does.
func conditionsMet(met []string) error {
	if len(met) == 0 {
		return nil
	}
	return &exitError{code: exitCondition, err: errors.New("--fail-if " + strings.Join(met, "; "))}
}

// metricText prints a value of a metric with its unit.
func metricText(m objective.Metric, v float64) string {
	switch m.Unit {
	case objective.Milliseconds:
		return milliseconds(v)
	case objective.Fraction:
		return figure(100*v, 4) + " %"
	case objective.Number:
	}
	return figure(v, 4)
}
