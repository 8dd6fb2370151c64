package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// live is the plan whose figures are in the repository.
func live(t *testing.T) *plan {
	t.Helper()
	p, err := readPlan("../../docs/results/live.toml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func length(runs []run) (total time.Duration) {
	for i := range runs {
		total += runs[i].length + guessedOverhead
	}
	return total
}

// Nobody waits for figures that take an hour, nor tries a command that takes five minutes.
func TestLength(t *testing.T) {
	p := live(t)
	if got := length(p.runs()); got > 25*time.Minute {
		t.Errorf("the plan takes %v", got)
	}
	p.shorten()
	if got := length(p.runs()); got > 2*time.Minute {
		t.Errorf("a quick try takes %v", got)
	}
	for _, f := range p.Figures {
		if len(f.cells()) < 4 || !strings.Contains(f.Title, "quick") {
			t.Errorf("a quick try has %d points in a figure titled %s", len(f.cells()), f.Title)
		}
	}
}

// Points that figures share run once, as often as whoever wants them most; the repeats of a point lie as far apart as
// the plan allows, and differ by their seed only.
func TestRuns(t *testing.T) {
	p := live(t)
	runs := p.runs()
	last, keys := make(map[cell]int), make(map[string]bool)
	count := make(map[cell]int)
	capacity := 0
	for i := range runs {
		r := &runs[i]
		if keys[r.key()] {
			t.Errorf("%s runs twice", r.key())
		}
		keys[r.key()] = true
		if r.capacity {
			capacity++
			continue
		}
		if n := count[r.cell]; r.seed != p.Seed+uint64(n) {
			t.Errorf("repeat %d of %s has seed %d", n, r.cell, r.seed)
		}
		if at, again := last[r.cell]; again && count[r.cell] < p.Repeats && i-at < 18 {
			t.Errorf("%s: repeats only %d runs apart", r, i-at)
		}
		last[r.cell] = i
		count[r.cell]++
	}
	for c, n := range count {
		want := p.Repeats
		if c == p.Agreement.cell {
			want = p.Agreement.Repeats
		}
		if n != want {
			t.Errorf("%s: %d runs, want %d", c, n, want)
		}
	}
	if len(count) != 2*(5+5-1) || capacity != p.Capacity.Repeats {
		t.Errorf("%d points, %d runs of the generator's capacity", len(count), capacity)
	}
	want := "loadgen run --json --local schedulers=2,workers=20,slots=4 --policy late-binding --probe-ratio 1.1 --load 0.8 " +
		"--tasks 10 --service const:100ms --duration 10s --warmup 2s --seed 2"
	if !keys[want] {
		t.Errorf("no run is\n%s", want)
	}
}

const smallPlan = `
schedulers = 1
workers = 2
slots = 4
tasks = "3"
service = "const:5ms"
duration = "400ms"
warmup = "100ms"
[[figure]]
name = "small"
x = "load"
policy = ["late-binding"]
load = [0.3]
probe-ratio = [2]
`

func TestPlanFaults(t *testing.T) {
	if _, err := parsePlan([]byte(smallPlan)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, replacement, want string }{
		{"workers = 2", "workers = 0", "want at least one of each"},
		{"workers = 2", "works = 2", "unknown key works"},
		{`"3"`, `"none"`, "tasks: "},
		{"const:5ms", "sometimes", "service: "},
		{`"400ms"`, `"0s"`, "duration: want more than 0"},
		{`"100ms"`, `"400ms"`, "warmup: want 0 or more, and less than the duration"},
		{`"100ms"`, `"soon"`, "soon"},
		{"slots = 4", "slots = 4\nrepeats = 101", "repeats: want 1 to 100, got 101"},
		{"slots = 4", "slots = 4\nmax-other = 2.0", "max-other: want 0 to 1, got 2"},
		{`"small"`, `"../small"`, "name: want a-z, 0-9 and -"},
		{`x = "load"`, `x = "time"`, `x: want load or probe-ratio, got "time"`},
		{`x = "load"`, `x = "probe-ratio"`, ""},
		{"load = [0.3]", "load = [0.3, 1.0]", "load: want more than 0 and less than 1, got 1"},
		{"load = [0.3]", "load = []", "want a value at least"},
		{"probe-ratio = [2]", "probe-ratio = [2, 3]", "probe-ratio: want one value, as x is load"},
		{"probe-ratio = [2]", "probe-ratio = [17]", "probe-ratio: want 1 to 16, got 17"},
		{"late-binding", "ideal", `policy: want idle-offer, late-binding or late-binding-nocancel, got "ideal"`},
		{"[[figure]]", "[agreement]\npolicy=\"late-binding\"\nload=0.3\nprobe-ratio=2\n[[figure]]", "agreement: repeats: want 2 to 100, got 0"},
		{"[[figure]]", "[capacity]\nrate=1\n[[figure]]", "capacity: schedulers, workers, slots: want at least one of each"},
	} {
		text := strings.Replace(smallPlan, c.old, c.replacement, 1)
		_, err := parsePlan([]byte(text))
		switch {
		case text == smallPlan:
			t.Fatalf("%s is not in the plan", c.old)
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.replacement, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %s", c.replacement, err, c.want)
		}
	}
}

func TestFew(t *testing.T) {
	if got := few([]float64{1, 1.1, 1.5, 2, 3}); !slices.Equal(got, []float64{1, 1.5, 3}) {
		t.Errorf("got %v", got)
	}
	if got := few([]float64{1, 2, 3}); len(got) != 3 {
		t.Errorf("got %v", got)
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--dunnock", "bin/dunnock"}, "make paper"},
		{[]string{"--dunnock=bin/dunnock", "--again"}, "make paper"},
		{[]string{"--dunnock", "bin/dunnock", "--quick"}, "make paper ARGS=--quick"},
		{[]string{"-dunnock", "x", "--plan", "a b.toml"}, "make paper ARGS='--plan a b.toml'"},
	} {
		if got := makeCommand(c.args); got != c.want {
			t.Errorf("%q: got %s, want %s", c.args, got, c.want)
		}
	}
}
