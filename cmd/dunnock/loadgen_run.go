package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"dunnock/loadgen"
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

	JSON   bool   `help:"Print one JSON object a run (default: a table)."`
	CSV    string `name:"csv" help:"Write a line for each job (default: no)." placeholder:"FILE"`
	Hgrm   string `help:"Write the distribution of the response as HdrHistogram plotters read it, in ms (default: no)." placeholder:"FILE"`
	HTML   string `name:"html" help:"Write a report with plots, in one file (default: no)." placeholder:"FILE"`
	Record string `help:"Write the jobs as they ran, with the service times that workers measured, as a workload (default: no)." placeholder:"FILE"`

	meanTasks float64 // of a job of a workload file; dryRun finds it out
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
