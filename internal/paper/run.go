package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cell is one point of a figure.
type cell struct {
	Policy     string  `toml:"policy"`
	Load       float64 `toml:"load"`
	ProbeRatio float64 `toml:"probe-ratio"`
}

func (c cell) check(where string, fault faultFunc) {
	fault(slices.Contains([]string{"idle-offer", "late-binding", "late-binding-nocancel"}, c.Policy), "%spolicy: want idle-offer, late-binding or late-binding-nocancel, got %q", where, c.Policy)
	fault(c.Load > 0 && c.Load < 1, "%sload: want more than 0 and less than 1, got %g", where, c.Load)
	fault(c.ProbeRatio >= 1 && c.ProbeRatio <= 16, "%sprobe-ratio: want 1 to 16, got %g", where, c.ProbeRatio)
}

func (c cell) String() string {
	return fmt.Sprintf("%s, load %g, probe ratio %g", c.Policy, c.Load, c.ProbeRatio)
}

// cells returns the points, policy by policy.
func (f *figure) cells() []cell {
	cells := make([]cell, 0, len(f.Policy)*len(f.Load)*len(f.ProbeRatio))
	for _, policy := range f.Policy {
		for _, load := range f.Load {
			for _, ratio := range f.ProbeRatio {
				cells = append(cells, cell{policy, load, ratio})
			}
		}
	}
	return cells
}

// run is one `dunnock loadgen run`.
type run struct {
	cell     // zero for one of the generator's capacity
	seed     uint64
	length   time.Duration
	args     []string // of dunnock
	capacity bool
}

// key identifies a run: what is asked of dunnock.
func (r *run) key() string { return strings.Join(r.args, " ") }

func (r *run) String() string {
	if r.capacity {
		return fmt.Sprintf("the generator's capacity, seed %d", r.seed)
	}
	return fmt.Sprintf("%s, seed %d", r.cell, r.seed)
}

// runs returns all runs in the order in which they are made: the first repeat of all points, then the second, so that
// the repeats of a point are far apart.
func (p *plan) runs() []run {
	var cells []cell
	repeats := make(map[cell]int)
	want := func(c cell, n int) {
		if repeats[c] == 0 {
			cells = append(cells, c)
		}
		repeats[c] = max(repeats[c], n)
	}
	for i := range p.Figures {
		for _, c := range p.Figures[i].cells() {
			want(c, p.Repeats)
		}
	}
	most := p.Repeats
	if a := p.Agreement; a != nil {
		want(a.cell, a.Repeats)
		most = max(most, a.Repeats)
	}
	if p.Capacity != nil {
		most = max(most, p.Capacity.Repeats)
	}
	var runs []run
	for i := range most {
		seed := p.Seed + uint64(i)
		for _, c := range cells {
			if i < repeats[c] {
				runs = append(runs, p.run(c, seed))
			}
		}
		if p.Capacity != nil && i < p.Capacity.Repeats {
			runs = append(runs, p.Capacity.run(seed))
		}
	}
	return runs
}

func (p *plan) run(c cell, seed uint64) run {
	return run{cell: c, seed: seed, length: p.Duration.Duration, args: arguments(
		"--local", p.String(), "--policy", c.Policy, "--probe-ratio", number(c.ProbeRatio), "--load", number(c.Load),
		"--tasks", p.Tasks, "--service", p.Service, "--duration", p.Duration.String(), "--warmup", p.Warmup.String(), "--seed", strconv.FormatUint(seed, 10),
	)}
}

func (c *capacity) run(seed uint64) run {
	return run{capacity: true, seed: seed, length: c.Duration.Duration, args: arguments(
		"--local", c.String(), "--policy", "late-binding", "--rate", number(c.Rate), "--tasks", c.Tasks, "--service", c.Service,
		"--duration", c.Duration.String(), "--warmup", c.Warmup.String(), "--seed", strconv.FormatUint(seed, 10), "--no-bound",
	)}
}

func arguments(flags ...string) []string {
	return append([]string{"loadgen", "run", "--json"}, flags...)
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
