package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"dunnock/internal/command"
)

// options of a run.
type options struct {
	dunnock   string
	policy    string // of the schedulers; "": what they have by default
	seed      uint64
	duration  time.Duration
	kinds     []kind
	workers   int
	slots     int
	scheduler int // how many
	clients   int
	warmUp    time.Duration
	joiners   int
	lanes     int
	load      load
	dir       string
	json      string
	strict    bool
	list      bool
}

// load is what the clients submit.
type load struct {
	rate     float64 // jobs a second, all clients together
	tasks    int
	shortest time.Duration // task
	longest  time.Duration
	once     float64 // share of jobs whose tasks may start only once
	deadline time.Duration
}

// parseOptions reads the harness's command line.
func parseOptions(args []string, help io.Writer) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are ours to print
	var faults string
	f.StringVar(&o.dunnock, "dunnock", "bin/dunnock", "the `program` under test; 'make build' makes it")
	f.StringVar(&o.policy, "policy", "", "`policy` of the schedulers, late-binding or idle-offer (default: what 'dunnock scheduler' has by default)")
	f.Uint64Var(&o.seed, "seed", 1, "decides which faults come when and whom they hit")
	f.DurationVar(&o.duration, "duration", time.Minute, "how long faults are injected; warming up, healing and checking come on top")
	f.DurationVar(&o.warmUp, "warm-up", 3*time.Second, "load before the first fault, and after the last one has been healed")
	f.StringVar(&faults, "faults", "all", "`kinds` of faults, separated by commas; with a minus before them, all but these. --list lists them")
	f.IntVar(&o.scheduler, "schedulers", 3, "scheduler processes, 1 to 9")
	f.IntVar(&o.workers, "workers", 6, "worker processes, 2 to 50; the last one is 'dunnock worker' with a command as its app, the others embed the SDK")
	f.IntVar(&o.slots, "slots", 4, "slots of each worker")
	f.IntVar(&o.clients, "clients", 3, "client processes, 1 to 9; the last of several speaks plain HTTP, the others use the Go client")
	f.IntVar(&o.joiners, "joiners", 50, "workers that join at once in a fault of kind join, 1 to 100")
	f.IntVar(&o.lanes, "lanes", 1, "schedules of faults that run at once, 1 to 4; with more than one, times to recover are of several faults together")
	f.Float64Var(&o.load.rate, "rate", 40, "jobs a second, all clients together")
	f.IntVar(&o.load.tasks, "tasks", 10, "tasks of a job")
	f.DurationVar(&o.load.shortest, "shortest", 5*time.Millisecond, "least time of a task")
	f.DurationVar(&o.load.longest, "longest", 50*time.Millisecond, "most time of a task; times are uniform between the two")
	f.Float64Var(&o.load.once, "once", 0.1, "share of jobs whose tasks may start at most once")
	f.DurationVar(&o.load.deadline, "deadline", 10*time.Second, "of a job")
	f.StringVar(&o.dir, "dir", "", "`directory` for ledgers and logs, kept (default: a temporary one, kept only when a promise was broken)")
	f.StringVar(&o.json, "json", "", "write the report as JSON to this `file` too")
	f.BoolVar(&o.strict, "strict", false, "exit with 1 also for promises that are only measured, such as times to recover")
	f.BoolVar(&o.list, "list", false, "list the kinds of faults and exit")
	if err := command.Parse(f, args, func() {
		fmt.Fprint(help, "chaos breaks a fleet of real processes on purpose and checks that nothing is lost by it.\n\n"+
			"    make chaos ARGS='--duration 60s --seed 1 --faults worker-kill,scheduler-kill'\n\nFlags:\n")
		f.SetOutput(help)
		f.PrintDefaults()
	}); err != nil {
		return nil, err
	}
	var err error
	if o.kinds, err = parseKinds(faults); err != nil {
		return nil, err
	}
	return o, o.check()
}

func (o *options) check() error {
	for _, n := range []struct {
		flag             string
		got, least, most int
	}{
		{"schedulers", o.scheduler, 1, 9},
		{"workers", o.workers, 2, 50},
		{"slots", o.slots, 1, 64},
		{"clients", o.clients, 1, 9},
		{"lanes", o.lanes, 1, 4},
		{"joiners", o.joiners, 1, 100},
		{"tasks", o.load.tasks, 1, 1000},
	} {
		if n.got < n.least || n.got > n.most {
			return command.Usagef("--%s: want %d to %d, got %d", n.flag, n.least, n.most, n.got)
		}
	}
	switch {
	case o.policy != "" && o.policy != "late-binding" && o.policy != "idle-offer":
		return command.Usagef("--policy: want late-binding or idle-offer, got %q", o.policy)
	case o.duration <= 0:
		return command.Usagef("--duration: want more than 0, got %v", o.duration)
	case o.warmUp < 0:
		return command.Usagef("--warm-up: want 0 or more, got %v", o.warmUp)
	case !(o.load.rate > 0 && o.load.rate <= 10_000):
		return command.Usagef("--rate: want more than 0 and at most 10000, got %g", o.load.rate)
	case o.load.shortest < 0 || o.load.longest < o.load.shortest:
		return command.Usagef("--shortest, --longest: want 0 ≤ shortest ≤ longest, got %v and %v", o.load.shortest, o.load.longest)
	case !(o.load.once >= 0 && o.load.once <= 1):
		return command.Usagef("--once: want 0 to 1, got %g", o.load.once)
	case o.load.deadline <= 0:
		return command.Usagef("--deadline: want more than 0, got %v", o.load.deadline)
	case o.list:
		return nil
	}
	if info, err := os.Stat(o.dunnock); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return command.Usagef("--dunnock: %s is no program; 'make build' makes bin/dunnock", o.dunnock)
	}
	return nil
}

// parseKinds reads the list of kinds; a list that begins with a minus is of those to leave out.
func parseKinds(list string) ([]kind, error) {
	known := kinds()
	if list == "all" {
		return known, nil
	}
	names, but := strings.CutPrefix(list, "-")
	named := map[string]bool{}
	for name := range strings.SplitSeq(names, ",") {
		named[strings.TrimPrefix(strings.TrimSpace(name), "-")] = true
	}
	var chosen []kind
	for _, k := range known {
		if named[k.name] != but {
			chosen = append(chosen, k)
		}
		delete(named, k.name)
	}
	for name := range named {
		return nil, command.Usagef("--faults: no kind is named %q; --list lists them", name)
	}
	if len(chosen) == 0 {
		return nil, command.Usagef("--faults: none is left")
	}
	return chosen, nil
}
