package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// report sets contenders side by side.
type report struct {
	Machine string     `json:"machine"`
	Go      string     `json:"go"`
	Version string     `json:"version"`
	Command string     `json:"command"`
	From    time.Time  `json:"from"`
	To      time.Time  `json:"to"`
	Other   float64    `json:"other_share"` // median over runs: of all processors, busy with what is not the run's
	Cells   []cellRows `json:"cells"`
}

type cellRows struct {
	Cell  string `json:"cell"`
	About string `json:"about"`
	// Precedence is what the system gave to the processes; several if that was not the same in all runs.
	Precedence []string `json:"precedence"`
	Rows       []row    `json:"contenders"`
	open       bool
	sleep      bool
}

// row is one contender in a cell, over its rounds.
type row struct {
	Contender string `json:"contender"`
	Rounds    int    `json:"rounds"`
	Jobs      int    `json:"jobs"` // over all rounds

	TasksPerS spread `json:"tasks_per_s"`
	CPUUS     spread `json:"cpu_us_per_task"`
	ClientUS  spread `json:"cpu_client_us_per_task"`
	BrokerUS  spread `json:"cpu_broker_us_per_task"`
	WorkersUS spread `json:"cpu_workers_us_per_task"`
	P50US     spread `json:"p50_us"`
	P95US     spread `json:"p95_us"`
	P99US     spread `json:"p99_us"`
	LagP99US  spread `json:"lag_p99_us"`

	// Of the omniscient bound, run by run.
	P50OfBound spread `json:"p50_of_bound"`
	P95OfBound spread `json:"p95_of_bound"`
	P99OfBound spread `json:"p99_of_bound"`
	BoundP50US spread `json:"bound_p50_us"`
	BoundP95US spread `json:"bound_p95_us"`
	BoundP99US spread `json:"bound_p99_us"`

	// Dunnock's over this one's, round by round.
	TasksRatio spread `json:"dunnock_tasks_per_s_ratio"`
	CPURatio   spread `json:"dunnock_cpu_ratio"`
	P50Ratio   spread `json:"dunnock_p50_ratio"`
	P99Ratio   spread `json:"dunnock_p99_ratio"`
}

// spread is a median over rounds, with the lowest and the highest.
type spread struct{ Median, Low, High float64 }

// MarshalJSON writes [median, lowest, highest], with five digits that count.
func (s spread) MarshalJSON() ([]byte, error) { //nolint:unparam // the interface has the error
	return fmt.Appendf(nil, "[%.5g,%.5g,%.5g]", s.Median, s.Low, s.High), nil
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	n := len(values)
	return spread{Median: (values[(n-1)/2] + values[n/2]) / 2, Low: values[0], High: values[n-1]}
}

func newReport(samples []*sample, command string) *report {
	r := &report{Machine: machine(), Go: runtime.Version(), Version: version, Command: command}
	r.From, r.To = samples[0].At, samples[0].At
	others := make([]float64, 0, len(samples))
	for _, s := range samples {
		others = append(others, s.OtherShare)
		if s.At.Before(r.From) {
			r.From = s.At
		}
		if s.At.After(r.To) {
			r.To = s.At
		}
	}
	r.Other = spreadOf(others).Median
	for _, c := range cells() {
		rows := cellRows{Cell: c.Name, About: c.About, open: c.open(), sleep: c.sleep()}
		ours := samplesOf(samples, c.Name, contenders()[0].name)
		for _, other := range contenders() {
			if of := samplesOf(samples, c.Name, other.name); len(of) > 0 {
				rows.Rows = append(rows.Rows, rowOf(of, ours))
				for _, s := range of {
					if !slices.Contains(rows.Precedence, s.Precedence) {
						rows.Precedence = append(rows.Precedence, s.Precedence)
					}
				}
			}
		}
		if len(rows.Rows) > 0 {
			r.Cells = append(r.Cells, rows)
		}
	}
	return r
}

func samplesOf(samples []*sample, cell, contender string) (of []*sample) {
	for _, s := range samples {
		if s.Cell == cell && s.Contender == contender {
			of = append(of, s)
		}
	}
	return of
}

// rowOf sums up one contender in one cell, and sets Dunnock's samples there beside it.
func rowOf(samples, dunnock []*sample) row {
	over := func(f func(s *sample) float64) spread {
		values := make([]float64, 0, len(samples))
		for _, s := range samples {
			values = append(values, f(s))
		}
		return spreadOf(values)
	}
	r := row{
		Contender: samples[0].Contender, Rounds: len(samples),
		TasksPerS: over(func(s *sample) float64 { return s.TasksPerS }),
		CPUUS:     over(func(s *sample) float64 { return s.CPUUS.total() }),
		ClientUS:  over(func(s *sample) float64 { return s.CPUUS.Client }),
		BrokerUS:  over(func(s *sample) float64 { return s.CPUUS.Broker }),
		WorkersUS: over(func(s *sample) float64 { return s.CPUUS.Workers }),
		P50US:     over(func(s *sample) float64 { return s.ResponseUS.P50 }),
		P95US:     over(func(s *sample) float64 { return s.ResponseUS.P95 }),
		P99US:     over(func(s *sample) float64 { return s.ResponseUS.P99 }),
	}
	for _, s := range samples {
		r.Jobs += s.Jobs
	}
	if samples[0].LagUS != nil {
		r.LagP99US = over(func(s *sample) float64 { return s.LagUS.P99 })
	}
	if samples[0].BoundUS != nil {
		r.BoundP50US = over(func(s *sample) float64 { return s.BoundUS.P50 })
		r.BoundP95US = over(func(s *sample) float64 { return s.BoundUS.P95 })
		r.BoundP99US = over(func(s *sample) float64 { return s.BoundUS.P99 })
		r.P50OfBound = over(func(s *sample) float64 { return s.ResponseUS.P50 / s.BoundUS.P50 })
		r.P95OfBound = over(func(s *sample) float64 { return s.ResponseUS.P95 / s.BoundUS.P95 })
		r.P99OfBound = over(func(s *sample) float64 { return s.ResponseUS.P99 / s.BoundUS.P99 })
	}
	ratio := func(f func(s *sample) float64) spread {
		var values []float64
		for _, s := range samples {
			for _, d := range dunnock {
				if d.Round == s.Round && f(s) > 0 {
					values = append(values, f(d)/f(s))
				}
			}
		}
		return spreadOf(values)
	}
	r.TasksRatio = ratio(func(s *sample) float64 { return s.TasksPerS })
	r.CPURatio = ratio(func(s *sample) float64 { return s.CPUUS.total() })
	r.P50Ratio = ratio(func(s *sample) float64 { return s.ResponseUS.P50 })
	r.P99Ratio = ratio(func(s *sample) float64 { return s.ResponseUS.P99 })
	return r
}

// write puts the report beside the samples that it is of.
func (r *report) write(dir string) error {
	figures, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	var page bytes.Buffer
	drawing := r.figure()
	if err := r.text(&page); err != nil {
		return err
	}
	write := func(name string, text []byte) error {
		return os.WriteFile(filepath.Join(dir, name), text, 0o644) //nolint:gosec // results are no secret
	}
	err = errors.Join(write("rivals.json", append(figures, '\n')), write("rivals.md", page.Bytes()))
	if drawing != nil {
		err = errors.Join(err, write("rivals.svg", []byte(drawing.SVG())))
	}
	return err
}
