package comparison_test

import (
	"fmt"

	"dunnock/loadgen"
	"dunnock/loadgen/comparison"
	"dunnock/loadgen/objective"
	"dunnock/sim"
)

// Three runs before a change and three after it. Real ones come from [loadgen.ReadResults].
func ExampleCompare() {
	runs := func(name string, scale float64) []comparison.Run {
		var list []comparison.Run
		for seed, mean := range []float64{101, 99, 103} {
			mean *= scale
			list = append(list, comparison.Run{Name: fmt.Sprintf("%s, run %d", name, seed+1), Result: &loadgen.Result{
				Valid: true, Jobs: 10_000, Seed: uint64(seed), Digest: fmt.Sprintf("%016x", seed), Curve: []loadgen.Point{{Percentile: 100, Count: 10_000}},
				ResponseMS: sim.Response{Mean: mean, P50: 0.9 * mean, P90: 1.2 * mean, P95: 1.4 * mean, P99: 2 * mean, P999: 3 * mean},
			}})
		}
		return list
	}
	found, err := comparison.Compare(runs("before", 1), runs("after", 1.1), comparison.Config{Confidence: 0.95, Tolerance: 0.02})
	if err != nil {
		panic(err)
	}
	fmt.Println(found.Method, found.Verdict)
	gate, err := objective.Parse("p99>1.05x")
	if err != nil {
		panic(err)
	}
	if err := found.Check([]objective.Condition{gate}); err != nil {
		panic(err)
	}
	fmt.Printf("%s: %v, certain: %v\n", gate, found.Checks[0].Holds, found.Checks[0].Certain)
	// Output:
	// paired higher
	// p99>1.05x: true, certain: true
}
