package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"dunnock/internal/stat"
	"dunnock/loadgen"
	"dunnock/loadgen/comparison"
	"dunnock/loadgen/objective"
)

type loadgenCompareCmd struct {
	formatFlag `embed:""`

	A          string                `arg:"" help:"What loadgen run --json has printed, with any number of runs; several files with commas between them; - is standard input."`
	B          string                `arg:"" help:"The same, to compare with A."`
	Confidence float64               `help:"Level of the intervals together, above 0.5 and below 1." default:"0.95" placeholder:"FRACTION"`
	Tolerance  float64               `help:"What counts as the same, as a fraction of A." default:"0.05" placeholder:"FRACTION"`
	FailIf     []objective.Condition `help:"Exit with code 3 if this holds for B, such as 'p99>50ms', 'errors>0.1%', or 'p99>1.1x' for more than 1.1 times what A has; several with several flags." sep:"none" placeholder:"CONDITION"`
	Certain    bool                  `help:"Let a --fail-if count only if chance does not explain it; it takes three valid runs of a side (default: no)."`
}

// Help is shown above the flags.
func (*loadgenCompareCmd) Help() string {
	return `Says whether B is faster or slower than A by more than chance. Each run counts as one value of each percentile; how much those vary is known only from several, so it takes three valid runs of each side ('loadgen run --repeat 5'), and with fewer the answer is that one cannot tell. Runs of the same jobs (the same flags and seeds) are compared by pairs, others after Welch.

"same" means that the interval of the difference lies within the tolerance; "unknown" that it reaches beyond it and has 0 in it, so that more or longer runs are needed. The intervals hold for all lines together.

Runs that are invalid or interrupted are left out and named. What tells the sides apart is listed; if it is the workload, a warning says so.

A condition is a metric (mean, p50, p90, p95, p99, p999, max of the response; the same behind service., accept. or lag.; wait.p50 and so on; errors, failed_tasks, utilization, tasks_per_s, rate, messages_per_task; ideal.p99 or simulated.p99 for the ratio to those), one of < <= > >=, and a limit: a time with its unit, a fraction, a number, or a multiple of A such as 1.1x. It is held against the mean over B's runs.

Examples:

    dunnock loadgen run --local workers=20 --load 0.8 --repeat 5 --json >before.json
    dunnock loadgen run --local workers=20 --load 0.8 --repeat 5 --json --probe-ratio 3 >after.json
    dunnock loadgen compare before.json after.json
    dunnock loadgen compare mon.json,tue.json wed.json --fail-if 'p99>1.1x' --certain`
}

// Run compares and prints a table and a verdict.
func (c *loadgenCompareCmd) Run(p *process) error {
	cfg := comparison.Config{Confidence: c.Confidence, Tolerance: c.Tolerance}
	if err := cfg.Validate(); err != nil {
		return usage(err)
	}
	used := false // standard input
	a, err := readRuns(p, c.A, &used)
	if err != nil {
		return err
	}
	b, err := readRuns(p, c.B, &used)
	if err != nil {
		return err
	}
	found, err := comparison.Compare(a, b, cfg)
	if err != nil {
		return err
	}
	checkErr := found.Check(c.FailIf)
	if err := c.print(p.stdout, found, func(w *tabwriter.Writer) { loadgenCompareTable(w, found) }); err != nil {
		return err
	}
	if checkErr != nil {
		return fmt.Errorf("--fail-if %w", checkErr)
	}
	var met []string
	for i, check := range found.Checks {
		runs := found.B.Runs
		if c.FailIf[i].Relative() {
			runs = min(runs, found.A.Runs)
		}
		switch {
		case c.Certain && runs < comparison.LeastRuns: // a gate that could not close whatever was measured
			return fmt.Errorf("--certain: --fail-if %s takes %d valid runs of a side, and there are %d", &c.FailIf[i], comparison.LeastRuns, runs)
		case check.Holds && (check.Certain || !c.Certain):
			met = append(met, checkText(&c.FailIf[i], &check))
		}
	}
	return conditionsMet(met)
}

// readRuns reads the runs of one side: of a file, or of several with commas between them.
func readRuns(p *process, names string, stdinUsed *bool) ([]comparison.Run, error) {
	list := []string{names}
	if _, err := os.Stat(names); err != nil { // a file whose name has a comma is one file
		list = strings.Split(names, ",")
	}
	var runs []comparison.Run
	for _, name := range list {
		results, err := readRunFile(p, name, stdinUsed)
		if err != nil {
			return nil, err
		}
		for i, r := range results {
			run := comparison.Run{Name: name, Result: r}
			if len(results) > 1 {
				run.Name = fmt.Sprintf("%s, run %d", name, i+1)
			}
			runs = append(runs, run)
		}
	}
	return runs, nil
}

