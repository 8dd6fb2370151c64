package sim_test

import (
	"math"
	"testing"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/sim"
	"dunnock/worker/queue"
)

// TestDominantShares: two users whose tasks take most of different resources, both wanting more than there is, get
// equal dominant shares from fair workers, close to what theory gives them (Ghodsi et al., NSDI 2011, §4.1: two thirds
// each), and unequal ones from queues that are first in, first out.
func TestDominantShares(t *testing.T) {
	t.Parallel()
	shares := func(d queue.Discipline) (ann, bob float64) {
		fleet := workload.Fleet{Stocks: []workload.Stock{{Name: "cpu", N: 36, Of: 1}, {Name: "memory", N: 72, Of: 1}}, Seed: 1}
		spec := workload.Spec{Rate: 800, Seed: 1}
		for _, err := range []error{
			spec.Tasks.UnmarshalText([]byte("10")), spec.Service.UnmarshalText([]byte("exp:100ms")), spec.Arrival.UnmarshalText([]byte("poisson")), spec.Users.UnmarshalText([]byte("ann:1,bob:1")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range []string{"ann:cpu=1,memory=4", "bob:cpu=3,memory=1"} {
			n, err := workload.ParseNeed(text)
			if err != nil {
				t.Fatal(err)
			}
			spec.Needs = append(spec.Needs, n)
		}
		source, err := workload.Generate(spec, workload.Window{Duration: 2 * time.Second, Warmup: workload.Warmup{Time: time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := sim.Run(t.Context(), sim.Config{
			Workers: 20, Slots: 40, Schedulers: 2, NetDelay: 500 * time.Microsecond, Seed: 1, Nodes: fleet.Nodes(20), Sharing: sim.Sharing{Discipline: d},
		}, source)
		if err != nil {
			t.Fatal(err)
		}
		return r.Users["ann"].Shares["memory"], r.Users["bob"].Shares["cpu"]
	}
	ann, bob := shares(queue.Fair)
	t.Logf("fair: ann has %.3f of the memory, bob %.3f of the processors", ann, bob)
	if math.Abs(ann-bob) > 0.03 || min(ann, bob) < 0.9*2/3 || max(ann, bob) > 0.7 {
		t.Errorf("dominant shares of %.3f and %.3f, want two thirds each", ann, bob)
	}
	if ann, bob = shares(queue.FIFO); bob-ann < 0.1 {
		t.Errorf("first in, first out: %.3f and %.3f: what is measured?", ann, bob)
	}
}
