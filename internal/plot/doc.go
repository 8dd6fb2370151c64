// Package plot draws figures as SVG: rows of panels under a title, a line that says what is fixed, and a legend.
//
//	f := plot.Figure{Title: "Response of jobs", Legend: entries, Rows: []plot.Row{{Panels: panels}}}
//	_, err := io.WriteString(w, f.SVG())
//
// A figure is readable on light and dark pages, its colours are those of package page, and the same figure is the same
// text to the byte.
//
// It draws what it is given: what is left out, averaged or uncertain is the caller's to say.
package plot
