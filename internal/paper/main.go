// Command paper measures a live fleet on this machine the way Sparrow's authors measured theirs (Ousterhout et al.,
// SOSP 2013, §7), as far as one machine allows, and draws it beside the simulator and beside an omniscient scheduler.
//
//	make paper                  # docs/results/live.*, in less than half an hour
//	make paper ARGS=--quick     # the same in two minutes, too short to believe, into .cache/paper/quick
//
// A plan (docs/results/live.toml) lists the fleet, the jobs, and the values along which figures are drawn. Each run is
// one `dunnock loadgen run --local`: a new fleet of real processes, whose delays are measured at rest, whose jobs are
// then recorded, and simulated as they ran. Runs of one point are far apart in time and have other seeds, so that the
// intervals over them hold what differs between fleets and between moments too.
//
// Whatever has been measured is kept, and the same command goes on after an interruption; what another build of dunnock
// has measured does not count. Nor does a run whose generator was late, or during which the machine was busy with
// something else: it is listed, and marked in the figures.
package main

import (
	"context"
	"os"

	"dunnock/internal/command"
)

func main() {
	command.Main("paper", func(ctx context.Context, args []string) error {
		o, err := parseOptions(args, os.Stdout)
		if err != nil {
			return err
		}
		return o.run(ctx, os.Stdout, os.Stderr)
	})
}

// interrupted ends a measurement that was ended from outside.
func interrupted() error {
	return &command.InterruptedError{Kept: "what was measured is kept, and the same command goes on from there"}
}
