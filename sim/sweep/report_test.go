package sweep

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dunnock/internal/golden"
)

func reportOf(t *testing.T, s *Sweep) *Report {
	t.Helper()
	cells := cellsOf(t, s)
	outcomes, err := Run(t.Context(), cells, opened(t, t.TempDir()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReport(s, cells, outcomes)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The page has every curve at every point, and what it needs it brings along.
func TestPage(t *testing.T) {
	s := must(t, "policy", "ideal,random,batch", "load", "0.5,0.8", "service", "exp:10ms,pareto:3ms,1.5", "workers", "20", "tasks", "4", "jobs", "50")
	s.Title, s.Seeds = "a </script> title", 2
	page := written(t, reportOf(t, s).WriteHTML)
	data := regexp.MustCompile(`const data = (\{.*\}), palette`).FindStringSubmatch(page)
	if data == nil {
		t.Fatal("the page has no data")
	}
	var r Report
	if err := json.Unmarshal([]byte(data[1]), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Panels) != 2 || r.Panels[1].Label != "service pareto:3ms,1.5" || r.X != "load" || r.Series != "policy" {
		t.Errorf("got %d panels along %s, the last one %q", len(r.Panels), r.X, r.Panels[len(r.Panels)-1].Label)
	}
	for _, p := range r.Panels {
		for i, want := range []string{"ideal", "random", "batch"} {
			c := p.Curves[i]
			if c.Label != want || len(c.Points) != 2 {
				t.Fatalf("curve %s has %d points", c.Label, len(c.Points))
			}
			for _, point := range c.Points {
				if len(point.Values) != len(metrics()) || len(point.ResponseMS) != len(Ranks()) || len(point.WaitMS) != len(Ranks()) || len(point.ToIdeal) != 3 {
					t.Errorf("a point of %s is not whole: %+v", want, point)
				}
				mean := point.Values[responseMean]
				if mean.N != 2 || !(mean.Low <= mean.Mean && mean.Mean <= mean.High) {
					t.Errorf("%s: interval %+v", want, mean)
				}
				if want == "ideal" && point.ToIdeal[0].Mean != 1 {
					t.Errorf("ideal is %v of ideal", point.ToIdeal[0].Mean)
				}
				if want == "random" && point.ToIdeal[0].Mean <= 1 {
					t.Errorf("random is %v of ideal", point.ToIdeal[0].Mean)
				}
			}
		}
	}
	if n := strings.Count(page, "</script>"); n != 2 {
		t.Errorf("%d ends of scripts, want 2: a title has got out", n)
	}
	if outside := regexp.MustCompile(`(?i)(src|href)\s*=|url\(|@import|fetch\(`).FindString(page); outside != "" {
		t.Errorf("the page asks for something: %q", outside)
	}
	for _, want := range []string{"uPlot", "Permission is hereby granted", "prefers-color-scheme", "width=device-width"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// The numbers and the drawing of a small sweep, to the byte.
func TestGoldens(t *testing.T) {
	r := reportOf(t, small(t))
	for name, write := range map[string]func(io.Writer) error{"small.csv": r.WriteCSV, "small.svg": r.WriteSVG} {
		golden.Check(t, filepath.Join("testdata", name), written(t, write))
	}
}

// A drawing is XML with a band and a line for each curve, and each curve in its legend.
func TestSVG(t *testing.T) {
	s := must(t, "policy", "ideal,late-binding", "probe-ratio", "1,2,3", "load", "0.5,0.7", "workers", "20", "tasks", "4", "jobs", "50")
	s.X, s.Title = "probe-ratio", "a < b & c"
	text := written(t, reportOf(t, s).WriteSVG)
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	// 2 panels for the loads × 2 metrics × 2 curves, and 2 in the legend.
	if bands, curves := strings.Count(text, `class="band `), strings.Count(text, `class="curve `); bands != 8 || curves != 10 {
		t.Errorf("got %d bands and %d curves", bands, curves)
	}
	for _, want := range []string{">late-binding<", ">ideal<", "a &lt; b &amp; c", ">load 0.7<", ">mean response, ms<", ">probe-ratio<"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("a place is no number")
	}
}

// What is not a policy says what it is, above the plots and beside the curves.
func TestLabels(t *testing.T) {
	r := reportOf(t, must(t, "net-delay", "0s,1ms", "workers", "10,20", "jobs", "50", "tasks", "2"))
	if r.X != "workers" || len(r.Panels) != 1 || r.Panels[0].Curves[1].Label != "net-delay 1ms" {
		t.Errorf("got %+v along %s", r.Panels, r.X)
	}
	if got := r.subtitle(); !strings.HasPrefix(got, "late-binding · 2 tasks a job · ") {
		t.Errorf("got %s", got)
	}
	if page := written(t, r.WriteHTML); strings.Contains(page, "All policies") || !strings.Contains(page, ">4 runs, one seed") {
		t.Error("the page speaks of policies, and there is one")
	}
	name := filepath.Join(t.TempDir(), "jobs")
	if err := os.WriteFile(name, []byte(`{"at_ms":1,"service_ms":[5]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got := reportOf(t, must(t, "workload", name, "policy", "ideal,random", "workers", "2")).subtitle()
	if want := "2 workers × 4 slots · workload jobs · probe ratio 2 · 500µs one way · 10 schedulers"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Without an axis there is still something to show.
func TestOnePoint(t *testing.T) {
	r := reportOf(t, must(t, "workers", "20", "jobs", "50", "tasks", "2"))
	if r.X != "" && len(r.Axes) != 0 || len(r.Panels) != 1 || len(r.Panels[0].Curves) != 1 {
		t.Errorf("got %+v", r.Panels)
	}
	if e := r.Panels[0].Curves[0].Points[0].Values[responseMean]; !(e.Low < e.Mean && e.Mean < e.High) {
		t.Errorf("one run has an interval by batch means, got %+v", e)
	}
	dir := t.TempDir()
	if err := r.Write(opened(t, dir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{CSVFile, JSONFile, PlotFile, HTMLFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
