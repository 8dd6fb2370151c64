package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/BurntSushi/toml"

	"dunnock/internal/command"
	"dunnock/loadgen/workload"
)

// Bounds of a plan.
const (
	maxPlanBytes = 1 << 16
	maxRuns      = 2000
	maxRepeats   = 100
)

// plan says what is measured.
type plan struct {
	fleetPlan
	Tasks    string   `toml:"tasks"`   // of a job, as `loadgen run --tasks` takes it
	Service  string   `toml:"service"` // of a task
	Duration duration `toml:"duration"`
	Warmup   duration `toml:"warmup"`  // of it
	Repeats  int      `toml:"repeats"` // runs of each point
	Seed     uint64   `toml:"seed"`    // of the first repeat; the others follow it
	// MaxOther is how much of all processors something else may take during a run that counts, 0 to 1. 0: any.
	MaxOther  float64    `toml:"max-other"`
	Figures   []figure   `toml:"figure"`
	Agreement *agreement `toml:"agreement"` // nil: none is judged
	Capacity  *capacity  `toml:"capacity"`  // nil: not measured
}

// fleetPlan is the size of a fleet.
type fleetPlan struct {
	Schedulers int `toml:"schedulers"`
	Workers    int `toml:"workers"`
	Slots      int `toml:"slots"`
}

func (f fleetPlan) String() string {
	return fmt.Sprintf("schedulers=%d,workers=%d,slots=%d", f.Schedulers, f.Workers, f.Slots)
}

// figure is drawn along one axis, a row for each policy.
type figure struct {
	Name       string    `toml:"name"` // of its file
	Title      string    `toml:"title"`
	X          string    `toml:"x"` // load or probe-ratio; the other has one value
	Policy     []string  `toml:"policy"`
	Load       []float64 `toml:"load"`
	ProbeRatio []float64 `toml:"probe-ratio"`
}

// agreement is the point at which live and simulated must agree, and how well that must be known.
type agreement struct {
	cell
	Repeats  int     `toml:"repeats"`
	Within   float64 `toml:"within"`   // how far the ratio of live to simulated may be from 1
	Interval float64 `toml:"interval"` // half the width that its 95 % interval may have
}

// capacity is a run that shows what the generator itself can do.
type capacity struct {
	fleetPlan
	Rate     float64  `toml:"rate"` // jobs a second
	Tasks    string   `toml:"tasks"`
	Service  string   `toml:"service"`
	Duration duration `toml:"duration"`
	Warmup   duration `toml:"warmup"`
	Repeats  int      `toml:"repeats"`
	LagMS    float64  `toml:"lag-ms"` // what the 99th percentile of its lag may be
}

// The axes of a figure.
const (
	axisLoad       = "load"
	axisProbeRatio = "probe-ratio"
)

// duration is written as in "15s".
type duration struct{ time.Duration }

// UnmarshalText reads it.
func (d *duration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(text))
	return err
}

// readPlan reads and checks a plan.
func readPlan(path string) (*plan, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	p, err := parsePlan(text)
	if err != nil {
		return nil, command.Usagef("%s: %v", path, err)
	}
	return p, nil
}

func parsePlan(text []byte) (*plan, error) {
	if len(text) > maxPlanBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxPlanBytes)
	}
	p := &plan{Seed: 1, Repeats: 1}
	meta, err := toml.Decode(string(text), p)
	if err != nil {
		if fault, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, fmt.Errorf("line %d: %s", fault.Position.Line, fault.Message)
		}
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("unknown key %s", unknown[0])
	}
	return p, p.check()
}

