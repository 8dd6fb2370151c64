// Command bench runs Dunnock and what else one might send tasks with, on the same machine, in turn, and sets them side
// by side.
//
//	make bench-rivals                                        # every cell, three rounds: about 45 minutes
//	make bench-rivals ARGS='--cells closed-10,low-10'        # two cells: some minutes
//	make bench-rivals ARGS=--quick                           # a moment of each kind of load, too short to believe
//
// A cell is a kind of load, a contender a way of getting tasks done. A run is one cell of one contender in one round:
// its broker, its workers and its client are processes of their own, started for the run and ended with it, and the
// processor time of all of them counts. Contenders take turns within a round, so that what the machine does meanwhile
// meets all of them; figures are medians over rounds, with what they spread over.
//
// All contenders get the same payloads, service times and arrivals, from the same seeds, as many worker processes and
// as many slots, and as many jobs in flight. All their tasks sleep in the same sleeper and measure themselves. The code
// of a contender is in the file of its name, used in the way that its documentation recommends for speed.
//
// What has been measured is kept, and the same command goes on after an interruption; what another build has measured
// does not count. It is a module of its own so that what it depends on never reaches those who build Dunnock. It needs
// Linux.
package main

import (
	"context"
	"os"

	"dunnock/internal/command"
)

// version is set by the linker.
var version = "unknown"

func main() {
	command.Main("bench", func(ctx context.Context, args []string) error {
		if len(args) > 0 && args[0] == roleFlag {
			return playRole(ctx)
		}
		o, err := parseOptions(args, os.Stdout)
		if err == nil {
			err = o.run(ctx, os.Stdout, os.Stderr)
		}
		if err != nil && ctx.Err() != nil {
			return &command.InterruptedError{Kept: "what was measured is kept, and the same command goes on from there"}
		}
		return err
	})
}
