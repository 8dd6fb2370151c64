package comparison

import (
	"fmt"
	"math"

	"dunnock/internal/stat"
	"dunnock/loadgen"
	"dunnock/loadgen/objective"
)

// leastBeyond is how many jobs of each run have to lie beyond a percentile for it to be more than the luck of the
// slowest few.
const leastBeyond = 5

// resolution is how far a value may be from what was measured: HdrHistogram keeps three digits.
const resolution = 0.001

// quantile is a metric of the response that is tested.
type quantile struct {
	metric string
	beyond float64 // the fraction of jobs that lie beyond it; 1 of the mean
}

func quantiles() []quantile {
	return []quantile{{"mean", 1}, {"p50", 0.5}, {"p90", 0.1}, {"p95", 0.05}, {"p99", 0.01}, {"p999", 0.001}}
}

// lines compares the metrics of the response.
func (c *Comparison) lines() {
	jobs := uint64(math.MaxUint64)
	for _, r := range append(append([]*loadgen.Result{}, c.a...), c.b...) {
		jobs = min(jobs, responses(r))
	}
	tested := 0
	for _, q := range quantiles() {
		a, b := column(c.a, q.metric), column(c.b, q.metric)
		l := Line{Metric: q.metric, A: stat.EstimateOf(a, 1-c.Confidence), B: stat.EstimateOf(b, 1-c.Confidence), Verdict: VerdictUnknown}
		l.Difference = l.B.Mean - l.A.Mean
		l.Low, l.High = l.Difference, l.Difference
		switch {
		case c.Method == MethodNone:
			l.Why = "too few runs"
		case q.beyond*float64(jobs) < leastBeyond*(1-1e-9):
			l.Why = fmt.Sprintf("of a run of %d jobs, fewer than %d lie beyond", jobs, leastBeyond)
		default:
			tested++
		}
		c.Lines = append(c.Lines, l)
	}
	alpha := (1 - c.Confidence) / float64(max(tested, 1))
	for i := range c.Lines {
		if l := &c.Lines[i]; l.Why == "" {
			d := c.difference(column(c.a, l.Metric), column(c.b, l.Metric))
			l.Low, l.High = d.Interval(alpha)
			l.judge(c.Tolerance)
		}
	}
}

// difference tests values of both sides, by the method of the comparison.
func (c *Comparison) difference(a, b []float64) stat.Difference {
	test := stat.Welch
	if c.Method == MethodPaired {
		test = stat.Paired
	}
	d := test(a, b)
	// Values that fall into the same place of a histogram seem not to vary at all; what they were rounded by does.
	rounding := resolution * resolution / 3 * (d.A*d.A/float64(len(a)) + d.B*d.B/float64(len(b)))
	if floor := math.Sqrt(rounding); d.Err < floor {
		d.Err, d.Freedom = floor, max(d.Freedom, float64(min(len(a), len(b))-1))
	}
	return d
}

// judge reads a line's interval.
func (l *Line) judge(tolerance float64) {
	allowed := tolerance * l.A.Mean
	switch {
	case l.Low >= -allowed && l.High <= allowed:
		l.Verdict = VerdictSame
	case l.Low > 0:
		l.Verdict = VerdictHigher
	case l.High < 0:
		l.Verdict = VerdictLower
	default:
		l.Verdict = VerdictUnknown
	}
}

// others are shown beside the response, untested.
func (c *Comparison) others() {
	for _, name := range []string{
		"wait.mean", "wait.p99", "service.mean", "lag.p99", "errors", "utilization", "rate", "tasks_per_s", "messages_per_task", "ideal.p50", "ideal.p99", "simulated.p50", "simulated.p99",
	} {
		p := Pair{Metric: name, A: meanOf(c.a, name), B: meanOf(c.b, name)}
		if p.A != nil || p.B != nil {
			c.Others = append(c.Others, p)
		}
	}
}

// column returns a metric of each run; they all have it.
func column(runs []*loadgen.Result, name string) []float64 {
	values, err := columnOf(runs, name)
	if err != nil {
		panic("comparison: " + name + ": " + err.Error()) // the response is part of every result
	}
	return values
}

// columnOf returns a metric of each run, or why one does not have it.
func columnOf(runs []*loadgen.Result, name string) ([]float64, error) {
	m, err := objective.MetricNamed(name)
	if err != nil {
		return nil, err
	}
	values := make([]float64, 0, len(runs))
	for _, r := range runs {
		v, err := m.Of(r)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func meanOf(runs []*loadgen.Result, name string) *float64 {
	values, err := columnOf(runs, name)
	if err != nil || len(values) == 0 {
		return nil
	}
	mean, _ := stat.Moments(values)
	return &mean
}
