package main

const placeAffinity = "scheduler/placement/affinity.go"

// ofAffinity are the protections of tasks with affinity keys.
func ofAffinity() []mutant {
	return []mutant{
		{name: "affinity: what waits near tries others", file: placeAffinity, old: "if w := probe.SampleNext(c.rng, eligible, i); !g.chosen(w) {", new: "if w := probe.SampleNext(c.rng, eligible, i); false {\n\t\t\t_ = w", tests: true},
		{name: "affinity: others are tried for a while only", file: placeAffinity, old: "if r := &j.res[at]; r.left > 0 && !g.chosen(r.worker) {", new: "if r := &j.res[at]; false && r.left > 0 {", tests: true},
		{name: "affinity: who has not chosen a worker is not launched there", file: placeAffinity, old: "return g.chosen(w.id)", new: "return true", tests: true},
		{name: "affinity: hot keys are bounded", file: placeAffinity, old: "for a.queue.len() > 0 && (", new: "for false && (", tests: true},
		{name: "affinity: what waits again near is looked after", file: "scheduler/placement/finish.go", old: "c.arm(now, j, g)", new: "_ = now", tests: true},
		{name: "affinity: a stale offer is no refusal", file: "scheduler/placement/finish.go", old: "g.near && (reason == probe.RefusedStale || reason == probe.RefusedEarly)", new: "false", tests: true},
	}
}
