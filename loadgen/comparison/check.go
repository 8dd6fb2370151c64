package comparison

import (
	"fmt"

	"dunnock/internal/stat"
	"dunnock/loadgen/objective"
)

// Check is what a condition says of B, beside A if it is relative.
type Check struct {
	Condition string  `json:"condition"`
	Value     float64 `json:"value"` // of B: the mean over its runs
	Limit     float64 `json:"limit"`
	Holds     bool    `json:"holds"`
	// Certain says that chance does not explain on which side of the limit the value is. It takes LeastRuns.
	Certain bool `json:"certain"`
}

// Check holds B against conditions and keeps what came of it. A condition for which there are no runs, or that asks for
// what they do not have, is an error.
func (c *Comparison) Check(conditions []objective.Condition) error {
	for i := range conditions {
		check, err := c.check(&conditions[i])
		if err != nil {
			return err
		}
		c.Checks = append(c.Checks, check)
	}
	return nil
}

func (c *Comparison) check(condition *objective.Condition) (Check, error) {
	check := Check{Condition: condition.String()}
	if len(c.b) == 0 || (condition.Relative() && len(c.a) == 0) {
		return check, fmt.Errorf("%s: no run is left that it could be held against", condition)
	}
	b, err := columnOf(c.b, condition.Metric.Name)
	if err != nil {
		return check, fmt.Errorf("%s: B: %w", condition, err)
	}
	limits := make([]float64, len(b)) // what each run of B is held against
	base := 0.0
	if condition.Relative() {
		if limits, err = columnOf(c.a, condition.Metric.Name); err != nil {
			return check, fmt.Errorf("%s: A: %w", condition, err)
		}
		base, _ = stat.Moments(limits)
	}
	for i, v := range limits {
		limits[i] = condition.Limit(v)
	}
	check.Value, _ = stat.Moments(b)
	check.Limit = condition.Limit(base)
	check.Holds = condition.Holds(check.Value, base)
	if len(limits) >= LeastRuns && len(b) >= LeastRuns {
		d := stat.Paired(limits, b)
		if condition.Relative() {
			d = c.difference(limits, b)
		}
		low, high := d.Interval(1 - c.Confidence)
		check.Certain = low > 0 || high < 0
	}
	return check, nil
}
