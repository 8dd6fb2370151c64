package main

import (
	"text/tabwriter"

	"dunnock/loadgen"
)

type loadgenCalibrateCmd struct {
	loadgenFleetFlags `embed:""`

	Tasks int  `help:"Tasks of a job; at most as many as there are slots. A message takes longer the more workers a job is sampled on, most of all on one machine." default:"1" placeholder:"N"`
	JSON  bool `help:"Print one JSON object (default: flags)."`
}

// Help is shown above the flags.
func (*loadgenCalibrateCmd) Help() string {
	return `Sends 200 jobs of tasks that sleep for 5 ms, one after the other, to a fleet at rest, and derives from their medians what the simulator needs to know: what a message between scheduler and worker takes, what one between client and scheduler takes, and what a task occupies its slot for beyond its service. It takes the app sleep (workers with --builtin). What else the fleet does meanwhile is in the figures too.

The first line is for 'dunnock sim run' as it is; the others, which begin with #, say what was measured.

Examples:

    dunnock loadgen calibrate --scheduler http://127.0.0.1:7070
    dunnock loadgen calibrate --local schedulers=2,workers=20,slots=4 --tasks 10
    dunnock sim run --workload run.ndjson --workers 20 $(dunnock loadgen calibrate --local workers=20 | head -1)`
}

// Run measures and prints.
func (c *loadgenCalibrateCmd) Run(p *process) error {
	if err := c.checkFleet(); err != nil {
		return err
	}
	if c.Tasks < 1 {
		return usagef("--tasks: want at least 1, got %d", c.Tasks)
	}
	show := newProgress(p.stderr)
	t, err := c.reach(p, show, 1)
	if err != nil {
		return err
	}
	defer t.close()
	found, err := t.calibrated(p.ctx, p, show, c.Tasks)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(p.stdout, struct {
			*loadgen.Calibration
			Flags string `json:"flags"`
		}{found, found.Flags()})
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	row(w, found.Flags())
	row(w, "# medians of "+count(found.Jobs, "job")+" of "+count(found.Tasks, "task")+", one at a time:")
	row(w, "# response "+duration(found.Response)+", wait "+duration(found.Wait)+", service "+duration(found.Service)+", accepted after "+duration(found.Accept))
	return w.Flush()
}
