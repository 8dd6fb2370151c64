package sweep

import (
	"cmp"
	_ "embed" // the page's parts
	"io"
	"slices"

	"dunnock/internal/page"
)

//go:embed report.html
var pageTemplate string

//go:embed report.js
var pageScript string

// WriteHTML writes a page that shows everything: it holds its data, its charts and the library that draws them, and
// asks nothing of any network.
func (r *Report) WriteHTML(w io.Writer) error {
	p := page.Page{
		Title: r.Title, Template: pageTemplate, Script: pageScript, Data: r,
		Values: map[string]any{"Subtitle": r.subtitle(), "Report": r, "Policies": slices.Contains(r.Axes, "policy")},
	}
	p.Title = cmp.Or(p.Title, "Sweep")
	return p.Write(w)
}
