package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/sim"
)

// BoundConfig says how a run is set beside what its jobs take elsewhere.
type BoundConfig struct {
	// Net, Client and Overhead are the fleet's delays, as [Calibrate] measures them.
	Net, Client, Overhead time.Duration
	// Sharing is whose turn it is in the workers' queues: their discipline and what goes with it. A fleet says its
	// discipline, not its weights.
	Sharing sim.Sharing
	// From says where they are from: "calibrated", "flags" or "none".
	From string
	// Dir is where the jobs as they ran are kept for as long as it takes. Default: that of temporary files.
	Dir string
}

func (b *BoundConfig) validate() (faults []error) {
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"net delay", b.Net}, {"client delay", b.Client}, {"task overhead", b.Overhead}} {
		if d.d < 0 || d.d > sim.MaxDelay {
			faults = append(faults, fmt.Errorf("%s: want 0 to %v, got %v", d.name, sim.MaxDelay, d.d))
		}
	}
	return faults
}

const (
	// boundRuns is how many simulations with seeds of their own a mean is of, so that the luck of one does not show in
	// the ratio.
	boundRuns = 5
	// boundTasks is from how many tasks on one is enough: its luck evens out, and it takes longer.
	boundTasks = 2_000_000
)

// bound makes the comparisons of a run.
type bound struct {
	cfg  *BoundConfig
	file *os.File // the jobs as they ran
	err  error
}

func newBound(cfg *BoundConfig) *bound {
	b := &bound{cfg: cfg}
	b.file, b.err = os.CreateTemp(cfg.Dir, "dunnock-loadgen-*.ndjson")
	if b.err == nil {
		_ = os.Remove(b.file.Name()) // where that is not possible it is removed at the end
	}
	return b
}

func (b *bound) close() {
	if b.file != nil {
		_ = b.file.Close() // nobody needs what is in it
		_ = os.Remove(b.file.Name())
	}
}

// compare simulates the jobs that ran. r is complete but for its bound.
func (b *bound) compare(ctx context.Context, r *Result, fleet *Fleet, warmup time.Duration) *Bound {
	out := &Bound{Delays: Delays{NetMS: inMS(b.cfg.Net), ClientMS: inMS(b.cfg.Client), OverheadMS: inMS(b.cfg.Overhead), From: b.cfg.From}}
	if why := b.cannot(r, fleet); why != "" {
		return &Bound{Skipped: why}
	}
	base := sim.Config{Workers: fleet.Workers, Slots: r.Slots, Schedulers: max(r.Schedulers, 1), ProbeRatio: r.ProbeRatio, Load: r.Load}
	var err error
	ideal := base
	ideal.Policy = "ideal"
	if out.Ideal, err = b.simulate(ctx, ideal, r, warmup); err == nil || errors.Is(err, sim.ErrNotModelled) {
		alike := base
		alike.Sharing, alike.Nodes = b.cfg.Sharing, fleet.simulated()
		alike.Policy, alike.NetDelay, alike.ClientDelay, alike.TaskOverhead = fleet.Policy, b.cfg.Net, b.cfg.Client, b.cfg.Overhead
		out.Simulated, err = b.simulate(ctx, alike, r, warmup)
	}
	if err != nil {
		return &Bound{Skipped: err.Error()}
	}
	if out.Ideal != nil {
		out.RatioIdeal = ratios(&r.ResponseMS, &out.Ideal.ResponseMS)
	}
	out.RatioSimulated = ratios(&r.ResponseMS, &out.Simulated.ResponseMS)
	return out
}

// cannot says why a run has no bound; empty if it has.
func (b *bound) cannot(r *Result, fleet *Fleet) string {
	switch {
	case b.err != nil:
		return "the jobs could not be kept: " + b.err.Error()
	case fleet.Workers == 0 || fleet.Slots == 0:
		return "the fleet's workers are not known"
	case !fleet.Uniform:
		return "the workers do not have the same number of slots"
	case cmp.Or(fleet.Discipline, probe.DisciplineFIFO) != b.cfg.Sharing.WithDefaults().Discipline.String():
		return "the workers' discipline is " + fleet.Discipline + ", and the simulator was not told how it is configured"
	case r.ResponseMS.P50 == 0:
		return "no job was accepted after the warm-up"
	case !slices.Contains(sim.Policies(), fleet.Policy):
		return "the simulator does not know policy " + fleet.Policy
	}
	return ""
}

// simulate runs the jobs through one policy.
func (b *bound) simulate(ctx context.Context, cfg sim.Config, r *Result, warmup time.Duration) (*BoundRun, error) {
	runs := boundRuns
	if cfg.Policy == "ideal" || r.Tasks > boundTasks {
		runs = 1 // nothing about it is random, or hardly
	}
	sum := &BoundRun{Policy: cfg.Policy, Runs: runs}
	for i := range runs {
		cfg.Seed = r.Seed + uint64(i)
		if _, err := b.file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		source, err := workload.Read(b.file, workload.Window{Warmup: workload.Warmup{Time: warmup}})
		if err != nil {
			return nil, err
		}
		one, shape, err := sim.RunDistribution(ctx, cfg, source, curveRanks())
		if ctx.Err() != nil {
			return nil, errors.New("it was interrupted")
		}
		if err != nil {
			return nil, err
		}
		sum.add(one, 1/float64(runs))
		if i == 0 {
			for k, rank := range curveRanks() {
				sum.Curve = append(sum.Curve, Point{Percentile: 100 * rank, MS: shape.ResponseMS[k], Count: uint64(rank * float64(one.Jobs))})
			}
		}
	}
	return sum, nil
}

// add adds a run's figures by their part in the mean.
func (s *BoundRun) add(r *sim.Result, part float64) {
	to, from := &s.ResponseMS, &r.ResponseMS
	for _, f := range []struct {
		to   *float64
		from float64
	}{
		{&to.Mean, from.Mean},
		{&to.P50, from.P50},
		{&to.P90, from.P90},
		{&to.P95, from.P95},
		{&to.P99, from.P99},
		{&to.P999, from.P999},
		{&to.Max, from.Max},
		{&s.WaitMS.Mean, r.WaitMS.Mean},
		{&s.WaitMS.P50, r.WaitMS.P50},
		{&s.WaitMS.P95, r.WaitMS.P95},
		{&s.WaitMS.P99, r.WaitMS.P99},
		{&s.WaitMS.P999, r.WaitMS.P999},
		{&s.Utilization, r.Utilization},
		{&s.MessagesPerTask, r.MessagesPerTask},
	} {
		*f.to += part * f.from
	}
}

// curveRanks returns the ranks at which simulated distributions are known: eight each time the distance to 1 halves.
func curveRanks() []float64 {
	ranks := []float64{}
	for half := 1.0; half > 1e-4; half /= 2 {
		for i := range curveTicks {
			if rank := 1 - half*(1-float64(i)/(2*curveTicks)); rank > 0 {
				ranks = append(ranks, rank)
			}
		}
	}
	return append(ranks, 1)
}

func ratios(measured, bound *sim.Response) Ratios {
	over := func(a, b float64) float64 {
		if b == 0 {
			return 0
		}
		return a / b
	}
	return Ratios{
		Mean: over(measured.Mean, bound.Mean), P50: over(measured.P50, bound.P50), P90: over(measured.P90, bound.P90),
		P95: over(measured.P95, bound.P95), P99: over(measured.P99, bound.P99),
	}
}
