package main

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"dunnock/sim"
	"dunnock/sim/sweep"
)

// A line outside its interval is shown as such, and is exit code 1.
func TestCheckOutside(t *testing.T) {
	inside := sim.CheckLine{Name: "M/M/1, wait", Unit: "ms", Theory: 400, Measured: 401, Low: 390, High: 412, OK: true}
	outside := sim.CheckLine{Name: "Little's law", Unit: "jobs", Theory: 36, Measured: 37, Low: 36.5, High: 37.5}
	for _, c := range []struct {
		format string
		lines  []sim.CheckLine
		code   int
		want   string
	}{
		{"table", []sim.CheckLine{inside}, 0, "390 to 412"},
		{"table", []sim.CheckLine{inside, outside}, exitFailure, "OUTSIDE"},
		{"json", []sim.CheckLine{outside, inside}, exitFailure, `"ok": false`},
	} {
		var out, said bytes.Buffer
		p := &process{stdout: &out, stderr: &said}
		check := simCheckCmd{formatFlag: formatFlag{Format: c.format}}
		if code := p.report(check.judge(p, c.lines)); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s, %d lines: exit code %d, want %d:\n%s", c.format, len(c.lines), code, c.code, &out)
		}
		if told := strings.Contains(said.String(), "1 line of "); told != (c.code != 0) {
			t.Errorf("said %q", &said)
		}
	}
	full := errors.New("no space left")
	p := &process{stdout: failingWriter{full}, stderr: &bytes.Buffer{}}
	if err := (&simCheckCmd{formatFlag: formatFlag{Format: "table"}}).judge(p, []sim.CheckLine{inside}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// Every flag of sim run is an axis of sim sweep, but for those that its help names.
func TestSweepHasTheFlagsOfRun(t *testing.T) {
	parser, err := newParser(&cli{}, &process{stdout: io.Discard, stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	flags := make(map[string][]string)
	for _, command := range parser.Model.Leaves(true) {
		for _, f := range command.Flags {
			flags[command.Path()] = append(flags[command.Path()], f.Name)
		}
	}
	run, axes := flags["sim run"], flags["sim sweep"]
	if len(run) == 0 || len(axes) == 0 {
		t.Fatalf("no flags: %v", slices.Sorted(maps.Keys(flags)))
	}
	for _, name := range run {
		if single := name == "stages" || name == "check" || name == "json"; single == slices.Contains(axes, name) {
			t.Errorf("--%s: an axis: %v", name, !single)
		}
		if name != "seed" && !slices.Contains(sweep.Names(), name) && slices.Contains(axes, name) {
			t.Errorf("--%s is a flag of sim sweep, and no parameter of a sweep", name)
		}
	}
}
