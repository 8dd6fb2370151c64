package report

import (
	"cmp"
	_ "embed" // the page's parts
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dunnock/internal/page"
	"dunnock/internal/stat"
	"dunnock/loadgen"
	"dunnock/loadgen/objective"
)

//go:embed report.html
var template string

//go:embed report.css
var style string

//go:embed report.js
var script string

// Options are what the results do not know.
type Options struct {
	Title   string // default: what was run on what
	Command string // the command line that does the same again
}

// WriteHTML writes a page about the runs of one command: one, or its repeats.
func WriteHTML(w io.Writer, runs []*loadgen.Result, o Options) error {
	if len(runs) == 0 {
		return errors.New("report: no runs")
	}
	if o.Title == "" {
		o.Title = title(runs[0])
	}
	shown := make([]*loadgen.Result, 0, len(runs))
	for _, r := range runs {
		c := *r
		c.Histogram = "" // the page draws the curves
		shown = append(shown, &c)
	}
	p := page.Page{Title: o.Title, Template: template, Values: newValues(runs, o), Style: style, Script: script, Data: map[string]any{"runs": shown}}
	return p.Write(w)
}

// values are what the page says without JavaScript.
type values struct {
	First    *loadgen.Result
	Subtitle string
	Command  string
	Banners  []banner
	Rows     []line // one a run
	Summary  []line // the mean over several, and its interval
	Facts    [][2]string
}

// banner is what one has to know before one looks at the figures.
type banner struct {
	Loud bool // the figures are not to be trusted
	Text string
}

// line is a row of the table of runs.
type line struct {
	Name  string
	Cells []string
	Bad   bool
}

// response returns the columns of the table of runs that are of the response, in milliseconds.
func response(r *loadgen.Result) []float64 {
	d := &r.ResponseMS
	return []float64{d.Mean, d.P50, d.P90, d.P95, d.P99, d.P999, d.Max}
}

// Columns returns the heads of the table of runs.
func (*values) Columns() []string {
	return []string{"mean", "p50", "p90", "p95", "p99", "p99.9", "max", "wait p50", "lag p99", "jobs", "errors", "jobs/s"}
}

func newValues(runs []*loadgen.Result, o Options) *values {
	v := &values{First: runs[0], Subtitle: subtitle(runs), Command: o.Command, Banners: banners(runs), Facts: facts(runs[0])}
	for i, r := range runs {
		l := line{Name: runName(r, i, len(runs)), Bad: !r.Valid}
		for _, v := range response(r) {
			l.Cells = append(l.Cells, number(v))
		}
		l.Cells = append(l.Cells, number(r.WaitMS.P50), number(r.LagMS.P99), strconv.FormatUint(r.Jobs, 10), strconv.FormatUint(objective.Errors(r), 10), number(r.Rate))
		v.Rows = append(v.Rows, l)
	}
	if valid := slices.DeleteFunc(slices.Clone(runs), func(r *loadgen.Result) bool { return !r.Valid }); len(valid) > 1 {
		mean, half := line{Name: "mean of " + strconv.Itoa(len(valid)) + " valid"}, line{Name: "± at 95 %"}
		for i := range response(valid[0]) {
			column := make([]float64, 0, len(valid))
			for _, r := range valid {
				column = append(column, response(r)[i])
			}
			e := stat.EstimateOf(column, 0.05)
			mean.Cells, half.Cells = append(mean.Cells, number(e.Mean)), append(half.Cells, number((e.High-e.Low)/2))
		}
		v.Summary = []line{mean, half}
	}
	return v
}

