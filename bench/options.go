package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dunnock/internal/command"
)

type options struct {
	cells      []cell
	contenders []contender
	out        string
	fresh      bool
	report     bool
	quick      bool
	profile    string
	command    string // as it was given
}

func parseOptions(args []string, help io.Writer) (*options, error) {
	o := &options{command: strings.TrimSpace("make bench-rivals " + quoted(args))}
	var cellNames, contenderNames string
	var rounds int
	var length time.Duration
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&cellNames, "cells", "", "only these cells, separated by commas; a name without its number is all that begin so, such as exp")
	f.StringVar(&contenderNames, "contenders", "", "only these contenders, separated by commas")
	f.IntVar(&rounds, "rounds", 0, "rounds of each cell (default 3)")
	f.DurationVar(&length, "length", 0, "measured length of a run (default: 2s to 8s, by cell)")
	f.StringVar(&o.out, "out", "", "directory of the results (default .cache/rivals): what is in it counts, if it is of the same build, and is not measured again")
	f.BoolVar(&o.fresh, "fresh", false, "measure all anew")
	f.BoolVar(&o.report, "report", false, "measure nothing: report what the directory has")
	f.BoolVar(&o.quick, "quick", false, "run each contender for a moment in one cell of each kind: it shows that all works, and nothing else")
	f.StringVar(&o.profile, "profile", "", "write a processor profile of each process to files whose names begin so")
	if err := command.Parse(f, args, func() { o.usage(help, f) }); err != nil {
		return nil, err
	}
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	switch {
	case o.report && (o.fresh || o.quick):
		return nil, command.Usagef("--report measures nothing; --fresh and --quick do")
	case given["rounds"] && (rounds < 1 || rounds > 1000):
		return nil, command.Usagef("--rounds: want 1 to 1000, got %d", rounds)
	case given["length"] && (length <= 0 || length > 10*time.Minute):
		return nil, command.Usagef("--length: want more than 0s, up to 10m, got %v", length)
	}
	if err := o.choose(cellNames, contenderNames); err != nil {
		return nil, err
	}
	if o.quick && cellNames == "" { // one of each kind: the others differ in numbers
		o.cells = slices.DeleteFunc(o.cells, func(c cell) bool { return !slices.Contains([]string{"closed-10", "low-10", "exp-0.8"}, c.Name) })
	}
	for i := range o.cells {
		c := &o.cells[i]
		if o.quick {
			c.quick()
		}
		if rounds > 0 {
			c.Rounds = rounds
		}
		if length > 0 {
			c.Length = length
		}
	}
	return o, o.place()
}

// choose keeps the cells and contenders that are named.
func (o *options) choose(cellNames, contenderNames string) error {
	o.cells, o.contenders = cells(), contenders()
	if cellNames != "" {
		wanted := strings.Split(cellNames, ",")
		for _, w := range wanted {
			if !slices.ContainsFunc(o.cells, func(c cell) bool { return c.named(w) }) {
				return command.Usagef("--cells: there is no %q; there are %s", w, listOf(o.cells, func(c cell) string { return c.Name }))
			}
		}
		o.cells = slices.DeleteFunc(o.cells, func(c cell) bool { return !slices.ContainsFunc(wanted, c.named) })
	}
	if contenderNames != "" {
		wanted := strings.Split(contenderNames, ",")
		for _, w := range wanted {
			if contenderNamed(w) == nil {
				return command.Usagef("--contenders: there is no %q; there are %s", w, listOf(o.contenders, func(c contender) string { return c.name }))
			}
		}
		o.contenders = slices.DeleteFunc(o.contenders, func(c contender) bool { return !slices.Contains(wanted, c.name) })
	}
	return nil
}

func (c cell) named(wanted string) bool {
	return c.Name == wanted || strings.HasPrefix(c.Name, wanted+"-")
}

// place finds the directory of results.
func (o *options) place() error {
	if o.profile != "" {
		var err error
		if o.profile, err = filepath.Abs(o.profile); err != nil {
			return err
		}
	}
	if o.out == "" {
		o.out = filepath.Join(".cache", "rivals")
	}
	if o.quick { // never among what is to be believed
		o.out = filepath.Join(o.out, "quick")
		o.fresh = true
	}
	return os.MkdirAll(o.out, 0o755) //nolint:gosec // results are no secret
}

