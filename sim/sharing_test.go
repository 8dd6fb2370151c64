package sim_test

import (
	"testing"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/sim"
	"dunnock/worker/queue"
)

// shared simulates jobs of ten tasks on 50 workers × 4 slots: those of a quiet user who wants a quarter of the slots, and those of
// another who wants what flood says.
func shared(t *testing.T, d queue.Discipline, service, flood string, load float64, jobs int) *sim.Result {
	t.Helper()
	spec := workload.Spec{Load: load, Slots: 200, Seed: 1}
	set := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	set(spec.Tasks.UnmarshalText([]byte("10")))
	set(spec.Service.UnmarshalText([]byte(service)))
	set(spec.Arrival.UnmarshalText([]byte("poisson")))
	set(spec.Users.UnmarshalText([]byte("quiet:0.25" + flood)))
	source, err := workload.Generate(spec, workload.Window{Jobs: jobs, Warmup: workload.Warmup{Jobs: 300}})
	set(err)
	r, err := sim.Run(t.Context(), sim.Config{
		Workers: 50, Slots: 4, Schedulers: 4, NetDelay: 500 * time.Microsecond, Seed: 1, Sharing: sim.Sharing{Discipline: d},
	}, source)
	set(err)
	return r
}

// TestFairIsolates is Sparrow's experiment (SOSP 2013, §7.5): a user who wants less than its share does not notice, within 15 %, that
// another wants far more than there is. First in, first out, it waits behind all of that.
func TestFairIsolates(t *testing.T) {
	alone := shared(t, queue.FIFO, "exp:100ms", "", 0.25, 3000).Users["quiet"].ResponseMS.Mean
	fair := shared(t, queue.Fair, "exp:100ms", ",flood:1.25", 1.5, 9000)
	fifo := shared(t, queue.FIFO, "exp:100ms", ",flood:1.25", 1.5, 9000)
	quiet, flood := fair.Users["quiet"], fair.Users["flood"]
	t.Logf("alone %.1f ms, beside the flood: fair %.1f ms, fifo %.1f ms", alone, quiet.ResponseMS.Mean, fifo.Users["quiet"].ResponseMS.Mean)
	if quiet.ResponseMS.Mean > 1.15*alone {
		t.Errorf("fair: %.1f ms, alone %.1f ms", quiet.ResponseMS.Mean, alone)
	}
	if got := fifo.Users["quiet"].ResponseMS.Mean; got < 5*alone {
		t.Errorf("fifo: %.1f ms, alone %.1f ms: there is nothing to be isolated from", got, alone)
	}
	if flood.ResponseMS.Mean < 5*alone || fair.Utilization < 0.97 {
		t.Errorf("fair: the flood takes %.1f ms, of the slots %.3f are busy", flood.ResponseMS.Mean, fair.Utilization)
	}
	if fair.Discipline != "fair" || fifo.Discipline != "" || quiet.Jobs+flood.Jobs+300 != 9000 {
		t.Errorf("%q, %q; %d and %d jobs", fair.Discipline, fifo.Discipline, quiet.Jobs, flood.Jobs)
	}
}

// TestFairIsolatesEqualTasks is the same with tasks that all take as long: none of the flood's ends early, and what the quiet user waits for is a slot that frees at one
// of the workers that it has reservations at. Without more of those than others get it waits a third longer.
func TestFairIsolatesEqualTasks(t *testing.T) {
	alone := shared(t, queue.FIFO, "const:100ms", "", 0.25, 3000).Users["quiet"].ResponseMS.Mean
	fair := shared(t, queue.Fair, "const:100ms", ",flood:1.25", 1.5, 9000)
	quiet := fair.Users["quiet"].ResponseMS.Mean
	t.Logf("alone %.1f ms, beside the flood %.1f ms; %.1f messages a task", alone, quiet, fair.MessagesPerTask)
	if quiet > 1.15*alone {
		t.Errorf("%.1f ms, alone %.1f ms", quiet, alone)
	}
	if fair.MessagesPerTask > 9 || fair.Utilization < 0.97 {
		t.Errorf("%.1f messages a task; of the slots %.3f are busy", fair.MessagesPerTask, fair.Utilization)
	}
}

// TestShortestFirst gives jobs very different sizes: serving what has the least left first takes a good part of the mean away.
func TestShortestFirst(t *testing.T) {
	run := func(d queue.Discipline) *sim.Result {
		spec := workload.Spec{Load: 0.9, Slots: 80, Seed: 3}
		for _, err := range []error{
			spec.Tasks.UnmarshalText([]byte("bimodal:0.8,2,40")), spec.Service.UnmarshalText([]byte("jobexp:100ms")), spec.Arrival.UnmarshalText([]byte("poisson")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		source, err := workload.Generate(spec, workload.Window{Jobs: 4000, Warmup: workload.Warmup{Jobs: 400}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := sim.Run(t.Context(), sim.Config{
			Workers: 20, Slots: 4, Schedulers: 2, NetDelay: 500 * time.Microsecond, Seed: 1, Sharing: sim.Sharing{Discipline: d, StarvationBound: 5 * time.Second},
		}, source)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	fifo, srpt := run(queue.FIFO).ResponseMS, run(queue.SRPT).ResponseMS
	t.Logf("fifo: mean %.1f ms, p50 %.1f, max %.0f; srpt: %.1f, %.1f, %.0f", fifo.Mean, fifo.P50, fifo.Max, srpt.Mean, srpt.P50, srpt.Max)
	if srpt.Mean > 0.7*fifo.Mean || srpt.P50 > 0.5*fifo.P50 {
		t.Errorf("fifo: mean %.1f ms, p50 %.1f; srpt: %.1f, %.1f", fifo.Mean, fifo.P50, srpt.Mean, srpt.P50)
	}
}
