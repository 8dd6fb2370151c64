package sim

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"dunnock/loadgen/workload"
)

// CheckLine is one comparison of the simulator with what is known exactly.
type CheckLine struct {
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	Theory   float64 `json:"theory"`
	Measured float64 `json:"measured"`
	Low      float64 `json:"low"`  // the interval that the theory must lie in
	High     float64 `json:"high"` // around what was measured
	OK       bool    `json:"ok"`
}

// CheckConfig says how thoroughly to check.
type CheckConfig struct {
	Seed uint64 // that the seeds of the replications come from
	// Scale multiplies how much is simulated, 0.01 to 100. Intervals shrink with its root. 0 stands for 1, a few
	// seconds.
	Scale float64
}

// replications is how many independent runs each line is measured with.
const replications = 10

// student999 is the 99.95 % quantile of Student's t distribution with 9 degrees of freedom: intervals are of 99.9 %, so
// that one of twenty lines lies outside by chance in one of fifty checks.
const student999 = 4.781

// Check holds the simulator against closed forms: waits of M/M/1 and M/M/c, queue lengths under the power of d choices,
// utilisation, Little's law, and the conservation of tasks. The error says that it could not be done; what does not
// agree is in the lines.
func Check(ctx context.Context, cfg CheckConfig) ([]CheckLine, error) {
	cfg.Scale = cmp.Or(cfg.Scale, 1)
	if math.IsNaN(cfg.Scale) || cfg.Scale < 0.01 || cfg.Scale > 100 {
		return nil, fmt.Errorf("sim: scale: want 0.01 to 100, got %g", cfg.Scale)
	}
	k := checker{ctx: ctx, cfg: cfg}
	for _, part := range []func() error{k.single, k.pool, k.omniscient, k.split, k.choices, k.books} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return k.lines, nil
}

// checker gathers the lines.
type checker struct {
	ctx   context.Context //nolint:containedctx // of one call of Check
	cfg   CheckConfig
	lines []CheckLine
}

// service is the mean service time of all checks, in milliseconds.
const service = 100.0

// experiment is a run whose outcome is known: jobs of one task, whose arrivals are Poisson and services exponential,
// without any network delay.
type experiment struct {
	config Config
	load   float64
	jobs   int
	policy func(*Engine) Policy // nil: that of the config
}

// run does one replication.
func (k *checker) run(x experiment, replication int) (*Engine, *Result, error) {
	cfg := x.config.WithDefaults()
	cfg.Seed = newStream(k.cfg.Seed, labelReplications).at(uint64(replication))
	if err := cfg.Validate(); err != nil {
		return nil, nil, err
	}
	warmup := x.jobs / 5 // whatever the scale, since a fleet takes that long to fill
	jobs := warmup + max(int(float64(x.jobs)*k.cfg.Scale), 1000)
	spec := workload.Spec{Load: x.load, Slots: cfg.Workers * cfg.Slots, Seed: cfg.Seed}
	for field, text := range map[interface{ UnmarshalText(b []byte) error }]string{
		&spec.Tasks: "1", &spec.Service: "exp:100ms", &spec.Arrival: "poisson",
	} {
		if err := field.UnmarshalText([]byte(text)); err != nil {
			return nil, nil, err
		}
	}
	source, err := workload.Generate(spec, workload.Window{Jobs: jobs, Warmup: workload.Warmup{Jobs: warmup}})
	if err != nil {
		return nil, nil, err
	}
	if x.policy == nil {
		x.policy = makers()[cfg.Policy]
	}
	e := newEngine(cfg, source)
	e.policy = x.policy(e)
	started := time.Now()
	if err := e.loop(k.ctx); err != nil {
		return nil, nil, err
	}
	return e, e.result(time.Since(started)), source.Err()
}

// replicate does all replications and returns what each of them measured, one list for each quantity.
func (k *checker) replicate(x experiment, measure func(*Engine, *Result) []float64) ([][]float64, error) {
	var all [][]float64
	for i := range replications {
		e, r, err := k.run(x, i)
		if err != nil {
			return nil, err
		}
		for q, value := range measure(e, r) {
			if q == len(all) {
				all = append(all, nil)
			}
			all[q] = append(all[q], value)
		}
	}
	return all, nil
}

// line compares a theory with replications, whose interval is widened by a bias that is known.
func (k *checker) line(name, unit string, theory float64, values []float64, bias float64) {
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	n := float64(len(values))
	half := student999*math.Sqrt(squares/(n-1)/n) + bias
	k.add(name, unit, theory, mean, half)
}

func (k *checker) add(name, unit string, theory, measured, half float64) {
	k.lines = append(k.lines, CheckLine{
		Name: name, Unit: unit, Theory: theory, Measured: measured, Low: measured - half, High: measured + half,
		OK: math.Abs(theory-measured) <= half,
	})
}

