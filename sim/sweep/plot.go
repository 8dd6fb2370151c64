package sweep

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"dunnock/internal/page"
)

// The measures of the plot, in pixels.
const (
	plotWidth   = 860.0
	plotMargin  = 16.0
	panelHeight = 250.0
	axisWidth   = 52.0 // left of a panel's frame
	axisHeight  = 34.0 // below it
	legendRow   = 20.0
)

// WriteSVG draws the response along x, a row for each panel: its mean on the left and its 99th percentile on the right, with bands for the
// 95 % confidence intervals over seeds.
func (r *Report) WriteSVG(w io.Writer) error {
	labels := r.curveLabels()
	legend := legendLayout(labels)
	rowHeight := panelHeight + axisHeight + 34
	labelled := 0.0
	if len(r.Panels) > 1 {
		labelled = 20
		rowHeight += labelled
	}
	top := 56 + legendRow*float64(legend[len(legend)-1].row+1)
	height := top + rowHeight*float64(len(r.Panels)) + 4
	s := newSVG(plotWidth, height, r.Title)
	title := r.Title
	if title == "" {
		title = "Response of jobs"
	}
	s.text(plotMargin, 26, "title", "start", title)
	s.text(plotMargin, 44, "dim", "start", r.subtitle())
	for i, item := range legend {
		x, y := plotMargin+item.x, 60+legendRow*float64(item.row)
		class, dash := curveStyle(r.style(labels[i], labels))
		s.path([]float64{x, x + 22}, []float64{y, y}, "curve s"+class, dash, false)
		s.dot(x+11, y, "f"+class)
		s.text(x+28, y+4, "", "start", labels[i])
	}
	half := (plotWidth - 3*plotMargin) / 2
	for i, p := range r.Panels {
		y := top + rowHeight*float64(i)
		if p.Label != "" {
			s.text(plotMargin, y+12, "panel", "start", p.Label)
		}
		for j, column := range []struct {
			metric int
			name   string
		}{{responseMean, "mean response, ms"}, {responseP99, "p99 response, ms"}} {
			r.drawPanel(s, p, column.metric, column.name, plotMargin+float64(j)*(half+plotMargin), y+labelled, half, labels)
		}
	}
	_, err := io.WriteString(w, s.String())
	return err
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

// legendItem is where an entry of the legend stands.
type legendItem struct {
	x   float64
	row int
}

func legendLayout(labels []string) []legendItem {
	items := make([]legendItem, 0, len(labels))
	x, row := 0.0, 0
	for _, l := range labels {
		width := 28 + 7*float64(len(l)) + 16
		if x > 0 && x+width > plotWidth-2*plotMargin {
			x, row = 0, row+1
		}
		items = append(items, legendItem{x, row})
		x += width
	}
	return items
}

// style returns which colour, and once all have been used which dashes, a curve has. A policy looks the same in every plot.
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

// curveStyle returns the number of the colour and the dashes of a style.
func curveStyle(style int) (class, dash string) {
	light, _ := page.Palette()
	dashes := []string{"", "6 4", "2 4", "10 4 2 4"}
	return strconv.Itoa(style % len(light)), dashes[style/len(light)%len(dashes)]
}

// drawPanel draws one metric of a panel.
func (r *Report) drawPanel(s *svg, p Panel, metric int, name string, left, top, width float64, labels []string) {
	xs, ys := panelRange(p, metric)
	if math.IsInf(xs[0], 0) {
		return
	}
	frameTop, bottom := top+22, top+22+panelHeight
	// A little room at both sides keeps the first and last point off the frame.
	x := newScale(xs[0], xs[1], left+axisWidth+10, left+width-10, false)
	x.low, x.high = xs[0], xs[1]
	if xs[0] == xs[1] {
		x.low, x.high = xs[0]-0.5, xs[1]+0.5
	}
	y := newScale(ys[0], ys[1], bottom, frameTop, true)
	s.text(left+axisWidth, top+14, "", "start", name)
	for _, t := range y.tickValues {
		s.line(left+axisWidth, y.place(t), left+width, y.place(t), "grid")
		s.text(left+axisWidth-6, y.place(t)+4, "dim", "end", tickText(t))
	}
	for _, t := range x.tickValues {
		if t >= x.low-1e-9 && t <= x.high+1e-9 {
			s.line(x.place(t), bottom, x.place(t), bottom+4, "frame")
			s.text(x.place(t), bottom+17, "dim", "middle", tickText(t))
		}
	}
	label := r.X
	if r.XUnit != "" {
		label += ", " + r.XUnit
	}
	s.text(left+axisWidth+(width-axisWidth)/2, bottom+32, "dim", "middle", label)
	s.path([]float64{left + axisWidth, left + axisWidth, left + width}, []float64{frameTop, bottom, bottom}, "frame", "", false)
	for _, c := range slices.Backward(p.Curves) { // the first on top
		drawCurve(s, c, metric, &x, &y, r.style(c.Label, labels))
	}
}

func drawCurve(s *svg, c Curve, metric int, x, y *scale, style int) {
	class, dash := curveStyle(style)
	n := len(c.Points)
	xs, ys := make([]float64, 0, n), make([]float64, 0, n)
	bandX, bandY := make([]float64, 0, 2*n), make([]float64, 0, 2*n)
	for _, p := range c.Points {
		v := p.Values[metric]
		xs, ys = append(xs, x.place(p.X)), append(ys, y.place(v.Mean))
		bandX, bandY = append(bandX, x.place(p.X)), append(bandY, y.place(v.High))
	}
	for i := n - 1; i >= 0; i-- {
		p := c.Points[i]
		bandX, bandY = append(bandX, x.place(p.X)), append(bandY, y.place(math.Max(p.Values[metric].Low, y.low)))
	}
	s.path(bandX, bandY, "band f"+class, "", true)
	s.path(xs, ys, "curve s"+class, dash, false)
	for i := range xs {
		s.dot(xs[i], ys[i], "f"+class)
	}
}

// panelRange returns the least and greatest x and value of a panel.
func panelRange(p Panel, metric int) (xs, ys [2]float64) {
	xs, ys = [2]float64{math.Inf(1), math.Inf(-1)}, [2]float64{math.Inf(1), math.Inf(-1)}
	for _, c := range p.Curves {
		for _, point := range c.Points {
			v := point.Values[metric]
			xs[0], xs[1] = math.Min(xs[0], point.X), math.Max(xs[1], point.X)
			low := v.Low
			if v.Mean > 0 { // a wide interval must not take positive values to where no logarithm is
				low = math.Max(low, v.Mean/2)
			}
			ys[0], ys[1] = math.Min(ys[0], low), math.Max(ys[1], v.High)
		}
	}
	return xs, ys
}
