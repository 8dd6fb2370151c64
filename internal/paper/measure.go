package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"dunnock/loadgen"
)

const (
	// guessedOverhead is what a run takes beyond its length, until it has been measured: a fleet's start and end, its
	// delays, simulations.
	guessedOverhead = 6 * time.Second
	// patience is how long an interrupted run may take to end its fleet.
	patience = 15 * time.Second
)

// measurement makes runs.
type measurement struct {
	dunnock  string
	state    *state
	progress io.Writer

	made     int           // runs
	overhead time.Duration // of those, beyond their length
}

// all makes the runs that have not been made yet.
func (m *measurement) all(ctx context.Context, runs []run) error {
	var todo []run
	for i := range runs {
		if m.state.outcomes[runs[i].key()] == nil {
			todo = append(todo, runs[i])
		}
	}
	if found := len(runs) - len(todo); found > 0 {
		fmt.Fprintf(m.progress, "%d of %d runs are there from before\n", found, len(runs))
	}
	if len(todo) == len(runs) && m.state.stale > 0 {
		fmt.Fprintf(m.progress, "%d runs in %s are of another build of dunnock and do not count\n", m.state.stale, m.state.file.Name())
	}
	for i := range todo {
		fmt.Fprintf(m.progress, "run %d of %d, about %v left: %s …", i+1, len(todo), m.left(todo[i:]), &todo[i])
		began := time.Now()
		o, err := m.one(ctx, &todo[i])
		if err != nil {
			fmt.Fprintln(m.progress)
			return err
		}
		m.made++
		m.overhead += time.Since(began) - todo[i].length
		if err := m.state.add(o); err != nil {
			fmt.Fprintln(m.progress)
			return fmt.Errorf("%s: %w", m.state.file.Name(), err)
		}
		fmt.Fprintln(m.progress, brief(o.Result))
	}
	return nil
}

// left estimates how long runs take.
func (m *measurement) left(runs []run) time.Duration {
	overhead := guessedOverhead
	if m.made > 0 {
		overhead = m.overhead / time.Duration(m.made)
	}
	total := time.Duration(0)
	for i := range runs {
		total += runs[i].length + overhead
	}
	if total > 2*time.Minute {
		return total.Round(time.Minute)
	}
	return total.Round(time.Second)
}

// brief is a run's outcome in a few words.
func brief(r *loadgen.Result) string {
	text := fmt.Sprintf(" p50 %.4g ms", r.ResponseMS.P50)
	if b := r.Bound; b != nil && b.Skipped == "" {
		text += fmt.Sprintf(", %.3f of simulated, %.3f of ideal", b.RatioSimulated.P50, b.RatioIdeal.P50)
	}
	if !r.Valid {
		text += ", invalid"
	}
	return text
}

// one makes one run.
func (m *measurement) one(ctx context.Context, r *run) (*outcome, error) {
	if ctx.Err() != nil {
		return nil, interrupted()
	}
	cmd := exec.CommandContext(ctx, m.dunnock, r.args...) //nolint:gosec // what is measured is for the user to say
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	before := readProcessors()
	err := cmd.Run()
	after := readProcessors()
	if ctx.Err() != nil {
		return nil, interrupted()
	}
	if err != nil {
		return nil, fmt.Errorf("dunnock %s: %w: %s", r.key(), err, strings.TrimSpace(errs.String()))
	}
	results, err := loadgen.ReadResults(&out)
	if err == nil && len(results) != 1 {
		err = errors.New("more than one result")
	}
	if err != nil {
		return nil, fmt.Errorf("dunnock %s: %w", r.key(), err)
	}
	// The fleet's processes are its children, and counted with it.
	own := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return &outcome{Key: r.key(), Other: otherShare(before, after, own), Result: results[0]}, nil
}

// processors is what all processors of the machine have done since it started.
type processors struct{ busy, all time.Duration }

// otherShare returns how much of all processors was busy between two moments with what is not our own; nil if that is
// not known.
func otherShare(before, after *processors, own time.Duration) *float64 {
	if before == nil || after == nil || after.all <= before.all {
		return nil
	}
	other := float64(after.busy-before.busy-own) / float64(after.all-before.all)
	other = min(max(other, 0), 1) // clocks tick
	return &other
}
