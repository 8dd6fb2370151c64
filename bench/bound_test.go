package main

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dunnock/loadgen/workload"
	"dunnock/sim"
)

func TestOmniscient(t *testing.T) {
	const ms = time.Millisecond
	jobs := []jobRecord{
		{due: 0, served: []time.Duration{4 * ms, 10 * ms, 3 * ms}}, // two start at once, the third at 4
		{due: 5 * ms, served: []time.Duration{1 * ms}},             // at 7, when the third has ended
		{due: 30 * ms, served: []time.Duration{2 * ms, 2 * ms}},
	}
	if diff := cmp.Diff([]time.Duration{10 * ms, 3 * ms, 2 * ms}, omniscient(2, jobs)); diff != "" {
		t.Error(diff)
	}
}

// TestBoundIsThatOfTheSimulator: the policy ideal says the same of the same jobs.
func TestBoundIsThatOfTheSimulator(t *testing.T) {
	c := cell{Tasks: 10, Workers: 16, Slots: 1, Load: 0.9, Service: "exp:10ms", Length: 20 * time.Second, Seed: 5}
	jobs, err := plan(&c)
	if err != nil {
		t.Fatal(err)
	}
	var file []byte
	for _, j := range jobs {
		file = workload.AppendJob(file, &workload.Job{At: j.due, Service: j.served})
	}
	source, err := workload.Read(bytes.NewReader(file), workload.Window{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := sim.Run(t.Context(), sim.Config{Policy: "ideal", Workers: 16, Slots: 1, Schedulers: 1}, source)
	if err != nil {
		t.Fatal(err)
	}
	got := ranksOf(omniscient(16, jobs))
	for _, p := range []struct{ got, want float64 }{
		{got.P50, want.ResponseMS.P50}, {got.P95, want.ResponseMS.P95}, {got.P99, want.ResponseMS.P99},
	} {
		if math.Abs(p.got/1e3-p.want) > 0.002*p.want { // its histogram is that exact
			t.Errorf("%.4g ms, where the simulator has %.4g", p.got/1e3, p.want)
		}
	}
}

// TestSameJobs: a seed and a load make the same jobs whoever runs them, and another seed others.
func TestSameJobs(t *testing.T) {
	for _, c := range cells() {
		if !c.open() {
			continue
		}
		c.Length = time.Second
		a, err := plan(&c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := plan(&c)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, b, cmp.AllowUnexported(jobRecord{}), cmp.Comparer(func(x, y error) bool { return x == y })); diff != "" { //nolint:errorlint // both nil
			t.Errorf("%s: %s", c.Name, diff)
		}
		c.Seed++
		if other, err := plan(&c); err != nil || len(other) > 0 && len(a) > 0 && other[0].due == a[0].due {
			t.Errorf("%s: the next seed has the same jobs (%v)", c.Name, err)
		}
		if len(a) > 0 && len(a[0].served) != c.Tasks {
			t.Errorf("%s: %d tasks a job", c.Name, len(a[0].served))
		}
	}
}

func TestRanks(t *testing.T) {
	var values []time.Duration
	for i := 200; i > 0; i-- {
		values = append(values, time.Duration(i)*time.Microsecond)
	}
	if diff := cmp.Diff(ranks{P50: 100, P95: 190, P99: 198}, ranksOf(values)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(ranks{P50: 7, P95: 7, P99: 7}, ranksOf([]time.Duration{7000})); diff != "" {
		t.Error(diff)
	}
}
