package sweep

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"

	"dunnock/sim"
)

// The files that [Report.Write] makes.
const (
	CSVFile  = "results.csv"
	JSONFile = "results.json"
	PlotFile = "plot.svg"
	HTMLFile = "report.html"
)

// Write writes the results into a directory: CSVFile, JSONFile, PlotFile and HTMLFile, each whole or not at all.
func (r *Report) Write(dir *Directory) error {
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{{CSVFile, r.WriteCSV}, {JSONFile, r.WriteJSON}, {PlotFile, r.WriteSVG}, {HTMLFile, r.WriteHTML}} {
		var b bytes.Buffer
		if err := f.write(&b); err != nil {
			return err
		}
		if err := dir.replace(f.name, b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// WriteCSV writes one row for each run: the axes, the seed, all metrics, and the digest. What depends on the machine is
// not there, so that the same sweep gives the same bytes everywhere.
func (r *Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	row := append([]string{}, r.Axes...)
	row = append(row, "seed", "jobs_total", "tasks_total") // jobs and tasks may be axes
	for _, m := range r.Metrics {
		row = append(row, m.Name)
	}
	if err := out.Write(append(row, "digest")); err != nil {
		return err
	}
	for i := range r.cells {
		c := &r.cells[i]
		o := r.outcomes[c.Key]
		row = row[:0]
		for _, s := range r.settings(c, true) {
			row = append(row, s.Value)
		}
		row = append(row, strconv.FormatUint(c.Seed, 10), strconv.FormatUint(o.Result.Jobs, 10), strconv.FormatUint(o.Result.Tasks, 10))
		for _, m := range r.Metrics {
			row = append(row, strconv.FormatFloat(rounded(m.of(o)), 'f', -1, 64))
		}
		if err := out.Write(append(row, o.Result.Digest)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// rounded cuts x to six decimals: nanoseconds of milliseconds.
func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// settings returns the parameters of a cell that are set: those that are axes, or those that are not.
func (r *Report) settings(c *Cell, axesOnly bool) []Setting {
	settings := make([]Setting, 0, len(c.values))
	for i, a := range r.sweep.axes() {
		if (len(a.values) > 1) == axesOnly && c.values[i].text != "" {
			settings = append(settings, Setting{a.name, c.values[i].text})
		}
	}
	return settings
}

// resultsFile is the form of JSONFile.
type resultsFile struct {
	Title   string            `json:"title"`
	Command string            `json:"command"`
	Fixed   map[string]string `json:"fixed"` // parameters that are the same in all runs
	Ranks   []float64         `json:"ranks"` // of the quantiles
	Runs    []resultsRun      `json:"runs"`
}

type resultsRun struct {
	Params     map[string]string `json:"params"` // the others
	Seed       uint64            `json:"seed"`
	Result     *sim.Result       `json:"result"` // as `dunnock sim run --json` prints it
	ServiceMS  float64           `json:"service_ms"`
	ResponseMS []float64         `json:"response_quantiles_ms"`
	WaitMS     []float64         `json:"wait_quantiles_ms"`
}

// WriteJSON writes all that is known of each run, one a line within one object.
func (r *Report) WriteJSON(w io.Writer) error {
	f := resultsFile{Title: r.Title, Command: r.Command, Fixed: asMap(r.settings(&r.cells[0], false)), Ranks: r.Ranks}
	head, err := json.Marshal(f)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(head, []byte("null}")))
	for i := range r.cells {
		c := &r.cells[i]
		o := r.outcomes[c.Key]
		line, err := json.Marshal(resultsRun{
			Params: asMap(r.settings(c, true)), Seed: c.Seed, Result: o.Result, ServiceMS: o.ServiceMS, ResponseMS: o.ResponseMS, WaitMS: o.WaitMS,
		})
		if err != nil {
			return err
		}
		separator := ",\n"
		if i == 0 {
			separator = "[\n"
		}
		b.WriteString(separator)
		b.Write(line)
	}
	b.WriteString("\n]}\n")
	_, err = w.Write(b.Bytes())
	return err
}

func asMap(settings []Setting) map[string]string {
	m := make(map[string]string, len(settings))
	for _, s := range settings {
		m[s.Name] = s.Value
	}
	return m
}
