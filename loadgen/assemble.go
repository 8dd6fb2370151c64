package loadgen

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// maxLag and maxLagShare bound the 99th percentile of the lag in a valid run: this long, or this part of the
	// response's median if that is more.
	maxLag      = 2 * time.Millisecond
	maxLagShare = 0.05
)

// reading is what is read off before and after a run, and only shows as a difference.
type reading struct {
	at       time.Time
	cpu      time.Duration  // of this process
	fleet    *time.Duration // CPU of the fleet; nil if it is not known
	messages *float64       // of the fleet; nil if they are not known
}

func (r *run) read(ctx context.Context) reading {
	now := reading{at: time.Now(), cpu: ownCPU()}
	if r.cfg.FleetCPU != nil {
		if cpu, err := r.cfg.FleetCPU(); err == nil {
			now.fleet = &cpu
		}
	}
	if len(r.cfg.Fleet.Nodes) > 0 {
		// An interrupted run asks all the same.
		if m, err := r.cfg.Fleet.messages(context.WithoutCancel(ctx)); err == nil {
			now.messages = &m
		}
	}
	return now
}

// spent fills in what the run cost.
func (r *Result) spent(before, after reading) {
	tasks := float64(max(r.Tasks, 1))
	r.CPU.GeneratorS = (after.cpu - before.cpu).Seconds()
	r.CPU.GeneratorUS = r.CPU.GeneratorS * 1e6 / tasks
	if before.fleet != nil && after.fleet != nil {
		s := (*after.fleet - *before.fleet).Seconds()
		us := s * 1e6 / tasks
		r.CPU.FleetS, r.CPU.FleetUS = &s, &us
	}
	if before.messages != nil && after.messages != nil {
		perTask := (*after.messages - *before.messages) / tasks
		r.MessagesPerTask = &perTask
	}
}

// result sums the run up: all but what takes time.
func (r *run) result(before, after reading) *Result {
	t, c := r.tally, r.cfg
	t.mu.Lock()
	defer t.mu.Unlock()
	half := t.means.HalfWidth()
	mean := t.response.mean()
	res := &Result{
		Policy: c.Fleet.Policy, Load: c.Plan.Load, Workers: c.Fleet.Workers, Slots: c.Fleet.PerWorker(), Schedulers: len(c.Schedulers), Seed: c.Plan.Seed,
		Jobs: t.jobs, Tasks: t.tasks, ResponseMS: t.response.response([2]float64{mean - half/1e6, mean + half/1e6}), WaitMS: t.wait.wait(),
		FailedTasks: t.failedTasks, FailedJobs: t.erred, Events: t.jobs + t.ended + t.outcomes, WallS: t.finished.Seconds(), RSSBytes: ownRSS(),
		Digest: fmt.Sprintf("%016x", r.plan.digest.Sum64()),
		Valid:  true, Repeat: c.Repeat, Repeats: c.Repeats,
		App: c.App, Workload: c.Plan.Workload, ProbeRatio: c.ProbeRatio, Start: before.at.UTC().Format(time.RFC3339Nano),
		Machine: machine(), Version: c.Version, Go: runtime.Version(), Local: c.FleetCPU != nil,
		LagMS: t.lag.quantiles(), ServiceMS: t.service.quantiles(), AcceptMS: t.accept.quantiles(), Breakdown: t.parts.breakdown(),
		Errors: t.errors, Abandoned: t.abandoned, Users: t.userShares(), PerWorker: t.workerShares(), TaskSlots: t.widthShares(), Stages: t.stageList(c.Fleet.Slots),
		Timeline: t.timeline.list(), Nodes: append([]Node{}, c.Fleet.Nodes...),
	}
	if r.plan.keyed {
		res.Affinity = &Affinity{Told: !c.NoAffinity, Cache: c.Cache.Keys, MissCost: c.Cache.MissCost}
		if t.cached > 0 {
			res.Affinity.HitRate = float64(t.hits) / float64(t.cached)
		}
	}
	if res.WallS > 0 {
		res.TasksPerS = float64(res.Tasks) / res.WallS
	}
	window := t.last - t.first
	if window > 0 {
		res.Rate = float64(t.counted-1) / window.Seconds()
	}
	if capacity := float64(window) * float64(c.Fleet.Slots); capacity > 0 {
		res.Utilization = t.timeline.busyBetween(t.first, t.last) / capacity
		res.Load = cmp.Or(res.Load, t.demand/capacity)
	}
	res.spent(before, after)
	res.Curve, res.WaitCurve = t.response.curve(), t.wait.curve()
	if full, ok := t.response.counts.(*hdrhistogram.Histogram); ok {
		res.Histogram, _ = EncodeHistogram(full) // it writes to memory
	}
	res.judge()
	return res
}

func (h *histogram) curve() []Point {
	if full, ok := h.counts.(*hdrhistogram.Histogram); ok {
		return curve(full, h.max)
	}
	return []Point{}
}

// judge marks a run in which the generator did not keep up.
func (r *Result) judge() {
	limit := max(inMS(maxLag), maxLagShare*r.ResponseMS.P50)
	if r.LagMS.P99 > limit {
		r.Valid = false
		r.Invalid = fmt.Sprintf("the generator did not keep up: the 99th percentile of its lag is %s ms, more than %s ms", short(r.LagMS.P99), short(limit))
	}
}

// finish writes out what was written along, sets the run beside its bound, and returns the faults of writing.
func (r *run) finish(ctx context.Context, res *Result) (faults []error) {
	t := r.tally
	t.mu.Lock() // not that anybody else wants it any more
	defer t.mu.Unlock()
	if err := t.csv.flush(); err != nil {
		faults = append(faults, &OutputError{"CSV", err})
	}
	warmup := time.Duration(0)
	if rec := t.record; rec != nil {
		errs := rec.flush()
		warmup = rec.first
		if r.cfg.Record != nil && errs[0] != nil {
			faults = append(faults, &OutputError{"Record", errs[0]})
		}
		if r.bound != nil && r.bound.err == nil {
			r.bound.err = errs[len(errs)-1]
		}
	}
	if r.bound != nil {
		res.Bound = r.bound.compare(context.WithoutCancel(ctx), res, &r.cfg.Fleet, warmup)
	}
	return faults
}

// short prints a number with three digits, or all before the point.
func short(x float64) string {
	if x >= 999.5 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// machine names the processor and how many of them there are.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return strconv.Itoa(runtime.NumCPU()) + " × " + model
}
