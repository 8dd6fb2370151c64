package main

import (
	"fmt"
	"os"
	"time"

	"dunnock/loadgen/workload"
)

// jobFlags say what the jobs are like that come.
type jobFlags struct {
	Tasks     workload.Tasks   `help:"Tasks of a job: 100, uniform:1,200, geom:10 or bimodal:0.9,1,100." default:"100" placeholder:"FORM"`
	Service   workload.Service `help:"Service times: const:100ms, exp:100ms, jobexp:100ms, lognormal:100ms,1.5, pareto:10ms,1.5 or bimodal:0.9,10ms,1s." default:"exp:100ms" placeholder:"FORM"`
	Arrival   workload.Arrival `help:"Arrivals: poisson, const or burst:50." default:"poisson" placeholder:"FORM"`
	TaskSlots workload.Tasks   `help:"How many of its worker's slots each task of a job takes: 2, uniform:1,4 or bimodal:0.9,1,4 (default: 1)." placeholder:"FORM"`
	Users     workload.Users   `help:"Whose the jobs are, and their shares of the jobs beside each other: ann:1,org/bob:3 (default: nobody's)." placeholder:"FORM"`
	Keys      workload.Keys    `help:"Affinity keys of the tasks: uniform:10000 or zipf:10000,1.1 (default: none)." placeholder:"FORM"`
	Cache     int              `help:"Keys of which workers keep what they stand for: the last that were used there. A task whose key is not there takes longer (default: no such thing)." placeholder:"N"`
	MissCost  float64          `help:"With --cache: how many times as long that is." default:"5" placeholder:"X"`
	Affinity  bool             `help:"Tell the schedulers the tasks' keys." default:"true" negatable:""`
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
	spec := workload.Spec{Tasks: f.Tasks, Service: f.Service, Arrival: f.Arrival, Rate: f.Rate, Load: f.Load, Stages: f.Stages, Slots: slots, Width: f.TaskSlots, Users: f.Users, Keys: f.Keys, Seed: f.Seed}
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
		return usagef("--%w", err)
	}
	return nil
}

// open returns the jobs for a fleet with so many slots, and the load that they are to be; 0 if that is not known beforehand.
func (f *workloadFlags) open(p *process, slots int) (source *workload.Source, load float64, closeSource func(), err error) {
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
		file, err := os.Open(f.Workload)
		if err != nil {
			return nil, 0, nothing, err
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
