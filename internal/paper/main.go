// Command paper measures a live fleet on this machine the way Sparrow's authors measured theirs (Ousterhout et al., SOSP 2013, §7), as far as one
// machine allows, and draws it beside the simulator and beside an omniscient scheduler.
//
//	make paper                  # docs/results/live.*, in less than half an hour
//	make paper ARGS=--quick     # the same in two minutes, too short to believe, into .cache/paper/quick
//
// A plan (docs/results/live.toml) lists the fleet, the jobs, and the values along which figures are drawn. Each run is one `dunnock
// loadgen run --local`: a new fleet of real processes, whose delays are measured at rest, whose jobs are then recorded, and simulated as they ran. Runs of
// one point are far apart in time and have other seeds, so that the intervals over them hold what differs between fleets and between moments too.
//
// Whatever has been measured is kept, and the same command goes on after an interruption; what another build of dunnock has measured does not count.
// Nor does a run whose generator was late, or during which the machine was busy with something else: it is listed, and marked in the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitFailure     = 1 // something could not be done, or has to be measured anew
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := dispatch(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func dispatch(ctx context.Context, args []string) int {
	o, err := parseOptions(args, os.Stdout)
	if err == nil {
		err = o.run(ctx, os.Stdout, os.Stderr)
	}
	var usage *usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "paper: %v (see --help)\n", err)
		return exitUsage
	case errors.Is(err, errInterrupted):
		fmt.Fprintln(os.Stderr, "paper:", err)
		return exitInterrupted
	default:
		fmt.Fprintln(os.Stderr, "paper:", err)
		return exitFailure
	}
}

// errInterrupted says that the command was ended from outside.
var errInterrupted = errors.New("interrupted: what was measured is kept, and the same command goes on from there")

// usageError is a mistake in the command line or in the plan.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }
