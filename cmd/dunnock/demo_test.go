package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dunnock/internal/fleet"
	"dunnock/task"
)

// onWrite calls itself with what is written.
type onWrite func(string)

func (f onWrite) Write(b []byte) (int, error) {
	f(string(b))
	return len(b), nil
}

// Ctrl-C in the middle of a search ends it there.
func TestDemoInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	path := filepath.Join(t.TempDir(), "zeros")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 4<<30); err != nil { // holes: it takes no room
		t.Fatal(err)
	}
	var stderr strings.Builder
	d := &demo{
		p: &process{ctx: ctx, stderr: &stderr, log: slog.New(slog.DiscardHandler)},
		progress: &progress{w: onWrite(func(s string) {
			if strings.Contains(s, "searching") {
				cancel()
			}
		})},
	}
	if err := d.makePlan([]string{path}, "func|return"); err != nil {
		t.Fatal(err)
	}
	f, err := fleet.Start(t.Context(), fleet.Config{Workers: 1, Slots: 2, Logger: d.p.log})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.search(f); err == nil {
		t.Error("the search went on to its end")
	}
	if len(d.plan.Tasks) != 4096 || d.done == 0 || d.report.outcomes[task.OK] == len(d.plan.Tasks) {
		t.Errorf("%d tasks of %d ended: %v", d.done, len(d.plan.Tasks), d.report.outcomes)
	}
	if stderr.Len() > 0 {
		t.Errorf("tasks that were cut short are complained about: %s", stderr.String())
	}
	if err := f.Stop(ctx); err != nil {
		t.Error(err)
	}
}
