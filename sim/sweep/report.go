package sweep

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"dunnock/internal/stat"
)

// Report is a sweep's results, gathered for people. Its JSON form is what the HTML page draws.
type Report struct {
	Title   string    `json:"title"`
	Command string    `json:"command"`
	Fixed   []Setting `json:"fixed"`  // parameters with one value
	Axes    []string  `json:"axes"`   // parameters with several
	X       string    `json:"x"`      // the axis that plots are drawn along; empty: none
	XUnit   string    `json:"x_unit"` // "ms" if x is a duration
	Series  string    `json:"series"` // the axis that tells curves apart; empty: none
	Seeds   int       `json:"seeds"`
	Runs    int       `json:"runs"`
	Ranks   []float64 `json:"ranks"` // of the quantiles of points
	Metrics []metric  `json:"metrics"`
	Panels  []Panel   `json:"panels"`

	sweep    *Sweep
	cells    []Cell
	outcomes map[string]*Outcome
}

// Setting is a parameter and its value.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Panel is what is drawn together: one combination of all axes but x and series.
type Panel struct {
	Label  string  `json:"label"` // empty if there is only one
	Curves []Curve `json:"curves"`
}

// Curve is one value of the series axis, along x.
type Curve struct {
	Label  string  `json:"label"`
	Style  int     `json:"style"`  // which colour and dashes
	Points []Point `json:"points"` // in the order of x
}

// alpha is one minus the level of the intervals that are shown.
const alpha = 0.05

// Point gathers the runs that differ by their seed only.
type Point struct {
	X     float64 `json:"x"`
	XText string  `json:"x_text"`
	// Values are one for each of the report's metrics.
	Values []stat.Estimate `json:"values"`
	// ToIdeal are the ratios to policy ideal on the same jobs, of the response's mean, p50 and p99, seed by seed; nil
	// if ideal is not part of the sweep.
	ToIdeal []stat.Estimate `json:"to_ideal"`
	// Quantiles at the report's ranks in milliseconds, each the mean over seeds.
	ResponseMS []float64 `json:"response_ms"`
	WaitMS     []float64 `json:"wait_ms"`
}

// metric is a number that each run has.
type metric struct {
	Name string `json:"name"` // also of its column in the CSV file
	Unit string `json:"unit"`
	of   func(*Outcome) float64
}

func metrics() []metric {
	return []metric{
		{"response_mean_ms", "ms", func(o *Outcome) float64 { return o.Result.ResponseMS.Mean }},
		{"response_p50_ms", "ms", func(o *Outcome) float64 { return o.Result.ResponseMS.P50 }},
		{"response_p90_ms", "ms", func(o *Outcome) float64 { return o.Result.ResponseMS.P90 }},
		{"response_p95_ms", "ms", func(o *Outcome) float64 { return o.Result.ResponseMS.P95 }},
		{"response_p99_ms", "ms", func(o *Outcome) float64 { return o.Result.ResponseMS.P99 }},
		{"response_p999_ms", "ms", func(o *Outcome) float64 { return o.Result.ResponseMS.P999 }},
		{"response_max_ms", "ms", func(o *Outcome) float64 { return o.Result.ResponseMS.Max }},
		{"wait_mean_ms", "ms", func(o *Outcome) float64 { return o.Result.WaitMS.Mean }},
		{"wait_p50_ms", "ms", func(o *Outcome) float64 { return o.Result.WaitMS.P50 }},
		{"wait_p95_ms", "ms", func(o *Outcome) float64 { return o.Result.WaitMS.P95 }},
		{"wait_p99_ms", "ms", func(o *Outcome) float64 { return o.Result.WaitMS.P99 }},
		{"wait_p999_ms", "ms", func(o *Outcome) float64 { return o.Result.WaitMS.P999 }},
		{"service_mean_ms", "ms", func(o *Outcome) float64 { return o.ServiceMS }},
		{"messages_per_task", "", func(o *Outcome) float64 { return o.Result.MessagesPerTask }},
		{"utilization", "", func(o *Outcome) float64 { return o.Result.Utilization }},
		{"failed_tasks", "", func(o *Outcome) float64 { return float64(o.Result.FailedTasks) }},
	}
}

// Places of metrics in metrics().
const (
	responseMean = 0
	responseP50  = 1
	responseP95  = 3
	responseP99  = 4
)

// NewReport gathers the outcomes of a sweep's cells, as [Run] returns them.
func NewReport(s *Sweep, cells []Cell, outcomes map[string]*Outcome) (*Report, error) {
	if len(cells) == 0 {
		return nil, errors.New("sweep: no runs")
	}
	for i := range cells {
		if outcomes[cells[i].Key] == nil {
			return nil, fmt.Errorf("sweep: no result of run %s", cells[i].Key)
		}
	}
	l, err := s.layout()
	if err != nil {
		return nil, err
	}
	axes := s.axes()
	r := &Report{
		Title: s.Title, Command: s.Command, Seeds: max(s.Seeds, 1), Runs: len(cells), Ranks: Ranks(), Metrics: metrics(),
		sweep: s, cells: cells, outcomes: outcomes,
	}
	for _, a := range axes {
		switch {
		case len(a.values) > 1:
			r.Axes = append(r.Axes, a.name)
		case a.values[0].text != "" && (!strings.HasPrefix(a.name, "fault-") || s.values[a.name] != nil):
			r.Fixed = append(r.Fixed, Setting{a.name, a.values[0].text})
		}
	}
	if l.x >= 0 {
		r.X = axes[l.x].name
		if axes[l.x].kind == duration {
			r.XUnit = "ms"
		}
	}
	if l.series >= 0 {
		r.Series = axes[l.series].name
	}
	r.gather(axes, l)
	return r, nil
}

