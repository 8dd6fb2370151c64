package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"dunnock/loadgen/workload"
	"dunnock/sim"
)

// simCmd simulates fleets.
type simCmd struct {
	Run     simRunCmd     `cmd:"" help:"Simulate one fleet under one policy."`
	Sweep   simSweepCmd   `cmd:"" help:"Simulate every combination of values, and plot what they show."`
	Compare simCompareCmd `cmd:"" help:"Say whether two results differ by more than chance."`
	Check   simCheckCmd   `cmd:"" help:"Hold the simulator against closed forms, or the fleet's code against faults."`
}

type simRunCmd struct {
	workloadFlags   `embed:""`
	disciplineFlags `embed:"" group:"discipline"`
	stockFlags      `embed:""`
	simFaultFlags   `embed:"" prefix:"fault-" group:"faults"`

	Policy       string        `help:"How tasks are placed: ideal, random, per-task, batch, late-binding, late-binding-nocancel, idle-offer or central." default:"late-binding" placeholder:"NAME"`
	Workers      int           `help:"Workers, up to 1,048,576." default:"1000" placeholder:"N"`
	Slots        int           `help:"Tasks that a worker runs at a time, 1 to 4096." default:"4" placeholder:"N"`
	Schedulers   int           `help:"Schedulers, 1 to 4096." default:"10" placeholder:"N"`
	ProbeRatio   float64       `help:"Reservations or probes per task, 1 to 16." default:"2" placeholder:"D"`
	NetDelay     time.Duration `help:"What a message between scheduler and worker takes, one way." default:"500us" placeholder:"DURATION"`
	ClientDelay  time.Duration `help:"What a message between client and scheduler takes, one way." default:"0s" placeholder:"DURATION"`
	TaskOverhead time.Duration `help:"What a task occupies its slot for beyond its service time." default:"0s" placeholder:"DURATION"`
	Decision     time.Duration `help:"What policy central needs for each task." default:"1ms" placeholder:"DURATION"`
	AffinityWait time.Duration `help:"How long tasks with a key wait for the workers that it has chosen before any other will do; below 0: no time (default: the fleet's, 20ms)." placeholder:"DURATION"`
	JobDeadline  time.Duration `help:"From arrival, at most 24h." default:"24h" placeholder:"DURATION"`
	MaxAttempts  int           `help:"Times a task may start, 1 to 100; it takes faults to need a second." default:"3" placeholder:"N"`
	Check        bool          `help:"Have every core check its invariants after every step; slow (default: no)."`
	JSON         bool          `help:"Print one JSON object (default: a table)."`
}

// simFaultFlags say what goes wrong.
type simFaultFlags struct {
	Drop           float64       `help:"Probability that a message takes its connection with it, and what was bound over that." default:"0" placeholder:"P"`
	Delay          float64       `help:"Probability that a message is late, and what follows it." default:"0" placeholder:"P"`
	Duplicate      float64       `help:"Probability that a message comes twice, which TCP does not do." default:"0" placeholder:"P"`
	Reorder        float64       `help:"Probability that a message is overtaken, which TCP does not do." default:"0" placeholder:"P"`
	ExtraDelay     time.Duration `help:"The most that a message is late." default:"10ms" placeholder:"DURATION"`
	Partition      time.Duration `help:"Mean time between partitions; 0s: never." default:"0s" placeholder:"DURATION"`
	WorkerCrash    time.Duration `help:"Mean time between crashes of workers; 0s: never." default:"0s" placeholder:"DURATION"`
	SchedulerCrash time.Duration `help:"Mean time between crashes of schedulers; 0s: never." default:"0s" placeholder:"DURATION"`
	Outage         time.Duration `help:"Mean length of partitions and of a crashed node's absence." default:"1s" placeholder:"DURATION"`
	Lease          time.Duration `help:"Silence after which a connection is given up." default:"1500ms" placeholder:"DURATION"`
	Redial         time.Duration `help:"Least time before a lost connection is dialled again." default:"10ms" placeholder:"DURATION"`
	Until          time.Duration `help:"When things stop going wrong; 0s: never." default:"0s" placeholder:"DURATION"`
}

