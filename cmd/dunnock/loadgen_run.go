package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"dunnock/loadgen"
	"dunnock/loadgen/report"
	"dunnock/loadgen/workload"
	"dunnock/task"
)

type loadgenRunCmd struct {
	workloadFlags     `kong:"embed,set='jobs_default=as many as come in the duration',set='duration_default=30s, unless there are jobs, stages or a workload'"`
	loadgenFleetFlags `embed:""`
	failIfFlag        `embed:""`

	App string `help:"App that the tasks are for. Those of sleep take as long as --service says; of another, --service is what you believe they take, for --load." default:"sleep" placeholder:"NAME"`

	sendFlags `embed:""`

	Repeat int  `help:"Run so many times, each with the next seed, so that there are intervals." default:"1" placeholder:"N"`
	Strict bool `help:"Exit with code 1 if a run is invalid, because the generator did not keep up (default: no)."`

	Bound        bool           `help:"Set each run beside the simulator and beside an omniscient scheduler." default:"true" negatable:""`
	NetDelay     *time.Duration `help:"For the simulator: what a message between scheduler and worker takes, one way (default: measured beforehand)." placeholder:"DURATION"`
	ClientDelay  *time.Duration `help:"For the simulator: what a message between client and scheduler takes, one way (default: measured)." placeholder:"DURATION"`
	TaskOverhead *time.Duration `help:"For the simulator: what a task occupies its slot for beyond its service (default: measured)." placeholder:"DURATION"`

	JSON      bool    `help:"Print one JSON object a run (default: a table)."`
	CSV       string  `name:"csv" help:"Write a line for each job (default: no)." placeholder:"FILE"`
	Hgrm      string  `help:"Write the distribution of the response as HdrHistogram plotters read it, in ms (default: no)." placeholder:"FILE"`
	HTML      string  `name:"html" help:"Write a report with plots, in one file (default: no)." placeholder:"FILE"`
	meanTasks float64 // of a job of a workload file

	Record string `help:"Write the jobs as they ran, with the service times that workers measured, as a workload (default: no)." placeholder:"FILE"`
}

// defaultRun is how long a run is if nothing says it.
const defaultRun = 30 * time.Second

// Help is shown above the flags.
func (*loadgenRunCmd) Help() string {
	return `An open loop: jobs are planned from the seed and sent when they are due, whatever became of those before them, and their response counts from when they were due. So a fleet that falls behind cannot slow the load down and hide it. How late the generator itself was is reported as lag; if its 99th percentile is more than 2 ms and more than 5 % of the response's median, the run is invalid and says so.

The same flags and seed make the same jobs as in 'dunnock sim run'. Every run is set beside what its jobs, as measured, take under an omniscient scheduler (ideal) and in the simulator with the fleet's policy and measured delays.

Ctrl-C ends the run and reports what there is; the exit code is then 130. A second one ends at once.

Examples:

    dunnock loadgen run --local schedulers=2,workers=20,slots=4 --tasks 10 --service const:100ms --load 0.8 --duration 1m --warmup 5s
    dunnock loadgen run --scheduler http://10.0.0.1:7070 --scheduler http://10.0.0.2:7070 --rate 500 --tasks 10 --service const:0s
    dunnock loadgen run --local workers=20 --tasks 10 --service exp:100ms --stages 0.5:30s,0.8:30s,0.95:30s --html report.html
    dunnock loadgen run --local workers=20 --workload trace.gz --time-scale 0.01 --record ran.ndjson
    dunnock loadgen run --app grep --payload @query.json --service const:3ms --rate 100 --repeat 5 --json >grep.json`
}

// Run measures and prints what it showed.
func (c *loadgenRunCmd) Run(p *process, ctx *kong.Context) error {
	if err := c.settle(givenFlags(ctx)); err != nil {
		return err
	}
	payload, err := c.check(p)
	if err != nil {
		return err
	}
	out, err := c.open()
	if err != nil {
		return err
	}
	defer out.discard()
	show := newProgress(p.stderr)
	t, err := c.reach(p, show, c.Seed)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.has(c.App); err != nil {
		return err
	}
	// Fewer collections: they are what makes a generator with little memory late.
	debug.SetGCPercent(400)
	cfg := t.config(p)
	cfg.App, cfg.Payload, cfg.ProbeRatio, cfg.Timeout, cfg.MaxInFlight = c.App, payload, c.ProbeRatio, c.Timeout, c.MaxInFlight
	cfg.Cache, cfg.NoAffinity = c.cache(), !c.Affinity
	if cfg.Bound, err = c.bound(p, t, show); err != nil {
		return err
	}
	results, failed := c.repeat(p, &cfg, out, show)
	t.close()
	// What cannot be written as asked for is not claimed otherwise either.
	if broken, ok := errors.AsType[*loadgen.OutputError](failed); ok {
		return fmt.Errorf("--%s: %w", strings.ToLower(broken.Output), broken.Err)
	}
	if len(results) == 0 {
		return failed
	}
	if err := c.write(out, results); err != nil {
		return errors.Join(failed, err)
	}
	if err := c.print(p.stdout, results); err != nil {
		return err
	}
	return c.verdict(p, results, failed)
}