// banners say what is wrong with runs, the worst first.
func banners(runs []*loadgen.Result) []banner {
	var loud, quiet []banner
	jobs, failed, all := uint64(0), uint64(0), make(map[string]uint64)
	for i, r := range runs {
		name := ""
		if len(runs) > 1 {
			name = runName(r, i, len(runs)) + ": "
		}
		if !r.Valid {
			why := cmp.Or(r.Invalid, "the generator did not keep up")
			loud = append(loud, banner{true, name + "this run is invalid: " + why + ". Its figures tell more of the generator than of the fleet."})
		}
		if r.Interrupted {
			quiet = append(quiet, banner{false, name + "the run was interrupted: the figures are of what ran until then."})
		}
		jobs, failed = jobs+r.Jobs, failed+objective.Errors(r)
		for code, n := range r.Errors {
			all[code] += n
		}
	}
	if failed > 0 && jobs > 0 {
		quiet = append(quiet, banner{false, fmt.Sprintf("%d of %d jobs (%.2g %%) ended in error: %s. Those that no scheduler took have no response.", failed, jobs, 100*float64(failed)/float64(jobs), codes(all))})
	}
	return append(loud, quiet...)
}

// codes is "timeout 3, overload 2", the most frequent first.
func codes(errs map[string]uint64) string {
	names := slices.Sorted(maps.Keys(errs))
	slices.SortStableFunc(names, func(a, b string) int { return int(errs[b]) - int(errs[a]) })
	parts := make([]string, 0, len(names))
	for _, n := range names {
		parts = append(parts, n+" "+strconv.FormatUint(errs[n], 10))
	}
	return strings.Join(parts, ", ")
}

func runName(r *loadgen.Result, i, of int) string {
	if of == 1 {
		return "run"
	}
	if r.Repeat > 0 {
		i = r.Repeat - 1
	}
	return "run " + strconv.Itoa(i+1)
}

func title(r *loadgen.Result) string {
	if len(r.Stages) > 0 {
		return fmt.Sprintf("%d stages of load on %s × %d slots", len(r.Stages), plural(r.Workers, "worker"), r.Slots)
	}
	return fmt.Sprintf("Load %.3g on %s × %d slots", r.Load, plural(r.Workers, "worker"), r.Slots)
}

func subtitle(runs []*loadgen.Result) string {
	r := runs[0]
	parts := []string{r.Policy, plural(r.Schedulers, "scheduler"), r.Workload, fmt.Sprintf("%.4g jobs/s", r.Rate), "app " + r.App, "seed " + strconv.FormatUint(r.Seed, 10)}
	if len(runs) > 1 {
		parts = append(parts, plural(len(runs), "run"))
	}
	return strings.Join(append(parts, started(r)), " · ")
}

// started is when a run began, to the second.
func started(r *loadgen.Result) string {
	t, err := time.Parse(time.RFC3339, r.Start)
	if err != nil {
		return r.Start
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// facts are what was run where.
func facts(r *loadgen.Result) [][2]string {
	where := "its own machines"
	if r.Local {
		where = "processes on the generator's machine, started for the run"
	}
	list := [][2]string{
		{"policy", r.Policy},
		{"fleet", fmt.Sprintf("%s × %d slots, %s; %s", plural(r.Workers, "worker"), r.Slots, plural(r.Schedulers, "scheduler"), where)},
		{"app", r.App},
		{"workload", r.Workload},
		{"probe ratio", strconv.FormatFloat(r.ProbeRatio, 'g', 4, 64)},
		{"offered load", strconv.FormatFloat(r.Load, 'g', 4, 64)},
		{"seed", strconv.FormatUint(r.Seed, 10)},
		{"digest of the jobs", r.Digest},
		{"started", started(r)},
		{"took", fmt.Sprintf("%.4g s", r.WallS)},
		{"utilisation of the slots", fmt.Sprintf("%.3g %%", 100*r.Utilization)},
		{"tasks per second", number(r.TasksPerS)},
	}
	if r.MessagesPerTask != nil {
		list = append(list, [2]string{"messages per task", number(*r.MessagesPerTask)})
	}
	cpu := fmt.Sprintf("generator %.3g s, %.3g µs per task", r.CPU.GeneratorS, r.CPU.GeneratorUS)
	if r.CPU.FleetS != nil && r.CPU.FleetUS != nil {
		cpu += fmt.Sprintf("; fleet %.3g s, %.3g µs per task", *r.CPU.FleetS, *r.CPU.FleetUS)
	}
	return append(list, [2]string{"processor time", cpu}, [2]string{"generator's machine", r.Machine}, [2]string{"version", r.Version + ", " + r.Go})
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// number prints four significant digits.
func number(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
