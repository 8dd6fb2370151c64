package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"dunnock/internal/stat"
	"dunnock/loadgen"
)

// alpha is one minus the level of the intervals.
const alpha = 0.05

// Files of results, beside the figures'.
const (
	tableFile = "live.md"
	csvFile   = "live.csv"
)

// paper is what a plan's runs showed.
type paper struct {
	plan     *plan
	command  string
	measured []measured        // in the order of the runs
	points   map[cell]*point   // of the figures
	capacity []*loadgen.Result // that count
}

// measured is a run and its outcome.
type measured struct {
	run
	*outcome

	flaw string // why it does not count; empty if it does
}

// point gathers the runs of a cell.
type point struct {
	cell
	counted []*loadgen.Result
	flawed  []*loadgen.Result // with figures that can be shown
	all     int
}

// flaw says why a run does not count; empty if it does. A run of the generator's capacity may show that it is too
// small.
func (p *plan) flaw(run *run, o *outcome) string {
	r := o.Result
	switch {
	case r.Interrupted:
		return "it was interrupted"
	case p.MaxOther > 0 && o.Other != nil && *o.Other > p.MaxOther:
		return fmt.Sprintf("something else took %.0f %% of the processors", *o.Other*100)
	case run.capacity:
		return ""
	case !r.Valid:
		return r.Invalid
	case len(r.Errors) > 0:
		codes := make([]string, 0, len(r.Errors))
		for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
			codes = append(codes, fmt.Sprintf("%s %d", code, r.Errors[code]))
		}
		return "jobs in error: " + strings.Join(codes, ", ")
	case r.Bound == nil:
		return "nothing was simulated"
	case r.Bound.Skipped != "":
		return "nothing was simulated: " + r.Bound.Skipped
	}
	return ""
}

// newPaper gathers the outcomes of runs, all of which are there.
func newPaper(p *plan, runs []run, outcomes map[string]*outcome) *paper {
	out := &paper{plan: p, points: make(map[cell]*point)}
	for i := range runs {
		r := &runs[i]
		o := outcomes[r.key()]
		m := measured{run: *r, outcome: o, flaw: p.flaw(r, o)}
		out.measured = append(out.measured, m)
		if r.capacity {
			if m.flaw == "" {
				out.capacity = append(out.capacity, o.Result)
			}
			continue
		}
		at := out.points[r.cell]
		if at == nil {
			at = &point{cell: r.cell}
			out.points[r.cell] = at
		}
		at.all++
		switch {
		case m.flaw == "":
			at.counted = append(at.counted, o.Result)
		case o.Result.ResponseMS.P50 > 0:
			at.flawed = append(at.flawed, o.Result)
		}
	}
	return out
}

// flawed returns how many runs do not count.
func (p *paper) flawed() (n int) {
	for i := range p.measured {
		if p.measured[i].flaw != "" {
			n++
		}
	}
	return n
}

// estimate is the mean of a figure over the runs of a point that count.
func (p *point) estimate(of func(*loadgen.Result) float64) stat.Estimate {
	values := make([]float64, 0, len(p.counted))
	for _, r := range p.counted {
		values = append(values, of(r))
	}
	return stat.EstimateOf(values, alpha)
}

// Verdicts on what was promised.
const (
	holds   = "yes"
	fails   = "no"
	unknown = "not known"
)

// agrees says whether live and simulated agree in a figure at the plan's point: by the mean ratio, and if it is known
// well enough. Where even one end of the interval lies beyond what is allowed on its other side, more runs would not
// change the answer.
func (a *agreement) agrees(e stat.Estimate) string {
	half := (e.High - e.Low) / 2
	switch {
	case e.N < 2:
		return unknown
	case e.Low > 1+a.Within || e.High < 1-a.Within:
		return fails
	case half > a.Interval:
		return unknown
	case e.Mean > 1+a.Within || e.Mean < 1-a.Within:
		return fails
	}
	return holds
}

// ratioColumn is a figure's ratio of live to simulated.
type ratioColumn struct {
	name string
	of   func(*loadgen.Result) float64
}

// judged are the figures by which live and simulated must agree.
func judged() []ratioColumn {
	return []ratioColumn{
		{"p50", func(r *loadgen.Result) float64 { return r.Bound.RatioSimulated.P50 }},
		{"p95", func(r *loadgen.Result) float64 { return r.Bound.RatioSimulated.P95 }},
	}
}

// write writes the figures, the table and the CSV file.
func (p *paper) write(dir string) error {
	for i := range p.plan.Figures {
		f := &p.plan.Figures[i]
		drawing := p.draw(f)
		if err := replace(f.file(dir), []byte(drawing.SVG())); err != nil {
			return err
		}
	}
	if err := replace(filepath.Join(dir, tableFile), []byte(p.table())); err != nil {
		return err
	}
	text, err := p.csv()
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, csvFile), text)
}

// say tells what came out. The error is about runs that do not count.
func (p *paper) say(w io.Writer, dir string) error {
	var b strings.Builder
	if a := p.plan.Agreement; a != nil {
		at := p.points[a.cell]
		for _, c := range judged() {
			e := at.estimate(c.of)
			fmt.Fprintf(&b, "live over simulated at %s: %s %s (%d of %d runs); within %g %%: %s\n", a.cell, c.name, ratio(e), e.N, at.all, a.Within*100, a.agrees(e))
		}
	}
	for i := range p.plan.Figures {
		fmt.Fprintf(&b, "  %s\n", p.plan.Figures[i].file(dir))
	}
	for _, name := range []string{tableFile, csvFile} {
		fmt.Fprintf(&b, "  %s\n", filepath.Join(dir, name))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	n := p.flawed()
	if n == 0 {
		return nil
	}
	if n == len(p.measured) {
		return errors.New("no run counts: the machine is too busy, or the generator too slow; see the end of " + filepath.Join(dir, tableFile))
	}
	return fmt.Errorf("%d of %d runs do not count and are only marked: %s says why, and --again makes them anew", n, len(p.measured), filepath.Join(dir, tableFile))
}