func readRunFile(p *process, name string, stdinUsed *bool) ([]*loadgen.Result, error) {
	in := p.stdin
	switch {
	case name == "":
		return nil, usage(errors.New("a name of a file is empty: want FILE or FILE,FILE"))
	case name == "-" && *stdinUsed:
		return nil, usagef("standard input can be read only once")
	case name == "-":
		*stdinUsed = true
	default:
		f, err := os.Open(name) //nolint:gosec // the user names it
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read from
		in = f
	}
	results, err := loadgen.ReadResults(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return results, nil
}

// loadgenCompareTable prints a comparison for people.
func loadgenCompareTable(w *tabwriter.Writer, c *comparison.Comparison) {
	for _, d := range c.Differs {
		fmt.Fprintf(w, "%s: A %s, B %s\n", d.Name, printable(orNone(d.A)), printable(orNone(d.B)))
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "warning: %s\n", printable(warning))
	}
	if len(c.Differs)+len(c.Warnings) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, methodText(c))
	row(w, "RESPONSE, ms", "A", "B", "B - A", fmt.Sprintf("%.4g %% INTERVAL", 100*c.Confidence), "B IS")
	for _, l := range c.Lines {
		interval, verdict := signed(l.Low)+" to "+signed(l.High), l.Verdict
		if l.Why != "" {
			interval, verdict = "-", l.Verdict+" ("+l.Why+")"
		}
		difference := "-"
		if l.A.N > 0 && l.B.N > 0 {
			difference = signed(l.Difference)
			if l.A.Mean > 0 {
				difference += fmt.Sprintf(" (%+.2f %%)", 100*l.Difference/l.A.Mean)
			}
		}
		row(w, strings.Replace(l.Metric, "p999", "p99.9", 1), estimateText(l.A), estimateText(l.B), difference, interval, verdict)
	}
	if len(c.Others) > 0 {
		fmt.Fprintln(w)
		row(w, "BESIDE IT", "A", "B")
	}
	for _, o := range c.Others {
		row(w, o.Metric, otherText(o.Metric, o.A), otherText(o.Metric, o.B))
	}
	for _, check := range c.Checks {
		fmt.Fprintf(w, "\n%s", checkLine(&check))
	}
	if len(c.Checks) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\n%s\n", c.Text)
}

func methodText(c *comparison.Comparison) string {
	switch c.Method {
	case comparison.MethodPaired:
		return count(c.A.Runs, "run") + " of the same jobs on each side, by pairs"
	case comparison.MethodWelch:
		return fmt.Sprintf("%s of A and %d of B, not by pairs (Welch)", count(c.A.Runs, "run"), c.B.Runs)
	}
	return fmt.Sprintf("%s of A and %d of B, too few for intervals", count(c.A.Runs, "run"), c.B.Runs)
}

// estimateText is a mean and half of its interval.
func estimateText(e stat.Estimate) string {
	switch e.N {
	case 0:
		return "-"
	case 1:
		return figure(e.Mean, 5)
	}
	return figure(e.Mean, 5) + " ± " + figure((e.High-e.Low)/2, 2)
}

// figure prints a number with so many significant digits, and never an exponent where people would not expect one.
func figure(v float64, digits int) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil || (v != 0 && math.Abs(v) < 1e-6) {
		return strconv.FormatFloat(v, 'g', digits, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// signed prints a difference.
func signed(v float64) string {
	if v >= 0 {
		return "+" + figure(v, 4)
	}
	return figure(v, 4)
}

func otherText(name string, v *float64) string {
	m, err := objective.MetricNamed(name)
	if v == nil || err != nil {
		return "-"
	}
	return metricText(m, *v)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// checkLine says what became of a condition.
func checkLine(check *comparison.Check) string {
	condition, err := objective.Parse(check.Condition)
	if err != nil {
		return check.Condition // it was parsed before
	}
	holds, sure := "does not hold", "chance may explain it"
	if check.Holds {
		holds = "holds"
	}
	if check.Certain {
		sure = "for certain"
	}
	return fmt.Sprintf("%s: %s, %s", checkText(&condition, check), holds, sure)
}

// checkText is "p99>1.1x: B has 24 ms, the limit is 22 ms".
func checkText(condition *objective.Condition, check *comparison.Check) string {
	text := fmt.Sprintf("%s: B has %s", condition, metricText(condition.Metric, check.Value))
	if condition.Relative() {
		text += ", the limit is " + metricText(condition.Metric, check.Limit)
	}
	return text
}
