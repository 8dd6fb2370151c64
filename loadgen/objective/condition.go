package objective

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"dunnock/loadgen"
)

// Condition is a metric held against a limit. The zero value is none; [Parse] makes one.
type Condition struct {
	Metric   Metric
	op       string // <, <=, > or >=
	limit    float64
	relative bool // the limit is a multiple of a base
	text     string
}

// Parse reads a condition such as "p99<30ms".
func Parse(text string) (Condition, error) {
	c := Condition{text: strings.TrimSpace(text)}
	if c.text == "" {
		return c, errors.New("want a condition such as p99<30ms, got nothing")
	}
	at := strings.IndexAny(c.text, "<>=!≤≥")
	if at < 0 {
		return c, fmt.Errorf("%q: want a metric, one of < <= > >=, and a limit, such as p99<30ms", clip(c.text))
	}
	rest := c.text[at:]
	for _, op := range []string{"<=", ">=", "<", ">"} {
		if strings.HasPrefix(rest, op) {
			c.op = op
			break
		}
	}
	limit := strings.TrimSpace(strings.TrimPrefix(rest, c.op))
	if c.op == "" || strings.ContainsAny(limit, "<>=!≤≥") {
		return c, fmt.Errorf("%q: want one of < <= > >= between metric and limit", clip(c.text))
	}
	var err error
	if c.Metric, err = MetricNamed(strings.TrimSpace(c.text[:at])); err != nil {
		return c, fmt.Errorf("%q: %w", clip(c.text), err)
	}
	if err := c.readLimit(limit); err != nil {
		return c, fmt.Errorf("%q: %w", clip(c.text), err)
	}
	return c, nil
}

// UnmarshalText makes a condition a flag's value.
func (c *Condition) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}

// readLimit reads what stands behind the operator, in the unit of the metric.
func (c *Condition) readLimit(text string) error {
	if number, ok := strings.CutSuffix(text, "x"); ok {
		v, err := positive(number)
		if err != nil {
			return fmt.Errorf("want a multiple such as 1.1x, got %q", clip(text))
		}
		c.limit, c.relative = v, true
		return nil
	}
	switch c.Metric.Unit {
	case Milliseconds:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("%s is a time: want one with its unit, such as 50ms, or a multiple such as 1.1x; got %q", c.Metric.Name, clip(text))
		}
		c.limit = float64(d) / float64(time.Millisecond)
	case Fraction:
		number, percent := strings.CutSuffix(text, "%")
		v, err := positive(strings.TrimSpace(number))
		if percent {
			v /= 100
		}
		if err != nil || v > 1 {
			return fmt.Errorf("%s is a fraction: want 0 to 1, such as 0.01, or 1%%; got %q", c.Metric.Name, clip(text))
		}
		c.limit = v
	case Number:
		v, err := positive(text)
		if err != nil {
			return fmt.Errorf("%s is a number without a unit: want one such as 1.5, got %q", c.Metric.Name, clip(text))
		}
		c.limit = v
	}
	return nil
}

func positive(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && !(v >= 0 && v <= math.MaxFloat64) {
		err = strconv.ErrRange
	}
	return v, err
}

// String returns the condition as it was written.
func (c Condition) String() string { return c.text }

// Relative reports whether the limit is a multiple of what something else has, so that it takes a comparison.
func (c *Condition) Relative() bool { return c.relative }

// Below reports whether the condition asks for less than its limit, not for more.
func (c *Condition) Below() bool { return c.op == "<" || c.op == "<=" }

// Limit returns the limit in the metric's unit; base is what a multiple is of, and otherwise not looked at.
func (c *Condition) Limit(base float64) float64 {
	if c.relative {
		return c.limit * base
	}
	return c.limit
}

// Holds reports whether the condition is true of a value of its metric.
func (c *Condition) Holds(value, base float64) bool {
	limit := c.Limit(base)
	switch c.op {
	case "<":
		return value < limit
	case "<=":
		return value <= limit
	case ">":
		return value > limit
	}
	return value >= limit
}

// Check is what a condition says of one run.
type Check struct {
	Condition string  `json:"condition"`
	Value     float64 `json:"value"` // in milliseconds, a fraction or a number, as the metric is
	Holds     bool    `json:"holds"`
}

// Of checks a run. A relative condition is an error: there is nothing to relate to; so is a metric that the run does
// not have.
func (c *Condition) Of(r *loadgen.Result) (Check, error) {
	if c.relative {
		return Check{}, fmt.Errorf("%s: a multiple takes another result to compare with", c.text)
	}
	v, err := c.Metric.Of(r)
	if err != nil {
		return Check{}, fmt.Errorf("%s: %w", c.text, err)
	}
	return Check{Condition: c.text, Value: v, Holds: c.Holds(v, 0)}, nil
}

// room is how far from its limit, as a factor, a value has to be for one run to be believed.
const room = 0.8

// clear reports whether the condition holds of a value with room to spare.
func (c *Condition) clear(value float64) bool {
	if c.Below() {
		return value <= room*c.limit
	}
	return value*room >= c.limit
}

// Read holds a run against all conditions, of which none is relative.
func Read(conditions []Condition, r *loadgen.Result) (Reading, []Check, error) {
	reading := Clear
	checks := make([]Check, 0, len(conditions))
	for i := range conditions {
		c := &conditions[i]
		check, err := c.Of(r)
		if errors.Is(err, ErrNothing) {
			check, err = Check{Condition: c.text}, nil // which no fleet may do to hold an objective
		}
		if err != nil {
			return 0, nil, err
		}
		checks = append(checks, check)
		switch {
		case !check.Holds:
			reading = Broken
		case reading == Clear && !c.clear(check.Value):
			reading = Holds
		}
	}
	if !r.Valid {
		reading = Unusable
	}
	return reading, checks, nil
}