// Help is shown above the flags.
func (*simRunCmd) Help() string {
	return `A discrete-event simulation of the fleet: late-binding and its kin run the very code of its schedulers and workers, the others are models beside them. The same flags and seed give the same digest on every machine, and the same jobs under every policy.

With --fault-… things go wrong at random, and the report says what that costs in response and messages. Connections and clients are simpler than a fleet's: what was bound over a connection that is lost is run again, where a fleet would carry it on, so that its cost is an upper bound. Whether promises are kept is another question, for which there is another command: dunnock sim check --faults.

Examples:

    dunnock sim run --workers 10000 --tasks 100 --load 0.9 --jobs 20000 --warmup 3000
    dunnock sim run --policy ideal --service const:100ms --tasks 10 --load 0.95 --json | jq .response_ms
    dunnock sim run --workload trace.gz --workers 15000 --slots 1
    dunnock sim run --policy per-task --label gpu=0.2 --require-tasks gpu=0.1 --load 0.8
    dunnock sim run --discipline fair --slots 20 --resource cpu=9 --resource memory=18 --tasks 10 --rate 40000 --duration 3s --users ann:1,bob:1 --need ann:cpu=1,memory=4 --need bob:cpu=3,memory=1
    dunnock sim run --discipline fair --tasks 10 --load 1.5 --users quiet:0.25,flood:1.25
    dunnock sim run --workers 50 --jobs 500 --load 0.6 --check --fault-drop 0.001 --fault-worker-crash 1s`
}

// Run simulates and prints what it showed.
func (c *simRunCmd) Run(p *process, ctx *kong.Context) error {
	if err := c.settle(givenFlags(ctx)); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	cfg := c.config()
	fleet, err := c.fleetOf(c.Seed)
	if err != nil {
		return err
	}
	if cfg.Workers <= sim.MaxWorkers {
		cfg.Nodes = fleet.Nodes(cfg.Workers)
	}
	spec, wishes := c.spec(1), c.wishes(c.Seed)
	asks := spec.Asks(&wishes)
	if err := errors.Join(cfg.Validate(), cfg.Models(&asks)); err != nil {
		return usage(err)
	}
	type outcome struct {
		result *sim.Result
		err    error
	}
	ended := make(chan outcome, 1)
	go func() { // its own, since nothing interrupts who waits for a pipe; it ends with the process
		r, err := c.simulate(p, cfg)
		ended <- outcome{r, err}
	}()
	select {
	case <-p.ctx.Done():
		return interrupted()
	case o := <-ended:
		switch {
		case p.ctx.Err() != nil:
			return interrupted()
		case o.err != nil:
			return o.err
		case c.JSON:
			return writeJSON(p.stdout, o.result)
		}
		w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		simTable(w, o.result)
		return w.Flush()
	}
}

// simulate runs the jobs.
func (c *simRunCmd) simulate(p *process, cfg sim.Config) (*sim.Result, error) {
	source, load, closeSource, err := c.open(p, cfg.Workers*cfg.Slots, cfg.Slots, known(cfg.Nodes))
	if err != nil {
		return nil, err
	}
	defer closeSource()
	cfg.Load = load
	r, err := sim.Run(p.ctx, cfg, source)
	if input, ok := errors.AsType[*workload.InputError](err); ok {
		return nil, fmt.Errorf("%s: %w", c.Workload, input)
	}
	return r, err
}

// known is what workers have where that is known: a fleet without anything is not one of which nothing is known.
func known(nodes []workload.Node) []workload.Node {
	if nodes == nil {
		return []workload.Node{}
	}
	return nodes
}

// settle refuses what would quietly be something else: zeros that stand for a default.
func (c *simRunCmd) settle(given map[string]bool) error {
	for _, f := range []struct {
		name string
		zero bool
	}{
		{"workers", c.Workers == 0},
		{"slots", c.Slots == 0},
		{"schedulers", c.Schedulers == 0},
		{"probe-ratio", c.ProbeRatio == 0},
		{"job-deadline", c.JobDeadline == 0},
		{"max-attempts", c.MaxAttempts == 0},
		{"fault-extra-delay", c.ExtraDelay == 0},
		{"fault-outage", c.Outage == 0},
		{"fault-lease", c.Lease == 0},
		{"fault-redial", c.Redial == 0},
	} {
		if f.zero {
			return usagef("--%s: want more than 0", f.name)
		}
	}
	if c.Policy == "" {
		return usagef("--policy: want one of %s, got nothing", strings.Join(sim.Policies(), ", "))
	}
	return c.workloadFlags.settle(given)
}

