package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"dunnock/internal/stat"
	"dunnock/loadgen"
)

// print prints the runs.
func (c *loadgenRunCmd) print(out io.Writer, results []*loadgen.Result) error {
	if c.JSON {
		for _, r := range results {
			if err := writeJSON(out, r); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(w)
		}
		runTable(w, r)
	}
	if len(results) > 1 {
		fmt.Fprintln(w)
		repeatsTable(w, results)
	}
	return w.Flush()
}

// runTable prints a run for people.
func runTable(w *tabwriter.Writer, r *loadgen.Result) {
	if r.Repeats > 1 {
		row(w, "run", fmt.Sprintf("%d of %d", r.Repeat, r.Repeats))
	}
	if !r.Valid {
		row(w, "INVALID", r.Invalid)
	}
	if r.Interrupted {
		row(w, "interrupted", fmt.Sprintf("after %s; %s were still under way", duration(seconds(r.WallS)), count(int(r.Abandoned), "job")))
	}
	row(w, "fleet", fmt.Sprintf("%s, %s × %s, %s, probe ratio %g", r.Policy, count(r.Workers, "worker"), count(r.Slots, "slot"), count(r.Schedulers, "scheduler"), r.ProbeRatio))
	row(w, "work", fmt.Sprintf("%s, app %s, seed %d", r.Workload, r.App, r.Seed))
	row(w, "offered", fmt.Sprintf("%s, %s in %s: %.4g jobs/s, load %.3g", count(int(r.Jobs), "job"), count(int(r.Tasks), "task"), duration(seconds(r.WallS)), r.Rate, r.Load))
	a, b := &r.ResponseMS, &r.WaitMS
	row(w, "response", fmt.Sprintf("mean %.4g ms (%.4g to %.4g), p50 %.4g, p90 %.4g, p95 %.4g, p99 %.4g, p99.9 %.4g, max %.4g",
		a.Mean, a.CI95[0], a.CI95[1], a.P50, a.P90, a.P95, a.P99, a.P999, a.Max))
	row(w, "of it", fmt.Sprintf("lag %.3g ms, wait %.4g, service %.4g, rest %.3g", r.Breakdown.Lag, r.Breakdown.Wait, r.Breakdown.Service, r.Breakdown.Rest))
	row(w, "wait", fmt.Sprintf("mean %.4g ms, p50 %.4g, p95 %.4g, p99 %.4g, p99.9 %.4g", b.Mean, b.P50, b.P95, b.P99, b.P999))
	s := &r.ServiceMS
	row(w, "service", fmt.Sprintf("mean %.4g ms, p50 %.4g, p95 %.4g, p99 %.4g", s.Mean, s.P50, s.P95, s.P99))
	if a := r.Affinity; a != nil {
		text := "keys are told"
		if !a.Told {
			text = "keys are not told"
		}
		if a.Cache > 0 {
			text += fmt.Sprintf("; caches of %s, %.4g hit", count(a.Cache, "key"), a.HitRate)
		}
		row(w, "affinity", text)
	}
	boundRows(w, r.Bound)
	if len(r.Errors) > 0 {
		row(w, "in error", fmt.Sprintf("%s: %s", count(int(errorCount(r)), "job"), errorWords(r)))
	}
	stageRows(w, r.Stages)
	row(w, "lag", fmt.Sprintf("mean %.3g ms, p50 %.3g, p99 %.3g, max %.3g", r.LagMS.Mean, r.LagMS.P50, r.LagMS.P99, r.LagMS.Max))
	row(w, "utilisation", fmt.Sprintf("%.4g, workers %s", r.Utilization, spread(r.PerWorker)))
	if r.MessagesPerTask != nil {
		text := fmt.Sprintf("%.3g per task", *r.MessagesPerTask)
		if r.Bound != nil && r.Bound.Simulated != nil {
			text += fmt.Sprintf(" (simulated: %.3g)", r.Bound.Simulated.MessagesPerTask)
		}
		row(w, "messages", text)
	}
	cpu := fmt.Sprintf("generator %s (%.3g µs per task)", duration(seconds(r.CPU.GeneratorS)), r.CPU.GeneratorUS)
	if r.CPU.FleetS != nil {
		cpu += fmt.Sprintf(", fleet %s (%.3g µs per task)", duration(seconds(*r.CPU.FleetS)), *r.CPU.FleetUS)
	}
	row(w, "CPU", cpu)
	row(w, "digest", r.Digest)
}

