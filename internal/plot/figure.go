package plot

// The measures of a figure, in pixels.
const (
	figureWidth = 860.0
	margin      = 16.0
	panelHeight = 250.0
	axisWidth   = 52.0 // left of a panel's frame
	axisHeight  = 34.0 // below it
	legendRow   = 20.0
	labelHeight = 20.0 // above a row that has a label
)

// Figure is rows of panels that share a legend.
type Figure struct {
	Title    string
	Subtitle string
	Legend   []Entry
	Rows     []Row
}

// Row is panels side by side, all of one width.
type Row struct {
	Label  string // above them; shown if there are several rows
	Panels []Panel
}

// SVG returns the drawing.
func (f *Figure) SVG() string {
	places, legendRows := legendPlaces(f.Legend)
	rowHeight := panelHeight + axisHeight + 34
	labelled := 0.0
	if len(f.Rows) > 1 {
		labelled = labelHeight
		rowHeight += labelled
	}
	top := 56 + legendRow*float64(legendRows)
	d := newDrawing(figureWidth, top+rowHeight*float64(len(f.Rows))+4, f.Title)
	d.text(margin, 26, "title", "start", f.Title)
	d.text(margin, 44, "dim", "start", f.Subtitle)
	for i, e := range f.Legend {
		d.entry(e, margin+places[i].x, 60+legendRow*float64(places[i].row))
	}
	for i, row := range f.Rows {
		y := top + rowHeight*float64(i)
		if labelled > 0 && row.Label != "" {
			d.text(margin, y+12, "panel", "start", row.Label)
		}
		n := float64(len(row.Panels))
		width := (figureWidth - (n+1)*margin) / n
		for j := range row.Panels {
			row.Panels[j].draw(d, margin+float64(j)*(width+margin), y+labelled, width)
		}
	}
	return d.String()
}
