package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"dunnock/loadgen/workload"
)

// jobFlags say what the jobs are like that come.
type jobFlags struct {
	Tasks     workload.Tasks      `help:"Tasks of a job: 100, uniform:1,200, geom:10 or bimodal:0.9,1,100." default:"100" placeholder:"FORM"`
	Service   workload.Service    `help:"Service times: const:100ms, exp:100ms, jobexp:100ms, lognormal:100ms,1.5, pareto:10ms,1.5, bimodal:0.9,10ms,1s or jobbimodal:0.9,10ms,1s." default:"exp:100ms" placeholder:"FORM"`
	Arrival   workload.Arrival    `help:"Arrivals: poisson, const or burst:50." default:"poisson" placeholder:"FORM"`
	TaskSlots workload.Tasks      `help:"How many of its worker's slots each task of a job takes: 2, uniform:1,4 or bimodal:0.9,1,4 (default: 1)." placeholder:"FORM"`
	Users     workload.Users      `help:"Whose the jobs are, and their shares of the jobs beside each other: ann:1,org/bob:3 (default: nobody's)." placeholder:"FORM"`
	Priority  workload.Priorities `help:"Priorities of users' jobs, −1000 to 1000, for workers whose discipline is priority: ann:5,org/bob:-3 (default: 0)." placeholder:"FORM"`
	Deadlines workload.Service    `help:"What each job has from when it comes until its deadline, one draw of a form of --service for each: bimodal:0.5,300ms,2s (default: as much as all others)." placeholder:"FORM"`
	Need      []workload.Need     `help:"What each task takes of its worker: cpu=2,memory=4 or, of slots too, slots=4,gpu=1. Repeatable: of a user's jobs ann:cpu=1, and of several for the same jobs each draws one, by their shares, as gpu=1@0.1 beside cpu=1@0.9 (default: a slot)." sep:"none" placeholder:"[USER:]NAME=N,…[@SHARE]"`
	wishFlags `embed:""`
	Keys      workload.Keys      `help:"Affinity keys of the tasks: uniform:10000 or zipf:10000,1.1 (default: none)." placeholder:"FORM"`
	Estimates workload.Estimates `help:"What jobs say that their tasks take: none, mean, or wrong:0.1,5, of which one in ten says five times as much (default: none, but the mean where the discipline is srpt)." placeholder:"FORM"`
	Cache     int                `help:"Keys of which workers keep what they stand for: the last that were used there. A task whose key is not there takes longer (default: no such thing)." placeholder:"N"`
	MissCost  float64            `help:"With --cache: how many times as long that is." default:"5" placeholder:"X"`
	Affinity  bool               `help:"Tell the schedulers the tasks' keys." default:"true" negatable:""`
}

// wishFlags say what jobs and single tasks ask of labels.
type wishFlags struct {
	RequireJobs  []workload.Share `help:"A label (gpu, which is gpu=yes, or zone=z1) and the share of the jobs that require it. Repeatable, as all of these (default: none)." placeholder:"LABEL=SHARE"`
	RequireTasks []workload.Share `help:"A label and the share of the tasks that require it (default: none)." placeholder:"LABEL=SHARE"`
	PreferJobs   []workload.Share `help:"A label and the share of the jobs that prefer it (default: none)." placeholder:"LABEL=SHARE"`
	PreferTasks  []workload.Share `help:"A label and the share of the tasks that prefer it (default: none)." placeholder:"LABEL=SHARE"`
	ExcludeJobs  []workload.Share `help:"A label and the share of the jobs that exclude it (default: none)." placeholder:"LABEL=SHARE"`
	ExcludeTasks []workload.Share `help:"A label and the share of the tasks that exclude it (default: none)." placeholder:"LABEL=SHARE"`
	Spread       string           `help:"Key of a label, such as zone, over whose values the tasks of each job are dealt out (default: they are not)." placeholder:"LABEL"`
}

// wishes is what jobs ask of labels, drawn with a seed.
func (f *wishFlags) wishes(seed uint64) workload.Wishes {
	return workload.Wishes{
		RequireJobs: f.RequireJobs, RequireTasks: f.RequireTasks, PreferJobs: f.PreferJobs, PreferTasks: f.PreferTasks,
		ExcludeJobs: f.ExcludeJobs, ExcludeTasks: f.ExcludeTasks, Spread: f.Spread, Seed: seed,
	}
}

