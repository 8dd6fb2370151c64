package plot

import (
	"math"
	"slices"
)

// Panel is one pair of axes.
type Panel struct {
	Title  string // what the values are, such as "mean response, ms"
	XLabel string
	Curves []Curve // the first one on top
}

// Curve is what is drawn in one look.
type Curve struct {
	Look   Look
	Points []Point // in the order of X
}

// Point is a value with its interval. Where there is none, Low and High are the value.
type Point struct{ X, Y, Low, High float64 }

// draw draws the panel, unless it has no points.
func (p *Panel) draw(d *drawing, left, top, width float64) {
	xs, ys := p.ranges()
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
	d.text(left+axisWidth, top+14, "", "start", p.Title)
	for _, t := range y.tickValues {
		d.line(left+axisWidth, y.place(t), left+width, y.place(t), "grid")
		d.text(left+axisWidth-6, y.place(t)+4, "dim", "end", tickText(t))
	}
	for _, t := range x.tickValues {
		if t >= x.low-1e-9 && t <= x.high+1e-9 {
			d.line(x.place(t), bottom, x.place(t), bottom+4, "frame")
			d.text(x.place(t), bottom+17, "dim", "middle", tickText(t))
		}
	}
	d.text(left+axisWidth+(width-axisWidth)/2, bottom+32, "dim", "middle", p.XLabel)
	d.path([]float64{left + axisWidth, left + axisWidth, left + width}, []float64{frameTop, bottom, bottom}, "frame", "", false)
	for _, c := range slices.Backward(p.Curves) {
		c.draw(d, &x, &y)
	}
}

func (c *Curve) draw(d *drawing, x, y *scale) {
	n := len(c.Points)
	if n == 0 {
		return
	}
	class, dash := c.Look.class()
	xs, ys := make([]float64, 0, n), make([]float64, 0, n)
	for _, p := range c.Points {
		xs, ys = append(xs, x.place(p.X)), append(ys, y.place(p.Y))
	}
	switch c.Look.Form {
	case FormBand:
		c.band(d, x, y, class)
		d.path(xs, ys, "curve s"+class, dash, false)
	case FormBars:
		for i, p := range c.Points {
			if p.High > p.Low {
				d.bar(xs[i], y.place(math.Max(p.Low, y.low)), y.place(p.High), "curve s"+class)
			}
		}
	case FormCross:
		for i := range xs {
			d.cross(xs[i], ys[i], "curve s"+class)
		}
	case FormLine:
		d.path(xs, ys, "curve s"+class, dash, false)
	}
	if c.Look.Form == FormBand || c.Look.Form == FormBars {
		for i := range xs {
			d.dot(xs[i], ys[i], "f"+class)
		}
	}
}

// band fills what lies between the ends of the intervals.
func (c *Curve) band(d *drawing, x, y *scale, class string) {
	n := len(c.Points)
	xs, ys := make([]float64, 0, 2*n), make([]float64, 0, 2*n)
	for _, p := range c.Points {
		xs, ys = append(xs, x.place(p.X)), append(ys, y.place(p.High))
	}
	for _, p := range slices.Backward(c.Points) {
		xs, ys = append(xs, x.place(p.X)), append(ys, y.place(math.Max(p.Low, y.low)))
	}
	d.path(xs, ys, "band f"+class, "", true)
}

// ranges returns the least and greatest x and value.
func (p *Panel) ranges() (xs, ys [2]float64) {
	xs, ys = [2]float64{math.Inf(1), math.Inf(-1)}, [2]float64{math.Inf(1), math.Inf(-1)}
	for _, c := range p.Curves {
		for _, point := range c.Points {
			xs[0], xs[1] = math.Min(xs[0], point.X), math.Max(xs[1], point.X)
			low := point.Low
			if point.Y > 0 { // a wide interval must not take positive values to where no logarithm is
				low = math.Max(low, point.Y/2)
			}
			ys[0], ys[1] = math.Min(ys[0], low), math.Max(ys[1], point.High)
		}
	}
	return xs, ys
}
