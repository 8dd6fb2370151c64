package main

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeepCounts(t *testing.T) {
	got := keepCounts(`goos: linux
pkg: dunnock/a
cpu: some
BenchmarkTimed 	 100	 12 ns/op	 5 tasks/s
BenchmarkA/x=1 	 100	 12.5 ns/op	 8 MB/s	 0.5 writes/msg	 24 B/op	 2 allocs/op
=== RUN TestB
    pkg: dunnock/b
        BenchmarkB 4000 3.1 messages/task
Benchmark results follow
ok  	dunnock/b	0.1s
`)
	want := `pkg: dunnock/a
BenchmarkA/x=1 100 0.5 writes/msg 24 B/op 2 allocs/op
pkg: dunnock/b
BenchmarkB 4000 3.1 messages/task
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutCounts(t *testing.T) {
	got := withoutCounts("=== RUN   TestA\n    pkg: dunnock/a\n    a_test.go:1: 3 allocations, at most 2 are meant\n    BenchmarkA 1 3 allocs/task\n--- FAIL: TestA\nFAIL\n")
	if want := "    a_test.go:1: 3 allocations, at most 2 are meant\n--- FAIL: TestA\nFAIL\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What benchstat prints, as CSV.
const table = `
goos: 
,was,,now,,,
,allocs/op,CI,allocs/op,CI,vs base,P
dunnock/a Same,7,0%,7,0%,~,p=1.000 n=4
dunnock/a First,0,0%,1,0%,?,p=0.029 n=4
dunnock/a Fewer,4000000,0%,3840000,0%,-4.00%,p=0.029 n=4
dunnock/a Chance,4,0%,5,0%,~,p=0.400 n=4
dunnock/a Gone,4,0%
dunnock/a New,,,4,0%
geomean,,2,,2,,+0.00%,

,was,,now,,,
,messages/task,CI,messages/task,CI,vs base,P
dunnock/b Traffic,3.0,1%,3.05,1%,+1.67%,p=0.029 n=4
dunnock/b More,3.0,1%,3.5,1%,+16.67%,p=0.029 n=4
`

func TestJudge(t *testing.T) {
	v, err := judge(table)
	if err != nil {
		t.Fatal(err)
	}
	want := `more than in internal/counts/baseline.txt:
  dunnock/a First: 1 allocs/op, was 0
  dunnock/b More: 3.5 messages/task, was 3
in internal/counts/baseline.txt, and no longer counted:
  dunnock/a Gone allocs/op
less than in internal/counts/baseline.txt (` + "`make bench-accept`" + ` keeps it so):
  dunnock/a Fewer: 3840000 allocs/op, was 4000000
not yet in internal/counts/baseline.txt (` + "`make bench-accept`" + ` adds it):
  dunnock/a New allocs/op
6 counts compared: 2 are more, 1 less
`
	if diff := cmp.Diff(want, v.String()); diff != "" {
		t.Error(diff)
	}
	for _, tt := range []struct {
		v          verdict
		made, here string
		want       []string // in the error; none: no error
	}{
		{verdict{better: []string{"x"}, notInBaseline: []string{"y"}}, "go1", "go2", nil},
		{verdict{worse: []string{"x"}}, "go1", "go1", []string{"cost more", "make bench-accept"}},
		{verdict{worse: []string{"x"}}, "go1", "go2", []string{"cost more", "made with go1, and this is go2"}},
		{verdict{gone: []string{"x"}}, "go1", "go1", []string{"not counted any more"}},
	} {
		err := tt.v.fault(tt.made, tt.here)
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%+v: %v", tt.v, err)
		}
		for _, text := range tt.want {
			if err != nil && !strings.Contains(err.Error(), text) {
				t.Errorf("%q does not say %q", err, text)
			}
		}
	}
	for _, bad := range []string{"", "a,b\n", ",was,,now,,,\n,x/op,CI,x/op,CI,vs base,P\na B,many,0%,7,0%,~,p\n", "\"a"} {
		if _, err := judge(bad); err == nil {
			t.Errorf("%q is taken for a comparison", bad)
		}
	}
}

// The committed file is what this program would write: counts alone, of all groups, as often as benchstat needs them.
func TestBaseline(t *testing.T) {
	text, err := os.ReadFile("baseline.txt")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(release(head), "go1.") {
		t.Errorf("made by release %q", release(head))
	}
	if diff := cmp.Diff(keepCounts(rest), rest); diff != "" {
		t.Error(diff)
	}
	times := make(map[string]int)
	pkg := ""
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if fields[0] == "pkg:" {
			pkg = strings.TrimPrefix(fields[1], "dunnock")
			continue
		}
		times["."+pkg+" "+fields[0]]++
	}
	for name, n := range times {
		if n != rounds {
			t.Errorf("%s is there %d times, not %d", name, n, rounds)
		}
	}
	for _, g := range groups() {
		for _, p := range g.packages {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(times)), func(name string) bool { return strings.HasPrefix(name, p+" ") }) {
				t.Errorf("nothing of %s is there", p)
			}
		}
	}
}

// What is missing is said at once, not after a minute of counting.
func TestMissingIsSaidFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	fault := func(want string) {
		t.Helper()
		err := run(t.Context(), []string{"-benchstat", filepath.Join(t.TempDir(), "benchstat")}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want what says %q", err, want)
		}
	}
	fault("from the root of the repository")
	if err := os.MkdirAll(filepath.Dir(baseline), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(baseline, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fault("builds benchstat")
}
