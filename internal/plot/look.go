package plot

import (
	"strconv"

	"dunnock/internal/page"
)

// Form is how the points of a curve are drawn.
type Form int

// The forms of a curve.
const (
	FormBand  Form = iota + 1 // a line with dots, and a band for intervals
	FormBars                  // dots, with a bar for the interval of each
	FormLine                  // a line
	FormCross                 // crosses, without a line
)

// Look is what tells a curve apart.
type Look struct {
	Form  Form
	Style int    // the place in the palette; beyond its end, the same colours with other dashes
	Dash  string // replaces the dashes of the style, as SVG's stroke-dasharray has them; empty: does not
}

// class returns the number of the colour, and the dashes.
func (l Look) class() (class, dash string) {
	light, _ := page.Palette()
	dashes := []string{"", "6 4", "2 4", "10 4 2 4"}
	dash = dashes[l.Style/len(light)%len(dashes)]
	if l.Dash != "" {
		dash = l.Dash
	}
	return strconv.Itoa(l.Style % len(light)), dash
}

// Entry is one of a legend.
type Entry struct {
	Label string
	Look  Look
}

// place is where an entry stands.
type place struct {
	x   float64
	row int
}

// legendPlaces puts entries side by side, and into further rows as the width takes.
func legendPlaces(entries []Entry) (places []place, rows int) {
	places = make([]place, 0, len(entries))
	x, row := 0.0, 0
	for _, e := range entries {
		width := 28 + 7*float64(len(e.Label)) + 16
		if x > 0 && x+width > figureWidth-2*margin {
			x, row = 0, row+1
		}
		places = append(places, place{x, row})
		x += width
	}
	return places, row + 1
}

// entry draws a sample of the curve and its label.
func (d *drawing) entry(e Entry, x, y float64) {
	class, dash := e.Look.class()
	switch e.Look.Form {
	case FormCross:
		d.cross(x+11, y, "curve s"+class)
	case FormBars:
		d.bar(x+11, y+6, y-6, "curve s"+class)
	case FormBand, FormLine:
		d.path([]float64{x, x + 22}, []float64{y, y}, "curve s"+class, dash, false)
	}
	if e.Look.Form == FormBand || e.Look.Form == FormBars {
		d.dot(x+11, y, "f"+class)
	}
	d.text(x+28, y+4, "", "start", e.Label)
}