// check reports what the flags themselves can have wrong, and reads the payload.
func (c *loadgenRunCmd) check(p *process) (payload []byte, err error) {
	if err := c.checkFleet(); err != nil {
		return nil, err
	}
	if err := c.checkFlags(); err != nil {
		return nil, err
	}
	switch {
	case c.Repeat < 1:
		return nil, usagef("--repeat: want at least 1, got %d", c.Repeat)
	case c.Repeat > 1 && c.Record != "":
		return nil, usagef("--record: a workload file holds one run, and --repeat asks for %d", c.Repeat)
	case c.Repeat > 1 && c.Workload == "-":
		return nil, usagef("--repeat: standard input can be read only once")
	case c.Timeout <= 0:
		return nil, usagef("--timeout: want more than 0, got %v", c.Timeout)
	case c.MaxInFlight < 1:
		return nil, usagef("--max-in-flight: want at least 1, got %d", c.MaxInFlight)
	case !task.ValidApp(c.App):
		return nil, usagef("--app: want 1 to %d characters of a-z 0-9 . _ -, got %.80q", task.MaxNameLen, c.App)
	case c.ProbeRatio == 0:
		return nil, usagef("--probe-ratio: want 1 to 16, got 0")
	}
	if name, isFile := strings.CutPrefix(c.Payload, "@"); isFile {
		if payload, err = os.ReadFile(name); err != nil { //nolint:gosec // the user names it
			return nil, fmt.Errorf("--payload: %w", err)
		}
	} else {
		payload = []byte(c.Payload)
	}
	if c.Workload == "" && c.Jobs == 0 && c.Duration == 0 && c.Stages.Len() == 0 {
		c.Duration = defaultRun
	}
	cfg := loadgen.Config{Cache: c.cache(), App: c.App, Payload: payload, ProbeRatio: c.ProbeRatio, Timeout: c.Timeout, MaxInFlight: c.MaxInFlight}
	if c.Bound {
		cfg.Bound = &loadgen.BoundConfig{}
		c.delays(cfg.Bound)
	}
	if err := cfg.Validate(); err != nil {
		return nil, usage(err)
	}
	return payload, c.dryRun(p)
}

// dryRun opens a workload file, or makes a workload for a fleet of any size, so that what is wrong with it is found
// before a fleet is started.
func (c *loadgenRunCmd) dryRun(p *process) error {
	if c.Workload == "-" {
		return nil
	}
	most, nodes := c.planned(c.Seed)
	source, _, closeSource, err := c.workloadFlags.open(p, 1, most, nodes)
	if err != nil {
		return err
	}
	defer closeSource()
	if c.Workload == "" {
		return nil
	}
	var j workload.Job
	tasks := 0
	for source.Next(&j) {
		tasks += len(j.Service)
	}
	c.meanTasks = float64(tasks) / float64(max(source.Jobs(), 1))
	if err := source.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.Workload, err)
	}
	if source.Jobs() == 0 {
		return fmt.Errorf("%s: no jobs", c.Workload)
	}
	return nil
}

// bound says what runs are set beside; nil if they are not.
func (c *loadgenRunCmd) bound(p *process, t *target, show *progress) (*loadgen.BoundConfig, error) {
	if !c.Bound {
		return nil, nil
	}
	sharing, _ := c.queue() // checkFleet has looked
	b := &loadgen.BoundConfig{From: "flags", Sharing: sharing}
	if c.NetDelay == nil || c.ClientDelay == nil || c.TaskOverhead == nil {
		b.From = "calibrated"
		found, err := t.calibrated(p.ctx, p, show, c.width())
		switch {
		case errors.Is(err, loadgen.ErrNoSleep):
			b.From = "none"
		case err != nil:
			return nil, err
		default:
			b.Net, b.Client, b.Overhead = found.Net, found.Client, found.Overhead
		}
	}
	c.delays(b)
	return b, nil
}

