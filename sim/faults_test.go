package sim_test

import (
	"testing"
	"time"

	"dunnock/sim"
)

// storm is everything that can go wrong, often.
func storm() sim.Faults {
	return sim.Faults{
		Drop: 0.002, Delay: 0.02, Duplicate: 0.02, Reorder: 0.02,
		PartitionEvery: 300 * time.Millisecond, WorkerCrashEvery: 200 * time.Millisecond, SchedulerCrashEvery: 500 * time.Millisecond,
		Outage: 400 * time.Millisecond, Lease: 300 * time.Millisecond,
	}
}

// TestFaultsEveryTaskEndsOnce runs small fleets under each fault alone and all of them together, with every core
// checking itself after every step. A run ends only when each task of each job has an outcome, and fails when one has
// two.
func TestFaultsEveryTaskEndsOnce(t *testing.T) {
	t.Parallel()
	all := storm()
	cases := map[string]sim.Faults{
		"drop":             {Drop: all.Drop},
		"delay":            {Delay: all.Delay},
		"duplicate":        {Duplicate: all.Duplicate},
		"reorder":          {Reorder: all.Reorder},
		"partitions":       {PartitionEvery: all.PartitionEvery, Outage: all.Outage, Lease: all.Lease},
		"worker crashes":   {WorkerCrashEvery: all.WorkerCrashEvery, Outage: all.Outage, Lease: all.Lease},
		"scheduler crash":  {SchedulerCrashEvery: all.SchedulerCrashEvery, Outage: all.Outage, Lease: all.Lease},
		"all":              all,
		"all, healed soon": all,
	}
	healed := all
	healed.Until = 2 * time.Second
	cases["all, healed soon"] = healed
	for name, faults := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				cfg := sim.Config{
					Workers: 12, Slots: 2, Schedulers: 3, NetDelay: 500 * time.Microsecond, Seed: seed, Check: true, Faults: faults, MaxAttempts: 100,
					Deadline: 30 * time.Second,
				}
				r := simulate(t, cfg, flags{tasks: "geom:5", service: "exp:50ms", load: 0.6, jobs: 300})
				if r.Jobs != 300 || r.FailedTasks != 0 {
					t.Errorf("seed %d: %d jobs, %d tasks failed; want 300 and none", seed, r.Jobs, r.FailedTasks)
				}
			}
		})
	}
}
