package main

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"dunnock/worker/queue"
)

// disciplineFlags say whose turn it is in a worker's queue.
type disciplineFlags struct {
	Discipline      string        `help:"Whose turn it is in a worker's queue: fifo, priority, fair (between users), edf (earliest deadline) or srpt (least work left, as estimated)." enum:"fifo,priority,fair,edf,srpt" default:"fifo" placeholder:"NAME"`
	Weight          weightsFlag   `help:"With fair: the weight of a user or a group of users, 1 to 1000. Repeatable (default: 1 each)." placeholder:"PATH=N"`
	Ageing          time.Duration `help:"With priority: the wait that is worth one priority more; 0s: priorities are strict." default:"0s" placeholder:"DURATION"`
	StarvationBound time.Duration `help:"With srpt: how long a reservation may wait before it is served next." default:"1s" placeholder:"DURATION"`
}

// check refuses what would quietly do nothing, and what is out of bounds.
func (f *disciplineFlags) check() error {
	switch {
	case len(f.Weight) > 0 && f.Discipline != "fair":
		return usagef("--weight goes with --discipline fair, got %s", f.Discipline)
	case f.Ageing != 0 && f.Discipline != "priority":
		return usagef("--ageing goes with --discipline priority, got %s", f.Discipline)
	case f.StarvationBound == 0:
		return usagef("--starvation-bound: want more than 0")
	case f.StarvationBound != queue.DefaultStarvationBound && f.Discipline != "srpt":
		return usagef("--starvation-bound goes with --discipline srpt, got %s", f.Discipline)
	}
	_, err := f.queue()
	return usage(err)
}

// queue is what a core of the discipline is made with.
func (f *disciplineFlags) queue() (queue.Config, error) {
	d, err := queue.ParseDiscipline(f.Discipline)
	cfg := queue.Config{Discipline: d, Weights: f.Weight, Ageing: f.Ageing, StarvationBound: f.StarvationBound}
	return cfg, errors.Join(err, cfg.Validate())
}

// args are the flags again, for processes that are started.
func (f *disciplineFlags) args() []string {
	args := make([]string, 0, 6+2*len(f.Weight))
	args = append(args, "--discipline", f.Discipline, "--ageing", f.Ageing.String(), "--starvation-bound", f.StarvationBound.String())
	for _, path := range slices.Sorted(maps.Keys(f.Weight)) {
		args = append(args, "--weight", path+"="+strconv.Itoa(f.Weight[path]))
	}
	return args
}