// check reports all faults at once.
func (p *plan) check() error {
	var faults []error
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	jobs := func(where, tasks, service string, length, warmup duration, repeats int) {
		_, err := workload.ParseTasks(tasks)
		fault(err == nil, "%stasks: %v", where, err)
		_, err = workload.ParseService(service)
		fault(err == nil, "%sservice: %v", where, err)
		fault(length.Duration > 0, "%sduration: want more than 0", where)
		fault(warmup.Duration >= 0 && warmup.Duration < length.Duration, "%swarmup: want 0 or more, and less than the duration", where)
		fault(repeats >= 1 && repeats <= maxRepeats, "%srepeats: want 1 to %d, got %d", where, maxRepeats, repeats)
	}
	size := func(where string, f fleetPlan) {
		fault(f.Schedulers > 0 && f.Workers > 0 && f.Slots > 0, "%sschedulers, workers, slots: want at least one of each", where)
	}
	size("", p.fleetPlan)
	jobs("", p.Tasks, p.Service, p.Duration, p.Warmup, p.Repeats)
	fault(p.Seed > 0, "seed: want 1 or more")
	fault(p.MaxOther >= 0 && p.MaxOther <= 1, "max-other: want 0 to 1, got %g", p.MaxOther)
	fault(len(p.Figures) > 0, "no figure")
	for i := range p.Figures {
		p.Figures[i].check(fault)
	}
	for i, f := range p.Figures {
		fault(!slices.ContainsFunc(p.Figures[:i], func(g figure) bool { return g.Name == f.Name }), "figure %s: two of that name", f.Name)
	}
	if a := p.Agreement; a != nil {
		a.check("agreement: ", fault)
		fault(a.Repeats >= 2 && a.Repeats <= maxRepeats, "agreement: repeats: want 2 to %d, got %d", maxRepeats, a.Repeats)
		fault(a.Within > 0 && a.Interval > 0, "agreement: within, interval: want more than 0")
	}
	if c := p.Capacity; c != nil {
		size("capacity: ", c.fleetPlan)
		jobs("capacity: ", c.Tasks, c.Service, c.Duration, c.Warmup, c.Repeats)
		fault(c.Rate > 0, "capacity: rate: want more than 0, got %g", c.Rate)
		fault(c.LagMS > 0, "capacity: lag-ms: want more than 0, got %g", c.LagMS)
	}
	if len(faults) == 0 {
		n := len(p.runs())
		fault(n <= maxRuns, "%d runs: want at most %d", n, maxRuns)
	}
	return errors.Join(faults...)
}

// reports a fault unless ok.
type faultFunc func(ok bool, format string, args ...any)

func (f *figure) check(fault faultFunc) {
	where := "figure " + strconv.Quote(f.Name) + ": "
	fault(regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`).MatchString(f.Name), "%sname: want a-z, 0-9 and -", where)
	fault(len(f.Policy) > 0 && len(f.Load) > 0 && len(f.ProbeRatio) > 0, "%spolicy, load, probe-ratio: want a value at least", where)
	switch f.X {
	case axisLoad:
		fault(len(f.ProbeRatio) == 1, "%sprobe-ratio: want one value, as x is load", where)
	case axisProbeRatio:
		fault(len(f.Load) == 1, "%sload: want one value, as x is probe-ratio", where)
	default:
		fault(false, "%sx: want %s or %s, got %q", where, axisLoad, axisProbeRatio, f.X)
	}
	for _, c := range f.cells() {
		c.check(where, fault)
	}
}

// shorten makes a plan of two minutes: what is left shows that all works, and nothing else.
func (p *plan) shorten() {
	p.Duration, p.Warmup, p.Repeats = duration{2 * time.Second}, duration{500 * time.Millisecond}, 1
	for i := range p.Figures {
		f := &p.Figures[i]
		f.Title += " (a quick try, nothing to believe)"
		f.Load, f.ProbeRatio = few(f.Load), few(f.ProbeRatio)
	}
	if p.Agreement != nil {
		p.Agreement.Repeats = 2
	}
	if c := p.Capacity; c != nil {
		c.Duration, c.Warmup, c.Repeats = p.Duration, p.Warmup, 1
	}
}

// few returns the first, the middle and the last of many values.
func few(values []float64) []float64 {
	if len(values) <= 3 {
		return values
	}
	return []float64{values[0], values[len(values)/2], values[len(values)-1]}
}

// file is where a figure is drawn.
func (f *figure) file(dir string) string { return filepath.Join(dir, f.Name+".svg") }
