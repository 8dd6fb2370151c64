package main

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dunnock/internal/golden"
	"dunnock/internal/stat"
	"dunnock/loadgen"
)

// synthetic is a result whose live p50 is so many times the simulated one, and its p95 twice as far from it.
func synthetic(r *run, times float64) *loadgen.Result {
	simulated, ideal := 100/(1.2-r.Load), 90/(1.2-r.Load)
	messages, fleet := 6.5, 3.0
	out := &loadgen.Result{
		Policy: r.Policy, Load: r.Load, ProbeRatio: r.ProbeRatio, Seed: r.seed, Jobs: 500, Tasks: 5000, Valid: true, WallS: 10, Utilization: r.Load,
		MessagesPerTask: &messages, Start: fmt.Sprintf("2026-01-02T03:%02d:00Z", r.seed), Machine: "2 × Abacus", Go: "go1.26", Version: "v1", Digest: "0123456789abcdef",
	}
	out.ResponseMS.P50, out.ResponseMS.P95 = simulated*times, 2*simulated*(2*times-1)
	out.CPU.FleetS, out.CPU.GeneratorUS = &fleet, 50
	if r.capacity {
		us := 10.0
		out.LagMS.P99, out.CPU.GeneratorUS, out.CPU.FleetUS = times, 4, &us
		return out
	}
	b := &loadgen.Bound{Ideal: &loadgen.BoundRun{}, Simulated: &loadgen.BoundRun{MessagesPerTask: 6.4}}
	b.Simulated.ResponseMS.P50, b.Simulated.ResponseMS.P95 = simulated, 2*simulated
	b.Ideal.ResponseMS.P50, b.Ideal.ResponseMS.P95 = ideal, 2*ideal
	b.RatioSimulated = loadgen.Ratios{P50: times, P95: 2*times - 1}
	b.RatioIdeal = loadgen.Ratios{P50: out.ResponseMS.P50 / ideal, P95: out.ResponseMS.P95 / (2 * ideal)}
	out.Bound = b
	return out
}

const testPlan = `
schedulers = 2
workers = 20
slots = 4
tasks = "10"
service = "const:100ms"
duration = "16s"
warmup = "4s"
repeats = 2
max-other = 0.1

[[figure]]
name = "live"
title = "Response against load"
x = "load"
policy = ["late-binding", "late-binding-nocancel"]
load = [0.5, 0.8]
probe-ratio = [2]

[[figure]]
name = "ratio"
title = "Response against the probe ratio"
x = "probe-ratio"
policy = ["late-binding"]
load = [0.8]
probe-ratio = [1, 2]

[agreement]
policy = "late-binding"
load = 0.8
probe-ratio = 2
repeats = 4
within = 0.05
interval = 0.02

[capacity]
schedulers = 1
workers = 2
slots = 16
rate = 5000
tasks = "10"
service = "const:0s"
duration = "10s"
warmup = "2s"
repeats = 2
lag-ms = 1.5
`

// paperOf measures a plan without measuring: live is a percent above simulated, and by a tenth of a percent more with
// each seed.
func paperOf(t *testing.T, change func(*run, *outcome)) *paper {
	t.Helper()
	p, err := parsePlan([]byte(testPlan))
	if err != nil {
		t.Fatal(err)
	}
	runs, outcomes := p.runs(), make(map[string]*outcome)
	for i := range runs {
		quiet := 0.02
		o := &outcome{Key: runs[i].key(), Other: &quiet, Result: synthetic(&runs[i], 1.01+0.001*float64(runs[i].seed))}
		if change != nil {
			change(&runs[i], o)
		}
		outcomes[o.Key] = o
	}
	out := newPaper(p, runs, outcomes)
	out.command = "make paper"
	return out
}

