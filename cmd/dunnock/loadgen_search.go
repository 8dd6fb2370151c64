package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"dunnock/loadgen"
	"dunnock/loadgen/objective"
	"dunnock/loadgen/workload"
	"dunnock/task"
)

type loadgenSearchCmd struct {
	loadgenFleetFlags `embed:""`
	formatFlag        `embed:""`

	SLO       []objective.Condition `name:"slo" required:"" help:"What has to hold, such as 'p99<30ms'; several with several flags. Unless one is about errors, 'errors<=0.1%' is another." sep:"none" placeholder:"CONDITION"`
	jobFlags  `embed:""`
	From      level         `help:"Where to begin: a load such as 0.4, or jobs per second such as 100/s (default: 0.4, or 100/s for an app other than sleep). It goes down to a 16th of it." placeholder:"LEVEL"`
	To        level         `help:"Where to stop, in the same unit (default: 1, or 1000000/s)." placeholder:"LEVEL"`
	Precision float64       `help:"How far apart the level that holds and the one that does not may be, as a fraction." default:"0.05" placeholder:"FRACTION"`
	Duration  time.Duration `help:"Length of a run." default:"10s" placeholder:"DURATION"`
	LeastJobs int           `help:"Jobs of a run at least: at low rates it takes longer than --duration." default:"200" placeholder:"N"`
	Warmup    time.Duration `help:"What statistics leave out at the beginning of each run." default:"1s" placeholder:"DURATION"`
	Votes     int           `help:"Runs that decide on a level by majority, an odd number; on the two ends, up to twice as many less one." default:"3" placeholder:"N"`
	MaxProbes int           `help:"Runs at most." default:"60" placeholder:"N"`
	MaxTime   time.Duration `help:"How long the search may take." default:"30m" placeholder:"DURATION"`
	App       string        `help:"App that the tasks are for, as for loadgen run." default:"sleep" placeholder:"NAME"`

	sendFlags `embed:""`

	Seed uint64 `help:"Of the first run's jobs; each run after it takes the next." default:"1" placeholder:"N"`

	payload []byte
}

// level is a load or a rate.
type level struct {
	value float64 // 0: not given
	rate  bool    // in jobs per second, not a fraction of all slots
}

// UnmarshalText reads "0.5" or "100/s".
func (l *level) UnmarshalText(text []byte) error {
	number, rate := strings.CutSuffix(strings.TrimSpace(string(text)), "/s")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v > 0 && v <= math.MaxFloat64) {
		return fmt.Errorf("want a load such as 0.5 or a rate such as 100/s, got %q", text)
	}
	*l = level{v, rate}
	return nil
}

// String is the form that UnmarshalText reads.
func (l level) String() string {
	if l.rate {
		return fmt.Sprintf("%.4g/s", l.value)
	}
	return fmt.Sprintf("%.4g", l.value)
}

// Help is shown above the flags.
func (*loadgenSearchCmd) Help() string {
	return `Finds the highest load, or rate of jobs, at which an objective holds: doubles it until the objective breaks, then halves the gap. Each probe is a run of its own with jobs of its own. Runs are noisy, so only one that holds with room to spare decides alone; else a majority of --votes runs does, and at the end more of them at the two levels that are named. A run in which the generator lagged counts as one that does not hold, and the answer says so if it was the generator that ended the search.

What is found is of this workload on this fleet and machine, for runs of this length: a queue that grows slowly shows only in longer ones.

Examples:

    dunnock loadgen search --local workers=20,slots=4 --tasks 10 --service const:100ms --slo 'p99<200ms'
    dunnock loadgen search --scheduler http://10.0.0.1:7070 --slo 'p99<30ms' --slo 'wait.p99<5ms' --from 0.3 --to 0.95
    dunnock loadgen search --local workers=2,slots=16 --tasks 10 --service const:0s --slo 'p99<5ms' --from 500/s --to 50000/s --precision 0.1`
}

