package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"dunnock/sim/sweep"
)

type simSweepCmd struct {
	File string `arg:"" optional:"" help:"TOML file with values for the flags below; a flag replaces what the file says."`

	sweepFleetFlags    `embed:""`
	sweepWorkloadFlags `embed:""`
	sweepSharingFlags  `embed:"" group:"discipline"`
	sweepDemandFlags   `embed:""`
	sweepFaultFlags    `embed:"" prefix:"fault-" group:"faults"`

	Seeds    *int    `help:"Runs of each combination, each with a seed of its own, 1 to 10000; intervals need at least 2 (default: 1)." placeholder:"N"`
	Seed     *uint64 `help:"The first seed, from 1 up (default: 1)." placeholder:"N"`
	X        string  `help:"What plots are drawn along (default: load if it has several values, else the first number that has)." placeholder:"NAME"`
	Series   string  `help:"What tells curves apart (default: policy if it has several values)." placeholder:"NAME"`
	Title    string  `help:"Shown above the results (default: none)." placeholder:"TEXT"`
	Out      string  `help:"Directory for results, and for what it takes to go on after an interruption (default: the file's name without .toml, or sweep)." placeholder:"DIR"`
	Parallel int     `help:"Simulations at a time; 0: one a core." default:"0" placeholder:"N"`
}

// axisFlag is a flag with any number of values: given several times, as a list between commas, or as a range
// first:last:step.
type axisFlag struct{ values []string }

// Decode takes a value from the command line, the environment or a TOML file.
func (f *axisFlag) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("value")
	if err != nil {
		return err
	}
	values, ok := axisValues(token.Value)
	if !ok {
		return fmt.Errorf("want a value or a list of values, got %s", describeAxis(token.Value))
	}
	f.values = append(f.values, values...)
	return nil
}

// axisValues returns the values of a string, a number or a list of them, as TOML has it.
func axisValues(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case int64:
		return []string{strconv.FormatInt(v, 10)}, true
	case float64:
		return []string{strconv.FormatFloat(v, 'g', -1, 64)}, true
	case []any:
		var all []string
		for _, e := range v {
			values, ok := axisValues(e)
			if _, nested := e.([]any); !ok || nested {
				return nil, false
			}
			all = append(all, values...)
		}
		return all, len(all) > 0
	}
	return nil, false
}

// describeAxis says what was given that has no values.
func describeAxis(v any) string {
	list, ok := v.([]any)
	switch {
	case !ok:
		return describeTOML(v)
	case len(list) == 0:
		return "an empty list"
	}
	return "a list with something else in it"
}

// The flags of `sim run`, each with any number of values. Their defaults are those of package sweep, and theirs those
// of `sim run`.
type sweepFleetFlags struct {
	Policy       axisFlag `help:"How tasks are placed: ideal, random, per-task, batch, late-binding, idle-offer … (default: late-binding)." placeholder:"NAME,…"`
	Workers      axisFlag `help:"Workers (default: 1000)." placeholder:"N,…"`
	Slots        axisFlag `help:"Tasks that a worker runs at a time (default: 4)." placeholder:"N,…"`
	Schedulers   axisFlag `help:"Schedulers (default: 10)." placeholder:"N,…"`
	ProbeRatio   axisFlag `help:"Reservations or probes per task (default: 2)." placeholder:"D,…"`
	NetDelay     axisFlag `help:"What a message between scheduler and worker takes, one way (default: 500us)." placeholder:"DURATION,…"`
	ClientDelay  axisFlag `help:"What a message between client and scheduler takes, one way (default: 0s)." placeholder:"DURATION,…"`
	TaskOverhead axisFlag `help:"What a task occupies its slot for beyond its service time (default: 0s)." placeholder:"DURATION,…"`
	Decision     axisFlag `help:"What policy central needs for each task (default: 1ms)." placeholder:"DURATION,…"`
	JobDeadline  axisFlag `help:"From arrival (default: 24h)." placeholder:"DURATION,…"`
	MaxAttempts  axisFlag `help:"Times a task may start (default: 3)." placeholder:"N,…"`
}

