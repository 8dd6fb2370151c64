package main

import (
	"bytes"
	"encoding/csv"
	"math"
	"slices"
	"strconv"

	"dunnock/loadgen"
)

// csvHeader names the columns of the CSV file.
func csvHeader() []string {
	return []string{
		"kind", "policy", "load", "probe_ratio", "seed", "counts", "why_not", "start", "machine", "go", "version", "jobs", "tasks",
		"live_mean_ms", "live_p50_ms", "live_p95_ms", "live_p99_ms", "simulated_mean_ms", "simulated_p50_ms", "simulated_p95_ms", "simulated_p99_ms",
		"ideal_mean_ms", "ideal_p50_ms", "ideal_p95_ms", "ideal_p99_ms", "simulated_messages_per_task", "net_delay_ms", "client_delay_ms", "task_overhead_ms",
		"live_messages_per_task", "utilization", "lag_p99_ms", "generator_cpu_us_per_task", "fleet_cpu_us_per_task", "other_cpu", "digest",
	}
}

// csv has a line for each run. What is not known is empty.
func (p *paper) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(csvHeader()) // errors of a buffer: see Flush
	for i := range p.measured {
		m := &p.measured[i]
		r, kind := m.Result, "point"
		if m.capacity {
			kind = "capacity"
		}
		line := make([]string, 0, len(csvHeader()))
		line = append(line,
			kind, r.Policy, decimal(r.Load), decimal(r.ProbeRatio), strconv.FormatUint(r.Seed, 10), strconv.FormatBool(m.flaw == ""), m.flaw,
			r.Start, r.Machine, r.Go, r.Version, strconv.FormatUint(r.Jobs, 10), strconv.FormatUint(r.Tasks, 10))
		live := &r.ResponseMS
		for _, x := range slices.Concat([]float64{live.Mean, live.P50, live.P95, live.P99}, boundNumbers(r.Bound),
			[]float64{orNaN(r.MessagesPerTask), r.Utilization, r.LagMS.P99, r.CPU.GeneratorUS, orNaN(r.CPU.FleetUS), orNaN(m.Other)}) {
			line = append(line, decimal(x))
		}
		_ = w.Write(append(line, r.Digest))
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// boundNumbers are what a run was set beside.
func boundNumbers(b *loadgen.Bound) []float64 {
	if b == nil || b.Skipped != "" {
		return slices.Repeat([]float64{math.NaN()}, 12)
	}
	s, o := &b.Simulated.ResponseMS, &b.Ideal.ResponseMS
	return []float64{
		s.Mean, s.P50, s.P95, s.P99, o.Mean, o.P50, o.P95, o.P99,
		b.Simulated.MessagesPerTask, b.Delays.NetMS, b.Delays.ClientMS, b.Delays.OverheadMS,
	}
}

// decimal prints six significant digits at most; nothing if the number is not known.
func decimal(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}