// spoiled has a run that was disturbed, and a point none of whose runs counts.
func spoiled(r *run, o *outcome) {
	switch {
	case r.Load == 0.5 && r.Policy == "late-binding" && r.seed == 1:
		busy := 0.4
		o.Other, o.Result.ResponseMS.P50 = &busy, 5000
	case r.Load == 0.5 && r.Policy == "late-binding-nocancel":
		o.Result.Valid, o.Result.Invalid = false, "the generator did not keep up"
	case r.capacity && r.seed == 2:
		o.Result.LagMS.P99, o.Result.Valid = 3, false
	}
}

// The page of a plan, to the byte.
func TestTable(t *testing.T) {
	got, path := paperOf(t, spoiled).table(), filepath.Join("testdata", "table.md")
	golden.Check(t, path, got)
}

func TestAgrees(t *testing.T) {
	a := &agreement{Within: 0.05, Interval: 0.02}
	for _, c := range []struct {
		low, mean, high float64
		want            string
	}{
		{0.99, 1, 1.01, holds},
		{1.026, 1.045, 1.064, holds},    // the interval may reach beyond: it is the mean that must be within, and be known so well
		{0.935, 0.945, 0.955, fails},    // known, and too far
		{1.045, 1.055, 1.065, fails},    // likewise
		{0.97, 1, 1.03, unknown},        // too wide to say
		{1.06, 1.20, 1.34, fails},       // wide, and beyond all the same
		{0.7, 0.8, 0.9, fails},          // likewise
		{0.90, 1.06, 1.22, unknown},     // might be within
		{1.0499, 1.0499, 1.0499, holds}, // no spread at all
	} {
		if got := a.agrees(stat.Estimate{Mean: c.mean, Low: c.low, High: c.high, N: 5}); got != c.want {
			t.Errorf("%v to %v: got %s, want %s", c.low, c.high, got, c.want)
		}
	}
	if got := a.agrees(stat.Estimate{Mean: 1, Low: 1, High: 1, N: 1}); got != unknown {
		t.Errorf("one run: got %s", got)
	}
}

// Four runs with ratios 1.011 to 1.014: mean 1.0125, standard error 0.000645, t₃ = 3.182. The p95's are twice as far
// from 1.
func TestAgreement(t *testing.T) {
	p := paperOf(t, nil)
	at := p.points[p.plan.Agreement.cell]
	for i, want := range []string{"1.012 ± 0.002", "1.025 ± 0.004"} {
		c := judged()[i]
		e := at.estimate(c.of)
		if e.N != 4 || ratio(e) != want || p.plan.Agreement.agrees(e) != holds {
			t.Errorf("%s: got %+v, want %s", c.name, e, want)
		}
	}
}

// What was disturbed is in no mean, and said.
func TestFlaws(t *testing.T) {
	p := paperOf(t, spoiled)
	if n := p.flawed(); n != 3 {
		t.Errorf("%d runs do not count, want 3", n)
	}
	half := p.points[cell{"late-binding", 0.5, 2}]
	if len(half.counted) != 1 || len(half.flawed) != 1 || half.counted[0].Seed != 2 {
		t.Errorf("got %d and %d runs", len(half.counted), len(half.flawed))
	}
	if e := half.estimate(columns()[0].live); e.N != 1 || e.Mean > 200 {
		t.Errorf("the disturbed run is in the mean: %+v", e)
	}
	if len(p.capacity) != 2 || p.plan.Capacity.holds(p.capacity[0]) != holds || p.plan.Capacity.holds(p.capacity[1]) != fails {
		t.Errorf("of the generator: %d runs", len(p.capacity))
	}
	for name, c := range map[string]struct {
		change func(*run, *outcome)
		want   string
	}{
		"interrupted": {func(_ *run, o *outcome) { o.Result.Interrupted = true }, "it was interrupted"},
		"errors":      {func(_ *run, o *outcome) { o.Result.Errors = map[string]uint64{"overloaded": 3, "deadline": 1} }, "jobs in error: deadline 1, overloaded 3"},
		"no bound":    {func(_ *run, o *outcome) { o.Result.Bound = nil }, "nothing was simulated"},
		"skipped":     {func(_ *run, o *outcome) { o.Result.Bound = &loadgen.Bound{Skipped: "why"} }, "nothing was simulated: why"},
	} {
		p := paperOf(t, func(r *run, o *outcome) {
			if !r.capacity {
				c.change(r, o)
			}
		})
		for _, f := range p.plan.Figures {
			p.draw(&f).SVG() // nothing to draw is no reason to fail
		}
		if text := p.table(); !strings.Contains(text, c.want+"\n") || !strings.Contains(text, "| not known |") {
			t.Errorf("%s: the page does not say %s:\n%s", name, c.want, text)
		}
	}
	var out strings.Builder
	if err := p.say(&out, "dir"); err == nil || !strings.HasPrefix(err.Error(), "3 of 14 runs do not count") {
		t.Errorf("got %v", err)
	}
	if err := paperOf(t, nil).say(&out, "dir"); err != nil {
		t.Errorf("all count, and %v", err)
	}
}

