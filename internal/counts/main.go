// Command counts compares what the benchmarks of this repository count with a committed baseline: allocations, bytes,
// writes and messages for each operation. It looks at no time, so that its verdict is the same on every machine.
//
//	go run ./internal/counts -benchstat PATH            fails and names what costs more than in the baseline
//	go run ./internal/counts -benchstat PATH -accept    makes what is counted now the baseline
//
// benchstat says which differences are more than chance. `make counts` builds it and runs this; `make bench-accept`
// accepts.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"dunnock/internal/command"
)

// baseline is the committed file, from the root of the repository.
const baseline = "internal/counts/baseline.txt"

func main() {
	command.Main("counts", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout) })
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("counts", flag.ContinueOnError)
	benchstat := flags.String("benchstat", "benchstat", "`path` of benchstat")
	accept := flags.Bool("accept", false, "make what is counted now the baseline")
	if err := command.Parse(flags, args, func() { flags.SetOutput(out); flags.PrintDefaults() }); err != nil {
		return err
	}
	was, err := lookFirst(*benchstat)
	if err != nil && !*accept {
		return err
	}
	counted, err := countAll(ctx)
	if err != nil {
		return err
	}
	if *accept {
		return os.WriteFile(baseline, []byte(counted), 0o644) //nolint:gosec // a source file, for all to read
	}
	dir, err := os.MkdirTemp("", "counts")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	now := filepath.Join(dir, "now.txt")
	if err := os.WriteFile(now, []byte(counted), 0o600); err != nil {
		return err
	}
	table, err := compare(ctx, *benchstat, baseline, now)
	if err != nil {
		return err
	}
	v, err := judge(table)
	if err != nil {
		return err
	}
	fmt.Fprint(out, v)
	return v.fault(release(was), runtime.Version())
}

// lookFirst reads the baseline and looks for benchstat: counting takes a minute, and what is missing is said before.
func lookFirst(benchstat string) (was string, err error) {
	text, err := os.ReadFile(baseline)
	if err != nil {
		return "", fmt.Errorf("%w: run this from the root of the repository", err)
	}
	if _, err := exec.LookPath(benchstat); err != nil {
		return "", fmt.Errorf("%w: `make counts` builds benchstat and names it", err)
	}
	return string(text), nil
}

// countAll runs the benchmarks of all groups.
func countAll(ctx context.Context) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s. Written by `make bench-accept`.\n", madeBy, runtime.Version())
	for _, g := range groups() {
		args := append(append([]string{"test", "-timeout=10m", "-cpu=1", fmt.Sprint("-count=", rounds)}, g.flags...), g.packages...)
		cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are those of groups
		var faults strings.Builder
		cmd.Stderr = &faults
		text, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, withoutCounts(string(text)), faults.String())
		}
		b.WriteString(keepCounts(string(text)))
	}
	return b.String(), nil
}

// compare has benchstat compare two files, as CSV.
func compare(ctx context.Context, benchstat, was, now string) (string, error) {
	cmd := exec.CommandContext(ctx, benchstat, "-format=csv", "-table=goos", "-row=pkg,.fullname", "was="+was, "now="+now) //nolint:gosec // whoever runs this names it
	// Warnings say that samples are all equal, which is as it should be.
	var warnings strings.Builder
	cmd.Stderr = &warnings
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", benchstat, err, warnings.String())
	}
	return string(text), nil
}
