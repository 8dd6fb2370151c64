package comparison

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"dunnock/loadgen"
)

// take sorts out which runs of a side are compared.
func (s *Side) take(name string, runs []Run) ([]*loadgen.Result, error) {
	if len(runs) == 0 {
		return nil, fmt.Errorf("%s: no runs", name)
	}
	used := make([]*loadgen.Result, 0, len(runs))
	s.LeftOut = []LeftOut{}
	for _, run := range runs {
		for _, d := range differences(runs[0].Result, run.Result) {
			if d.essential() {
				return nil, fmt.Errorf("%s: runs of two kinds: %s is %s in %s and %s in %s; one side of a comparison is one workload on one fleet", name, d.Name, d.A, runs[0].Name, d.B, run.Name)
			}
		}
		if why := unfit(run.Result); why != "" {
			s.LeftOut = append(s.LeftOut, LeftOut{run.Name, why})
			continue
		}
		used = append(used, run.Result)
	}
	return used, nil
}

// unfit says why a run is not compared; empty if it is.
func unfit(r *loadgen.Result) string {
	switch {
	case !r.Valid && r.Invalid != "":
		return "invalid: " + r.Invalid
	case !r.Valid:
		return "invalid"
	case r.Interrupted:
		return "interrupted"
	case responses(r) == 0 || !(r.ResponseMS.Mean > 0):
		return "no job was accepted"
	}
	return ""
}

// responses returns how many jobs the response of a run is of.
func responses(r *loadgen.Result) uint64 {
	if n := len(r.Curve); n > 0 {
		return r.Curve[n-1].Count
	}
	return 0
}

// differences lists what tells two runs apart.
func differences(a, b *loadgen.Result) []Difference {
	var list []Difference
	add := func(name, a, b string, jobs bool) {
		if a != b {
			list = append(list, Difference{name, a, b, jobs})
		}
	}
	add("app", a.App, b.App, true)
	add("workload", a.Workload, b.Workload, true)
	add("stages", stages(a), stages(b), true)
	if !nearly(a.Load, b.Load, a, b) {
		add("load", shortest(a.Load), shortest(b.Load), true)
	}
	if !nearly(a.Rate, b.Rate, a, b) {
		add("rate", shortest(a.Rate)+" jobs/s", shortest(b.Rate)+" jobs/s", true)
	}
	if !nearly(float64(a.Jobs), float64(b.Jobs), a, b) {
		add("jobs", strconv.FormatUint(a.Jobs, 10), strconv.FormatUint(b.Jobs, 10), true)
	}
	add("policy", a.Policy, b.Policy, false)
	add("probe ratio", shortest(a.ProbeRatio), shortest(b.ProbeRatio), false)
	add("workers", strconv.Itoa(a.Workers), strconv.Itoa(b.Workers), false)
	add("slots", strconv.Itoa(a.Slots), strconv.Itoa(b.Slots), false)
	add("schedulers", strconv.Itoa(a.Schedulers), strconv.Itoa(b.Schedulers), false)
	add("fleet", place(a), place(b), false)
	add("machine", a.Machine, b.Machine, false)
	add("version", a.Version, b.Version, false)
	add("Go", a.Go, b.Go, false)
	return list
}

// essential reports whether runs that differ so cannot be on one side.
func (d *Difference) essential() bool {
	switch d.Name {
	case "machine", "version", "Go", "jobs", "rate":
		return false
	}
	return true
}

// nearly reports whether two numbers that come from the jobs that were drawn are the same but for the draw: within 2 %,
// or four standard deviations of a count of the jobs.
func nearly(x, y float64, a, b *loadgen.Result) bool {
	fewer := float64(max(min(a.Jobs, b.Jobs), 1))
	return math.Abs(x-y) <= max(0.02, 4*math.Sqrt(2/fewer))*max(math.Abs(x), math.Abs(y))
}

func stages(r *loadgen.Result) string {
	if len(r.Stages) == 0 {
		return "none"
	}
	parts := make([]string, 0, len(r.Stages))
	for _, s := range r.Stages {
		level := shortest(s.Load)
		if s.Load == 0 {
			level = shortest(s.Rate) + "/s"
		}
		parts = append(parts, level+":"+shortest(s.LengthS)+"s")
	}
	return strings.Join(parts, ",")
}

func place(r *loadgen.Result) string {
	if r.Local {
		return "local"
	}
	return "remote"
}

func shortest(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
