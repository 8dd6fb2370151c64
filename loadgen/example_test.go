package loadgen_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"dunnock/internal/fleet"
	"dunnock/loadgen"
	"dunnock/loadgen/workload"
)

func Example() {
	ctx := context.Background()
	f, err := fleet.Start(ctx, fleet.Config{Schedulers: 1, Workers: 2, Slots: 4, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Stop(ctx) //nolint:errcheck // the example is over

	spec := workload.Spec{Rate: 200, Seed: 1}
	spec.Tasks, _ = workload.ParseTasks("3")
	spec.Service, _ = workload.ParseService("const:1ms")
	spec.Arrival, _ = workload.ParseArrival("poisson")
	source, err := workload.Generate(spec, workload.Window{Jobs: 50, Warmup: workload.Warmup{Time: 50 * time.Millisecond}})
	if err != nil {
		fmt.Println(err)
		return
	}
	schedulers := f.Schedulers()
	facts, err := loadgen.Ask(ctx, schedulers)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := loadgen.Run(ctx, loadgen.Config{Schedulers: schedulers, Fleet: facts}, source)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Policy, r.Workers, r.Slots, r.Jobs, r.Tasks, r.FailedTasks)
	// Output: idle-offer 2 4 50 150 0
}