// demands are what jobs say about workers, as the flags give it.
func (f *jobFlags) demands() (words []string) {
	for _, n := range f.Need {
		words = append(words, "need="+n.String())
	}
	w := f.wishes(0)
	for _, l := range w.Lists() {
		for _, s := range l.Shares {
			words = append(words, l.Name+"="+s.String())
		}
	}
	if f.Spread != "" {
		words = append(words, "spread="+f.Spread)
	}
	return words
}

// stockFlags say what workers have beside slots.
type stockFlags struct {
	Label    []workload.Share `help:"A label of workers, gpu, which is gpu=yes, or gpu=a100, and the share of them that have it. Repeatable (default: none)." placeholder:"LABEL=SHARE"`
	Resource []workload.Stock `help:"A resource and how much of it each worker has, or the share of them that does: gpu=2@0.25. Repeatable (default: none)." placeholder:"NAME=N[@SHARE]"`
	Zones    int              `help:"Zones that workers are in, one after the other: label zone=z1, zone=z2 … (default: none)." placeholder:"N"`
}

// fleetOf is what the workers of a fleet have, drawn with a seed.
func (f *stockFlags) fleetOf(seed uint64) (workload.Fleet, error) {
	fleet := workload.Fleet{Labels: f.Label, Stocks: f.Resource, Zones: f.Zones, Seed: seed}
	if err := fleet.Validate(); err != nil {
		return fleet, usage(err)
	}
	return fleet, nil
}

// workloadFlags say which jobs come, the same for the simulator and the load generator.
type workloadFlags struct {
	jobFlags `embed:""`

	Load      float64         `help:"Fraction of all slots that the jobs keep busy (default: 0.9, unless there is a rate, stages or a workload)." placeholder:"FRACTION"`
	Rate      float64         `help:"Jobs per second, instead of --load (default: what the load comes to)." placeholder:"N"`
	Stages    workload.Stages `help:"Loads or rates one after the other, instead of --load and --rate, such as 0.5:30s,0.8:30s or 100/s:10s,500/s:10s (default: none)." placeholder:"FORM"`
	Workload  string          `help:"File of jobs instead of all that, NDJSON or an Eagle/Hawk trace, plain or .gz; - is standard input (default: none)." placeholder:"FILE"`
	TimeScale float64         `help:"Multiplies arrivals and service times." default:"1" placeholder:"X"`
	Jobs      int             `help:"Jobs, the warm-up included (default: ${jobs_default})." placeholder:"N"`
	Duration  time.Duration   `help:"Ends arrivals after so long (default: ${duration_default})." placeholder:"DURATION"`
	Warmup    workload.Warmup `help:"What statistics leave out at the beginning: a number of jobs, or a time such as 5s." default:"0" placeholder:"N"`
	Seed      uint64          `help:"Of all randomness." default:"1" placeholder:"N"`
}

// spec is what to generate for a fleet with so many slots.
func (f *workloadFlags) spec(slots int) workload.Spec {
	spec := workload.Spec{Tasks: f.Tasks, Service: f.Service, Arrival: f.Arrival, Rate: f.Rate, Load: f.Load, Stages: f.Stages, Slots: slots, Width: f.TaskSlots, Users: f.Users, Priorities: f.Priority, Deadlines: f.Deadlines, Needs: f.Need, Keys: f.Keys, Estimates: f.Estimates, Seed: f.Seed}
	if spec.Rate == 0 && spec.Load == 0 && spec.Stages.Len() == 0 {
		spec.Load = 0.9
	}
	return spec
}

// cache is what workers keep of what keys stand for.
func (f *workloadFlags) cache() workload.Cache {
	if f.Cache == 0 {
		return workload.Cache{}
	}
	return workload.Cache{Keys: f.Cache, MissCost: f.MissCost}
}