type sweepWorkloadFlags struct {
	Tasks     axisFlag `help:"Tasks of a job (default: 100)." placeholder:"FORM,…"`
	Service   axisFlag `help:"Service times (default: exp:100ms)." placeholder:"FORM,…"`
	Arrival   axisFlag `help:"Arrivals (default: poisson)." placeholder:"FORM,…"`
	Load      axisFlag `help:"Fraction of all slots that the jobs keep busy (default: 0.9, unless there is a rate or a workload)." placeholder:"FRACTION,…"`
	Rate      axisFlag `help:"Jobs per second, instead of --load." placeholder:"N,…"`
	Workload  axisFlag `help:"File of jobs instead of all that, as for sim run; several with several flags." placeholder:"FILE"`
	TimeScale axisFlag `help:"Multiplies arrivals and service times (default: 1)." placeholder:"X,…"`
	Jobs      axisFlag `help:"Jobs of a run, the warm-up included (default: 4000, unless there is a duration or a workload)." placeholder:"N,…"`
	Duration  axisFlag `help:"Ends arrivals after so long (default: never)." placeholder:"DURATION,…"`
	Warmup    axisFlag `help:"What statistics leave out at the beginning: a number of jobs, or a time (default: 0)." placeholder:"N,…"`
	TaskSlots axisFlag `help:"Slots of its worker that each task of a job takes (default: 1)." placeholder:"FORM,…"`
	Keys      axisFlag `help:"Affinity keys of the tasks, as for sim run (default: none)." placeholder:"FORM,…"`
	Cache     axisFlag `help:"Keys of which workers keep what they stand for (default: no such thing)." placeholder:"N,…"`
	MissCost  axisFlag `help:"With --cache: how many times as long a task takes whose key is not there (default: 5)." placeholder:"X,…"`
	Estimates axisFlag `help:"What jobs say that their tasks take, as for sim run (default: none)." placeholder:"FORM,…"`
	Affinity  axisFlag `help:"Tell the schedulers the tasks' keys: true, false or both (default: true)." placeholder:"BOOL,…"`
}

// What `sim run` takes several times is here one value with semicolons.
type sweepSharingFlags struct {
	Users           axisFlag `help:"Whose the jobs are, and their shares, as for sim run; several with several flags (default: nobody's)." placeholder:"FORM"`
	Priority        axisFlag `help:"Priorities of users' jobs, as for sim run; several with several flags (default: 0)." placeholder:"FORM"`
	Deadlines       axisFlag `help:"What each job has until its deadline, one draw for each (default: as much as all others)." placeholder:"FORM,…"`
	Discipline      axisFlag `help:"Whose turn it is in a worker's queue: fifo, priority, fair, edf or srpt (default: fifo)." placeholder:"NAME,…"`
	Weight          axisFlag `help:"With fair: weights of users: ann=3;bob=1 (default: 1 each)." placeholder:"PATH=N;…,…"`
	Ageing          axisFlag `help:"With priority: the wait that is worth one priority more (default: 0s)." placeholder:"DURATION,…"`
	StarvationBound axisFlag `help:"With srpt: how long a reservation may wait before it is served next (default: 1s)." placeholder:"DURATION,…"`
	AffinityWait    axisFlag `help:"How long tasks with a key wait for the workers that it has chosen (default: 20ms)." placeholder:"DURATION,…"`
}

type sweepDemandFlags struct {
	Label        axisFlag `help:"Labels of workers, each with the share that has it: gpu=0.1 or gpu=0.1;ssd=0.5 (default: none)." placeholder:"LABEL=SHARE;…,…"`
	Resource     axisFlag `help:"What workers have beside slots: gpu=2@0.25 or cpu=8;memory=16 (default: nothing)." placeholder:"NAME=N[@SHARE];…,…"`
	Zones        axisFlag `help:"Zones that workers are in (default: none)." placeholder:"N,…"`
	Need         axisFlag `help:"What tasks take: gpu=1@0.1;cpu=2,memory=4@0.9; several with several flags (default: a slot)." placeholder:"[USER:]NAME=N,…[@SHARE];…"`
	RequireJobs  axisFlag `help:"Labels and the shares of the jobs that require them (default: none)." placeholder:"LABEL=SHARE;…,…"`
	RequireTasks axisFlag `help:"Labels and the shares of the tasks that require them (default: none)." placeholder:"LABEL=SHARE;…,…"`
	PreferJobs   axisFlag `help:"Labels and the shares of the jobs that prefer them (default: none)." placeholder:"LABEL=SHARE;…,…"`
	PreferTasks  axisFlag `help:"Labels and the shares of the tasks that prefer them (default: none)." placeholder:"LABEL=SHARE;…,…"`
	ExcludeJobs  axisFlag `help:"Labels and the shares of the jobs that exclude them (default: none)." placeholder:"LABEL=SHARE;…,…"`
	ExcludeTasks axisFlag `help:"Labels and the shares of the tasks that exclude them (default: none)." placeholder:"LABEL=SHARE;…,…"`
	Spread       axisFlag `help:"Key of a label over whose values the tasks of each job are dealt out (default: they are not)." placeholder:"LABEL,…"`
}

