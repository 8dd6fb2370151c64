package main

import (
	"slices"
	"strings"

	"dunnock/internal/plot"
)

// figure draws the responses of jobs whose tasks sleep against load, over the omniscient bound; nil if there are none.
func (r *report) figure() *plot.Figure {
	f := &plot.Figure{Title: "Response of jobs over that of an omniscient queue", Subtitle: "10 tasks of 10 ms a job, 16 workers × 1 slot"}
	style := map[string]int{}
	for i, c := range contenders() {
		style[c.name] = i
	}
	seen := map[string]bool{}
	for _, kind := range []struct{ prefix, label string }{{"exp-", "exponential"}, {"bimodal-", "bimodal: one in 20 takes ten times as long"}} {
		curves := [2]map[string]*plot.Curve{{}, {}}
		for _, c := range r.Cells {
			if !strings.HasPrefix(c.Cell, kind.prefix) {
				continue
			}
			load := loadOf(c.Cell)
			for _, row := range c.Rows {
				seen[row.Contender] = true
				for i, s := range []spread{row.P50OfBound, row.P99OfBound} {
					if curves[i][row.Contender] == nil {
						curves[i][row.Contender] = &plot.Curve{Look: plot.Look{Form: plot.FormBand, Style: style[row.Contender]}}
					}
					to := curves[i][row.Contender]
					to.Points = append(to.Points, plot.Point{X: load, Y: s.Median, Low: s.Low, High: s.High})
				}
			}
		}
		if len(curves[0]) == 0 {
			continue
		}
		panels := []plot.Panel{{Title: "p50 / bound", XLabel: "load"}, {Title: "p99 / bound", XLabel: "load"}}
		for _, c := range contenders() {
			for i := range panels {
				if curve := curves[i][c.name]; curve != nil {
					panels[i].Curves = append(panels[i].Curves, *curve)
				}
			}
		}
		f.Rows = append(f.Rows, plot.Row{Label: kind.label, Panels: panels})
	}
	if len(f.Rows) == 0 {
		return nil
	}
	for _, c := range contenders() {
		if seen[c.name] {
			f.Legend = append(f.Legend, plot.Entry{Label: c.name, Look: plot.Look{Form: plot.FormBand, Style: style[c.name]}})
		}
	}
	return f
}

func loadOf(name string) float64 {
	all := cells()
	return all[slices.IndexFunc(all, func(c cell) bool { return c.Name == name })].Load
}
