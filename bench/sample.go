package main

import (
	"slices"
	"time"
)

// sample is what one run measured. Times are in microseconds, those of tasks per task.
type sample struct {
	Version   string    `json:"version"`
	At        time.Time `json:"at"`
	Cell      string    `json:"cell"`
	Contender string    `json:"contender"`
	Round     int       `json:"round"`
	Seed      uint64    `json:"seed"`
	// Precedence is that of all processes of the run.
	Precedence string `json:"precedence"`

	Jobs        int     `json:"jobs"` // measured, without those of the warm-up
	Tasks       int     `json:"tasks"`
	TasksPerS   float64 `json:"tasks_per_s"`
	CPUUS       cpu     `json:"cpu_us_per_task"`
	ResponseUS  ranks   `json:"response_us"`               // of jobs; of an open loop from when they were due
	BoundUS     *ranks  `json:"bound_us,omitempty"`        // of the same jobs, under an omniscient queue
	LagUS       *ranks  `json:"lag_us,omitempty"`          // how late an open loop sent its jobs
	OtherShare  float64 `json:"other_share"`               // of all processors, busy meanwhile with what is not this run's
	MeanService float64 `json:"mean_service_us,omitempty"` // of tasks, as workers measured it
}

// cpu is processor time.
type cpu struct {
	Client  float64 `json:"client"`
	Broker  float64 `json:"broker"`
	Workers float64 `json:"workers"`
}

func (c cpu) total() float64 { return c.Client + c.Broker + c.Workers }

// ranks are quantiles.
type ranks struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// ranksOf sorts the values. Quantiles are of nearest rank.
func ranksOf(values []time.Duration) ranks {
	if len(values) == 0 {
		return ranks{}
	}
	slices.Sort(values)
	at := func(percent int) float64 {
		rank := (percent*len(values) + 99) / 100
		return inUS(values[max(rank, 1)-1])
	}
	return ranks{P50: at(50), P95: at(95), P99: at(99)}
}

func inUS(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
