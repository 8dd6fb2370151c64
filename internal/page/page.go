// Package page writes reports as single HTML pages that hold their data, their charts and the library that draws them,
// and ask nothing of any network: they can be mailed, kept and opened anywhere, in the light and in the dark, on a wall
// and on a phone.
//
// A report has a header and a footer in HTML, which say the essential without JavaScript, and a script that fills what
// is between with cards and charts (page.js says with what). Text from outside is data everywhere: the template escapes
// it, and scripts make text nodes of it.
package page

import (
	_ "embed" // the files
	"encoding/json"
	"html/template"
	"io"

	"dunnock/web/uplot"
)

//go:embed page.html
var skeleton string

//go:embed page.css
var style string

//go:embed page.js
var script string

// Page is a report.
type Page struct {
	Title string
	// Template defines "header" and "footer" in the language of html/template; both get Values.
	Template string
	Values   any
	Style    string // beyond the common style sheet
	Script   string // fills the element whose id is main
	Data     any    // what the script finds as data, by its JSON form
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	t, err := template.New("page").Parse(skeleton)
	if err == nil {
		t, err = t.Parse(p.Template)
	}
	if err != nil {
		return err
	}
	data, err := json.Marshal(p.Data) // which writes < as \u003c, so that no text in it ends the script
	if err != nil {
		return err
	}
	light, dark := Palette()
	colours, err := json.Marshal(map[string][]string{"light": light, "dark": dark})
	if err != nil {
		return err
	}
	return t.Execute(w, map[string]any{
		"Title": p.Title, "Values": p.Values,
		"License": template.JS("/*\n" + uplot.License + "*/"),                          //nolint:gosec // ours
		"Style":   template.CSS(uplot.Style + "\n" + style + p.Style),                  //nolint:gosec // ours
		"Library": template.JS(uplot.Script), "Script": template.JS(script + p.Script), //nolint:gosec // ours
		"Data": template.JS(data), "Colours": template.JS(colours), //nolint:gosec // escaped above
	})
}

// Palette returns the colours of curves, light and dark: distinct for the colour-blind as well (after Okabe and Ito,
// 2008).
func Palette() (light, dark []string) {
	return []string{"#5b6470", "#d55e00", "#b8860b", "#0072b2", "#00845f", "#b3478f", "#56a0c9", "#8b5a2b"},
		[]string{"#a7b0bb", "#ff8a3c", "#e8c547", "#5ab4f5", "#3fd0a0", "#e38cc6", "#9bd3f2", "#cfa06a"}
}