// Run searches, and prints what it found.
func (c *loadgenSearchCmd) Run(p *process) error {
	if err := c.settle(); err != nil {
		return err
	}
	show := newProgress(p.stderr)
	t, err := c.reach(p, show, c.Seed)
	if err != nil {
		return err
	}
	defer t.close()
	s := &loadSearch{loadgenSearchCmd: c, p: p, target: t, show: show}
	cfg := c.config()
	if err := errors.Join(c.checkLevels(t.fleet.Slots), c.checkDemands(t.fleet.Largest(), t.fleet.Has())); err != nil {
		return usage(err)
	}
	debug.SetGCPercent(400) // as for a run
	began := time.Now()
	ctx, cancel := context.WithTimeout(p.ctx, c.MaxTime)
	defer cancel()
	found, err := objective.Search(ctx, cfg, s.probe)
	show.clear()
	if err != nil {
		return given(p.ctx, err)
	}
	if found.End == objective.EndTime && p.ctx.Err() != nil {
		found.End = endInterrupted
	}
	r := s.result(found)
	r.WallS = time.Since(began).Seconds()
	if err := c.print(p.stdout, r, func(w *tabwriter.Writer) { searchTable(w, r) }); err != nil {
		return err
	}
	if p.ctx.Err() != nil {
		return interrupted()
	}
	return nil
}

// settle fills in what depends on other flags, and refuses what does not fit.
func (c *loadgenSearchCmd) settle() error {
	if err := c.checkFleet(); err != nil {
		return err
	}
	errorsNamed := false
	for _, slo := range c.SLO {
		if slo.Relative() {
			return usagef("--slo %s: there is nothing that it could be a multiple of", slo)
		}
		errorsNamed = errorsNamed || slo.Metric.Name == "errors" || slo.Metric.Name == "failed_tasks"
	}
	if !errorsNamed {
		few, err := objective.Parse("errors<=0.1%")
		if err != nil {
			return err
		}
		c.SLO = append(c.SLO, few)
	}
	c.settleLevels()
	switch {
	case c.From.rate != c.To.rate:
		return usagef("--from %s, --to %s: want both as loads or both as rates", c.From, c.To)
	case c.From.value > c.To.value:
		return usagef("--from %s, --to %s: want the lower one first", c.From, c.To)
	case c.Duration <= 0 || c.Warmup < 0 || c.Warmup >= c.Duration:
		return usagef("--warmup %v, --duration %v: want 0s or more, and less than the duration", c.Warmup, c.Duration)
	case c.LeastJobs < 1:
		return usagef("--least-jobs: want 1 or more, got %d", c.LeastJobs)
	case c.MaxTime <= 0:
		return usagef("--max-time: want more than 0s, got %v", c.MaxTime)
	case c.Timeout <= 0:
		return usagef("--timeout: want more than 0s, got %v", c.Timeout)
	case c.MaxInFlight < 1:
		return usagef("--max-in-flight: want at least 1, got %d", c.MaxInFlight)
	case !task.ValidApp(c.App):
		return usagef("--app: want 1 to %d characters of a-z 0-9 . _ -, got %.80q", task.MaxNameLen, c.App)
	case c.ProbeRatio == 0:
		return usagef("--probe-ratio: want 1 to 16, got 0")
	}
	if err := c.flags().checkCache(); err != nil {
		return err
	}
	cfg := c.config()
	if err := errors.Join(cfg.Validate(), c.checkLevels(1), c.checkDemands(c.planned(c.Seed))); err != nil { // on a fleet of any size
		return usage(err)
	}
	return c.settlePayload()
}

// settleLevels sets the ends of the search that no flag gives.
func (c *loadgenSearchCmd) settleLevels() {
	rate := c.App != loadgen.SleepApp
	if c.From.value > 0 || c.To.value > 0 {
		rate = c.From.rate || c.To.rate
	}
	from, to := level{0.4, false}, level{1, false}
	if rate {
		from, to = level{100, true}, level{1e6, true}
	}
	if c.To.value == 0 {
		c.To = to
		c.To.value = max(c.To.value, c.From.value)
	}
	if c.From.value == 0 {
		c.From = from
		c.From.value = min(c.From.value, c.To.value)
	}
}

// config bounds the search.
func (c *loadgenSearchCmd) config() objective.SearchConfig {
	return objective.SearchConfig{
		Start: c.From.value, Least: c.From.value / 16, Most: c.To.value, Precision: c.Precision, Votes: c.Votes, MaxProbes: c.MaxProbes,
	}
}

// spec is the workload at a level, on a fleet of so many slots.
func (c *loadgenSearchCmd) spec(v float64, slots int) workload.Spec {
	spec := workload.Spec{Tasks: c.Tasks, Service: c.Service, Arrival: c.Arrival, Slots: slots, Width: c.TaskSlots, Users: c.Users, Priorities: c.Priority, Deadlines: c.Deadlines, Needs: c.Need, Keys: c.Keys, Estimates: c.Estimates, Seed: c.Seed}
	if c.From.rate {
		spec.Rate = v
	} else {
		spec.Load = v
	}
	return spec
}

