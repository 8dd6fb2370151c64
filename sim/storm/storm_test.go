package storm_test

import (
	"testing"

	"dunnock/sim/storm"
)

// TestSeeds runs a few hundred fleets, each with faults of its own. No promise may be broken, each kind of fault must have struck and each
// protection must have been needed, or this test would say less than it seems to.
func TestSeeds(t *testing.T) {
	t.Parallel()
	seeds := 400
	if testing.Short() {
		seeds = 100
	}
	sum, err := storm.Check(t.Context(), storm.Config{First: 1, Seeds: seeds, Failed: func(r *storm.Result) {
		t.Errorf("seed %d: %v\n    dunnock sim check --faults --seed %d --seeds 1", r.Plan.Seed, r.Err, r.Plan.Seed)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !testing.Short() && len(sum.NeverHit) > 0 {
		t.Errorf("never hit in %d seeds: %q", seeds, sum.NeverHit)
	}
	t.Logf("%+v", sum)
}
