package plot_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"dunnock/internal/golden"
	"dunnock/internal/plot"
)

// forms is a figure with all forms of curves, in two rows.
func forms() *plot.Figure {
	looks := []plot.Look{
		{Form: plot.FormBars, Style: 1}, {Form: plot.FormLine, Style: 3, Dash: "7 4"}, {Form: plot.FormBand}, {Form: plot.FormCross, Style: 13},
	}
	points := []plot.Point{{X: 0.5, Y: 100, Low: 90, High: 120}, {X: 0.8, Y: 120, Low: 120, High: 120}}
	f := &plot.Figure{Title: "a < b", Subtitle: "so & so"}
	panel := plot.Panel{Title: "p50, ms", XLabel: "load"}
	for i, name := range []string{"live", "simulated", "ideal", "a run that does not count, with a label that takes a row of its own"} {
		f.Legend = append(f.Legend, plot.Entry{Label: name, Look: looks[i]})
		panel.Curves = append(panel.Curves, plot.Curve{Look: looks[i], Points: points})
	}
	f.Rows = []plot.Row{{Label: "one", Panels: []plot.Panel{panel, panel}}, {Label: "two", Panels: []plot.Panel{{Title: "nothing"}}}}
	return f
}

func TestGolden(t *testing.T) {
	got, path := forms().SVG(), filepath.Join("testdata", "forms.svg")
	golden.Check(t, path, got)
}

// Two panels of four curves, and the legend: two with dots, of which one has a band, and one has no line and a bar for
// its one interval; one is a dashed line; one has crosses and no line.
func TestForms(t *testing.T) {
	text := valid(t, forms())
	for what, want := range map[string]int{
		`class="band `: 2,
		"<circle ":     2*2*2 + 2,
		`class="curve s3" stroke-dasharray="7 4"`: 2 + 1,
		`class="curve s5"`:                        2*2*2 + 2, // style 13 is colour 5 of 8; two strokes a cross
		`class="curve s1"`:                        2*3 + 3,   // a bar is three strokes
		`aria-label="a &lt; b"`:                   1,
		">so &amp; so<":                           1,
		">two<":                                   1,
		">nothing<":                               0, // a panel without points is not drawn
		`d=""`:                                    0,
		">a run that does not count, with a label": 1,
	} {
		if got := strings.Count(text, what); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
}

// Ranges that a scale could trip over.
func TestRanges(t *testing.T) {
	for name, points := range map[string][]plot.Point{
		"one point":       {{X: 1, Y: 5, Low: 5, High: 5}},
		"zero":            {{X: 0, Y: 0}, {X: 1, Y: 0}},
		"many powers":     {{X: 1, Y: 0.001, Low: 0.001, High: 0.001}, {X: 2, Y: 1e6, Low: 1e6, High: 1e6}},
		"below zero":      {{X: 1, Y: 10, Low: -500, High: 520}, {X: 2, Y: 900, Low: 900, High: 900}},
		"negative":        {{X: -3, Y: -10, Low: -12, High: -8}, {X: -1, Y: -1, Low: -1, High: -1}},
		"hardly anything": {{X: 1, Y: 100, Low: 100, High: 100}, {X: 2, Y: math.Nextafter(100, 101), Low: 100, High: 101}},
	} {
		for _, form := range []plot.Form{plot.FormBand, plot.FormBars, plot.FormLine, plot.FormCross} {
			f := &plot.Figure{Rows: []plot.Row{{Panels: []plot.Panel{{Curves: []plot.Curve{{Look: plot.Look{Form: form}, Points: points}}}}}}}
			text := valid(t, f)
			if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
				t.Errorf("%s: a place is no number", name)
			}
			if strings.Count(text, `class="grid"`) < 2 {
				t.Errorf("%s: fewer than two marks at the axis", name)
			}
		}
	}
}

// valid returns the figure's text, which must be XML.
func valid(t *testing.T, f *plot.Figure) string {
	t.Helper()
	text := f.SVG()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return text
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