// gather sorts the cells into panels, curves and points, in the order in which the sweep names its values.
func (r *Report) gather(axes []axis, l layout) {
	policy := slices.IndexFunc(axes, func(a axis) bool { return a.name == "policy" })
	groups, ideal := r.group(policy)
	panels, curves := make(map[string]int), make(map[string]int)
	for i := range r.cells[:len(r.cells)/r.Seeds] { // those of the first seed
		c := &r.cells[i]
		label := c.label(axes, l.panels)
		p, ok := panels[label]
		if !ok {
			p = len(r.Panels)
			panels[label] = p
			r.Panels = append(r.Panels, Panel{Label: label})
		}
		panel := &r.Panels[p]
		series := ""
		switch {
		case l.series == policy:
			series = c.values[policy].text // which says itself what it is
		case l.series >= 0:
			series = c.label(axes, []int{l.series})
		}
		k, ok := curves[label+"\n"+series]
		if !ok {
			k = len(panel.Curves)
			curves[label+"\n"+series] = k
			panel.Curves = append(panel.Curves, Curve{Label: series})
		}
		point := newPoint(groups[c.texts(-1)], ideal[c.texts(policy)])
		if l.x >= 0 {
			point.X, point.XText = axes[l.x].kind.x(c.values[l.x]), c.values[l.x].text
		}
		panel.Curves[k].Points = append(panel.Curves[k].Points, point)
	}
	r.orderCurves()
}

// group collects the outcomes of cells that differ by seed only, and those of policy ideal by all but policy and seed.
func (r *Report) group(policy int) (groups, ideal map[string][]*Outcome) {
	groups, ideal = make(map[string][]*Outcome), make(map[string][]*Outcome)
	for i := range r.cells {
		c := &r.cells[i]
		o := r.outcomes[c.Key]
		groups[c.texts(-1)] = append(groups[c.texts(-1)], o)
		if c.values[policy].text == "ideal" {
			ideal[c.texts(policy)] = append(ideal[c.texts(policy)], o)
		}
	}
	return groups, ideal
}

// texts joins all values of a cell but one; −1: all.
func (c *Cell) texts(but int) string {
	parts := make([]string, 0, len(c.values))
	for i, v := range c.values {
		if i != but {
			parts = append(parts, v.text)
		}
	}
	return strings.Join(parts, "\n")
}

// orderCurves gives curves their styles, and their points from left to right.
func (r *Report) orderCurves() {
	labels := r.curveLabels()
	for _, p := range r.Panels {
		for i := range p.Curves {
			c := &p.Curves[i]
			c.Style = r.style(c.Label, labels)
			slices.SortStableFunc(c.Points, func(a, b Point) int { return cmp.Compare(a.X, b.X) })
		}
	}
}

// label names a cell by some of its values.
func (c *Cell) label(axes []axis, of []int) string {
	parts := make([]string, 0, len(of))
	for _, i := range of {
		text := c.values[i].text
		if axes[i].name == "workload" {
			text = filepath.Base(text)
		}
		parts = append(parts, axes[i].name+" "+text)
	}
	return strings.Join(parts, ", ")
}

// newPoint gathers the runs of one point; ideal are those of policy ideal with the same seeds in the same order, or
// none.
func newPoint(runs, ideal []*Outcome) Point {
	var p Point
	column := func(of func(*Outcome) float64) []float64 {
		values := make([]float64, 0, len(runs))
		for _, o := range runs {
			values = append(values, of(o))
		}
		return values
	}
	for _, m := range metrics() {
		p.Values = append(p.Values, stat.EstimateOf(column(m.of), alpha))
	}
	if len(runs) == 1 { // the run's own interval, by batch means
		ci := runs[0].Result.ResponseMS.CI95
		p.Values[responseMean].Low, p.Values[responseMean].High = ci[0], ci[1]
	}
	if len(ideal) == len(runs) {
		for _, i := range []int{responseMean, responseP50, responseP99} {
			of := metrics()[i].of
			ratios := make([]float64, 0, len(runs))
			for j, o := range runs {
				if base := of(ideal[j]); base > 0 {
					ratios = append(ratios, of(o)/base)
				}
			}
			p.ToIdeal = append(p.ToIdeal, stat.EstimateOf(ratios, alpha))
		}
	}
	p.ResponseMS = meanQuantiles(runs, func(o *Outcome) []float64 { return o.ResponseMS })
	p.WaitMS = meanQuantiles(runs, func(o *Outcome) []float64 { return o.WaitMS })
	return p
}

func meanQuantiles(runs []*Outcome, of func(*Outcome) []float64) []float64 {
	mean := make([]float64, len(Ranks()))
	for _, o := range runs {
		for i, q := range of(o) {
			mean[i] += q / float64(len(runs))
		}
	}
	for i := range mean {
		mean[i] = rounded(mean[i])
	}
	return mean
}