// givenFlags returns the names of the flags that the command line, the environment or a file sets.
func givenFlags(ctx *kong.Context) map[string]bool {
	names := make(map[string]bool)
	for _, path := range ctx.Path {
		if path.Flag != nil {
			names[path.Flag.Name] = true
		}
	}
	for _, flag := range ctx.Flags() {
		for _, env := range flag.Envs {
			if _, ok := os.LookupEnv(env); ok {
				names[flag.Name] = true
			}
		}
	}
	return names
}

func (c *simRunCmd) config() sim.Config {
	f := &c.simFaultFlags
	sharing, _ := c.queue() // check has looked
	return sim.Config{
		Policy: c.Policy, Workers: c.Workers, Slots: c.Slots, Schedulers: c.Schedulers, ProbeRatio: c.ProbeRatio,
		NetDelay: c.NetDelay, ClientDelay: c.ClientDelay, TaskOverhead: c.TaskOverhead, Decision: c.Decision,
		Deadline: c.JobDeadline, MaxAttempts: c.MaxAttempts, Seed: c.Seed, Check: c.Check, Sharing: sharing,
		Cache: c.cache(), NoAffinity: !c.Affinity, AffinityWait: c.AffinityWait,
		Faults: sim.Faults{
			Drop: f.Drop, Delay: f.Delay, Duplicate: f.Duplicate, Reorder: f.Reorder, ExtraDelay: f.ExtraDelay,
			PartitionEvery: f.Partition, WorkerCrashEvery: f.WorkerCrash, SchedulerCrashEvery: f.SchedulerCrash,
			Outage: f.Outage, Lease: f.Lease, Redial: f.Redial, Until: f.Until,
		},
	}
}

// simTable prints a result for people.
func simTable(w *tabwriter.Writer, r *sim.Result) {
	row(w, "policy", r.Policy)
	if r.Discipline != "" {
		row(w, "discipline", r.Discipline)
	}
	row(w, "fleet", fmt.Sprintf("%s × %d slots, %s", count(r.Workers, "worker"), r.Slots, count(r.Schedulers, "scheduler")))
	row(w, "work", fmt.Sprintf("%s, %s, load %.3g, seed %d", count(int(r.Jobs), "job"), count(int(r.Tasks), "task"), r.Load, r.Seed))
	a, b := &r.ResponseMS, &r.WaitMS
	row(w, "response", fmt.Sprintf("mean %.4g ms (%.4g to %.4g), p50 %.4g, p90 %.4g, p95 %.4g, p99 %.4g, p99.9 %.4g, max %.4g",
		a.Mean, a.CI95[0], a.CI95[1], a.P50, a.P90, a.P95, a.P99, a.P999, a.Max))
	row(w, "wait", fmt.Sprintf("mean %.4g ms, p50 %.4g, p95 %.4g, p99 %.4g, p99.9 %.4g", b.Mean, b.P50, b.P95, b.P99, b.P999))
	for _, name := range slices.Sorted(maps.Keys(r.Users)) {
		u := r.Users[name]
		row(w, "user "+printable(name), fmt.Sprintf("%s: response mean %.4g ms (%.4g to %.4g), p50 %.4g, p95 %.4g, p99 %.4g; wait mean %.4g",
			count(int(u.Jobs), "job"), u.ResponseMS.Mean, u.ResponseMS.CI95[0], u.ResponseMS.CI95[1], u.ResponseMS.P50, u.ResponseMS.P95, u.ResponseMS.P99, u.WaitMS.Mean)+sharesText(u.Shares))
	}
	if a := r.Affinity; a != nil {
		row(w, "affinity", affinityText(a))
	}
	row(w, "messages", fmt.Sprintf("%.3g per task", r.MessagesPerTask))
	row(w, "utilisation", fmt.Sprintf("%.4g", r.Utilization))
	if r.FailedTasks > 0 {
		row(w, "failed", fmt.Sprintf("%s of %s", count(int(r.FailedTasks), "task"), count(int(r.FailedJobs), "job")))
	}
	row(w, "simulated in", fmt.Sprintf("%s: %s tasks/s, %s, %s resident",
		duration(time.Duration(r.WallS*float64(time.Second))), thousands(int64(r.TasksPerS)), count(int(r.Events), "event"), size(r.RSSBytes)))
	row(w, "digest", r.Digest)
}

