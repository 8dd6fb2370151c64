package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dunnock/internal/chaos/check"
	"dunnock/internal/chaos/ledger"
)

const second = int64(time.Second)

func TestGoodput(t *testing.T) {
	var records []ledger.Record
	for i, end := range []int64{1, 2, 3, 4, 5} { // seconds; 10 tasks each
		id := string(rune('a' + i))
		result := ledger.OK
		if end == 4 {
			result = "timeout"
		}
		records = append(records, ledger.Record{Event: ledger.Submit, Job: id, Tasks: 10}, ledger.Record{Event: ledger.Done, Job: id, At: end * second, Result: result})
	}
	if got := goodput(records, window{2 * second, 5 * second}); got != 20.0/3 {
		t.Errorf("two jobs of 10 tasks in 3 s: %g tasks/s", got)
	}
	if goodput(records, window{}) != 0 {
		t.Error("an empty window")
	}
}

func TestKindPromises(t *testing.T) {
	for _, tt := range []struct {
		ends  map[string]int
		holds bool
	}{
		{nil, true},
		{map[string]int{"failed app_failed" + atMostOnce: 4}, true},
		{map[string]int{"failed app_failed" + atMostOnce: 4, "failed app_failed": 1}, false},
		{map[string]int{"refused draining": 1}, false},
	} {
		got := (&run{notes: newNotes()}).kindPromises(&report{Kinds: []kindReport{{Kind: "black-hole", Ends: tt.ends}}})
		if len(got) != 1 || got[0].Holds != tt.holds {
			t.Errorf("%v: %+v", tt.ends, got)
		}
	}
}

// What a kind of fault gave no occasion to see is said, and is not taken for a promise that holds.
func TestUnseen(t *testing.T) {
	r := &run{notes: newNotes()}
	for _, seen := range []bool{false, true} {
		if seen {
			r.notes.time("half-open.noticed", 2*time.Second+1)
			r.notes.time("black-hole.quarantined", time.Second)
		}
		p := &report{Verdict: &check.Verdict{}, Promises: r.recoveryPromises(map[string]*check.Recovery{
			"worker-kill": {}, "scheduler-kill": {Resumed: check.Times{time.Millisecond}}, "half-open": {}, "black-hole": {},
		}, check.NewMachine(nil))}
		var text strings.Builder
		p.text(&text)
		unseen, broken := strings.Count(text.String(), "\nunseen "), strings.Count(text.String(), "\nbroken ")
		if want := map[bool][2]int{false: {3, 0}, true: {1, 1}}[seen]; unseen != want[0] || broken != want[1] {
			t.Errorf("%d unseen, %d broken, want %v:\n%s", unseen, broken, want, text.String())
		}
	}
}

func TestPoisonPromise(t *testing.T) {
	submit := ledger.Record{Event: ledger.Submit, Job: "a", Kind: "poison"}
	failed := ledger.Record{Event: ledger.Outcome, Job: "a", Result: ledger.Failed}
	ok := ledger.Record{Event: ledger.Outcome, Job: "a", Result: ledger.OK}
	innocent := ledger.Record{Event: ledger.Outcome, Job: "a", Task: 1, Result: ledger.Failed}
	for _, tt := range []struct {
		of    []ledger.Record
		holds bool
	}{
		{[]ledger.Record{submit, failed}, true},
		{[]ledger.Record{submit, ok}, false},
		{[]ledger.Record{submit, innocent}, false},
		{nil, false},
	} {
		if p := poisonPromise(tt.of); p.Holds != tt.holds {
			t.Errorf("%+v: %+v", tt.of, p)
		}
	}
}

