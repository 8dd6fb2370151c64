package loadgen

import (
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/loadgen/workload"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/sim"
	"dunnock/worker"
	"dunnock/worker/app"
)

// TestCachesAgreeWithTheSimulator runs a workload with affinity keys on a live fleet whose workers have caches, with
// the keys told and without, and in the simulator: what affinity gains is the same in both.
func TestCachesAgreeWithTheSimulator(t *testing.T) {
	t.Parallel()
	const schedulers, workers, slots = 2, 10, 2
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			spec := workload.Spec{Rate: 30, Seed: 1}
			for _, set := range []error{
				spec.Tasks.UnmarshalText([]byte("5")), spec.Service.UnmarshalText([]byte("exp:20ms")), spec.Arrival.UnmarshalText([]byte("poisson")),
				spec.Keys.UnmarshalText([]byte("zipf:200,0.9")),
			} {
				if set != nil {
					t.Fatal(set)
				}
			}
			cache := workload.Cache{Keys: 40, MissCost: 4}
			source := func() *workload.Source {
				s, err := workload.Generate(spec, workload.Window{Jobs: 1500, Warmup: workload.Warmup{Jobs: 300}})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			f := fleettest.New(t)
			defer f.Stop()
			cfg := Config{
				Dial: f.Dial, Logger: slog.New(slog.DiscardHandler), NoAlarm: true, Cache: cache, NoAffinity: !told,
				Fleet: Fleet{Policy: "late-binding", Schedulers: schedulers, Workers: workers, Slots: workers * slots, Uniform: true},
			}
			for i := range schedulers {
				cfg.Schedulers = append(cfg.Schedulers, f.Scheduler("s"+strconv.Itoa(i+1), func(c *scheduler.Config) { c.Policy = placement.LateBinding }).Addr)
			}
			for i := range workers {
				own := &app.Sleeper{}
				f.Worker("w"+strconv.Itoa(i+1), slots, map[string]worker.Handler{SleepApp: own.Handle}, nil)
			}
			time.Sleep(time.Second) // all are connected
			live, err := Run(t.Context(), cfg, source())
			if err != nil {
				t.Fatal(err)
			}
			same, err := sim.Run(t.Context(), sim.Config{Workers: workers, Slots: slots, Schedulers: schedulers, Cache: cache, NoAffinity: !told}, source())
			if err != nil {
				t.Fatal(err)
			}
			if live.Affinity == nil || live.Affinity.Told != told || live.Affinity.Cache != 40 || live.FailedTasks > 0 {
				t.Fatalf("affinity is %+v, %d tasks failed", live.Affinity, live.FailedTasks)
			}
			near(t, "hit rate, live", live.Affinity.HitRate, same.Affinity.HitRate, 0.03)
			near(t, "live / simulated mean response", live.ResponseMS.Mean/same.ResponseMS.Mean, 1, 0.1)
			if told != (live.Affinity.HitRate > 0.8) {
				t.Errorf("keys are told: %v, and %.3f hit", told, live.Affinity.HitRate)
			}
		})
	}
}