// width is how many tasks a job has on average, as far as that is known.
func (c *loadgenRunCmd) width() int {
	if c.Workload != "" {
		return int(c.meanTasks + 0.5)
	}
	return int(c.Tasks.Mean() + 0.5)
}

// delays sets those that flags give.
func (c *loadgenRunCmd) delays(b *loadgen.BoundConfig) {
	for _, f := range []struct {
		flag *time.Duration
		to   *time.Duration
	}{{c.NetDelay, &b.Net}, {c.ClientDelay, &b.Client}, {c.TaskOverhead, &b.Overhead}} {
		if f.flag != nil {
			*f.to = *f.flag
		}
	}
}

// repeat makes the runs. With an error it returns those there are.
func (c *loadgenRunCmd) repeat(p *process, cfg *loadgen.Config, out *outputs, show *progress) (results []*loadgen.Result, err error) {
	if out.csv != nil {
		cfg.CSV = out.csv
	}
	if out.record != nil {
		cfg.Record = out.record
	}
	for i := range c.Repeat {
		flags := c.workloadFlags
		flags.Seed += uint64(i)
		source, load, closeSource, err := flags.open(p, max(cfg.Fleet.Slots, 1), cfg.Fleet.Largest(), cfg.Fleet.Has())
		if err != nil {
			return results, err
		}
		cfg.Repeat, cfg.Repeats, cfg.Plan = i+1, c.Repeat, flags.plan(load, cfg.Fleet.Slots)
		if show.w != nil {
			cfg.Progress = func(now loadgen.Progress) { show.show("%s", c.progressLine(cfg, &now)) }
		}
		r, err := loadgen.Run(p.ctx, *cfg, source)
		show.clear()
		closeSource()
		if _, ok := errors.AsType[*workload.InputError](err); ok {
			err = fmt.Errorf("%s: %w", c.Workload, err)
		}
		if r != nil && (err == nil || r.Jobs > 0) { // else there is nothing to report
			results = append(results, r)
		}
		if err != nil {
			return results, err
		}
		if p.ctx.Err() != nil {
			return results, interrupted()
		}
	}
	return results, nil
}

// plan is what the flags ask for, for the report. slots are those of the fleet.
func (f *workloadFlags) plan(load float64, slots int) loadgen.Plan {
	plan := loadgen.Plan{Workload: f.describe(), Seed: f.Seed, Load: load, Length: f.Duration, Jobs: f.Jobs}
	spec := f.spec(slots)
	for i := range f.Stages.Len() {
		length := time.Duration(float64(f.Stages.Stage(i).Length) * f.TimeScale)
		plan.Stages = append(plan.Stages, loadgen.PlannedStage{
			Load: spec.StageLoad(i), Rate: spec.StageRate(i) / f.TimeScale, Length: length,
		})
		if i == 0 && f.Duration == 0 {
			plan.Length = 0
		}
		if f.Duration == 0 {
			plan.Length += length
		}
	}
	return plan
}

// describe names the workload.
func (f *workloadFlags) describe() string {
	text := fmt.Sprintf("tasks=%s service=%s arrival=%s", f.Tasks, f.Service, f.Arrival)
	switch {
	case f.Workload != "":
		text = f.Workload
	case f.Stages.Len() > 0:
		text += " stages=" + f.Stages.String()
	case f.Rate != 0:
		text += fmt.Sprintf(" rate=%g", f.Rate)
	}
	if f.TaskSlots != (workload.Tasks{}) {
		text += " task-slots=" + f.TaskSlots.String()
	}
	for _, word := range f.demands() {
		text += " " + word //nolint:perfsprint // a few, once a run
	}
	if users := f.Users.String(); users != "" {
		text += " users=" + users
	}
	if ranks := f.Priority.String(); ranks != "" {
		text += " priority=" + ranks
	}
	if f.Deadlines != (workload.Service{}) {
		text += " deadlines=" + f.Deadlines.String()
	}
	if f.Keys != (workload.Keys{}) {
		text += " keys=" + f.Keys.String()
		if f.Cache > 0 {
			text += fmt.Sprintf(" cache=%d miss-cost=%g", f.Cache, f.MissCost)
		}
		if !f.Affinity {
			text += " no-affinity"
		}
	}
	if f.Estimates != (workload.Estimates{}) {
		text += " estimates=" + f.Estimates.String()
	}
	if f.TimeScale != 1 {
		text += fmt.Sprintf(" time-scale=%g", f.TimeScale)
	}
	return text
}

