package sim_test

import (
	"testing"
	"time"

	"dunnock/sim"
)

// TestEstimates: in a small fleet, whose tasks are of two kinds, jobs that say of which theirs are take little longer
// than under an omniscient scheduler. Where many say something else, or all do, they wait no longer than if nobody had
// said anything.
func TestEstimates(t *testing.T) {
	t.Parallel()
	run := func(policy, says string, seed uint64) *sim.Result {
		return simulate(t, sim.Config{Policy: policy, Workers: 8, Slots: 4, Schedulers: 3, NetDelay: 200 * time.Microsecond, Seed: seed},
			flags{tasks: "10", service: "jobbimodal:0.9,10ms,100ms", load: 0.9, jobs: 3000, warmup: 300, seed: seed, says: says})
	}
	for seed := uint64(1); seed <= 3; seed++ {
		ideal, plain, none := run("ideal", "mean", seed), run("idle-offer", "", seed), run("idle-offer", "none", seed)
		if plain.Digest != none.Digest {
			t.Errorf("seed %d: jobs that are not asked what they say, say something", seed)
		}
		r := run("idle-offer", "mean", seed)
		share := (r.ResponseMS.Mean - ideal.ResponseMS.Mean) / (none.ResponseMS.Mean - ideal.ResponseMS.Mean)
		t.Logf("seed %d: mean %.2f ms and p99 %.1f where jobs say what they take, %.3f of the excess of %.2f and %.1f; %.3f messages a task instead of %.3f", seed,
			r.ResponseMS.Mean, r.ResponseMS.P99, share, none.ResponseMS.Mean, none.ResponseMS.P99, r.MessagesPerTask, none.MessagesPerTask)
		if share > 0.2 || r.ResponseMS.P99 > 1.08*ideal.ResponseMS.P99 || r.MessagesPerTask > 4.1 {
			t.Errorf("seed %d: mean %.2f ms, p99 %.1f, and %.3f messages a task; without it %.2f, %.1f and %.3f, and ideal are %.2f and %.1f", seed, r.ResponseMS.Mean, r.ResponseMS.P99,
				r.MessagesPerTask, none.ResponseMS.Mean, none.ResponseMS.P99, none.MessagesPerTask, ideal.ResponseMS.Mean, ideal.ResponseMS.P99)
		}
		for _, says := range []string{"wrong:0.1,0.2", "wrong:0.1,5", "wrong:0.5,3", "wrong:0.7,0", "wrong:1,0.3", "wrong:1,2"} {
			r := run("idle-offer", says, seed)
			t.Logf("seed %d, %s: %.2f ms, p99 %.1f, %.3f messages a task", seed, says, r.ResponseMS.Mean, r.ResponseMS.P99, r.MessagesPerTask)
			if r.ResponseMS.Mean > 1.07*none.ResponseMS.Mean || r.ResponseMS.P99 > 1.3*none.ResponseMS.P99 || r.MessagesPerTask > 1.03*none.MessagesPerTask {
				t.Errorf("seed %d, %s: %.2f ms, p99 %.1f, %.3f messages a task; without %.2f, %.1f, %.3f", seed, says,
					r.ResponseMS.Mean, r.ResponseMS.P99, r.MessagesPerTask, none.ResponseMS.Mean, none.ResponseMS.P99, none.MessagesPerTask)
			}
		}
	}
}