func (o *options) usage(w io.Writer, f *flag.FlagSet) {
	f.SetOutput(w)
	fmt.Fprintln(w, "bench runs Dunnock and what else one might send tasks with, in turn, and sets them side by side.")
	f.PrintDefaults()
	fmt.Fprintln(w, "\ncells:")
	for _, c := range cells() {
		fmt.Fprintf(w, "  %-12s %s\n", c.Name, c.About)
	}
	fmt.Fprintln(w, "\ncontenders:")
	for _, c := range contenders() {
		fmt.Fprintf(w, "  %-15s %s\n", c.name, c.what)
	}
}

// run measures what has not been measured yet, and reports.
func (o *options) run(ctx context.Context, report, progress io.Writer) error {
	if !o.report {
		o.skipMissing(progress)
	}
	k, err := openKeep(filepath.Join(o.out, "rivals.ndjson"), version, o.fresh)
	if err != nil {
		return err
	}
	defer func() { _ = k.file.Close() }() // each sample was written as it came
	var failed error
	if o.report {
		o.command = "make bench-rivals" // more or less: it was another one
	} else {
		failed = o.measure(ctx, k, progress)
	}
	if len(k.samples) == 0 {
		return errors.Join(failed, fmt.Errorf("%s: nothing that this build (%s) has measured", k.file.Name(), version))
	}
	r := newReport(k.samples, o.command)
	err = r.write(o.out)
	if err == nil {
		err = r.text(report)
	}
	return errors.Join(failed, err)
}

// skipMissing leaves out what this machine cannot run, and says so.
func (o *options) skipMissing(progress io.Writer) {
	o.contenders = slices.DeleteFunc(o.contenders, func(c contender) bool {
		if c.missing == nil {
			return false
		}
		why := c.missing()
		if why != "" {
			fmt.Fprintf(progress, "SKIPPED: %s is not measured: %s\n", c.name, why)
		}
		return why != ""
	})
}

// measure makes all runs: round by round, and in a round cell by cell, with the contenders in turn. A run that fails is
// told and the others go on.
func (o *options) measure(ctx context.Context, k *keep, progress io.Writer) error {
	rounds := 0
	for i := range o.cells {
		rounds = max(rounds, o.cells[i].Rounds)
	}
	var failed []error
	for round := 1; round <= rounds; round++ {
		for _, load := range o.cells {
			if round > load.Rounds {
				continue
			}
			load.Seed += uint64(round)
			for i := range o.contenders {
				c := &o.contenders[(i+round)%len(o.contenders)] // nobody is always the first
				if k.has(load.Name, c.name, round) {
					continue
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				fmt.Fprintf(progress, "round %d, %s, %s: ", round, load.Name, c.name)
				s, err := runOnce(ctx, c, &load, o.profile)
				if err != nil {
					err = fmt.Errorf("%s, %s: %w", load.Name, c.name, err)
					fmt.Fprintln(progress, "failed")
					failed = append(failed, err)
					continue
				}
				s.Round = round
				fmt.Fprintln(progress, s.brief())
				if err := k.add(s); err != nil {
					return err
				}
			}
		}
	}
	return errors.Join(failed...)
}

func (s *sample) brief() string {
	text := fmt.Sprintf("%.0f tasks/s, %.1f µs of processors a task, p50 %s, p99 %s",
		s.TasksPerS, s.CPUUS.total(), duration(s.ResponseUS.P50), duration(s.ResponseUS.P99))
	if s.BoundUS != nil {
		text += fmt.Sprintf(" (of the bound: %.2f, %.2f)", s.ResponseUS.P50/s.BoundUS.P50, s.ResponseUS.P99/s.BoundUS.P99)
	}
	return text
}

func listOf[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = name(all[i])
	}
	return strings.Join(names, ", ")
}

// quoted is a command line's arguments in a form that make takes.
func quoted(args []string) string {
	if len(args) == 0 {
		return ""
	}
	if len(args) == 1 {
		return "ARGS=" + args[0]
	}
	return "ARGS='" + strings.Join(args, " ") + "'"
}
