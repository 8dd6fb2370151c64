package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"dunnock/internal/command"
)

// TestMain also plays the roles of the runs that tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == roleFlag {
		main()
	}
	os.Exit(m.Run())
}

// TestEveryContender has each one do every kind of load, for a moment.
func TestEveryContender(t *testing.T) {
	o, err := parseOptions([]string{"--quick", "--out", t.TempDir()}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.contenders) != len(contenders()) || len(o.cells) != 3 {
		t.Fatalf("%d contenders in %d cells", len(o.contenders), len(o.cells))
	}
	var text strings.Builder
	if err := o.run(t.Context(), &text, os.Stderr); err != nil {
		t.Fatal(err)
	}
	k, err := openKeep(o.out+"/rivals.ndjson", version, false)
	if err != nil {
		t.Fatal(err)
	}
	defer k.file.Close()
	if want := len(o.contenders) * len(o.cells); len(k.samples) != want {
		t.Errorf("%d samples, want %d", len(k.samples), want)
	}
	o.report, o.fresh = true, false // of the same samples, the same
	var again strings.Builder
	err = o.run(t.Context(), &again, io.Discard)
	_, want, _ := strings.Cut(text.String(), "| contender |") // after the command
	if _, got, _ := strings.Cut(again.String(), "| contender |"); err != nil || got != want {
		t.Errorf("--report differs: %v\n%s", err, got)
	}
	for _, s := range k.samples {
		name := s.Contender + ", " + s.Cell
		if s.Tasks != 10*s.Jobs || s.Jobs == 0 || s.TasksPerS <= 0 || s.ResponseUS.P50 <= 0 || s.ResponseUS.P50 > s.ResponseUS.P99 {
			t.Errorf("%s: %+v", name, s)
		}
		if hasBroker := contenderNamed(s.Contender).broker != nil; s.CPUUS.Client <= 0 || s.CPUUS.Workers <= 0 || (s.CPUUS.Broker > 0) != hasBroker {
			t.Errorf("%s: processor time %+v", name, s.CPUUS)
		}
		if s.Cell == "exp-0.8" {
			checkServed(t, name, s, o)
		}
		if !strings.Contains(text.String(), "\n| "+s.Contender+" | ") {
			t.Errorf("the report lacks %s", name)
		}
	}
}

// checkServed: tasks sleep for as long as planned, and never less.
func checkServed(t *testing.T, name string, s *sample, o *options) {
	t.Helper()
	c := o.cells[2]
	c.Seed = s.Seed
	jobs, err := plan(&c)
	if err != nil {
		t.Fatal(err)
	}
	var planned time.Duration
	tasks := 0
	for _, j := range jobs {
		if j.due >= c.Warmup {
			for _, d := range j.served {
				planned += d
				tasks++
			}
		}
	}
	if tasks != s.Tasks || s.MeanService < inUS(planned)/float64(tasks) || s.BoundUS == nil {
		t.Errorf("%s: %d tasks of %.1f µs in the mean, planned were %d of %.1f", name, s.Tasks, s.MeanService, tasks, inUS(planned)/float64(tasks))
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--cells open":           `--cells: there is no "open"; there are closed-1, closed-10`,
		"--contenders kafka":     `--contenders: there is no "kafka"; there are dunnock, nats`,
		"--rounds -1":            "--rounds: want 1 to 1000, got -1",
		"--rounds 0":             "--rounds: want 1 to 1000, got 0", // and not as many as there are without a word
		"--length 1h":            "--length: want more than 0s, up to 10m, got 1h",
		"--length 0s":            "--length: want more than 0s",
		"closed-1":               `unexpected argument "closed-1"`,
		"--report --quick":       "--report measures nothing",
		"--fast":                 "-fast",
		"--cells exp,closed-1,x": `"x"`,
	} {
		_, err := parseOptions(strings.Fields(args), io.Discard)
		var usage *command.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

func TestChoose(t *testing.T) {
	o := &options{}
	if err := o.choose("exp,closed-1", "nats,dunnock"); err != nil {
		t.Fatal(err)
	}
	got := listOf(o.cells, func(c cell) string { return c.Name }) + "; " + listOf(o.contenders, func(c contender) string { return c.name })
	if want := "closed-1, exp-0.7, exp-0.8, exp-0.9; dunnock, nats"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestKeep: what is there is not measured again, and what another build has measured does not count.
func TestKeep(t *testing.T) {
	name := t.TempDir() + "/rivals.ndjson"
	k, err := openKeep(name, "a", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*sample{{Version: "a", Cell: "low-1", Contender: "nats", Round: 1}, {Version: "b", Cell: "low-1", Contender: "grpc", Round: 1}} {
		if err := k.add(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.file.Close(); err != nil {
		t.Fatal(err)
	}
	if k, err = openKeep(name, "a", false); err != nil {
		t.Fatal(err)
	}
	defer k.file.Close()
	if !k.has("low-1", "nats", 1) || k.has("low-1", "nats", 2) || k.has("low-1", "grpc", 1) {
		t.Errorf("%+v", k.samples)
	}
	fresh, err := openKeep(name, "a", true)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.file.Close()
	if len(fresh.samples) != 0 {
		t.Errorf("--fresh kept %+v", fresh.samples)
	}
}

// TestProcessorTime is what getrusage says, only finer.
func TestProcessorTime(t *testing.T) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	got, err := processorTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const slack = 20 * time.Millisecond // getrusage's parts are rounded, and of ticks where the kernel does not count exactly
	if after := used(); got < before-slack || got > after+slack || got == 0 {
		t.Errorf("%v, where getrusage says %v to %v", got, before, after)
	}
	if _, err := processorTime(1 << 22); err == nil { // beyond the kernel's largest process id
		t.Error("a process that is not there has used some")
	}
}