func boundRows(w *tabwriter.Writer, b *loadgen.Bound) {
	if b == nil {
		return
	}
	if b.Skipped != "" {
		row(w, "bound", "none: "+b.Skipped)
		return
	}
	line := func(name string, x *loadgen.Ratios, r *loadgen.BoundRun) {
		row(w, name, fmt.Sprintf("mean × %.4g, p50 × %.4g, p90 × %.4g, p95 × %.4g, p99 × %.4g (p50 %.4g ms, p95 %.4g, p99 %.4g)",
			x.Mean, x.P50, x.P90, x.P95, x.P99, r.ResponseMS.P50, r.ResponseMS.P95, r.ResponseMS.P99))
	}
	if b.Ideal != nil {
		line("to ideal", &b.RatioIdeal, b.Ideal)
	}
	line("to simulated", &b.RatioSimulated, b.Simulated)
	row(w, "delays", fmt.Sprintf("%s: net %.3g ms, client %.3g, task overhead %.3g", b.Delays.From, b.Delays.NetMS, b.Delays.ClientMS, b.Delays.OverheadMS))
}

func stageRows(w *tabwriter.Writer, stages []loadgen.Stage) {
	for i := range stages {
		s := &stages[i]
		text := fmt.Sprintf("load %.3g, %.4g jobs/s for %s: p50 %.4g ms, p95 %.4g, p99 %.4g", s.Load, s.Rate, duration(seconds(s.LengthS)), s.ResponseMS.P50, s.ResponseMS.P95, s.ResponseMS.P99)
		if n := sum64(s.Errors); n > 0 {
			text += fmt.Sprintf(", %s in error", count(int(n), "job"))
		}
		row(w, fmt.Sprintf("stage %d", i+1), text)
	}
}

// repeatsTable prints what several runs say together: means with 95 % intervals, of those that are whole and valid.
func repeatsTable(w *tabwriter.Writer, results []*loadgen.Result) {
	good := slices.DeleteFunc(slices.Clone(results), func(r *loadgen.Result) bool { return !r.Valid || r.Interrupted })
	row(w, fmt.Sprintf("%d of %s valid", len(good), count(len(results), "run")), "MEAN", "95 % INTERVAL", "")
	results = good
	line := func(name string, of func(*loadgen.Result) (float64, bool)) {
		var values []float64
		for _, r := range results {
			if v, ok := of(r); ok {
				values = append(values, v)
			}
		}
		if len(values) < 2 {
			return
		}
		e := stat.EstimateOf(values, 0.05)
		percent := 0.0
		if e.Mean != 0 {
			percent = 100 * (e.High - e.Mean) / e.Mean
		}
		row(w, name, fmt.Sprintf("%.4g", e.Mean), fmt.Sprintf("%.4g to %.4g", e.Low, e.High), fmt.Sprintf("± %.2g %%", percent))
	}
	ms := func(of func(*loadgen.Result) float64) func(*loadgen.Result) (float64, bool) {
		return func(r *loadgen.Result) (float64, bool) { return of(r), true }
	}
	line("response mean, ms", ms(func(r *loadgen.Result) float64 { return r.ResponseMS.Mean }))
	line("response p50, ms", ms(func(r *loadgen.Result) float64 { return r.ResponseMS.P50 }))
	line("response p95, ms", ms(func(r *loadgen.Result) float64 { return r.ResponseMS.P95 }))
	line("response p99, ms", ms(func(r *loadgen.Result) float64 { return r.ResponseMS.P99 }))
	for _, x := range []struct {
		name string
		of   func(*loadgen.Ratios) float64
	}{
		{"mean", func(x *loadgen.Ratios) float64 { return x.Mean }},
		{"p50", func(x *loadgen.Ratios) float64 { return x.P50 }},
		{"p95", func(x *loadgen.Ratios) float64 { return x.P95 }},
		{"p99", func(x *loadgen.Ratios) float64 { return x.P99 }},
	} {
		for _, beside := range []string{"ideal", "simulated"} {
			line("measured / "+beside+", "+x.name, func(r *loadgen.Result) (float64, bool) {
				if r.Bound == nil || r.Bound.Skipped != "" {
					return 0, false
				}
				if beside == "ideal" {
					return x.of(&r.Bound.RatioIdeal), true
				}
				return x.of(&r.Bound.RatioSimulated), true
			})
		}
	}
}

// spread says how even the workers' shares are.
func spread(workers []loadgen.WorkerShare) string {
	if len(workers) == 0 {
		return "unknown"
	}
	low, high := workers[0].Utilization, workers[0].Utilization
	for i := range workers {
		low, high = min(low, workers[i].Utilization), max(high, workers[i].Utilization)
	}
	return fmt.Sprintf("%.3g to %.3g", low, high)
}

func runName(r *loadgen.Result) string {
	if r.Repeats < 2 {
		return ""
	}
	return fmt.Sprintf(" (run %d)", r.Repeat)
}

func errorCount(r *loadgen.Result) uint64 { return sum64(r.Errors) }

func sum64(m map[string]uint64) (sum uint64) {
	for _, n := range m {
		sum += n
	}
	return sum
}

// errorWords is "overloaded 12, deadline 3".
func errorWords(r *loadgen.Result) string {
	parts := make([]string, 0, len(r.Errors))
	for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
		parts = append(parts, fmt.Sprintf("%s %s", code, thousands(int64(r.Errors[code]))))
	}
	return strings.Join(parts, ", ")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
