package sim_test

import (
	"slices"
	"testing"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/sim"
)

// What is returned beside the result agrees with it, and the run is the same.
func TestRunDistribution(t *testing.T) {
	source := func() *workload.Source {
		tasks, err := workload.ParseTasks("5")
		if err != nil {
			t.Fatal(err)
		}
		service, err := workload.ParseService("const:20ms")
		if err != nil {
			t.Fatal(err)
		}
		arrival, err := workload.ParseArrival("poisson")
		if err != nil {
			t.Fatal(err)
		}
		s, err := workload.Generate(workload.Spec{Tasks: tasks, Service: service, Arrival: arrival, Load: 0.8, Slots: 40, Seed: 3},
			workload.Window{Jobs: 500, Warmup: workload.Warmup{Jobs: 100}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	cfg := sim.Config{Workers: 10, Slots: 4, Seed: 3, NetDelay: 500 * time.Microsecond}
	r, d, err := sim.RunDistribution(t.Context(), cfg, source(), []float64{0.5, 0.9, 0.99, 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{r.ResponseMS.P50, r.ResponseMS.P90, r.ResponseMS.P99, r.ResponseMS.Max}; !slices.Equal(d.ResponseMS, want) {
		t.Errorf("response: got %v, want %v", d.ResponseMS, want)
	}
	if d.WaitMS[0] != r.WaitMS.P50 || d.WaitMS[2] != r.WaitMS.P99 || d.WaitMS[3] < r.WaitMS.P999 {
		t.Errorf("wait: got %v, want those of %+v", d.WaitMS, r.WaitMS)
	}
	if d.ServiceMS != 20 {
		t.Errorf("service: got %v ms, want 20", d.ServiceMS)
	}
	plain, err := sim.Run(t.Context(), cfg, source())
	if err != nil || plain.Digest != r.Digest {
		t.Errorf("digest %s, and %v alone, %v", r.Digest, plain, err)
	}
	for _, rank := range []float64{0, -1, 1.1} {
		if _, _, err := sim.RunDistribution(t.Context(), cfg, source(), []float64{rank}); err == nil {
			t.Errorf("rank %v: no error", rank)
		}
	}
}
