package sweep

import (
	_ "embed" // the page
	"encoding/json"
	"html/template"
	"io"
	"slices"

	"dunnock/web/uplot"
)

//go:embed report.html
var pageText string

//go:embed report.css
var pageStyle string

//go:embed report.js
var pageScript string

// WriteHTML writes a page that shows everything: it holds its data, its charts and the library that draws them, and asks nothing of any
// network.
func (r *Report) WriteHTML(w io.Writer) error {
	page, err := template.New("report").Parse(pageText)
	if err != nil {
		return err
	}
	data, err := json.Marshal(r) // which writes < as \u003c, so that no text in it ends the script
	if err != nil {
		return err
	}
	light, dark := palette()
	colours, err := json.Marshal(map[string][]string{"light": light, "dark": dark})
	if err != nil {
		return err
	}
	title := r.Title
	if title == "" {
		title = "Sweep"
	}
	return page.Execute(w, map[string]any{
		"Title": title, "Subtitle": r.subtitle(), "Report": r, "Policies": slices.Contains(r.Axes, "policy"),
		"License": template.JS("/*\n" + uplot.License + "*/"),                   //nolint:gosec // ours
		"Style":   template.CSS(uplot.Style + "\n" + pageStyle),                 //nolint:gosec // ours
		"Library": template.JS(uplot.Script), "Script": template.JS(pageScript), //nolint:gosec // ours
		"Data": template.JS(data), "Colours": template.JS(colours), //nolint:gosec // escaped above
	})
}
