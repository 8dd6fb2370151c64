package objective_test

import (
	"context"
	"fmt"

	"dunnock/loadgen"
	"dunnock/loadgen/objective"
	"dunnock/sim"
)

func ExampleSearch() {
	slo, err := objective.Parse("p99<30ms")
	if err != nil {
		panic(err)
	}
	measure := func(rate float64) *loadgen.Result { // an M/M/1 queue with 1,000 jobs a second; a real one takes loadgen.Run
		mean := 1000 / max(1000-rate, 1)
		return &loadgen.Result{Valid: true, ResponseMS: sim.Response{Mean: mean, P99: 4.605 * mean}}
	}
	cfg := objective.SearchConfig{Start: 100, Least: 1, Most: 1e6, Precision: 0.02, Votes: 3, MaxProbes: 50}
	found, err := objective.Search(context.Background(), cfg, func(_ context.Context, rate float64, _ int) (objective.Reading, error) {
		reading, _, err := objective.Read([]objective.Condition{slo}, measure(rate))
		return reading, err
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("holds at %.0f jobs/s, not at %.0f, after %d runs\n", found.Rate, found.Above, found.Probes)
	// Output: holds at 845 jobs/s, not at 854, after 20 runs
}
