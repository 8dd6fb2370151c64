package main

import (
	"fmt"
	"strings"

	"dunnock/internal/plot"
	"dunnock/internal/stat"
	"dunnock/loadgen"
)

// A curve of each kind looks the same in all panels; the styles are places in the palette.
func lookLive() plot.Look      { return plot.Look{Form: plot.FormBars, Style: 1} }
func lookSimulated() plot.Look { return plot.Look{Form: plot.FormLine, Style: 3} }
func lookIdeal() plot.Look     { return plot.Look{Form: plot.FormLine, Style: 0} }
func lookFlawed() plot.Look    { return plot.Look{Form: plot.FormCross, Style: 5} }

// column is a panel's figure, of the three kinds.
type column struct {
	title                  string
	live, simulated, ideal func(*loadgen.Result) float64
}

func columns() []column {
	return []column{
		{
			"p50 response, ms",
			func(r *loadgen.Result) float64 { return r.ResponseMS.P50 },
			func(r *loadgen.Result) float64 { return r.Bound.Simulated.ResponseMS.P50 },
			func(r *loadgen.Result) float64 { return r.Bound.Ideal.ResponseMS.P50 },
		},
		{
			"p95 response, ms",
			func(r *loadgen.Result) float64 { return r.ResponseMS.P95 },
			func(r *loadgen.Result) float64 { return r.Bound.Simulated.ResponseMS.P95 },
			func(r *loadgen.Result) float64 { return r.Bound.Ideal.ResponseMS.P95 },
		},
	}
}

// draw draws a figure: a row for each policy, with p50 on the left and p95 on the right.
func (p *paper) draw(f *figure) *plot.Figure {
	out := &plot.Figure{Title: f.Title, Subtitle: p.subtitle(f), Legend: []plot.Entry{
		{Label: "live, with 95 % intervals of its distance from simulated", Look: lookLive()},
		{Label: "the same jobs simulated", Look: lookSimulated()},
		{Label: "the same jobs under ideal", Look: lookIdeal()},
	}}
	flawed := false
	for _, policy := range f.Policy {
		row := plot.Row{Label: policy}
		for _, c := range columns() {
			panel := plot.Panel{Title: c.title, XLabel: strings.ReplaceAll(f.X, "-", " ")}
			var live, simulated, ideal, crosses []plot.Point
			for _, at := range f.cells() {
				if at.Policy != policy {
					continue
				}
				x, point := f.x(at), p.points[at]
				for _, r := range point.flawed {
					crosses = append(crosses, exact(x, c.live(r)))
				}
				if len(point.counted) == 0 {
					continue
				}
				live = append(live, point.live(x, c))
				simulated = append(simulated, exact(x, point.estimate(c.simulated).Mean))
				ideal = append(ideal, exact(x, point.estimate(c.ideal).Mean))
			}
			panel.Curves = []plot.Curve{
				{Look: lookLive(), Points: live},
				{Look: lookSimulated(), Points: simulated},
				{Look: lookIdeal(), Points: ideal},
				{Look: lookFlawed(), Points: crosses},
			}
			flawed = flawed || len(crosses) > 0
			row.Panels = append(row.Panels, panel)
		}
		out.Rows = append(out.Rows, row)
	}
	if flawed {
		out.Legend = append(out.Legend, plot.Entry{Label: "a run that does not count", Look: lookFlawed()})
	}
	return out
}

// x is where a point stands.
func (f *figure) x(c cell) float64 {
	if f.X == axisProbeRatio {
		return c.ProbeRatio
	}
	return c.Load
}

// subtitle says what is fixed.
func (p *paper) subtitle(f *figure) string {
	fixed := fmt.Sprintf("probe ratio %g", f.ProbeRatio[0])
	if f.X == axisProbeRatio {
		fixed = fmt.Sprintf("load %g", f.Load[0])
	}
	return fmt.Sprintf("%d workers × %d slots, %d schedulers, one machine · %s tasks a job · service %s · %s · %s",
		p.plan.Workers, p.plan.Slots, p.plan.Schedulers, p.plan.Tasks, p.plan.Service, fixed, p.repeats(f))
}

// repeats says how many runs a point is of.
func (p *paper) repeats(f *figure) string {
	least, most := -1, 0
	for _, c := range f.cells() {
		n := len(p.points[c].counted)
		most = max(most, n)
		if least < 0 || n < least {
			least = n
		}
	}
	if least == 1 && most == 1 {
		return "one run a point"
	}
	if least == most {
		return fmt.Sprintf("%d runs a point", most)
	}
	return fmt.Sprintf("%d to %d runs a point", least, most)
}

func exact(x, y float64) plot.Point { return plot.Point{X: x, Y: y, Low: y, High: y} }

// live is the mean over runs, with the interval of how far it is from what was simulated: run by run, so that what the
// runs' own jobs differ by cancels out. Both would go up and down together.
func (p *point) live(x float64, c column) plot.Point {
	live, simulated := make([]float64, 0, len(p.counted)), make([]float64, 0, len(p.counted))
	for _, r := range p.counted {
		live, simulated = append(live, c.live(r)), append(simulated, c.simulated(r))
	}
	if len(live) == 1 {
		return exact(x, live[0])
	}
	d := stat.Paired(simulated, live)
	half := d.Half(alpha)
	return plot.Point{X: x, Y: d.B, Low: d.B - half, High: d.B + half}
}
