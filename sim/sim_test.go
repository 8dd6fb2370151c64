package sim_test

import (
	"testing"

	"dunnock/loadgen/workload"
	"dunnock/sim"
)

// flags are those of a workload, as on the command line.
type flags struct {
	tasks   string
	service string
	arrival string // poisson if empty
	load    float64
	jobs    int
	warmup  int
	seed    uint64
	says    string // what jobs state; "": nothing
	users   workload.Users
	needs   []workload.Need
	wishes  workload.Wishes // their seed is that of the simulation
	fleet   workload.Fleet  // likewise
}

// source makes the workload that flags describe, for the slots of a fleet.
func source(tb testing.TB, f flags, slots int) *workload.Source {
	tb.Helper()
	if f.arrival == "" {
		f.arrival = "poisson"
	}
	spec := workload.Spec{Load: f.load, Slots: slots, Users: f.users, Needs: f.needs, Seed: f.seed}
	for _, err := range []error{
		spec.Tasks.UnmarshalText([]byte(f.tasks)), spec.Service.UnmarshalText([]byte(f.service)), spec.Arrival.UnmarshalText([]byte(f.arrival)),
	} {
		if err != nil {
			tb.Fatal(err)
		}
	}
	if f.says != "" {
		if err := spec.Estimates.UnmarshalText([]byte(f.says)); err != nil {
			tb.Fatal(err)
		}
	}
	s, err := workload.Generate(spec, workload.Window{Jobs: f.jobs, Warmup: workload.Warmup{Jobs: f.warmup}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// simulate runs a simulation that is to succeed.
func simulate(tb testing.TB, cfg sim.Config, f flags) *sim.Result {
	tb.Helper()
	full := cfg.WithDefaults()
	jobs := source(tb, f, full.Workers*full.Slots)
	f.fleet.Seed, f.wishes.Seed = full.Seed, full.Seed
	cfg.Nodes = f.fleet.Nodes(full.Workers)
	if err := jobs.Wish(f.wishes, cfg.Nodes); err != nil {
		tb.Fatal(err)
	}
	r, err := sim.Run(tb.Context(), cfg, jobs)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}
