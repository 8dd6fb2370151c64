// Command chaos breaks a fleet of real processes on purpose and checks that nothing is lost by it.
//
//	make chaos ARGS='--duration 60s --seed 1'
//
// It starts schedulers, workers and clients, each in a network of its own (see package lab), keeps them busy, and
// injects faults by a schedule that the seed decides: processes are killed, stopped and restarted, connections cut,
// delayed and left half open, CPUs taken away. Handlers and clients write what they see to ledgers outside the system;
// when all is healed, the fleet must come to rest, and package check compares the ledgers. The exit status is 1 if
// anything was lost, done twice without a fault that explains it, or otherwise not as promised, and 0 where the machine
// does not allow such a run, which then says so.
package main

import (
	"context"
	"errors"

	"dunnock/internal/command"
)

func main() { command.Main("chaos", dispatch) }

// dispatch runs what this process is: the harness, or one of the processes that the harness starts.
func dispatch(ctx context.Context, args []string) error {
	roles := map[string]func(context.Context, []string) error{
		"worker": runWorker, "client": runClient, "task": runTask, "reader": runReader,
	}
	err := errNoRole
	if len(args) > 0 && roles[args[0]] != nil {
		err = roles[args[0]](ctx, args[1:])
	}
	if errors.Is(err, errNoRole) {
		err = runHarness(ctx, args)
	}
	return err
}

var errNoRole = errors.New("not the name of a role")