// Each panel has a live point with a bar and a place on each line for every value that has a run that counts, and a
// cross for each run that does not.
func TestFigure(t *testing.T) {
	p := paperOf(t, spoiled)
	f := p.draw(&p.plan.Figures[0])
	if len(f.Rows) != 2 || f.Rows[0].Label != "late-binding" || f.Subtitle != "20 workers × 4 slots, 2 schedulers, one machine · 10 tasks a job · service const:100ms · probe ratio 2 · 0 to 4 runs a point" {
		t.Errorf("got %d rows, %s", len(f.Rows), f.Subtitle)
	}
	for i, want := range [][4]int{{2, 2, 2, 1}, {1, 1, 1, 2}} {
		for _, panel := range f.Rows[i].Panels {
			for k, n := range want {
				if got := len(panel.Curves[k].Points); got != n {
					t.Errorf("row %d, %s: curve %d has %d points, want %d", i, panel.Title, k, got, n)
				}
			}
		}
	}
	// The p95 is 500 ms simulated, and live 2.2, 2.4, 2.6 and 2.8 % above it: standard error 0.129 %, t₃ = 3.182.
	at := f.Rows[0].Panels[1].Curves[0].Points[1]
	if half := (at.High - at.Low) / 2; at.X != 0.8 || math.Abs(at.Y-512.5) > 1e-9 || math.Abs(half-500*0.00129099*3.18245) > 1e-3 {
		t.Errorf("got %+v", at)
	}
	if len(f.Legend) != 4 {
		t.Errorf("%d entries in the legend", len(f.Legend))
	}
	text := f.SVG()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	ratios := p.draw(&p.plan.Figures[1])
	if len(ratios.Legend) != 3 || ratios.Rows[0].Panels[0].XLabel != "probe ratio" || ratios.Rows[0].Panels[0].Curves[0].Points[0].X != 1 || !strings.Contains(ratios.Subtitle, "load 0.8") {
		t.Errorf("got %+v", ratios)
	}
}

// A line for each run, all with the same columns; what is not known is empty.
func TestCSV(t *testing.T) {
	p := paperOf(t, spoiled)
	text, err := p.csv()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll() // which refuses lines of different length
	if err != nil || len(lines) != 1+14 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	column := make(map[string]int)
	for i, name := range lines[0] {
		column[name] = i
	}
	counts := 0
	for _, line := range lines[1:] {
		if line[column["counts"]] == "true" {
			counts++
		}
		if known, point := line[column["simulated_p50_ms"]] != "", line[column["kind"]] == "point"; known != point {
			t.Errorf("got %q", line)
		}
	}
	if counts != 11 || lines[1][column["live_p50_ms"]] != "5000" || lines[1][column["other_cpu"]] != "0.4" || lines[1][column["digest"]] != "0123456789abcdef" {
		t.Errorf("%d count, the first is %q", counts, lines[1])
	}
}

// All files are there, and nothing else is left.
func TestWrite(t *testing.T) {
	p := paperOf(t, nil)
	dir := t.TempDir()
	if err := p.write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"live.svg", "ratio.svg", tableFile, csvFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := p.write(filepath.Join(dir, "none")); err == nil {
		t.Error("written nowhere")
	}
}