// progressLine is the run in one line.
func (c *loadgenRunCmd) progressLine(cfg *loadgen.Config, now *loadgen.Progress) string {
	var b strings.Builder
	if cfg.Repeats > 1 {
		fmt.Fprintf(&b, "run %d of %d: ", cfg.Repeat, cfg.Repeats)
	}
	fmt.Fprintf(&b, "%s jobs, %s/s, %d in flight, p50 %s, p99 %s", thousands(int64(now.Sent)), significant(now.Rate), now.InFlight, duration(now.P50), duration(now.P99))
	if now.Errors > 0 {
		fmt.Fprintf(&b, ", %s in error", thousands(int64(now.Errors)))
	}
	left := cfg.Plan.Length - now.Elapsed
	switch {
	case cfg.Plan.Length == 0 && cfg.Plan.Jobs > 0:
		fmt.Fprintf(&b, ", %d %%", now.Sent*100/uint64(cfg.Plan.Jobs))
	case left > 0:
		fmt.Fprintf(&b, ", %s left", left.Round(time.Second))
	}
	return b.String()
}

// outputs are the files of a run.
type outputs struct{ csv, hgrm, html, record *output }

// open opens the files that were asked for, before anything runs.
func (c *loadgenRunCmd) open() (*outputs, error) {
	out := &outputs{}
	for _, f := range []struct {
		flag, path string
		to         **output
	}{{"csv", c.CSV, &out.csv}, {"hgrm", c.Hgrm, &out.hgrm}, {"html", c.HTML, &out.html}, {"record", c.Record, &out.record}} {
		if f.path == "" {
			continue
		}
		o, err := newOutput(f.flag, f.path)
		if err != nil {
			out.discard()
			return nil, err
		}
		if slices.ContainsFunc(out.all(), o.same) {
			o.discard()
			out.discard()
			return nil, usagef("--%s: %s is where another output goes already", f.flag, f.path)
		}
		*f.to = o
	}
	return out, nil
}

func (o *outputs) all() []*output { return []*output{o.csv, o.hgrm, o.html, o.record} }

func (o *outputs) discard() {
	for _, f := range o.all() {
		f.discard()
	}
}

// write completes the files. With an error, none of them that was not there before is left.
func (c *loadgenRunCmd) write(out *outputs, results []*loadgen.Result) error {
	if out.hgrm != nil {
		if err := writeHgrm(out.hgrm, results); err != nil {
			return fmt.Errorf("--hgrm: %w", err)
		}
	}
	if out.html != nil {
		if err := report.WriteHTML(out.html, results, report.Options{Command: commandLine()}); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	flags := [...]string{"csv", "hgrm", "html", "record"}
	for _, step := range []func(*output) error{(*output).complete, (*output).commit} { // all are complete before one appears
		for i, o := range out.all() {
			if err := step(o); err != nil {
				return fmt.Errorf("--%s: %w", flags[i], err)
			}
		}
	}
	return nil
}

// writeHgrm writes the distribution of all runs together.
func writeHgrm(w io.Writer, results []*loadgen.Result) error {
	sum, err := loadgen.MergeHistograms(results)
	if err != nil {
		return err
	}
	_, err = sum.PercentilesPrint(w, 5, float64(time.Millisecond))
	return err
}

// commandLine is what this process was called with.
func commandLine() string {
	words := append(make([]string, 0, len(os.Args)), "dunnock")
	for _, w := range os.Args[1:] {
		if strings.ContainsAny(w, " '\"$&|;<>(){}*?~`\\") || w == "" {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// verdict says on standard error what nobody may overlook, and returns the exit code.
func (c *loadgenRunCmd) verdict(p *process, results []*loadgen.Result, failed error) error {
	invalid := 0
	for _, r := range results {
		if !r.Valid {
			invalid++
			fmt.Fprintf(p.stderr, "dunnock: INVALID%s: %s\n", runName(r), r.Invalid)
		}
		if errs := errorCount(r); errs > 0 {
			fmt.Fprintf(p.stderr, "dunnock: %s in error%s: %s\n", count(int(errs), "job"), runName(r), errorWords(r))
		}
	}
	switch {
	case failed != nil:
		return failed
	case invalid > 0 && c.Strict:
		return &exitError{code: exitFailure}
	}
	return c.holds(results)
}
