package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dunnock/internal/command"
)

// quickDir is where the results of --quick go, under the directory of the state.
const quickDir = "quick"

// options of the command line.
type options struct {
	dunnock string
	plan    string
	out     string
	state   string
	quick   bool
	again   bool
	busy    bool
	list    bool
	command string // that repeats this
}

// parseOptions reads the command line.
func parseOptions(args []string, help io.Writer) (*options, error) {
	o := &options{command: makeCommand(args)}
	f := flag.NewFlagSet("paper", flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are ours to print
	f.StringVar(&o.dunnock, "dunnock", "bin/dunnock", "the `program` that is measured; 'make build' makes it")
	f.StringVar(&o.plan, "plan", "docs/results/live.toml", "`file` that says what is measured")
	f.StringVar(&o.out, "out", "", "`directory` for the figures, the table and the CSV file (default: that of the plan; with --quick, .cache/paper/quick)")
	f.StringVar(&o.state, "state", ".cache/paper", "`directory` for what has been measured so far")
	f.BoolVar(&o.quick, "quick", false, "one short run of few points, to see that all works: nothing to believe")
	f.BoolVar(&o.again, "again", false, "measure anew what does not count, because the generator was late or the machine was busy")
	f.BoolVar(&o.busy, "busy", false, "count runs too during which the machine was busy with something else: for a measurement that has precedence, as under 'chrt --rr 1'")
	f.BoolVar(&o.list, "list", false, "list the runs and how long they take, and exit")
	if err := command.Parse(f, args, func() {
		fmt.Fprint(help, "paper measures a live fleet on this machine and draws it beside the simulator and beside an omniscient scheduler.\n\n"+
			"    make paper                  # all of the plan, in less than half an hour; leave the machine alone meanwhile\n"+
			"    make paper ARGS=--quick     # two minutes\n"+
			"    make paper ARGS=--again     # then, if some runs do not count\n"+
			"    sudo chrt --rr 1 make paper ARGS=--busy   # on a machine that cannot be left alone\n\nFlags:\n")
		f.SetOutput(help)
		f.PrintDefaults()
	}); err != nil {
		return nil, err
	}
	switch {
	case o.out != "":
	case o.quick:
		o.out = filepath.Join(o.state, quickDir)
	default:
		o.out = filepath.Dir(o.plan)
	}
	return o, nil
}

// makeCommand is what repeats a call. What make itself says is left out, and so is --again, which repeats nothing.
func makeCommand(args []string) string {
	words := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		switch name := strings.TrimLeft(args[i], "-"); {
		case name == "dunnock":
			i++
		case strings.HasPrefix(name, "dunnock="), name == "again":
		default:
			words = append(words, args[i])
		}
	}
	switch text := strings.Join(words, " "); {
	case len(words) == 0:
		return "make paper"
	case strings.ContainsAny(text, " '"):
		return "make paper ARGS='" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	default:
		return "make paper ARGS=" + text
	}
}

// run measures what is missing, and writes what came out.
func (o *options) run(ctx context.Context, out, progress io.Writer) error {
	plan, err := readPlan(o.plan)
	if err != nil {
		return err
	}
	if o.quick {
		plan.shorten()
	}
	if o.busy {
		plan.MaxOther = 0
	}
	runs := plan.runs()
	if o.list {
		return list(out, runs)
	}
	program, err := identify(o.dunnock)
	if err != nil {
		return fmt.Errorf("%w ('make build' makes it)", err)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil { //nolint:gosec // results are for others to read
		return err
	}
	state, err := openState(o.state, program)
	if err != nil {
		return err
	}
	defer state.close() //nolint:errcheck // each outcome was written when it came
	if o.again {
		state.forgetFlawed(plan, runs)
	}
	m := &measurement{dunnock: o.dunnock, state: state, progress: progress}
	if err := m.all(ctx, runs); err != nil {
		return err
	}
	p := newPaper(plan, runs, state.outcomes)
	p.command = o.command
	if err := p.write(o.out); err != nil {
		return err
	}
	return p.say(out, o.out)
}

// list prints the runs.
func list(w io.Writer, runs []run) error {
	total := time.Duration(0)
	for i := range runs {
		fmt.Fprintln(w, "dunnock "+runs[i].key())
		total += runs[i].length + guessedOverhead
	}
	_, err := fmt.Fprintf(w, "# %d runs, about %v\n", len(runs), total.Round(time.Minute/2))
	return err
}
