package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"dunnock/loadgen"
	"dunnock/loadgen/workload"
	"dunnock/scheduler/placement"
)

// loadgenCmd measures fleets.
type loadgenCmd struct {
	Run       loadgenRunCmd       `cmd:"" help:"Send a workload to a fleet and report what it met."`
	Compare   loadgenCompareCmd   `cmd:"" help:"Say whether two results differ by more than chance."`
	Search    loadgenSearchCmd    `cmd:"" help:"Find the highest load that holds an objective."`
	Calibrate loadgenCalibrateCmd `cmd:"" help:"Measure a fleet's delays and print them as the simulator's flags."`
}

// loadgenFleetFlags say which fleet is driven.
type loadgenFleetFlags struct {
	disciplineFlags `embed:"" group:"discipline"`
	stockFlags      `embed:""`

	Scheduler []string    `help:"URL of a scheduler. Repeatable: jobs are spread over all of them (default: http://127.0.0.1:7070, unless there is --local)." placeholder:"URL"`
	Local     *localFleet `help:"Start a fleet of processes on this machine for as long as it takes, such as schedulers=2,workers=20,slots=4; what is left out is 2, 4 and 4 (default: none)." placeholder:"SIZES"`
	Policy    string      `help:"How the schedulers of --local place tasks: idle-offer, late-binding or late-binding-nocancel (default: idle-offer)." placeholder:"NAME"`
}

// sendFlags say how jobs are sent.
type sendFlags struct {
	Payload     string        `help:"Payload of every task of another app than sleep, or @FILE (default: empty)." placeholder:"TEXT"`
	ProbeRatio  float64       `help:"Reservations per task, 1 to 16." default:"2" placeholder:"D"`
	Timeout     time.Duration `help:"Deadline of each job." default:"1m" placeholder:"DURATION"`
	MaxInFlight int           `help:"Jobs under way at once; what is due beyond is dropped and counted as an error, and never delayed." default:"10000" placeholder:"N"`
}

// localFleet is the size of a fleet to start.
type localFleet struct{ schedulers, workers, slots int }

// UnmarshalText reads "schedulers=2,workers=20,slots=4".
func (f *localFleet) UnmarshalText(text []byte) error {
	*f = localFleet{schedulers: 2, workers: 4, slots: 4}
	seen := make(map[string]bool)
	for part := range strings.SplitSeq(string(text), ",") {
		name, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		field := map[string]*int{"schedulers": &f.schedulers, "workers": &f.workers, "slots": &f.slots}[name]
		n, err := strconv.Atoi(number)
		if field == nil || err != nil || seen[name] {
			return fmt.Errorf("want sizes such as schedulers=2,workers=20,slots=4, each once, got %q", text)
		}
		*field, seen[name] = n, true
	}
	cfg := f.config()
	return cfg.Validate()
}

// String is the form that UnmarshalText reads.
func (f *localFleet) String() string {
	return fmt.Sprintf("schedulers=%d,workers=%d,slots=%d", f.schedulers, f.workers, f.slots)
}

func (f *localFleet) config() loadgen.LocalConfig {
	return loadgen.LocalConfig{Schedulers: f.schedulers, Workers: f.workers, Slots: f.slots}
}

// checkFleet refuses what does not go together.
func (f *loadgenFleetFlags) checkFleet() error {
	switch {
	case f.Local != nil && len(f.Scheduler) > 0:
		return usagef("--local starts a fleet of its own: --scheduler has no place beside it")
	case f.Local == nil && (len(f.Label)+len(f.Resource) > 0 || f.Zones != 0):
		return usagef("--label, --resource and --zones are what the workers of --local have; those of a fleet that runs have their own")
	case f.Local == nil && f.Policy != "":
		return usagef("--policy is what --local starts; a fleet that runs has its own")
	case f.Policy != "":
		if _, err := placement.ParsePolicy(f.Policy); err != nil {
			return usagef("--%w", err)
		}
	}
	if err := f.check(); err != nil {
		return err
	}
	if _, err := f.fleetOf(0); err != nil {
		return err
	}
	if len(f.Scheduler) == 0 {
		f.Scheduler = []string{defaultScheduler}
	}
	_, err := (&schedulerFlags{Scheduler: f.Scheduler}).callers()
	return err
}

// nodes is what the workers of --local have, or nil.
func (f *loadgenFleetFlags) nodes(seed uint64) []workload.Node {
	fleet, _ := f.fleetOf(seed) // checkFleet has looked
	if f.Local == nil {
		return nil
	}
	return fleet.Nodes(f.Local.workers)
}

// planned is how many slots each worker of --local is going to have, and what beside them; 0 and nil for a fleet that
// has its own.
func (f *loadgenFleetFlags) planned(seed uint64) (most int, nodes []workload.Node) {
	if f.Local == nil {
		return 0, nil
	}
	return f.Local.slots, known(f.nodes(seed))
}

// target is a fleet to drive.
type target struct {
	schedulers []string
	fleet      loadgen.Fleet
	local      *loadgen.Local // nil: it was there before
}

// reach starts the fleet, whose workers draw what they have with a seed, or asks the one that is there.
func (f *loadgenFleetFlags) reach(p *process, show *progress, seed uint64) (*target, error) {
	t := &target{schedulers: f.Scheduler}
	if f.Local != nil {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program, to start it as a fleet: %w", err)
		}
		cfg := f.Local.config()
		cfg.Executable, cfg.Policy, cfg.Logger, cfg.WorkerFlags = self, f.Policy, p.log, f.args()
		cfg.Nodes = f.nodes(seed)
		show.show("starting %s", f.Local)
		t.local, err = loadgen.StartLocal(p.ctx, cfg)
		show.clear()
		if err != nil {
			return nil, given(p.ctx, err)
		}
		t.schedulers = t.local.Schedulers()
		p.log.Info("the local fleet is ready", slog.Any("schedulers", t.schedulers))
	}
	var err error
	if t.fleet, err = loadgen.Ask(p.ctx, t.schedulers); err != nil {
		t.close()
		return nil, given(p.ctx, err)
	}
	return t, nil
}

// has refuses a fleet that could not run a single task of an app.
func (t *target) has(app string) error {
	switch {
	case t.fleet.Workers == 0:
		return fmt.Errorf("the fleet at %s has no worker", t.schedulers[0])
	case !slices.Contains(t.fleet.Apps, app):
		return fmt.Errorf("no worker of the fleet has the app %s; they have %s", app, strings.Join(t.fleet.Apps, ", "))
	}
	return nil
}

// config is that of a run on this fleet.
func (t *target) config(p *process) loadgen.Config {
	cfg := loadgen.Config{Schedulers: t.schedulers, Fleet: t.fleet, Version: buildVersion(), Logger: p.log}
	if t.local != nil {
		cfg.FleetCPU = t.local.CPU
		for i := range cfg.Fleet.Nodes {
			cfg.Fleet.Nodes[i].Version = cfg.Version // it is this program
		}
	}
	return cfg
}

// close ends the fleet, if it was started for this.
func (t *target) close() {
	if t.local != nil {
		t.local.Stop()
	}
}

// calibrated measures the fleet's delays, as jobs of so many tasks meet them.
func (t *target) calibrated(ctx context.Context, p *process, show *progress, tasks int) (*loadgen.Calibration, error) {
	show.show("measuring the fleet's delays")
	defer show.clear()
	c, err := loadgen.Calibrate(ctx, t.config(p), tasks)
	if err != nil && !errors.Is(err, loadgen.ErrNoSleep) {
		return nil, given(ctx, err)
	}
	return c, err
}