func TestRefusalPromise(t *testing.T) {
	refusal := func(node, code string) ledger.Record {
		return ledger.Record{Event: ledger.Refuse, Node: node, Code: code}
	}
	for _, tt := range []struct {
		of    []ledger.Record
		holds bool
	}{
		{[]ledger.Record{refusal(plainFlood, "overloaded")}, true},
		{[]ledger.Record{refusal("c1", "overloaded")}, false}, // nobody heard it by HTTP
		{[]ledger.Record{refusal(plainFlood, "overloaded"), refusal(plainFlood, "overloaded without Retry-After")}, false},
		{[]ledger.Record{refusal(plainFlood, "overloaded"), refusal("c1", "draining")}, true},
	} {
		if p := refusalPromise(tt.of); p.Holds != tt.holds {
			t.Errorf("%+v: %+v", tt.of, p)
		}
	}
}

// TestReadByTime holds that a fault which a worker writes down begins before the harness ends it, though that is in
// another file.
func TestReadByTime(t *testing.T) {
	f := &fleet{dir: t.TempDir()}
	for name, r := range map[string]ledger.Record{
		booksOfHarness: {At: 3, Event: ledger.Heal}, booksOfWorkers: {At: 1, Event: ledger.Inject}, booksOfClients: {At: 2, Event: ledger.Submit},
	} {
		w, err := ledger.Open(f.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Append(r), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	records, err := (&run{fleet: f, notes: newNotes()}).read()
	if err != nil || len(records) != 3 || records[0].At != 1 || records[1].At != 2 || records[2].At != 3 {
		t.Errorf("%+v, %v", records, err)
	}
}

func TestEnds(t *testing.T) {
	outcome := func(job string, at int64, result string) ledger.Record {
		return ledger.Record{Event: ledger.Outcome, Job: job, At: at * second, Result: result, Code: "why"}
	}
	records := []ledger.Record{
		{Event: ledger.Submit, Job: "a"},
		{Event: ledger.Submit, Job: "doomed", Kind: "poison"},
		{Event: ledger.Submit, Job: "once", Once: true},
		{Event: ledger.Inject, Fault: 1, Kind: "cut", At: 10 * second},
		{Event: ledger.Heal, Fault: 1, Kind: "cut", At: 20 * second},
		{Event: ledger.Inject, Fault: 2, Kind: "poison", At: 10 * second},
		{Event: ledger.Heal, Fault: 2, Kind: "poison", At: 20 * second},
		outcome("a", 9, "failed"), outcome("a", 11, "failed"), outcome("a", 21, "unknown"), outcome("a", 30, "failed"), outcome("a", 12, ledger.OK),
		outcome("doomed", 12, "failed"), outcome("once", 12, "unknown"),
		{Event: ledger.Refuse, Job: "a", At: 13 * second, Code: "draining"},
	}
	if diff := cmp.Diff(map[string]int{"failed why": 1, "unknown why": 1, "refused draining": 1, "unknown why, at most once": 1}, ends(records, "cut")); diff != "" {
		t.Error(diff)
	}
	if got := ends(records, "poison")["failed why"]; got != 2 {
		t.Errorf("of its own kind a doomed job counts: %d", got)
	}
}

// judged is the report of a run whose books are given.
func judged(t *testing.T, records ...ledger.Record) *report {
	t.Helper()
	o, err := parseOptions([]string{"--list"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	p := &report{
		before: map[string]size{"s1": {Life: 1, RSS: 20 << 20, Goroutines: 40, FDs: 20}, "w1": {Life: 2, RSS: 20 << 20, Goroutines: 40, FDs: 20}},
		after:  map[string]size{"s1": {Life: 1, RSS: 20 << 20, Goroutines: 40, FDs: 20}},
	}
	p.judge(&run{o: o, notes: newNotes()}, records)
	return p
}

func TestJudge(t *testing.T) {
	submit := ledger.Record{At: 1, Event: ledger.Submit, Node: "c1", Life: 3, Job: "j", Tasks: 1, MaxAttempts: 3}
	accept := ledger.Record{At: 2, Event: ledger.Accept, Node: "c1", Life: 3, Job: "j", Scheduler: "s1"}
	start := ledger.Record{At: 3, Event: ledger.Start, Node: "w1", Life: 2, Job: "j", Attempt: 1}
	finish := start
	finish.At, finish.Event, finish.Result = 4, ledger.Finish, ledger.OK
	outcome := ledger.Record{At: 5, Event: ledger.Outcome, Node: "c1", Life: 3, Job: "j", Result: ledger.OK, Proof: ledger.Proof(start)}
	up := ledger.Record{Event: ledger.Up, Node: "w1", Life: 2, Slots: 1, Role: roleWorker}

	p := judged(t, up, submit, accept, start, finish, outcome)
	if !p.clean(true) {
		t.Errorf("a clean run: %+v", p.Promises)
	}
	if p = judged(t, up, submit, accept, start, finish); p.clean(false) || p.Verdict.Lost != 1 {
		t.Errorf("a lost task: %+v", p.Promises)
	}
	var text strings.Builder
	p.text(&text)
	for _, want := range []string{"BROKEN  lost tasks", "lost: job j task 0 was accepted by s1 and has no outcome"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	again := start
	again.At, again.Attempt = 3, 2
	if p = judged(t, up, submit, accept, start, finish, again, outcome); p.clean(false) || p.Verdict.Unexplained != 1 {
		t.Errorf("an unexplained start: %+v", p.Promises)
	}

	// What is only measured counts when one is strict.
	unknown := outcome
	unknown.Result, unknown.Proof = "unknown", ""
	fault := ledger.Record{At: 3, Event: ledger.Inject, Fault: 1, Kind: "scheduler-kill", Nodes: []string{"s1"}}
	if p = judged(t, up, submit, accept, start, finish, fault, unknown); !p.clean(false) || p.clean(true) || p.Verdict.Unknown != 1 {
		t.Errorf("an unknown outcome: %+v", p.Promises)
	}
	p = judged(t)
	p.unrest = []string{"s1: dunnock_queue_depth is 1 at rest"}
	p.judge(&run{o: &options{}, notes: newNotes()}, nil)
	if p.clean(false) {
		t.Error("a fleet that did not come to rest passes")
	}
}

func TestGrowth(t *testing.T) {
	small := size{RSS: 20 << 20, Goroutines: 40, FDs: 20}
	for _, tt := range []struct {
		name  string
		after size
		holds bool
	}{
		{"the same", small, true},
		{"a little more", size{RSS: 50 << 20, Goroutines: 50, FDs: 30}, true},
		{"goroutines", size{RSS: 20 << 20, Goroutines: 61, FDs: 20}, false},
		{"descriptors", size{RSS: 20 << 20, Goroutines: 40, FDs: 41}, false},
		{"memory", size{RSS: 85 << 20, Goroutines: 40, FDs: 20}, false},
	} {
		holds := true
		for _, p := range growthPromises([]growth{{"s1", true, small, tt.after}}, 64<<20) {
			holds = holds && p.Holds
		}
		if holds != tt.holds {
			t.Errorf("%s: holds %t", tt.name, holds)
		}
	}
}

func TestJoinJudge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		queued []int // of workers with 4 slots
		broken bool
	}{
		{"empty", []int{0, 0, 0}, false},
		{"two a slot", []int{8, 0, 0}, false},
		{"more", []int{9, 0, 0}, true},
		{"more, and twice the median", []int{24, 12, 12}, false},
		{"more than that", []int{25, 12, 12}, true},
	} {
		r := &run{notes: newNotes()}
		var list []listedWorker
		for _, q := range tt.queued {
			list = append(list, listedWorker{Slots: 4, Queued: q})
		}
		(&join{r: r}).judge(list, window{second, 2 * second})
		if p := r.queuePromise(check.NewMachine(nil)); p.Holds == tt.broken {
			t.Errorf("%s: %+v", tt.name, p)
		}
		if p := r.queuePromise(check.NewMachine(sleepy(second))); !p.Holds || tt.broken != strings.Contains(p.Got, "on a busy machine") {
			t.Errorf("%s, on a busy machine: %+v", tt.name, p)
		}
	}
}

// sleepy is a time from which on handlers sleep too long.
func sleepy(from int64) (records []ledger.Record) {
	for i := range int64(20) {
		records = append(records, ledger.Record{At: from + i*second/20, Event: ledger.Finish, Result: ledger.OK, Nanos: second / 100})
	}
	return records
}

// What was accepted at twice the load is to be done, unless the machine lost its speed meanwhile.
func TestLatePromise(t *testing.T) {
	base := []ledger.Record{
		{At: 9 * second, Event: ledger.Inject, Kind: "overload", Fault: 1},
		{At: 20 * second, Event: ledger.Heal, Kind: "overload", Fault: 1},
		{At: second, Event: ledger.Submit, Job: "early"},
		{At: 10 * second, Event: ledger.Submit, Job: "flood", Kind: "overload"},
		{At: 10 * second, Event: ledger.Submit, Job: "doomed", Kind: "poison"},
		{At: 10 * second, Event: ledger.Submit, Job: "refused"},
		{At: 2 * second, Event: ledger.Outcome, Job: "early", Result: "timeout"},
		{At: 11 * second, Event: ledger.Outcome, Job: "doomed", Result: "failed"},
		{At: 11 * second, Event: ledger.Outcome, Job: "flood", Result: ledger.OK},
		{At: 11 * second, Event: ledger.Refuse, Job: "refused", Code: "overloaded"},
	}
	late := ledger.Record{At: 11 * second, Event: ledger.Outcome, Job: "flood", Task: 1, Result: "timeout"}
	lost := ledger.Record{At: 11 * second, Event: ledger.Refuse, Job: "refused", Code: "scheduler_lost"}
	for _, tt := range []struct {
		name  string
		of    []ledger.Record
		want  string
		holds bool
	}{
		{"all is done", base, "0", true},
		{"late", append(slices.Clip(base), late), "1", false},
		{"refused for another reason", append(slices.Clip(base), lost), "1", false},
		{"late on a slow machine", append(append(slices.Clip(base), late), sleepy(10*second)...), "0; 1 on a busy machine", true},
	} {
		if p := latePromise(tt.of, check.NewMachine(tt.of)); p.Got != tt.want || p.Holds != tt.holds {
			t.Errorf("%s: %+v", tt.name, p)
		}
	}
}

// Times on a busy machine are told and not judged.
func TestTimed(t *testing.T) {
	short, long := check.Times{time.Second}, check.Times{9 * time.Second}
	for _, tt := range []struct {
		quiet, busy check.Times
		want        string
		holds       bool
	}{
		{nil, nil, unseen, true},
		{short, nil, "max 1000 ms of 1", true},
		{long, nil, "max 9000 ms of 1", false},
		{short, long, "max 1000 ms of 1; max 9000 ms of 1 on a busy machine", true},
		{nil, long, unseen + "; max 9000 ms of 1 on a busy machine", true},
	} {
		if p := timed("x", 1, tt.quiet, tt.busy, 2*time.Second); p.Got != tt.want || p.Holds != tt.holds {
			t.Errorf("%+v", p)
		}
	}
	n := newNotes()
	n.time("x", time.Second)
	n.timeSince("x", time.Now().Add(-10*time.Second), time.Second)
	if quiet, busy := n.sorted("x", check.NewMachine(sleepy(ledger.Now()-10*second))); len(quiet) != 1 || len(busy) != 1 {
		t.Errorf("%v quiet, %v busy", quiet, busy)
	}
}

func TestQuantiles(t *testing.T) {
	if got := quantiles(check.Times{time.Millisecond, 3 * time.Millisecond}); got != (milliseconds{2, 1, 3, 3}) {
		t.Errorf("%+v", got)
	}
	if got := quantiles(nil).String(); got != "-" {
		t.Errorf("of none: %q", got)
	}
}

func TestAnnouncement(t *testing.T) {
	a := &announcement{ready: make(chan struct{})}
	for _, piece := range []string{"worker w1 re", "ady http=10.77.0.2:7070\n", "worker w1 ready again\n"} {
		if n, err := a.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	select {
	case <-a.ready:
	default:
		t.Error("a word in two pieces was not seen")
	}
}