type sweepFaultFlags struct {
	Drop           axisFlag `help:"Probability that a message takes its connection with it, and what was bound over that (default: 0)." placeholder:"P,…"`
	Delay          axisFlag `help:"Probability that a message is late, and what follows it (default: 0)." placeholder:"P,…"`
	Duplicate      axisFlag `help:"Probability that a message comes twice, which TCP does not do (default: 0)." placeholder:"P,…"`
	Reorder        axisFlag `help:"Probability that a message is overtaken, which TCP does not do (default: 0)." placeholder:"P,…"`
	ExtraDelay     axisFlag `help:"The most that a message is late (default: 10ms)." placeholder:"DURATION,…"`
	Partition      axisFlag `help:"Mean time between partitions; 0s: never (default: 0s)." placeholder:"DURATION,…"`
	WorkerCrash    axisFlag `help:"Mean time between crashes of workers; 0s: never (default: 0s)." placeholder:"DURATION,…"`
	SchedulerCrash axisFlag `help:"Mean time between crashes of schedulers; 0s: never (default: 0s)." placeholder:"DURATION,…"`
	Outage         axisFlag `help:"Mean length of partitions and of a crashed node's absence (default: 1s)." placeholder:"DURATION,…"`
	Lease          axisFlag `help:"Silence after which a connection is given up (default: 1500ms)." placeholder:"DURATION,…"`
	Redial         axisFlag `help:"Least time before a lost connection is dialled again (default: 10ms)." placeholder:"DURATION,…"`
	Until          axisFlag `help:"When things stop going wrong; 0s: never (default: 0s)." placeholder:"DURATION,…"`
}

// Help is shown above the flags.
func (*simSweepCmd) Help() string {
	return `Runs every combination of the values, with each seed, on all cores: response against load for each policy, with confidence intervals. The flags of 'sim run' take a list (0.5,0.9) or a range with its last value and a step (0.5:0.95:0.05); what 'sim run' takes several times is one value with semicolons (gpu=0.1;ssd=0.5). --stages and --check are for single runs. In the file, keys are the flags' names:

    policy = ["ideal", "late-binding"]
    load = "0.5:0.95:0.05"
    seeds = 5

Results go into a directory: results.csv, results.json (for 'sim compare'), report.html (all charts, no network), plot.svg. After an interruption, or with more values or seeds, the same command simulates only what is missing.

Examples:

    dunnock sim sweep --policy ideal,batch,late-binding --load 0.5:0.95:0.05 --seeds 5 --out curves
    dunnock sim sweep docs/results/sparrow.toml --workers 1000
    dunnock sim sweep --policy per-task,late-binding --label gpu=0.2 --require-tasks gpu=0.05,gpu=0.1,gpu=0.15 --load 0.6:0.9:0.1
    dunnock sim sweep --discipline fifo,fair --users ann:1,bob:3 --load 0.8:1.2:0.1
    dunnock sim sweep --probe-ratio 1:3:0.25 --load 0.8,0.9 --x probe-ratio --series load`
}

// Run runs what is missing and writes the results.
func (c *simSweepCmd) Run(p *process, ctx *kong.Context) error {
	var s sweep.Sweep
	if c.File != "" {
		if err := readSweep(&s, c.File); err != nil {
			return usage(err)
		}
	}
	if err := c.apply(&s, ctx); err != nil {
		return usage(err)
	}
	s.Command = sweepCommand(os.Args)
	cells, err := s.Cells()
	if err != nil {
		if c.File != "" {
			err = fmt.Errorf("%s: %w", c.File, err)
		}
		return usage(err)
	}
	if c.Parallel < 0 {
		return usagef("--parallel: want 0 or more, got %d", c.Parallel)
	}
	dir, err := sweep.OpenDirectory(c.directory())
	if err != nil {
		return err
	}
	return errors.Join(c.sweep(p, &s, cells, dir), dir.Close())
}

// sweep runs what is missing in a directory, and writes the results there.
func (c *simSweepCmd) sweep(p *process, s *sweep.Sweep, cells []sweep.Cell, dir *sweep.Directory) error {
	var last sweep.Progress
	var shown time.Time
	line := newProgress(p.stderr)
	outcomes, err := sweep.Run(p.ctx, cells, dir, sweep.Options{Parallel: c.Parallel, Progress: func(now sweep.Progress) {
		if now.Stale > last.Stale {
			fmt.Fprintf(p.stderr, "%s in %s: of another build of dunnock, which may decide otherwise; simulating anew\n",
				count(now.Stale, "run"), filepath.Join(dir.Path(), sweep.StateFile))
		}
		last = now
		if time.Since(shown) >= progressInterval { // short runs end faster than a terminal scrolls
			shown = time.Now()
			line.show("%s", sweepProgress(&now))
		}
	}})
	line.clear()
	if p.ctx.Err() != nil {
		fmt.Fprintf(p.stderr, "interrupted: %s of %s done and kept in %s; the same command goes on from there\n",
			thousands(int64(last.Done)), count(last.Cells, "run"), filepath.Join(dir.Path(), sweep.StateFile))
		return interrupted()
	}
	if err != nil {
		return err
	}
	report, err := sweep.NewReport(s, cells, outcomes)
	if err != nil {
		return err
	}
	if err := report.Write(dir); err != nil {
		return err
	}
	return c.say(p.stdout, dir.Path(), &last)
}

