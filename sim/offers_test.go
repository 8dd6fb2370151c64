package sim_test

import (
	"strings"
	"testing"
	"time"

	"dunnock/sim"
	"dunnock/worker/queue"
)

// TestIdleOffersAgreeWithAModel compares with an independent model of the same protocol, which has one record for a
// scheduler and one for a worker and knows no failures, constraints or lanes, and leaves an offer that is held unfound
// for longer, which takes fewer messages: mean response in ms and messages a task of 200 workers × 4 slots, 0.5 ms a
// hop, as a mean of the same four seeds there.
func TestIdleOffersAgreeWithAModel(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		tasks, service string
		load           float64
		schedulers     int
		jobs           int
		mean, messages float64
	}{
		{"1", "exp:100ms", 0.95, 5, 4000, 99.3, 3.33},
		{"1", "const:100ms", 0.95, 20, 4000, 101.8, 5.27},
		{"10", "const:100ms", 0.9, 5, 2000, 103.3, 3.77},
		{"10", "exp:100ms", 0.95, 20, 2000, 305.8, 5.67},
		{"10", "bimodal:0.9,50ms,550ms", 0.95, 5, 2000, 387.1, 3.92},
		{"100", "const:100ms", 0.9, 5, 1200, 137.6, 3.87},
		{"10", "const:2ms", 0.8, 3, 2000, 3.2, 3.08},
	} {
		mean, messages := 0.0, 0.0
		for seed := range uint64(4) {
			r := simulate(t, sim.Config{
				Policy: "idle-offer", Workers: 200, Slots: 4, Schedulers: row.schedulers, NetDelay: 500 * time.Microsecond, Seed: seed + 1,
			}, flags{tasks: row.tasks, service: row.service, load: row.load, jobs: row.jobs, warmup: row.jobs / 10, seed: seed + 1})
			mean += r.ResponseMS.Mean / 4
			messages += r.MessagesPerTask / 4
		}
		t.Logf("%s tasks, %s, load %g, %d schedulers: %.2f ms, %.3f messages; want %.1f, %.2f", row.tasks, row.service, row.load, row.schedulers, mean, messages, row.mean, row.messages)
		if !near(mean, row.mean, 0.01) || messages < 0.97*row.messages || messages > 1.05*row.messages {
			t.Errorf("%s tasks, %s, load %g, %d schedulers: %.2f ms, %.3f messages; want %.1f, %.2f", row.tasks, row.service, row.load, row.schedulers, mean, messages, row.mean, row.messages)
		}
	}
}

// TestIdleOffersHaveNoFaults says so instead of leaving them out.
func TestIdleOffersHaveNoFaults(t *testing.T) {
	t.Parallel()
	err := sim.Config{Policy: "idle-offer", Faults: sim.Faults{Drop: 0.1}}.Validate()
	if err == nil || !strings.Contains(err.Error(), "faults: connections between schedulers") {
		t.Errorf("got %v", err)
	}
}

// TestDisciplinesUnderIdleOffers: where workers sort what waits, it waits with them, as under late binding.
func TestDisciplinesUnderIdleOffers(t *testing.T) {
	t.Parallel()
	f := flags{tasks: "10", service: "exp:100ms", load: 0.9, jobs: 1000, warmup: 100, seed: 1}
	mean := func(policy string, d queue.Discipline) (mean, messages float64) {
		r := simulate(t, sim.Config{Policy: policy, Workers: 20, Slots: 4, Schedulers: 3, NetDelay: time.Millisecond, Seed: 1, Sharing: sim.Sharing{Discipline: d}}, f)
		return r.ResponseMS.Mean, r.MessagesPerTask
	}
	for _, d := range []queue.Discipline{queue.Priority, queue.Fair, queue.SRPT} {
		late, lateMessages := mean("late-binding", d)
		offers, messages := mean("idle-offer", d)
		if !near(offers, late, 0.01) || !near(messages, lateMessages, 0.01) {
			t.Errorf("%v: %.2f ms and %.3f messages a task, late binding has %.2f and %.3f", d, offers, messages, late, lateMessages)
		}
	}
}

// TestFewSlotsBesideSchedulers: where slots are few beside schedulers no offers are made, and jobs are sampled for as under late binding. With
// offers the same fleet would take many more messages.
func TestFewSlotsBesideSchedulers(t *testing.T) {
	t.Parallel()
	f := flags{tasks: "4", service: "exp:100ms", load: 0.7, jobs: 1000, warmup: 100, seed: 1}
	mean := func(policy string) (mean, messages float64) {
		r := simulate(t, sim.Config{Policy: policy, Workers: 7, Slots: 3, Schedulers: 100, NetDelay: 500 * time.Microsecond, Seed: 1}, f)
		return r.ResponseMS.Mean, r.MessagesPerTask
	}
	late, lateMessages := mean("late-binding")
	offers, messages := mean("idle-offer")
	t.Logf("%.2f ms and %.3f messages a task, late binding has %.2f and %.3f", offers, messages, late, lateMessages)
	if !near(offers, late, 0.01) || !near(messages, lateMessages, 0.01) {
		t.Errorf("%.2f ms and %.3f messages a task, late binding has %.2f and %.3f", offers, messages, late, lateMessages)
	}
}

