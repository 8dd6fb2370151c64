package sweep

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"dunnock/internal/plot"
)

// WriteSVG draws the response along x, a row for each panel: its mean on the left and its 99th percentile on the right,
// with bands for the 95 % confidence intervals over seeds.
func (r *Report) WriteSVG(w io.Writer) error {
	labels := r.curveLabels()
	f := plot.Figure{Title: r.Title, Subtitle: r.subtitle()}
	f.Title = cmp.Or(f.Title, "Response of jobs")
	look := func(label string) plot.Look { return plot.Look{Form: plot.FormBand, Style: r.style(label, labels)} }
	for _, l := range labels {
		f.Legend = append(f.Legend, plot.Entry{Label: l, Look: look(l)})
	}
	xLabel := r.X
	if r.XUnit != "" {
		xLabel += ", " + r.XUnit
	}
	for _, p := range r.Panels {
		row := plot.Row{Label: p.Label}
		for _, column := range []struct {
			metric int
			name   string
		}{{responseMean, "mean response, ms"}, {responseP99, "p99 response, ms"}} {
			panel := plot.Panel{Title: column.name, XLabel: xLabel}
			for _, c := range p.Curves {
				panel.Curves = append(panel.Curves, plot.Curve{Look: look(c.Label), Points: points(c, column.metric)})
			}
			row.Panels = append(row.Panels, panel)
		}
		f.Rows = append(f.Rows, row)
	}
	_, err := io.WriteString(w, f.SVG())
	return err
}

// points returns one metric of a curve.
func points(c Curve, metric int) []plot.Point {
	ps := make([]plot.Point, 0, len(c.Points))
	for _, p := range c.Points {
		v := p.Values[metric]
		ps = append(ps, plot.Point{X: p.X, Y: v.Mean, Low: v.Low, High: v.High})
	}
	return ps
}

// subtitle says what is fixed and matters most.
func (r *Report) subtitle() string {
	fixed := asMap(r.Fixed)
	if fixed["workload"] != "" {
		fixed["workload"] = filepath.Base(fixed["workload"])
	}
	var parts []string
	add := func(format string, names ...string) {
		args := make([]any, 0, len(names))
		for _, n := range names {
			if fixed[n] == "" {
				return
			}
			args = append(args, grouped(fixed[n]))
		}
		parts = append(parts, fmt.Sprintf(format, args...))
	}
	add("%s", "policy")
	add("%s workers × %s slots", "workers", "slots")
	add("%s tasks a job", "tasks")
	add("service %s", "service")
	add("workload %s", "workload")
	add("load %s", "load")
	add("%s jobs a second", "rate")
	add("probe ratio %s", "probe-ratio")
	add("%s one way", "net-delay")
	add("%s schedulers", "schedulers")
	add("%s jobs", "jobs")
	if r.Seeds > 1 {
		parts = append(parts, fmt.Sprintf("%d seeds", r.Seeds))
	}
	return strings.Join(parts, " · ")
}

// grouped puts commas between the thousands of a whole number, and leaves other values alone.
func grouped(text string) string {
	if len(text) <= 4 || strings.Trim(text, "0123456789") != "" {
		return text
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// curveLabels returns the labels of all curves of all panels, in order.
func (r *Report) curveLabels() []string {
	var labels []string
	seen := make(map[string]bool)
	for _, p := range r.Panels {
		for _, c := range p.Curves {
			if !seen[c.Label] {
				seen[c.Label] = true
				labels = append(labels, c.Label)
			}
		}
	}
	return labels
}

// style returns which colour, and once all have been used which dashes, a curve has. A policy looks the same in every
// plot.
func (r *Report) style(label string, labels []string) int {
	if r.Series == "policy" {
		known := []string{"ideal", "per-task", "batch", "late-binding", "central", "idle-offer", "late-binding-nocancel", "random"}
		if i := slices.Index(known, label); i >= 0 {
			return i
		}
		return len(known) + slices.Index(labels, label)
	}
	return slices.Index(labels, label)
}
