package main

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told is a plan in words, without what cannot be compared.
func told(plan []planned) []string {
	var lines []string
	for i := range plan {
		lines = append(lines, plan[i].at.String()+" "+plan[i].String())
	}
	return lines
}

func TestPlan(t *testing.T) {
	fleet := shape{3, 6, 3}
	const duration = 10 * time.Minute
	plan := makePlan(7, 0, duration, kinds(), fleet)
	if diff := cmp.Diff(told(plan), told(makePlan(7, 0, duration, kinds(), fleet))); diff != "" {
		t.Errorf("one seed, two plans: %s", diff)
	}
	if slices.Equal(told(plan), told(makePlan(8, 0, duration, kinds(), fleet))) {
		t.Error("two seeds, one plan")
	}
	if slices.Equal(told(plan), told(makePlan(7, 1, duration, kinds(), fleet))) {
		t.Error("two lanes, one plan")
	}

	seen := map[string]int{}
	names := slices.Concat(nodeNames("s", 3), nodeNames("w", 6), nodeNames("c", 3))
	free := time.Duration(0)
	for i := range plan {
		p := &plan[i]
		seen[p.kind.name]++
		if p.at < free {
			t.Errorf("%s begins at %v; the one before has settled at %v", p, p.at, free)
		}
		if p.at+p.hold > duration {
			t.Errorf("%s ends after the run", p)
		}
		if p.hold < p.kind.least || p.hold > p.kind.most {
			t.Errorf("%s: want %v to %v", p, p.kind.least, p.kind.most)
		}
		free = p.at + p.hold + settle
		for _, n := range p.targets {
			if !slices.Contains(names, n) {
				t.Errorf("%s: nobody is named %s", p, n)
			}
		}
	}
	for _, k := range kinds() {
		// Each kind once before any comes again; at the end those that still fit.
		if n := seen[k.name]; n < 2 || n > 6 {
			t.Errorf("%s is planned %d times of %d", k.name, n, len(plan))
		}
	}
}

func TestPlanHasAFault(t *testing.T) {
	for _, k := range kinds() {
		if plan := makePlan(1, 0, time.Millisecond, []kind{k}, shape{1, 2, 1}); len(plan) != 1 {
			t.Errorf("%s: %d faults in a run that is too short for any", k.name, len(plan))
		}
	}
}

// TestPlanSpares holds that most of the workers, and a scheduler if there are two, are never hit.
func TestPlanSpares(t *testing.T) {
	for seed := range uint64(200) {
		for _, p := range makePlan(seed, 0, time.Minute, kinds(), shape{2, 6, 2}) {
			// One after the other, or only what is between them.
			if p.kind.name == "drain" || p.kind.name == "cut-peer" || p.kind.name == "cut-peers" {
				continue
			}
			hit := map[byte]int{}
			for _, n := range p.targets {
				hit[n[0]]++
			}
			if hit['s'] > 1 || hit['w'] > 3 || hit['c'] > 1 {
				t.Errorf("seed %d: %s", seed, &p)
			}
		}
	}
}
