package main

import (
	"errors"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"dunnock/internal/api"
	"dunnock/internal/search"
	"dunnock/task"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 17: "17 ns", 1234: "1.23 µs", 99_960: "100 µs", 12_345_678: "12.3 ms", 999 * time.Millisecond: "999 ms",
		9996 * time.Millisecond: "10.0 s", 59 * time.Second: "59.0 s", 200*time.Second + 400*time.Millisecond: "3m20s", -time.Millisecond: "-1.00 ms",
	} {
		if got := duration(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.50 KiB", 1 << 20: "1.00 MiB", 1023 << 20: "1.00 GiB", 5 << 40: "5.00 TiB", 1 << 60: "1048576 TiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 tasks", 1: "1 task", 999: "999 tasks", 1000: "1,000 tasks", 1234567: "1,234,567 tasks"} {
		if got := count(n, "task"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := thousands(-1234); got != "-1,234" {
		t.Errorf("got %q", got)
	}
}

// Text from outside cannot move a terminal's cursor or break a table.
func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{"plain ä": "plain ä", "a\tb": `"a\tb"`, "a\nb": `"a\nb"`, "\x1b[2J": `"\x1b[2J"`, "\xff": `"\xff"`} {
		if got := printable(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
	if got := clip(strings.Repeat("ä", 40) + "\n"); got != strings.Repeat("ä", 30)+"…" {
		t.Errorf("got %q", got)
	}
}

func TestPercentile(t *testing.T) {
	times := []time.Duration{5, 1, 4, 2, 3}
	for p, want := range map[int]time.Duration{0: 1, 20: 1, 21: 2, 50: 3, 99: 5, 100: 5} {
		if got := percentile(times, p); got != want {
			t.Errorf("p%d: got %d, want %d", p, got, want)
		}
	}
	if got := percentile([]time.Duration{7}, 50); got != 7 {
		t.Errorf("got %d", got)
	}
}

func TestReportLine(t *testing.T) {
	r := runReport{scheduler: "s1", elapsed: 1500 * time.Millisecond}
	for i := range 12 {
		res := task.Result{Task: i, Outcome: task.OK, Worker: "w" + string(rune('a'+i%11)), Attempt: 1, Wait: time.Millisecond, Service: 2 * time.Millisecond}
		r.add(&res)
	}
	const id = "00000000000000000000000000000000"
	want := id + ": 12 tasks ok in 1.50 s on s1; wait p50 1.00 ms p99 1.00 ms; service p50 2.00 ms p99 2.00 ms; " +
		"wa 2, wb 1, wc 1, wd 1, we 1, wf 1, wg 1, wh 1, and 3 more workers"
	if diff := cmp.Diff(want, r.line()); diff != "" {
		t.Error(diff)
	}
	r = runReport{scheduler: "s2", elapsed: time.Second}
	for _, o := range []task.Outcome{task.Cancelled, task.OK, task.Cancelled} {
		r.add(&task.Result{Outcome: o})
	}
	if diff := cmp.Diff(id+": 3 tasks: 1 ok, 2 cancelled in 1.00 s on s2", r.line()); diff != "" {
		t.Error(diff)
	}
}

func TestJobTable(t *testing.T) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	printJob(w, &api.JobDetail{
		JobSummary: api.JobSummary{Job: "ab", App: "grep", User: "org/ann", State: api.StateRunning, Tasks: 4, Waiting: 1, Running: 1, Finished: 2, Failed: 1, AgeMS: 250},
		Scheduler:  "s1", ProbeRatio: 1.5, EstimateMS: 12, EstimateUse: "believed, 3 % of late were wrong (user org/ann, app grep)", DeadlineMS: 1000, Why: "1 tasks wait for a free slot",
		TaskList: []api.TaskState{
			{Task: 0, State: "ok", Worker: "w1", Attempt: 1, WaitMS: 0.4, ServiceMS: 12.5, Result: []byte("12\n")},
			{Task: 1, State: "failed", Worker: "w2", Attempt: 3, WaitMS: 1, ServiceMS: 1, Error: task.Errorf(task.CodeAppFailed, "broken\tpipe")},
			{Task: 2, State: "running", Worker: "w1", Attempt: 1, WaitMS: 2, ServiceMS: 100},
			{Task: 3, State: "waiting", WaitMS: 250},
		},
	})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `job ab: running for 250 ms, 4 tasks: 1 waiting, 1 running, 2 finished (1 not ok); its deadline is in 1.00 s
app grep, user org/ann, scheduler s1, probe ratio 1.5
each task is stated to take 12.0 ms: believed, 3 % of late were wrong (user org/ann, app grep)
1 tasks wait for a free slot

TASK  STATE    WORKER  ATTEMPT  WAIT     SERVICE  RESULT
0     ok       w1      1        400 µs   12.5 ms  12
1     failed   w2      3        1.00 ms  1.00 ms  "app_failed: broken\tpipe"
2     running  w1      1        2.00 ms  100 ms   -
3     waiting  -       0        250 ms   -        -
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestFleetSummary(t *testing.T) {
	got := summarise(
		[]api.Worker{{Name: "w1", Slots: 4, Busy: 3, Queued: 5, State: "active"}, {Name: "w2", Slots: 2, Busy: 1, State: "draining"}},
		[]answered[api.Fleet]{
			{scheduler: api.Scheduler{Name: "s1", Addr: "a:1", State: "active"}, answer: api.Fleet{Fleet: "f", Policy: "late-binding", Connected: 2, Jobs: 1, Waiting: 7, Running: 3}},
			{scheduler: api.Scheduler{Name: "s2", Addr: "b:2", State: "active"}, err: errors.New("gone")},
			{scheduler: api.Scheduler{Name: "s3", Addr: "c:3", State: "draining"}, answer: api.Fleet{Fleet: "f", Policy: "late-binding", Connected: 1, Jobs: 2, Running: 1}},
		})
	want := fleetStatus{
		Fleet: "f", Policy: "late-binding", Workers: 2, Draining: 1, Slots: 6, Busy: 4, Queued: 5, Jobs: 3, Waiting: 7, Running: 4,
		Schedulers: []schedulerStatus{
			{Name: "s1", Addr: "a:1", State: "active", Connected: 2, Jobs: 1, Waiting: 7, Running: 3},
			{Name: "s2", Addr: "b:2", State: "active", Error: "gone"},
			{Name: "s3", Addr: "c:3", State: "draining", Connected: 1, Jobs: 2, Running: 1},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A terminal gets the files with the most matches, a pipe all of them in path order.
func TestPrintFiles(t *testing.T) {
	found := []search.FileMatches{{Path: "a", Lines: 1}, {Path: "b", Lines: 5}, {Path: "c\n", Lines: 5}, {Path: "d", Lines: 2}}
	for limit, want := range map[int]string{
		4: "a: 1\nb: 5\n\"c\\n\": 5\nd: 2\n",
		3: "b: 5\n\"c\\n\": 5\nd: 2\n… and 1 more file with matches\n",
		2: "b: 5\n\"c\\n\": 5\n… and 2 more files with matches\n",
	} {
		var b strings.Builder
		printFiles(&b, found, limit)
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
	}
}

// Progress overwrites itself on a terminal and is silent elsewhere.
func TestProgress(t *testing.T) {
	var b strings.Builder
	silent := newProgress(&b)
	silent.show("x")
	silent.percent("x", 1, 2)
	silent.clear()
	if b.Len() > 0 {
		t.Errorf("in a pipe: %q", b.String())
	}
	p := &progress{w: &b}
	p.show("starting %d", 2)
	p.percent("searching", 1, 2)
	p.percent("searching", 2, 2) // too soon
	p.clear()
	p.clear()
	if want := "\r\x1b[Kstarting 2 …\r\x1b[Ksearching: 1 of 2 tasks, 50 % …\r\x1b[K"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// A search that is larger than a job takes several, and no task is left out or done twice.
func TestJobEnd(t *testing.T) {
	for name, tasks := range map[string][][]byte{
		"many":     make([][]byte, 2*demoJobTasks+1),
		"one":      make([][]byte, 1),
		"large":    {make([]byte, demoJobBytes-1), make([]byte, 2), make([]byte, demoJobBytes), make([]byte, 1)},
		"too much": {make([]byte, demoJobBytes+1), make([]byte, 1)},
	} {
		var ends []int
		for from := 0; from < len(tasks); {
			to := jobEnd(tasks, from)
			if to <= from {
				t.Fatalf("%s: a job from %d to %d", name, from, to)
			}
			from = to
			ends = append(ends, to)
		}
		want := map[string][]int{"many": {demoJobTasks, 2 * demoJobTasks, 2*demoJobTasks + 1}, "one": {1}, "large": {1, 2, 3, 4}, "too much": {1, 2}}[name]
		if diff := cmp.Diff(want, ends); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