// settle refuses what would quietly be something else: zeros that stand for a default, and flags that a workload file
// overrules.
func (f *workloadFlags) settle(given map[string]bool) error {
	for _, zero := range []struct {
		name string
		is   bool
	}{
		{"time-scale", f.TimeScale == 0},
		{"load", f.Load == 0},
		{"rate", f.Rate == 0},
		{"jobs", f.Jobs == 0},
		{"duration", f.Duration == 0},
	} {
		if zero.is && given[zero.name] {
			return usagef("--%s: want more than 0", zero.name)
		}
	}
	if given["miss-cost"] && f.Cache == 0 {
		return usagef("--miss-cost has no place without --cache")
	}
	if err := f.checkCache(); err != nil {
		return err
	}
	if f.Workload == "" {
		if given["workload"] {
			return usagef("--workload: want the name of a file, got nothing")
		}
		return nil
	}
	for _, name := range []string{"tasks", "service", "arrival", "users", "keys", "task-slots", "need", "estimates", "priority", "deadlines"} {
		if given[name] {
			return usagef("--workload says which jobs come: --%s has no place beside it", name)
		}
	}
	return nil
}

// checkCache reports what is wrong with what the flags say of keys and caches.
func (f *workloadFlags) checkCache() error {
	switch {
	case f.Keys == (workload.Keys{}) && f.Workload == "" && f.Cache != 0:
		return usagef("--cache: no task has a key without --keys, or a workload that says keys")
	case f.Keys == (workload.Keys{}) && f.Workload == "" && !f.Affinity:
		return usagef("--no-affinity: no task has a key without --keys, or a workload that says keys")
	case f.Cache == 0:
		return nil
	}
	if err := f.cache().Validate(); err != nil {
		return usagef("--%s", strings.Replace(err.Error(), "miss cost", "miss-cost", 1))
	}
	return nil
}

// open returns the jobs for a fleet with so many slots, whose workers have this, and the load that they are to be; 0 if
// that is not known beforehand. most is how many slots the largest worker has, or 0, and nodes what each has beside
// them, or nil, where that is not known.
func (f *workloadFlags) open(p *process, slots, most int, nodes []workload.Node) (source *workload.Source, load float64, closeSource func(), err error) {
	source, load, closeSource, err = f.source(p, slots)
	if err == nil {
		spec := f.spec(slots)
		err = errors.Join(spec.Fits(cmp.Or(most, workload.MaxWidth), nodes), source.Wish(f.wishes(f.Seed), nodes))
		if err != nil {
			closeSource()
			return nil, 0, func() {}, usage(err)
		}
	}
	return source, load, closeSource, err
}

// source is open without what jobs ask of labels beside what a file says.
func (f *workloadFlags) source(p *process, slots int) (source *workload.Source, load float64, closeSource func(), err error) {
	nothing := func() {}
	window := workload.Window{Jobs: f.Jobs, Duration: f.Duration, Warmup: f.Warmup, TimeScale: f.TimeScale}
	if f.Workload == "" {
		spec := f.spec(slots)
		if window.Jobs == 0 && window.Duration == 0 && spec.Stages.Len() == 0 {
			window.Jobs = 4000
		}
		source, err := workload.Generate(spec, window)
		if err != nil {
			return nil, 0, nothing, usage(err)
		}
		return source, spec.OfferedLoad(), nothing, nil
	}
	if f.Rate != 0 || f.Load != 0 || f.Stages.Len() > 0 {
		return nil, 0, nothing, usagef("--workload says when jobs arrive: --load, --rate and --stages have no place beside it")
	}
	if err := window.Validate(); err != nil {
		return nil, 0, nothing, usage(err)
	}
	in, closeIn := p.stdin, nothing
	if f.Workload != "-" {
		file, err := openFile(f.Workload)
		if err != nil {
			return nil, 0, nothing, fmt.Errorf("--workload: %w", err)
		}
		in, closeIn = file, func() { _ = file.Close() } // it was only read
	}
	source, err = workload.Read(in, window)
	if err != nil {
		closeIn()
		return nil, 0, nothing, fmt.Errorf("%s: %w", f.Workload, err)
	}
	return source, 0, closeIn, nil
}

// openFile opens a file to read it. A directory opens too, and says what it is only later, as if that were in it.
func openFile(name string) (*os.File, error) {
	file, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close() // nothing was read
		return nil, fmt.Errorf("%s is a directory", name)
	}
	return file, nil
}
