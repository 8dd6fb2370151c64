// Command mutants takes out one protection of the fleet's code at a time and looks whether a checker notices. A
// protection that can go without anybody noticing is untested, or not needed.
//
// It works on a copy of the checkout, and needs no network. `make mutants` runs it.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"dunnock/internal/command"
)

func main() {
	command.Main("mutants", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout) })
}

// seeds is how many fleets under faults look for a mutation before the tests of its package do.
const seeds = "1200"

// seedsTest runs them.
var seedsTest = []string{"test", "-count=1", "-timeout=2m", "./sim/storm", "-run=TestSeeds", "-seeds=" + seeds} //nolint:gochecknoglobals // a constant

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	only := flags.String("only", "", "`texts`, separated by commas, of which the names or the files of those to run contain one; all if empty")
	parallel := flags.Int("parallel", 2, "how many to try at a time")
	if err := command.Parse(flags, args, func() { flags.SetOutput(out); flags.PrintDefaults() }); err != nil {
		return err
	}
	root, err := goTool(ctx, ".", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	list := chosen(*only)
	if len(list) == 0 {
		return fmt.Errorf("--only: no name and no file contains %q", *only)
	}
	if err := applyAll(strings.TrimSpace(root), list); err != nil {
		return err
	}
	verdicts := make([]verdict, len(list))
	work := make(chan int)
	var wg sync.WaitGroup
	var failed error
	var mu sync.Mutex // guards failed
	for range max(1, *parallel) {
		wg.Go(func() {
			if err := serve(ctx, strings.TrimSpace(root), list, verdicts, work); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
				for range work { // the others are left out
				}
			}
		})
	}
	for i := range list {
		work <- i
	}
	close(work)
	wg.Wait()
	if failed != nil {
		return failed
	}
	return report(out, list, verdicts)
}

// chosen are the mutants whose name or file contains one of the texts.
func chosen(texts string) []mutant {
	var list []mutant
	for _, m := range mutants() {
		if slices.ContainsFunc(strings.Split(texts, ","), func(text string) bool { return strings.Contains(m.name+"\n"+m.file, text) }) {
			list = append(list, m)
		}
	}
	return list
}

// errBroken says that what a mutation leaves is no program.
var errBroken = errors.New("does not compile")

// broken stands in the table for who noticed such a one, which says nothing about checkers.
const broken = "DOES NOT COMPILE"

// verdict is what came of a mutation.
type verdict struct {
	by   string // who noticed; empty: nobody
	took time.Duration
}

func report(out io.Writer, list []mutant, verdicts []verdict) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "TAKEN OUT\tFILE\tNOTICED BY\tAFTER")
	missed := 0
	for i, m := range list {
		by := cmp.Or(verdicts[i].by, "NOBODY")
		if by == "NOBODY" || by == broken {
			missed++
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%v\n", m.name, m.file, by, verdicts[i].took.Round(100*time.Millisecond))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d protections can be taken out without anybody noticing, or were not", missed, len(list))
	}
	return nil
}

// serve tries mutations on a copy of its own.
func serve(ctx context.Context, root string, list []mutant, verdicts []verdict, work <-chan int) error {
	dir, err := os.MkdirTemp("", "dunnock-mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, sources{root}); err != nil {
		return err
	}
	if text, err := goTool(ctx, dir, seedsTest...); err != nil {
		return fmt.Errorf("seeds fail without any change: %w\n%s", err, text)
	}
	for i := range work {
		started := time.Now()
		by, err := try(ctx, dir, list[i])
		if errors.Is(err, errBroken) {
			fmt.Fprintln(os.Stderr, list[i].name+":", err)
			by, err = broken, nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", list[i].name, err)
		}
		verdicts[i] = verdict{by, time.Since(started)}
		fmt.Fprintf(os.Stderr, "%s: %s\n", list[i].name, cmp.Or(by, "NOBODY"))
	}
	return nil
}

// try applies a mutation to a copy, has the checkers look for it, and takes it back.
func try(ctx context.Context, dir string, m mutant) (noticed string, _ error) {
	path := filepath.Join(dir, m.file)
	whole, err := os.ReadFile(path) //nolint:gosec // a name of the list
	if err != nil {
		return "", err
	}
	mutated, err := m.apply(whole)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, mutated, 0o600); err != nil { //nolint:gosec // as above
		return "", err
	}
	defer func() { _ = os.WriteFile(path, whole, 0o600) }() //nolint:gosec // as above
	checks := [][]string{}
	if !m.tests {
		checks = append(checks, seedsTest)
	}
	by := cmp.Or(m.by, "./"+filepath.Dir(m.file))
	checks = append(checks, []string{"test", "-count=1", "-timeout=3m", "-failfast", by})
	for i, args := range checks {
		text, err := goTool(ctx, dir, args...)
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case err == nil:
			continue
		case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]"):
			return "", fmt.Errorf("%w: %w\n%s", errBroken, err, text)
		case i == 0 && !m.tests:
			return "seeds", nil
		}
		return "go test " + by, nil
	}
	return "", nil
}

// goTool runs the go command and returns all that it prints.
func goTool(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // arguments of our own
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Run(); err != nil {
		return text.String(), fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return text.String(), nil
}
