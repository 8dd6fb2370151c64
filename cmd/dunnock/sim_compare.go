package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"dunnock/sim/sweep"
)

// exitDifferent is the exit code of sim compare --fail-if-different.
const exitDifferent = 3

type simCompareCmd struct {
	formatFlag `embed:""`

	A               string  `arg:"" help:"What sim run --json has printed, once or for several seeds one after the other, or a sweep's directory or results.json; - is standard input."`
	B               string  `arg:"" help:"The same, to compare with A."`
	Confidence      float64 `help:"Level of the intervals, above 0.5 and below 1." default:"0.95" placeholder:"FRACTION"`
	FailIfDifferent bool    `help:"Exit with code 3 if anything differs for certain (default: no)."`
}

// Help is shown above the flags.
func (*simCompareCmd) Help() string {
	return `Says for the response's mean, p50, p95 and p99 whether B differs from A by more than chance. Runs with the same seed have the same jobs, so where seeds match their differences are tested (paired t interval); otherwise the means are (Welch). A single run on each side has an interval of its mean only, by batch means.

Runs are matched by their parameters; one that is constant on each side and not the same on both, such as the policy, is what is compared. A verdict without a question mark holds even though many numbers are tested at once (Bonferroni); one with a question mark would not surprise if it were chance.

Examples:

    for s in 1 2 3 4 5; do dunnock sim run --policy batch --seed $s --json; done >batch.json
    for s in 1 2 3 4 5; do dunnock sim run --seed $s --json; done >late.json
    dunnock sim compare batch.json late.json
    dunnock sim compare before after --fail-if-different`
}

// Run compares and prints a table and a verdict.
func (c *simCompareCmd) Run(p *process) error {
	if c.A == "-" && c.B == "-" {
		return usagef("standard input can be read only once")
	}
	a, err := readResults(p, c.A)
	if err != nil {
		return err
	}
	b, err := readResults(p, c.B)
	if err != nil {
		return err
	}
	found, err := sweep.Compare(a, b, c.Confidence)
	if err != nil {
		return usage(err)
	}
	if c.Format == "json" {
		if err := writeJSON(p.stdout, found); err != nil {
			return err
		}
	} else if err := compareTable(p.stdout, found); err != nil {
		return err
	}
	if c.FailIfDifferent && found.Different > 0 {
		return &exitError{code: exitDifferent}
	}
	return nil
}

func readResults(p *process, name string) (*sweep.Results, error) {
	in := p.stdin
	if name != "-" {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			name = filepath.Join(name, sweep.JSONFile)
		}
		f, err := os.Open(name) //nolint:gosec // the user names it
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read from
		in = f
	}
	r, err := sweep.ReadResults(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// compareTable prints a comparison for people.
func compareTable(out io.Writer, c *sweep.Comparison) error {
	for _, d := range c.Differs {
		fmt.Fprintf(out, "%s: A %s, B %s\n", d.Name, d.A, d.B)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, g := range c.Groups {
		if i > 0 || len(c.Differs) > 0 {
			fmt.Fprintln(w)
		}
		row(w, groupTitle(&g))
		row(w, "RESPONSE, ms", "A", "B", "B - A", fmt.Sprintf("%.4g %% INTERVAL", 100*c.Confidence), "B IS")
		for _, l := range g.Lines {
			interval := "-"
			if l.Tested {
				interval = fmt.Sprintf("%+.4g to %+.4g", l.Low, l.High)
			}
			row(w, metricWord(l.Metric), fmt.Sprintf("%.5g", l.A), fmt.Sprintf("%.5g", l.B), difference(&l), interval, l.Verdict)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n%s\n", compareVerdict(c))
	return nil
}

func groupTitle(g *sweep.Group) string {
	title := g.Label
	if title != "" {
		title += ": "
	}
	switch g.Method {
	case "identical":
		return title + count(g.SeedsA, "seed") + ", identical runs"
	case "paired":
		return title + count(g.SeedsA, "seed") + " in common, paired"
	case "batch means":
		return title + "one run each; only the mean has an interval, by batch means"
	case "none":
		return title + fmt.Sprintf("%s of A and %d of B, too few for intervals", count(g.SeedsA, "seed"), g.SeedsB)
	}
	return title + fmt.Sprintf("%s of A and %d of B, not paired (Welch)", count(g.SeedsA, "seed"), g.SeedsB)
}

// metricWord is mean, p50 and so on.
func metricWord(metric string) string {
	const prefix, suffix = len("response_"), len("_ms")
	return metric[prefix : len(metric)-suffix]
}

func difference(l *sweep.Line) string {
	text := fmt.Sprintf("%+.4g", l.Difference)
	if l.A > 0 {
		text += fmt.Sprintf(" (%+.2f %%)", 100*l.Difference/l.A)
	}
	return text
}

// compareVerdict is the comparison in one sentence.
func compareVerdict(c *sweep.Comparison) string {
	lower, higher, maybe, identical := 0, 0, 0, 0
	for _, g := range c.Groups {
		if g.Method == "identical" {
			identical++
		}
		for _, l := range g.Lines {
			switch l.Verdict {
			case sweep.VerdictLower:
				lower++
			case sweep.VerdictHigher:
				higher++
			case sweep.VerdictLower + sweep.VerdictMaybe, sweep.VerdictHigher + sweep.VerdictMaybe:
				maybe++
			}
		}
	}
	var text string
	switch {
	case c.Tests == 0:
		text = "nothing can be said: more seeds are needed"
	case identical == len(c.Groups):
		text = "identical: the same decisions and outcomes"
	case lower+higher == 0 && maybe == 0:
		text = "no difference beyond chance in " + count(c.Tests, "test")
	case lower+higher == 0:
		text = fmt.Sprintf("no certain difference in %s; %d beyond their own interval, which chance explains or more seeds would settle", count(c.Tests, "test"), maybe)
	default:
		text = fmt.Sprintf("different: of %s, B is lower in %d and higher in %d (certain at %.4g %% together)", count(c.Tests, "test"), lower, higher, 100*c.Confidence)
		if maybe > 0 {
			text += fmt.Sprintf(", and perhaps different in %d", maybe)
		}
	}
	if c.Unmatched > 0 {
		text += fmt.Sprintf("; %s only one of the files has", count(c.Unmatched, "combination"))
	}
	return text
}