// say tells what was done.
func (*simSweepCmd) say(w io.Writer, dir string, last *sweep.Progress) error {
	var b strings.Builder
	b.WriteString(count(last.Cells, "run"))
	if last.Found > 0 {
		fmt.Fprintf(&b, ", %s of them from before", thousands(int64(last.Found)))
	}
	fmt.Fprintf(&b, ", in %s\n", duration(last.Elapsed))
	for _, name := range []string{sweep.HTMLFile, sweep.PlotFile, sweep.CSVFile, sweep.JSONFile} {
		fmt.Fprintf(&b, "  %s\n", filepath.Join(dir, name))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func sweepProgress(now *sweep.Progress) string {
	text := fmt.Sprintf("simulating: %s of %s, %.1f %%, %v", thousands(int64(now.Done)), count(now.Cells, "run"), 100*now.Share, now.Elapsed.Round(time.Second))
	if now.Left >= 0 && now.Done < now.Cells {
		text += ", about " + max(now.Left.Round(time.Second), time.Second).String() + " left"
	}
	return text
}

// sweepCommand is what was typed, in a form that a shell takes.
func sweepCommand(args []string) string {
	words := append(make([]string, 0, len(args)), "dunnock")
	for _, arg := range args[1:] {
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

func (c *simSweepCmd) directory() string {
	switch {
	case c.Out != "":
		return c.Out
	case c.File != "":
		if name := strings.TrimSuffix(filepath.Base(c.File), ".toml"); name != "" && name != filepath.Base(c.File) {
			return name
		}
	}
	return "sweep"
}

// apply sets what the flags say.
func (c *simSweepCmd) apply(s *sweep.Sweep, ctx *kong.Context) error {
	for _, flag := range ctx.Flags() {
		axis, ok := reflect.TypeAssert[axisFlag](flag.Target)
		if !ok || len(axis.values) == 0 {
			continue
		}
		if err := s.Set(flag.Name, axis.values...); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	if c.Seeds != nil {
		if s.Seeds = *c.Seeds; s.Seeds < 1 || s.Seeds > sweep.MaxSeeds {
			return fmt.Errorf("--seeds: want 1 to %d, got %d", sweep.MaxSeeds, s.Seeds)
		}
	}
	if c.Seed != nil {
		if s.FirstSeed = *c.Seed; s.FirstSeed == 0 {
			return errors.New("--seed: want 1 or more, got 0")
		}
	}
	s.X, s.Series, s.Title = cmp.Or(c.X, s.X), cmp.Or(c.Series, s.Series), cmp.Or(c.Title, s.Title)
	return nil
}

// maxSweepBytes bounds a sweep file, as positions in it are found by parsing beginnings of it.
const maxSweepBytes = maxConfigBytes

// readSweep reads a sweep file. A fault is one line that begins with file:line.
func readSweep(s *sweep.Sweep, path string) error {
	f, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxSweepBytes+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxSweepBytes:
		return fmt.Errorf("%s is longer than %d bytes", path, maxSweepBytes)
	}
	var table map[string]any
	if err := toml.Unmarshal(text, &table); err != nil {
		return parseFault(path, err)
	}
	for _, name := range sortedKeys(table) {
		if err := setSweep(s, name, table[name]); err != nil {
			return fmt.Errorf("%s:%d: %w", path, lineOf(text, []string{name}), err)
		}
	}
	return nil
}

// setSweep sets one key of a sweep file.
func setSweep(s *sweep.Sweep, name string, v any) error {
	words := map[string]*string{"title": &s.Title, "x": &s.X, "series": &s.Series}
	if target := words[name]; target != nil {
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s: want a string, got %s", name, describeTOML(v))
		}
		*target = text
		return nil
	}
	if name == "seeds" || name == "seed" {
		n, ok := v.(int64)
		switch {
		case !ok || n < 1:
			return fmt.Errorf("%s: want a whole number from 1 up, got %s", name, describeTOML(v))
		case name == "seed":
			s.FirstSeed = uint64(n)
		case n > sweep.MaxSeeds:
			return fmt.Errorf("seeds: want 1 to %d, got %d", sweep.MaxSeeds, n)
		default:
			s.Seeds = int(n)
		}
		return nil
	}
	if !slices.Contains(sweep.Names(), name) {
		return fmt.Errorf("unknown key %q: want title, x, series, seed, seeds or a flag of 'dunnock sim sweep'", name)
	}
	values, ok := axisValues(v)
	if !ok {
		return fmt.Errorf("%s: want a value or a list of values, got %s", name, describeAxis(v))
	}
	return s.Set(name, values...)
}
