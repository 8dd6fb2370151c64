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
		{name: "affinity: a launch on an offer of a key's worker may cross the lane's next call", file: placeAffinity, old: "c.used(s, offer{ahead: true})", new: "c.stats.OffersUsed++"},
		{name: "affinity: a launch on an offer of another worker may too", file: placeAffinity, old: "c.used(&w.slots[t.lane], t)", new: "c.stats.OffersUsed++", tests: true},
		{name: "affinity: who is gone is not chosen any more", file: placeFleet, old: "j.unchoose(id)", new: "_ = j", tests: true},
		{name: "affinity: an offer that is not used is held once", file: placeAffinity, old: "s.state = slotOffered // it has not left the list\n\t\t\t\tc.idle.free++", new: "c.keepOffer(now, offer{worker: id, life: c.profiles[id].life, lane: uint16(i), call: s.call, ready: now, until: now + handLife})"},
		{name: "offers: what comes into reach is launched on what is held", file: "scheduler/placement/waiting.go", old: "q.deep = true", new: "q.deep = false", by: "./sim/storm", tests: true},
		{name: "affinity: a stale offer is no refusal", file: "scheduler/placement/finish.go", old: "g.near && (reason == probe.RefusedStale || reason == probe.RefusedEarly)", new: "false", tests: true},
	}
}
