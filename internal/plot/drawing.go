package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"dunnock/internal/page"
)

// drawing writes a drawing. Colours come from its style sheet, so that it is readable on light and dark pages.
type drawing struct{ b strings.Builder }

func newDrawing(width, height float64, label string) *drawing {
	d := &drawing{}
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-label="%s">`+"\n",
		coordinate(width), coordinate(height), coordinate(width), coordinate(height), html.EscapeString(label))
	light, dark := page.Palette()
	d.b.WriteString("<style>\ntext{font:12px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#30363d}\n" +
		".bg{fill:#fff}.title{font-size:15px;font-weight:600}.panel{font-size:13px;font-weight:600}.dim{fill:#656d76}\n" +
		".grid{stroke:#e3e6ea;stroke-width:1}.frame{stroke:#9aa2ab;stroke-width:1;fill:none}.curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}" +
		".band{stroke:none;opacity:.18}\n")
	colours := func(list []string) {
		for i, c := range list {
			fmt.Fprintf(&d.b, ".s%d{stroke:%s}.f%d{fill:%s}", i, c, i, c)
		}
		d.b.WriteByte('\n')
	}
	colours(light)
	d.b.WriteString("@media (prefers-color-scheme:dark){text{fill:#d7dce2}.bg{fill:#0d1117}.dim{fill:#8d96a0}.grid{stroke:#242b33}.frame{stroke:#59626d}\n")
	colours(dark)
	d.b.WriteString("}\n</style>\n")
	fmt.Fprintf(&d.b, `<rect class="bg" width="100%%" height="100%%"/>`+"\n")
	return d
}

func (d *drawing) String() string { return d.b.String() + "</svg>\n" }

func (d *drawing) text(x, y float64, class, anchor, text string) {
	fmt.Fprintf(&d.b, `<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>`+"\n", coordinate(x), coordinate(y), class, anchor, html.EscapeString(text))
}

func (d *drawing) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&d.b, `<path class="%s" d="M%s %sL%s %s"/>`+"\n", class, coordinate(x1), coordinate(y1), coordinate(x2), coordinate(y2))
}

func (d *drawing) dot(x, y float64, class string) {
	fmt.Fprintf(&d.b, `<circle class="%s" cx="%s" cy="%s" r="2.6"/>`+"\n", class, coordinate(x), coordinate(y))
}

// path draws through points; closed ones are filled.
func (d *drawing) path(xs, ys []float64, class, dash string, closed bool) {
	fmt.Fprintf(&d.b, `<path class="%s"`, class)
	if dash != "" {
		fmt.Fprintf(&d.b, ` stroke-dasharray="%s"`, dash)
	}
	d.b.WriteString(` d="`)
	for i := range xs {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		d.b.WriteString(letter + coordinate(xs[i]) + " " + coordinate(ys[i]))
	}
	if closed {
		d.b.WriteByte('Z')
	}
	d.b.WriteString("\"/>\n")
}

// coordinate prints a place with one decimal.
func coordinate(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// bar draws an interval, with a cap at each end.
func (d *drawing) bar(x, low, high float64, class string) {
	const half = 3
	d.line(x, low, x, high, class)
	d.line(x-half, low, x+half, low, class)
	d.line(x-half, high, x+half, high, class)
}

func (d *drawing) cross(x, y float64, class string) {
	const arm = 3
	d.line(x-arm, y-arm, x+arm, y+arm, class)
	d.line(x-arm, y+arm, x+arm, y-arm, class)
}