// sharesText says how much of the fleet a user had; nothing where workers have no resources.
func sharesText(shares map[string]float64) string {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(shares)) {
		b.WriteString([]string{"; of ", ", of "}[min(i, 1)] + name + fmt.Sprintf(" %.3g", shares[name]))
	}
	return b.String()
}

// affinityText says what became of tasks with keys.
func affinityText(a *sim.Affinity) string {
	text := "keys are not told"
	if a.Told {
		text = fmt.Sprintf("%.4g of the tasks where their keys have chosen, %.4g spilled over", a.NearRate, a.SpillRate)
	}
	if a.Cache > 0 {
		text += fmt.Sprintf("; caches of %s, %.4g hit", count(a.Cache, "key"), a.HitRate)
	}
	return text
}

type simCheckCmd struct {
	formatFlag `embed:""`

	Seed   uint64  `help:"Of all randomness; with --faults the first of the seeds." default:"1" placeholder:"N"`
	Scale  float64 `help:"Multiplies how much is simulated, 0.01 to 100; intervals shrink with its root." default:"1" placeholder:"X"`
	Faults bool    `help:"Break fleets instead, one for each seed, and check what they promise (default: no)."`
	Seeds  int     `help:"With --faults: how many seeds." default:"1000" placeholder:"N"`
	Trace  bool    `help:"With --faults --seeds 1: print what happens (default: no)."`
	Policy string  `help:"With --faults: of all fleets: late-binding, late-binding-nocancel or idle-offer (default: of each its own, by its seed)." placeholder:"NAME"`
}

// Help is shown above the flags.
func (*simCheckCmd) Help() string {
	return `Waits of M/M/1 and M/M/c (Erlang C), queue lengths under the power of d choices (Mitzenmacher), utilisation, Little's law, and the conservation of tasks: each line has the theory, what was measured, and the 99.9 % confidence interval that the theory must lie in. The exit code is 1 if one does not.

With --faults each seed is a fleet of its own that runs the code of clients, schedulers and workers: connections are lost and go silent, processes die, stop and come back, gossip lies, nodes drain. Every other fleet makes idle offers, its schedulers connected with each other. Then all is well, and the fleet has to come to rest with one outcome for every task, and nothing started twice without a reason. A seed that breaks a promise is printed with the command that runs it again, and the exit code is 1.

Examples:

    dunnock sim check
    dunnock sim check --scale 10 --seed 7 --format json
    dunnock sim check --faults --seeds 10000
    dunnock sim check --faults --seeds 10000 --policy idle-offer
    dunnock sim check --faults --seed 4711 --seeds 1 --trace`
}

// Run checks and prints every line.
func (c *simCheckCmd) Run(p *process, ctx *kong.Context) error {
	given := givenFlags(ctx)
	if c.Faults {
		if given["scale"] {
			return usagef("--scale is for checks against closed forms: --faults has --seeds")
		}
		return c.storm(p)
	}
	for _, name := range []string{"seeds", "trace", "policy"} {
		if given[name] {
			return usagef("--%s has no place without --faults", name)
		}
	}
	if c.Scale == 0 {
		return usagef("--scale: want 0.01 to 100, got 0")
	}
	lines, err := sim.Check(p.ctx, sim.CheckConfig{Seed: c.Seed, Scale: c.Scale})
	if p.ctx.Err() != nil {
		return interrupted()
	}
	if err != nil {
		return usage(err)
	}
	return c.judge(p, lines)
}

// judge prints the lines. The error is that one lies outside.
func (c *simCheckCmd) judge(p *process, lines []sim.CheckLine) error {
	outside := 0
	for _, l := range lines {
		if !l.OK {
			outside++
		}
	}
	if err := c.print(p.stdout, lines, func(w *tabwriter.Writer) {
		row(w, "WHAT", "THEORY", "MEASURED", "INTERVAL", "UNIT", "")
		for _, l := range lines {
			verdict := "ok"
			if !l.OK {
				verdict = "OUTSIDE"
			}
			row(w, l.Name, fmt.Sprintf("%.6g", l.Theory), fmt.Sprintf("%.6g", l.Measured), fmt.Sprintf("%.6g to %.6g", l.Low, l.High), l.Unit, verdict)
		}
	}); err != nil {
		return err
	}
	if outside > 0 {
		return fmt.Errorf("%s of %d outside their interval", count(outside, "line"), len(lines))
	}
	return nil
}
