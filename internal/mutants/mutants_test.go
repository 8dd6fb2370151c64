package main

import "testing"

// Each entry of the list is still in its place, exactly once. Whether checkers notice is what `make mutants` finds out.
func TestMutantsApply(t *testing.T) {
	t.Parallel()
	list := mutants()
	if err := applyAll("../..", list); err != nil {
		t.Error(err)
	}
	names := make(map[string]bool)
	for _, m := range list {
		if names[m.name] || m.name == "" || m.old == m.new {
			t.Errorf("entry %q: no name of its own, or no change", m.name)
		}
		names[m.name] = true
	}
}

// A list that is out of date is an error.
func TestMutantStale(t *testing.T) {
	t.Parallel()
	m := mutant{name: "x", file: "f", old: "a == b", new: "true"}
	if out, err := m.apply([]byte("if a == b {")); err != nil || string(out) != "if true {" {
		t.Errorf("got %q, %v", out, err)
	}
	for _, file := range []string{"", "a == b || a == b"} {
		if _, err := m.apply([]byte(file)); err == nil {
			t.Errorf("applied to %q", file)
		}
	}
}

// Those to run are chosen by words of their names, or by their files.
func TestChosen(t *testing.T) {
	t.Parallel()
	all := len(mutants())
	for texts, want := range map[string]func(n int) bool{
		"":                              func(n int) bool { return n == all },
		"fence: launches":               func(n int) bool { return n == 2 },
		"scheduler/ack":                 func(n int) bool { return n > 5 && n < all/2 },
		"fence: launches,scheduler/ack": func(n int) bool { return n == 2+len(chosen("scheduler/ack")) },
		"no such thing":                 func(n int) bool { return n == 0 },
	} {
		if n := len(chosen(texts)); !want(n) {
			t.Errorf("%q: %d of %d", texts, n, all)
		}
	}
}