// TestNoTaskWaitsBesideAnOffer bounds for how long a scheduler whose tasks wait may launch none while another one holds
// an offer: what it takes to find it.
func TestNoTaskWaitsBesideAnOffer(t *testing.T) {
	t.Parallel()
	const hop = 500 * time.Microsecond
	for _, row := range []struct{ schedulers, hops int }{{2, 6}, {3, 9}, {10, 20}} {
		for _, load := range []float64{0.0002, 0.3, 0.7, 0.9} { // with the first slots are free for minutes
			var longest time.Duration
			for _, f := range []flags{
				{tasks: "1", service: "const:10ms"},
				{tasks: "10", service: "const:10ms"},
				{tasks: "40", service: "const:10ms"},
				{tasks: "1", service: "exp:10ms"},
				{tasks: "10", service: "exp:10ms"},
				{tasks: "40", service: "exp:10ms"},
			} {
				f.load, f.jobs, f.seed = load, 600, 1
				cfg := sim.Config{Policy: "idle-offer", Workers: 10, Slots: 4, Schedulers: row.schedulers, NetDelay: hop, Seed: 1}
				if _, err := sim.RunPolicy(t.Context(), cfg, source(t, f, 40), sim.NewStallWatch(&longest)); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d schedulers, load %g: %.1f hops", row.schedulers, load, float64(longest)/float64(hop))
			if longest > time.Duration(row.hops)*hop {
				t.Errorf("%d schedulers, load %g: tasks waited for %.1f hops while an offer was held elsewhere, want at most %d", row.schedulers, load, float64(longest)/float64(hop), row.hops)
			}
		}
	}
}

// TestAskingAheadSurvivesNoise: services that are nearly alike, as sleeps on a busy machine are, are foretold like
// those that are; and where schedulers see too many odd ones to foretell them, or only some do, tasks wait little
// longer than under late binding.
func TestAskingAheadSurvivesNoise(t *testing.T) {
	t.Parallel()
	run := func(policy, service string) *sim.Result {
		return simulate(t, sim.Config{Policy: policy, Workers: 8, Slots: 4, Schedulers: 3, NetDelay: 200 * time.Microsecond, Seed: 1},
			flags{tasks: "10", service: service, load: 0.9, jobs: 2000, warmup: 200, seed: 1})
	}
	same := run("idle-offer", "const:10ms")
	for _, row := range []struct {
		service string
		most    float64 // of the mean of services that are the same
	}{
		{"lognormal:10ms,0.01", 1.03},
		{"lognormal:10ms,0.03", 1.05},
		{"bimodal:0.99,10ms,12ms", 1.03},
		{"bimodal:0.99,10ms,14ms", 1.09},
	} {
		r := run("idle-offer", row.service)
		t.Logf("%s: %.2f ms and %.3f messages a task, const:10ms has %.2f and %.3f", row.service, r.ResponseMS.Mean, r.MessagesPerTask, same.ResponseMS.Mean, same.MessagesPerTask)
		if r.ResponseMS.Mean > row.most*same.ResponseMS.Mean || !near(r.MessagesPerTask, same.MessagesPerTask, 0.03) {
			t.Errorf("%s: %.2f ms and %.3f messages a task, const:10ms has %.2f and %.3f", row.service, r.ResponseMS.Mean, r.MessagesPerTask, same.ResponseMS.Mean, same.MessagesPerTask)
		}
	}
	for _, service := range []string{"bimodal:0.95,10ms,14ms", "bimodal:0.93,10ms,14ms", "bimodal:0.91,10ms,14ms", "bimodal:0.89,10ms,14ms", "bimodal:0.98,10ms,100ms"} {
		r, late := run("idle-offer", service), run("late-binding", service)
		t.Logf("%s: %.2f ms, p99 %.2f; late binding has %.2f and %.2f", service, r.ResponseMS.Mean, r.ResponseMS.P99, late.ResponseMS.Mean, late.ResponseMS.P99)
		if r.ResponseMS.Mean > 1.03*late.ResponseMS.Mean || r.ResponseMS.P99 > 1.15*late.ResponseMS.P99 {
			t.Errorf("%s: %.2f ms, p99 %.2f; late binding has %.2f and %.2f", service, r.ResponseMS.Mean, r.ResponseMS.P99, late.ResponseMS.Mean, late.ResponseMS.P99)
		}
	}
}

// TestFreeSlotsAreNotOfferedFarAhead: where slots are free for long, few offers are answered at once, and workers must
// not take what those took for hops: tasks would be launched on slots that are free milliseconds later, beside free
// ones.
func TestFreeSlotsAreNotOfferedFarAhead(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		r := simulate(t, sim.Config{Policy: "idle-offer", Workers: 200, Slots: 4, Schedulers: 40, NetDelay: 500 * time.Microsecond, Seed: seed + 1},
			flags{tasks: "40", service: "const:100ms", load: 0.4, jobs: 3000, warmup: 300, seed: seed + 1})
		t.Logf("mean %.2f ms, p99 %.2f", r.ResponseMS.Mean, r.ResponseMS.P99)
		if r.ResponseMS.P99 > 103.2 { // the service, a launch and the end's way back, a round among peers, and half of another one
			t.Errorf("p99 of %.2f ms, want at most 103.2", r.ResponseMS.P99)
		}
	}
}
