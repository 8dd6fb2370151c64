package comparison

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// judge says in words what the lines come to.
func (c *Comparison) judge() {
	by := make(map[string][]*Line)
	tested := 0
	for i := range c.Lines {
		if l := &c.Lines[i]; l.Why == "" {
			by[l.Verdict] = append(by[l.Verdict], l)
			tested++
		}
	}
	lower, higher, same, unknown := by[VerdictLower], by[VerdictHigher], by[VerdictSame], by[VerdictUnknown]
	switch {
	case c.Method == MethodNone:
		c.Verdict = VerdictUnknown
		c.Text = fmt.Sprintf("cannot tell: %s of A and %d of B that can be compared; it takes %d of each to know how much runs vary", runs(len(c.a)), len(c.b), LeastRuns)
	case tested == 0:
		c.Verdict, c.Text = VerdictUnknown, "cannot tell: the runs are too short"
	case len(lower) > 0 && len(higher) > 0:
		c.Verdict = VerdictMixed
		c.Text = fmt.Sprintf("B is faster in some and slower in others: %s; %s", changes(lower), changes(higher))
	case len(lower) > 0:
		c.Verdict, c.Text = VerdictLower, "B is faster: "+changes(lower)
	case len(higher) > 0:
		c.Verdict, c.Text = VerdictHigher, "B is slower: "+changes(higher)
	case len(unknown) == 0:
		c.Verdict = VerdictSame
		c.Text = fmt.Sprintf("the same within %s: %s", percent(c.Tolerance), metrics(same))
		return
	default:
		c.Verdict = VerdictUnknown
		c.Text = fmt.Sprintf("cannot tell: no difference beyond chance, but %s may differ by more than %s", metrics(unknown), percent(c.Tolerance))
		if n := c.needed(unknown); n > 0 {
			c.Text += fmt.Sprintf("; some %s of each side should settle it", runs(n))
		} else {
			c.Text += "; it would take longer runs, or very many"
		}
		return
	}
	if tested == 0 || c.Method == MethodNone {
		return
	}
	if len(same) > 0 {
		c.Text += "; the same within " + percent(c.Tolerance) + ": " + metrics(same)
	}
	if len(unknown) > 0 {
		c.Text += "; undecided: " + metrics(unknown)
	}
}

// needed estimates how many runs a side would bring the intervals of lines within the tolerance, if there were no
// difference; 0 if very many.
func (c *Comparison) needed(lines []*Line) int {
	most := 0.0
	for _, l := range lines {
		most = max(most, (l.High-l.Low)/2/(c.Tolerance*l.A.Mean))
	}
	n := math.Ceil(float64(min(len(c.a), len(c.b))) * most * most)
	if !(n <= 100) {
		return 0
	}
	return max(int(n), min(len(c.a), len(c.b))+1)
}

// warn notes what to know before one believes the verdict.
func (c *Comparison) warn() {
	var jobs []string
	for _, d := range c.Differs {
		if d.Jobs {
			jobs = append(jobs, d.Name)
		}
	}
	if len(jobs) > 0 {
		c.Warnings = append(c.Warnings, "the sides did not run the same workload ("+strings.Join(jobs, ", ")+"): a difference may be that of the jobs")
	}
	for _, side := range []struct {
		name string
		*Side
	}{{"A", &c.A}, {"B", &c.B}} {
		for _, l := range side.LeftOut {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %s is left out: %s", side.name, l.Run, l.Why))
		}
	}
	for _, p := range c.Others {
		const many = 0.01
		if p.Metric == "errors" && p.A != nil && p.B != nil && (*p.A > many || *p.B > many) {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s of A's jobs and %s of B's ended in error; those that no scheduler took have no response", percent(*p.A), percent(*p.B)))
		}
	}
}

// changes is "p50 by 3.1 % (2.5 to 3.7), p99 by …".
func changes(lines []*Line) string {
	parts := make([]string, 0, len(lines))
	for _, l := range lines {
		if !(l.A.Mean > 0) {
			parts = append(parts, l.Metric)
			continue
		}
		low, high := math.Abs(l.Low), math.Abs(l.High)
		parts = append(parts, fmt.Sprintf("%s %s by %s (%s to %s)", word(l.Metric), l.Verdict, percent(math.Abs(l.Difference)/l.A.Mean),
			digits(100*min(low, high)/l.A.Mean), digits(100*max(low, high)/l.A.Mean)))
	}
	return strings.Join(parts, ", ")
}

func metrics(lines []*Line) string {
	names := make([]string, 0, len(lines))
	for _, l := range lines {
		names = append(names, word(l.Metric))
	}
	return strings.Join(names, ", ")
}

// word is the metric's name for people.
func word(metric string) string { return strings.Replace(metric, "p999", "p99.9", 1) }

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

func percent(fraction float64) string { return digits(100*fraction) + " %" }

// digits prints three significant digits, or more of a large number.
func digits(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
