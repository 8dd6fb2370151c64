package sim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/sim"
	"dunnock/worker/queue"
)

// wideSource is jobs of five tasks, of which a tenth have tasks that take so many slots.
func wideSource(t *testing.T, load float64, width string, jobs int) *workload.Source {
	t.Helper()
	spec := workload.Spec{Load: load, Slots: 20 * 4, Seed: 3}
	for _, err := range []error{
		spec.Tasks.UnmarshalText([]byte("5")), spec.Service.UnmarshalText([]byte("exp:50ms")), spec.Arrival.UnmarshalText([]byte("poisson")),
		spec.Width.UnmarshalText([]byte(width)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	source, err := workload.Generate(spec, workload.Window{Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// TestWideTasks runs tasks of several slots beside plain ones with every core checked after every step, and with the
// simulator's own count of what runs at each worker. Wide ones wait longer than plain ones, and not for ever: also
// where the fleet is asked for more than it has.
func TestWideTasks(t *testing.T) {
	type fleet struct {
		policy     string
		discipline queue.Discipline
		load       float64
	}
	for _, f := range []fleet{
		{"late-binding", queue.FIFO, 0.7},
		{"late-binding-nocancel", queue.FIFO, 0.6},
		{"idle-offer", queue.FIFO, 0.7},
		{"late-binding", queue.Fair, 0.7},
		{"late-binding", queue.Priority, 0.7},
		{"late-binding", queue.SRPT, 0.7},
		{"late-binding", queue.FIFO, 1.1},
		{"idle-offer", queue.FIFO, 1.1},
	} {
		t.Run(f.policy+","+f.discipline.String(), func(t *testing.T) {
			t.Parallel()
			r, err := sim.Run(t.Context(), sim.Config{
				Policy: f.policy, Workers: 20, Slots: 4, Schedulers: 3, NetDelay: 500_000, Seed: 1, Check: true, Sharing: sim.Sharing{Discipline: f.discipline},
			}, wideSource(t, f.load, "bimodal:0.9,1,4", 400))
			if err != nil {
				t.Fatal(err)
			}
			plain, wide := r.TaskSlots["1"], r.TaskSlots["4"]
			if r.FailedTasks != 0 || plain.Jobs+wide.Jobs != 400 || wide.Jobs < 20 {
				t.Fatalf("%d tasks failed; %d plain and %d wide jobs", r.FailedTasks, plain.Jobs, wide.Jobs)
			}
			t.Logf("plain: wait %.1f ms, response %.1f; wide: %.1f, %.1f", plain.WaitMS.Mean, plain.ResponseMS.Mean, wide.WaitMS.Mean, wide.ResponseMS.Mean)
			// A worker is drained of four exponential tasks of 50 ms in 104 ms on average.
			if limit := 3*plain.WaitMS.P99 + 600; wide.WaitMS.P99 > limit {
				t.Errorf("of the wide tasks 1 %% wait %.0f ms or more, and of the others %.0f", wide.WaitMS.P99, plain.WaitMS.P99)
			}
			// With idle offers they queue at workers, where plain tasks do not, and go before offers.
			if ahead := f.policy == "idle-offer" && f.load > 1; !ahead && wide.WaitMS.Mean <= plain.WaitMS.Mean {
				t.Errorf("wide tasks wait %.2f ms and others %.2f: what is measured?", wide.WaitMS.Mean, plain.WaitMS.Mean)
			}
		})
	}
}

// What no worker could run, and what a model does not know, is an error.
func TestWideTasksAreRefused(t *testing.T) {
	for want, c := range map[string]struct{ policy, width string }{
		"job 0 has tasks of 5 slots, and no worker has more than 4": {"late-binding", "5"},
		"policy ideal is a model of tasks of one slot":              {"ideal", "2"},
	} {
		_, err := sim.Run(t.Context(), sim.Config{Policy: c.policy, Workers: 20, Slots: 4}, wideSource(t, 0.5, c.width, 10))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestWideTasksAndCrashes: workers come and go, and some of them are down when the first wide task is launched.
func TestWideTasksAndCrashes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		r, err := sim.Run(t.Context(), sim.Config{
			Policy: "late-binding", Workers: 20, Slots: 4, Schedulers: 3, NetDelay: 500_000, Seed: seed, Check: true, MaxAttempts: 100,
			Faults: sim.Faults{WorkerCrashEvery: 20 * time.Millisecond, Outage: time.Second},
		}, wideSource(t, 0.3, "bimodal:0.9,1,4", 100))
		if err != nil {
			t.Fatal(err)
		}
		if r.FailedTasks != 0 || len(r.TaskSlots) != 2 {
			t.Errorf("seed %d: %d tasks failed, of jobs %v; want none, of two widths", seed, r.FailedTasks, r.TaskSlots)
		}
	}
}

// TestNamesAreRefused: workers of a simulation have no names, and a job that asks for one by its name would quietly get
// any.
func TestNamesAreRefused(t *testing.T) {
	for field, says := range map[string]string{
		"require": `"require":{"worker":"w1"}`, "prefer": `"prefer":{"worker":"w1"}`, "exclude": `"exclude":["w1"]`, "spread": `"spread":"worker"`,
		"exclude in a group": `"groups":[{"tasks":[0],"exclude":["gpu=a","worker=w1"]}]`,
	} {
		source, err := workload.Read(strings.NewReader(`{"at_ms":0,"service_ms":[1],`+says+"}"), workload.Window{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = sim.Run(t.Context(), sim.Config{Policy: "late-binding", Workers: 20, Slots: 4}, source)
		if name, _, _ := strings.Cut(field, " "); !errors.Is(err, sim.ErrNotModelled) || !strings.Contains(err.Error(), name+": simulated workers have no names") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