// flags are those that loadgen run has too.
func (c *loadgenSearchCmd) flags() *workloadFlags {
	return &workloadFlags{jobFlags: c.jobFlags, TimeScale: 1}
}

// checkLevels holds the ends of the search against what can be generated.
func (c *loadgenSearchCmd) checkLevels(slots int) error {
	for _, v := range []float64{c.config().Least, c.To.value} {
		spec := c.spec(v, slots)
		if err := spec.Validate(); err != nil {
			return usage(err)
		}
	}
	return nil
}

// checkDemands holds what jobs ask of workers against what these have; most is how many slots the largest has.
func (c *loadgenSearchCmd) checkDemands(most int, nodes []workload.Node) error {
	spec, wishes := c.spec(c.To.value, 1), c.wishes(c.Seed)
	return errors.Join(spec.Fits(cmp.Or(most, workload.MaxWidth), nodes), wishes.Validate(nodes))
}

// settlePayload reads the payload, and has the run's own check look at what it is of.
func (c *loadgenSearchCmd) settlePayload() error {
	c.payload = []byte(c.Payload)
	if name, isFile := strings.CutPrefix(c.Payload, "@"); isFile {
		var err error
		if c.payload, err = os.ReadFile(name); err != nil { //nolint:gosec // the user names it
			return fmt.Errorf("--payload: %w", err)
		}
	}
	var cfg loadgen.Config
	c.apply(&cfg)
	return usage(cfg.Validate())
}

// apply sets what the flags say of a run.
func (c *loadgenSearchCmd) apply(cfg *loadgen.Config) {
	cfg.App, cfg.Payload, cfg.ProbeRatio, cfg.Timeout, cfg.MaxInFlight = c.App, c.payload, c.ProbeRatio, c.Timeout, c.MaxInFlight
	cfg.Cache, cfg.NoAffinity = c.flags().cache(), !c.Affinity
}

// loadSearch is a search under way.
type loadSearch struct {
	*loadgenSearchCmd

	p      *process
	target *target
	show   *progress
	probes []searchProbe
}

// probe runs the load at a level, once.
func (s *loadSearch) probe(ctx context.Context, v float64, n int) (objective.Reading, error) {
	spec := s.spec(v, s.target.fleet.Slots)
	spec.Seed += uint64(n)
	rate, load := spec.JobRate(), spec.OfferedLoad()
	length := max(s.Duration, s.Warmup+time.Duration(float64(s.LeastJobs)/rate*float64(time.Second)))
	source, err := workload.Generate(spec, workload.Window{Duration: length, Warmup: workload.Warmup{Time: s.Warmup}, TimeScale: 1})
	if err == nil {
		err = source.Wish(s.wishes(spec.Seed), s.target.fleet.Has())
	}
	if err != nil {
		return 0, err
	}
	cfg := s.target.config(s.p)
	s.apply(&cfg)
	cfg.Plan = loadgen.Plan{Workload: s.workload(), Seed: spec.Seed, Load: load, Length: length}
	cfg.Repeat, cfg.Repeats = n+1, s.MaxProbes
	cfg.Progress = func(g loadgen.Progress) {
		s.show.show("run %d at %s: %v of %v, %d in flight, p99 %s", n+1, level{v, s.From.rate}, g.Elapsed.Round(time.Second), length.Round(time.Second), g.InFlight, duration(g.P99))
	}
	r, err := loadgen.Run(ctx, cfg, source)
	var behind *loadgen.BehindError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil && !errors.As(err, &behind):
		return 0, err
	}
	reading, checks, err := objective.Read(s.SLO, r)
	if err != nil {
		return 0, err
	}
	s.probes = append(s.probes, searchProbe{
		Rate: rate, Load: load, Seed: spec.Seed, Reading: readingText(reading), Checks: checks, Invalid: r.Invalid, Jobs: r.Jobs, Errors: objective.Errors(r),
		ResponseMS: r.ResponseMS, LagMS: r.LagMS, Utilization: r.Utilization,
	})
	return reading, nil
}

func (s *loadSearch) workload() string {
	return s.flags().describe()
}

func readingText(r objective.Reading) string {
	switch r {
	case objective.Holds, objective.Clear:
		return objective.VerdictHolds
	case objective.Broken:
		return objective.VerdictBroken
	case objective.Unusable:
	}
	return objective.VerdictGenerator
}
