package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dunnock/loadgen"
)

func opened(t *testing.T, dir, program string) *state {
	t.Helper()
	s, err := openState(dir, program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() }) // a test may have closed it
	return s
}

func keep(t *testing.T, s *state, key string, p50 float64) {
	t.Helper()
	r := &loadgen.Result{Timeline: make([]loadgen.Interval, 100), Bound: &loadgen.Bound{Ideal: &loadgen.BoundRun{Curve: make([]loadgen.Point, 100)}}}
	r.ResponseMS.P50 = p50
	if err := s.add(&outcome{Key: key, Result: r}); err != nil {
		t.Fatal(err)
	}
}

// What was kept is there again; a line that an interruption has torn is not, and the next one does not grow out of it.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, "one")
	keep(t, s, "a", 1)
	keep(t, s, "b", 2)
	keep(t, s, "a", 3) // made anew
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, stateFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) > 3*4096 {
		t.Errorf("three runs take %d bytes: curves were kept", len(whole))
	}
	if err := os.WriteFile(path, append(whole, `{"key":"c","resu`...), 0o600); err != nil {
		t.Fatal(err)
	}
	s = opened(t, dir, "one")
	if len(s.outcomes) != 2 || s.outcomes["a"].Result.ResponseMS.P50 != 3 || s.outcomes["b"].Result.ResponseMS.P50 != 2 || s.stale != 0 {
		t.Errorf("got %v, %d of other builds", s.outcomes, s.stale)
	}
	keep(t, s, "c", 4)
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if s = opened(t, dir, "one"); len(s.outcomes) != 3 || s.outcomes["c"].Result.ResponseMS.P50 != 4 {
		t.Errorf("got %v", s.outcomes)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if s = opened(t, dir, "two"); len(s.outcomes) != 0 || s.stale != 4 {
		t.Errorf("another build has %v, and %d are stale", s.outcomes, s.stale)
	}
}

// What does not count is made anew, and nothing else.
func TestAgain(t *testing.T) {
	p := paperOf(t, spoiled)
	s := &state{outcomes: make(map[string]*outcome)}
	var runs []run
	for _, m := range p.measured {
		s.outcomes[m.Key] = m.outcome
		runs = append(runs, m.run)
	}
	s.forgetFlawed(p.plan, runs)
	for _, m := range p.measured {
		if again, want := s.outcomes[m.Key] == nil, m.flaw != ""; again != want {
			t.Errorf("%s is made anew: %v, want %v", &m.run, again, want)
		}
	}
}

// Only the end of a file can be torn.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	text := `{"key":"a","program":"one","result":{}}` + "\nnonsense\n" + `{"key":"b","program":"one","result":{}}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openState(dir, "one"); err == nil || !strings.Contains(err.Error(), "line 2 is no finished run") {
		t.Errorf("got %v", err)
	}
}

// A second measurement would disturb the first.
func TestBusy(t *testing.T) {
	if readProcessors() == nil {
		t.Skip("no locks here") // see machine_other.go
	}
	dir := t.TempDir()
	first := opened(t, dir, "one")
	if _, err := openState(dir, "one"); !errors.Is(err, errBusy) {
		t.Errorf("got %v", err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	opened(t, dir, "one")
}

func TestIdentify(t *testing.T) {
	a, err := identify(os.Args[0])
	if err != nil || len(a) != 16 {
		t.Fatalf("%q, %v", a, err)
	}
	if b, err := identify("main.go"); err != nil || a == b {
		t.Errorf("%q, %v", b, err)
	}
}
