package sweep

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"dunnock/internal/page"
)

// svg writes a drawing. Colours come from its style sheet, so that it is readable on light and dark pages.
type svg struct{ b strings.Builder }

func newSVG(width, height float64, label string) *svg {
	s := &svg{}
	fmt.Fprintf(&s.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-label="%s">`+"\n",
		coordinate(width), coordinate(height), coordinate(width), coordinate(height), html.EscapeString(label))
	light, dark := page.Palette()
	s.b.WriteString("<style>\ntext{font:12px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#30363d}\n" +
		".bg{fill:#fff}.title{font-size:15px;font-weight:600}.panel{font-size:13px;font-weight:600}.dim{fill:#656d76}\n" +
		".grid{stroke:#e3e6ea;stroke-width:1}.frame{stroke:#9aa2ab;stroke-width:1;fill:none}.curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}" +
		".band{stroke:none;opacity:.18}\n")
	colours := func(list []string) {
		for i, c := range list {
			fmt.Fprintf(&s.b, ".s%d{stroke:%s}.f%d{fill:%s}", i, c, i, c)
		}
		s.b.WriteByte('\n')
	}
	colours(light)
	s.b.WriteString("@media (prefers-color-scheme:dark){text{fill:#d7dce2}.bg{fill:#0d1117}.dim{fill:#8d96a0}.grid{stroke:#242b33}.frame{stroke:#59626d}\n")
	colours(dark)
	s.b.WriteString("}\n</style>\n")
	fmt.Fprintf(&s.b, `<rect class="bg" width="100%%" height="100%%"/>`+"\n")
	return s
}

func (s *svg) String() string { return s.b.String() + "</svg>\n" }

func (s *svg) text(x, y float64, class, anchor, text string) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>`+"\n", coordinate(x), coordinate(y), class, anchor, html.EscapeString(text))
}

func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&s.b, `<path class="%s" d="M%s %sL%s %s"/>`+"\n", class, coordinate(x1), coordinate(y1), coordinate(x2), coordinate(y2))
}

func (s *svg) dot(x, y float64, class string) {
	fmt.Fprintf(&s.b, `<circle class="%s" cx="%s" cy="%s" r="2.6"/>`+"\n", class, coordinate(x), coordinate(y))
}

// path draws through points; closed ones are filled.
func (s *svg) path(xs, ys []float64, class, dash string, closed bool) {
	fmt.Fprintf(&s.b, `<path class="%s"`, class)
	if dash != "" {
		fmt.Fprintf(&s.b, ` stroke-dasharray="%s"`, dash)
	}
	s.b.WriteString(` d="`)
	for i := range xs {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		s.b.WriteString(letter + coordinate(xs[i]) + " " + coordinate(ys[i]))
	}
	if closed {
		s.b.WriteByte('Z')
	}
	s.b.WriteString("\"/>\n")
}

// coordinate prints a place with one decimal.
func coordinate(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// scale maps values to places along an axis.
type scale struct {
	low, high  float64 // values
	from, to   float64 // places
	log        bool
	tickValues []float64
}

// newScale covers all values with round ends. Positive values that reach over a factor of six get a logarithmic scale if they may.
func newScale(low, high, from, to float64, mayLog bool) scale {
	s := scale{from: from, to: to, log: mayLog && low > 0 && high/low > 6}
	if s.log {
		s.low, s.high = roundLog(low, -1), roundLog(high, 1)
		s.tickValues = logTicks(s.low, s.high)
		return s
	}
	if high <= low {
		low, high = low-math.Max(math.Abs(low)*0.1, 0.5), high+math.Max(math.Abs(high)*0.1, 0.5)
	}
	step := roundStep((high - low) / 5)
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	s.low, s.high = first*step, last*step
	for i := first; i <= last; i++ {
		s.tickValues = append(s.tickValues, i*step)
	}
	return s
}

func (s *scale) place(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		low, high, v = math.Log(low), math.Log(high), math.Log(math.Max(v, s.low))
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// roundStep returns 1, 2 or 5 times a power of ten, not below x.
func roundStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// roundLog moves x to the next multiple of its power of ten, down or up.
func roundLog(x float64, direction int) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)+1e-9))
	if direction < 0 {
		return math.Floor(x/power+1e-9) * power
	}
	return math.Ceil(x/power-1e-9) * power
}

// logTicks returns round numbers between low and high: the more, the fewer powers of ten lie between.
func logTicks(low, high float64) []float64 {
	multiples := []float64{1, 2, 3, 5, 7}
	switch {
	case high/low > 1e4:
		multiples = []float64{1}
	case high/low > 12:
		multiples = []float64{1, 2, 5}
	}
	var ticks []float64
	for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
		for _, m := range multiples {
			if t := m * power; t >= low*(1-1e-9) && t <= high*(1+1e-9) {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

// tickText prints a tick's value.
func tickText(v float64) string {
	if v >= 1e6 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}
