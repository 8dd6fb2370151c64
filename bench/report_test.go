package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func samplesForReport() []*sample {
	var all []*sample
	add := func(cell, contender string, round int, tasks, cpuUS, p99 float64, bound *ranks) {
		all = append(all, &sample{
			Version: "v", At: time.Unix(0, 0).UTC(), Cell: cell, Contender: contender, Round: round, Jobs: 100, Tasks: 1000, TasksPerS: tasks,
			CPUUS: cpu{Client: cpuUS / 2, Workers: cpuUS / 2}, ResponseUS: ranks{P50: p99 / 2, P95: p99, P99: p99}, BoundUS: bound,
		})
	}
	for round, tasks := range []float64{100_000, 300_000, 200_000} {
		add("closed-10", "dunnock", round+1, tasks, 10, 1500, nil)
		add("closed-10", "fasthttp", round+1, tasks/2, 40, 3000, nil)
	}
	add("exp-0.9", "dunnock", 1, 1440, 300, 180_000, &ranks{P50: 45_000, P95: 90_000, P99: 150_000})
	return all
}

// TestReport: medians with what they spread over, and ratios round by round.
func TestReport(t *testing.T) {
	r := newReport(samplesForReport(), "make bench-rivals")
	var b strings.Builder
	if err := r.text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| dunnock | 200,000 (100,000 to 300,000) | 10.0 | 5.00, –, 5.00 | 750 µs | 1.50 ms | 1.00 | 1.00 |\n",
		"| fasthttp | 100,000 (50,000 to 150,000) | 40.0 | 20.0, –, 20.0 | 1.50 ms | 3.00 ms | 2.00 | 0.25 |\n",
		"| *bound* | 45.0 ms | 90.0 ms | 150 ms | 1 | 1 | 1 | | |\n",
		"| dunnock | 90.0 ms | 180 ms | 180 ms | 2.00 | 2.00 | 1.20 | 1.00 | 300 |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no line\n%sin\n%s", want, b.String())
		}
	}
	if f := r.figure(); f == nil || len(f.Rows) != 1 || len(f.Legend) != 1 {
		t.Errorf("the figure is of what was measured: %+v", f)
	}
	if text, err := json.Marshal(&r.Cells[0].Rows[0].TasksPerS); err != nil || string(text) != "[2e+05,1e+05,3e+05]" {
		t.Errorf("in JSON %s, %v", text, err)
	}
	if r.Cells[0].Rows[0].Jobs != 300 {
		t.Errorf("%d jobs", r.Cells[0].Rows[0].Jobs)
	}
	if newReport(samplesForReport()[:1], "").figure() != nil {
		t.Error("a figure of nothing")
	}
}

func TestForms(t *testing.T) {
	for want, got := range map[string]string{
		"9,876": count(9876), "12,300": count(12_345), "1,234,600": count(1_234_567), "12": count(12),
		"999 µs": duration(999), "1.00 ms": duration(1000), "12.3 ms": duration(12_345), "2.00 s": duration(2e6),
		"10.0": digits(9.996), "123": digits(123.4),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