// waits compares the mean wait, the mean response and the utilisation of M/M/c.
func (k *checker) waits(name string, x experiment, c int) error {
	values, err := k.replicate(x, func(_ *Engine, r *Result) []float64 {
		return []float64{r.WaitMS.Mean, r.ResponseMS.Mean, r.Utilization}
	})
	if err != nil {
		return err
	}
	wait := service * waitMMC(c, x.load)
	k.line(name+", wait", "ms", wait, values[0], 0)
	k.line(name+", response", "ms", wait+service, values[1], 0)
	k.line(name+", utilisation", "", x.load, values[2], 0)
	return nil
}

// single is M/M/1: one worker of one slot, with the fleet's own cores.
func (k *checker) single() error {
	return k.waits("M/M/1 at 0.8, late binding on 1×1", experiment{
		config: Config{Policy: "late-binding", Workers: 1, Slots: 1, Schedulers: 1, ProbeRatio: 1}, load: 0.8, jobs: 60_000,
	}, 1)
}

// pool is M/M/c: one worker of many slots is one queue with many servers.
func (k *checker) pool() error {
	return k.waits("M/M/16 at 0.9, late binding on 1×16", experiment{
		config: Config{Policy: "late-binding", Workers: 1, Slots: 16, Schedulers: 3, ProbeRatio: 1}, load: 0.9, jobs: 120_000,
	}, 16)
}

// omniscient is M/M/c as well.
func (k *checker) omniscient() error {
	return k.waits("M/M/40 at 0.95, ideal on 10×4", experiment{
		config: Config{Policy: "ideal", Workers: 10, Slots: 4}, load: 0.95, jobs: 250_000,
	}, 40)
}

// split is a Poisson stream that is split at random, which makes each worker an M/M/1 of its own.
func (k *checker) split() error {
	return k.waits("M/M/1 at 0.7, random on 100×1", experiment{
		config: Config{Policy: "random", Workers: 100, Slots: 1}, load: 0.7, jobs: 200_000,
	}, 1)
}

// observed counts how full the queues are that probes find. Probes go to uniform workers at the times of a Poisson
// process, so what they find is what there is on the average of time (Wolff 1982).
type observed struct {
	*perTask
	found  []uint64 // by length
	probes uint64
}

// Deliver counts and passes on.
func (o *observed) Deliver(e *Engine, m *Message) {
	if m.Kind == MessageProbe && e.tally.counting {
		o.probes++
		for n := o.queues.Len(m.Worker); int64(n) >= int64(len(o.found)); {
			o.found = append(o.found, 0)
		}
		o.found[o.queues.Len(m.Worker)]++
	}
	o.perTask.Deliver(e, m)
}

// atLeast returns the fraction of probes that found at least k.
func (o *observed) atLeast(k int) float64 {
	n := uint64(0)
	for i := k; i < len(o.found); i++ {
		n += o.found[i]
	}
	return float64(n) / float64(o.probes)
}

// choices is the power of d choices. The theory is that of an infinite fleet; one of n workers is off by something in
// proportion to 1/n, for which 2/n is granted.
func (k *checker) choices() error {
	const workers, bias = 2000, 2.0 / 2000
	for _, c := range []struct {
		d    int
		load float64
	}{{2, 0.9}, {3, 0.9}} {
		values, err := k.replicate(experiment{
			config: Config{Policy: "per-task", Workers: workers, Slots: 1, ProbeRatio: float64(c.d)}, load: c.load, jobs: 250_000,
			policy: func(e *Engine) Policy { return &observed{perTask: newPerTask(e).(*perTask)} },
		}, func(e *Engine, r *Result) []float64 {
			o := e.policy.(*observed)
			return []float64{r.ResponseMS.Mean, o.atLeast(1), o.atLeast(2), o.atLeast(3), o.atLeast(4)}
		})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("power of %d at %g, per-task on %d×1", c.d, c.load, workers)
		k.line(name+", response", "ms", service*responseOfD(c.d, c.load), values[0], service*bias)
		for n := 1; n < len(values); n++ {
			k.line(fmt.Sprintf("%s, queues ≥ %d", name, n), "", tailOfD(c.d, n, c.load), values[n], bias)
		}
	}
	return nil
}

// books is what holds exactly in each run: Little's law over a run that begins and ends empty, and the conservation of
// tasks.
func (k *checker) books() error {
	for _, policy := range Policies() {
		e, r, err := k.run(experiment{config: Config{Policy: policy, Workers: 100, Slots: 4}, load: 0.9, jobs: 50_000}, 0)
		if err != nil {
			return err
		}
		span := float64(e.now)
		lambda, sojourn := float64(r.Jobs)/span, e.tally.sojourn.float()/float64(r.Jobs)
		k.add("Little's law, "+policy, "jobs", lambda*sojourn, e.tally.liveArea.float()/span, 1e-9*lambda*sojourn)
		k.add("tasks that ended of those that came, "+policy, "tasks", float64(r.Tasks), float64(e.tally.ended-e.tally.failed), 0)
		k.add("slots busy at the end, "+policy, "slots", 0, float64(e.tally.busy), 0)
		if c, ok := e.policy.(*cores); ok {
			launches := uint64(0)
			for i := range c.workers {
				launches += c.workers[i].core.Stats().Launches
			}
			k.add("starts of tasks that came, "+policy, "tasks", float64(r.Tasks), float64(launches), 0)
		}
	}
	return nil
}
