package storm_test

import (
	"bytes"
	"context"
	"flag"
	"testing"

	"dunnock/scheduler/placement"
	"dunnock/sim/storm"
)

// manySeeds has TestSeeds run so many, stop at the first that fails, and judge nothing else.
var manySeeds = flag.Int("seeds", 0, "how many seeds TestSeeds runs; 0: some hundred, which also have to hit everything")

// TestSeeds runs a few hundred fleets, each with faults of its own. No promise may be broken, each kind of fault must
// have struck and each protection must have been needed, or this test would say less than it seems to.
func TestSeeds(t *testing.T) {
	t.Parallel()
	seeds := 400
	if testing.Short() {
		seeds = 100
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if *manySeeds > 0 {
		seeds = *manySeeds
	}
	sum, err := storm.Check(ctx, storm.Config{First: 1, Seeds: seeds, Failed: func(r *storm.Result) {
		t.Errorf("seed %d: %v\n    dunnock sim check --faults --seed %d --seeds 1", r.Plan.Seed, r.Err, r.Plan.Seed)
		if *manySeeds > 0 {
			cancel()
		}
	}})
	if err != nil && !t.Failed() {
		t.Fatal(err)
	}
	if seeds == 400 && len(sum.NeverHit) > 0 {
		t.Errorf("never hit in %d seeds: %q", seeds, sum.NeverHit)
	}
}

// TestFound runs seeds that have found something, under the policy that they found it with.
func TestFound(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{
		3502, // what a peer was told was overtaken, and said only once
		2478, // a copy of a launch came when the attempt had ended and that was not heard yet: it was declined, and the task started twice
		5311, // an attempt of another scheduler's was taken over in a lane in which a task had just been launched on an offer
		48,   // a launch on an offer of its key's worker crossed the lane's next call, and was taken for lost
		398,  // a worker was gone whom a key had chosen, and who got its number could not run the task
		1018, // an offer of a key's worker that was not used was held twice
		950,  // what came into reach when others were launched was not launched on what was held
		1683, // a job was submitted anew where it still was, and its attempts counted as lost
		5372, // a want came behind the word that it was over, and the last offers that it had handed on were dropped just before the end
		447,  // an offer overtook the end of a task that may start once: it was taken for the sign that its launch had come too late
	} {
		if r := storm.Run(seed, placement.IdleOffer, nil); r.Err != nil {
			t.Errorf("seed %d: %v", seed, r.Err)
		}
	}
}

// TestReplay runs seeds twice: the command that replays a failure shows the very same run.
func TestReplay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		var first, second bytes.Buffer
		storm.Run(seed, 0, &first)
		storm.Run(seed, 0, &second)
		if !bytes.Equal(first.Bytes(), second.Bytes()) || first.Len() == 0 {
			t.Errorf("seed %d: two runs differ", seed)
		}
	}
}
