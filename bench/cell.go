package main

import "time"

const (
	payloadBytes = 100
)

// cell is a kind of load.
type cell struct {
	Name string
	// About is its heading in a report.
	About string

	Tasks   int // of a job
	Workers int // processes
	Slots   int // of each

	// A closed loop keeps this many jobs in flight.
	InFlight int
	// An open loop sends jobs when they are due: so many a second, or so many that slots are busy for this part of the
	// time.
	Rate, Load float64
	// Service is how long tasks sleep, in the words of dunnock loadgen; empty: not at all.
	Service string

	Warmup, Length time.Duration
	Rounds         int
	Seed           uint64
}

func (c *cell) open() bool  { return c.InFlight == 0 }
func (c *cell) sleep() bool { return c.Service != "" }

// cells are all there are, in the order of reports.
func cells() []cell {
	return numbered(append(noopCells(), sleepCells()...))
}

// numbered gives each a seed, to which each round adds its number.
func numbered(all []cell) []cell {
	for i := range all {
		all[i].Seed = uint64(1000 * (i + 1))
	}
	return all
}

func noopCells() []cell {
	all := []cell{
		{Name: "closed-1", About: "No-op tasks, one a job, 256 jobs in flight, 2 workers × 16 slots", Tasks: 1, InFlight: 256},
		{Name: "closed-10", About: "No-op tasks, 10 a job, 64 jobs in flight, 2 workers × 16 slots", Tasks: 10, InFlight: 64},
		{Name: "closed-100", About: "No-op tasks, 100 a job, 8 jobs in flight, 2 workers × 16 slots", Tasks: 100, InFlight: 8},
		{Name: "small-10", About: "No-op tasks, 10 a job, 64 jobs in flight, 16 workers × 1 slot", Tasks: 10, InFlight: 64, Workers: 16, Slots: 1},
		{Name: "rest-1", About: "At rest: no-op tasks, one a job, one job at a time, 2 workers × 16 slots", Tasks: 1, InFlight: 1},
		{Name: "low-1", About: "Low load: 1,000 jobs a second of one no-op task, 2 workers × 16 slots", Tasks: 1, Rate: 1000},
		{Name: "low-10", About: "Low load: 200 jobs a second of 10 no-op tasks, 2 workers × 16 slots", Tasks: 10, Rate: 200},
		{Name: "low-100", About: "Low load: 40 jobs a second of 100 no-op tasks, 2 workers × 16 slots", Tasks: 100, Rate: 40},
	}
	for i := range all {
		c := &all[i]
		c.Warmup, c.Length, c.Rounds = 500*time.Millisecond, 2*time.Second, 3
		if c.open() {
			c.Length = 4 * time.Second
		}
		if c.Workers == 0 {
			c.Workers, c.Slots = 2, 16
		}
	}
	return all
}

func sleepCells() (all []cell) {
	for _, s := range []struct{ name, about, service string }{
		{"exp", "Exponential tasks of 10 ms", "exp:10ms"},
		// 0.95 short + 0.05 · 10 short = 10 ms.
		{"bimodal", "Bimodal tasks of 10 ms, one in 20 ten times as long as the others (69 and 6.9 ms)", "bimodal:0.95,6896552ns,68965520ns"},
	} {
		for _, load := range []struct {
			suffix string
			load   float64
		}{{"0.7", 0.7}, {"0.8", 0.8}, {"0.9", 0.9}} {
			all = append(all, cell{
				Name: s.name + "-" + load.suffix, About: s.about + ", 10 a job, load " + load.suffix + ", 16 workers × 1 slot",
				Tasks: 10, Workers: 16, Slots: 1, Load: load.load, Service: s.service,
				Warmup: 1500 * time.Millisecond, Length: 8 * time.Second, Rounds: 3,
			})
		}
	}
	return all
}

// quick makes a cell so short that it shows only that everything works.
func (c *cell) quick() {
	c.Warmup, c.Length, c.Rounds = 50*time.Millisecond, 100*time.Millisecond, 1
	if c.sleep() {
		c.Length = 300 * time.Millisecond
	}
}
