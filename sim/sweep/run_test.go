package sweep

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small is a sweep of 12 runs that takes a moment.
func small(t *testing.T) *Sweep {
	t.Helper()
	s := must(t, "policy", "ideal,random,late-binding", "load", "0.5,0.8", "workers", "20", "slots", "2", "tasks", "4", "jobs", "60", "warmup", "10")
	s.Seeds, s.Title = 2, "small"
	return s
}

func cellsOf(t *testing.T, s *Sweep) []Cell {
	t.Helper()
	cells, err := s.Cells()
	if err != nil {
		t.Fatal(err)
	}
	return cells
}

// finish runs a sweep in a directory, and returns how many of its cells were there and its results as CSV.
func finish(t *testing.T, s *Sweep, dir string) (found int, text string) {
	t.Helper()
	cells := cellsOf(t, s)
	last := Progress{Done: -1}
	outcomes, err := Run(t.Context(), cells, Options{Dir: dir, Parallel: 2, Progress: func(p Progress) {
		if p.Done <= last.Done {
			t.Errorf("progress went from %d to %d", last.Done, p.Done)
		}
		last = p
	}})
	if err != nil {
		t.Fatal(err)
	}
	if last.Done != last.Cells {
		t.Errorf("ended at %d of %d", last.Done, last.Cells)
	}
	r, err := NewReport(s, cells, outcomes)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	return last.Found, b.String()
}

// An interruption costs the cells under way and no other, wherever it tears the last line, and the results are the same.
func TestResume(t *testing.T) {
	_, want := finish(t, small(t), t.TempDir())
	dir := t.TempDir()
	ctx, stop := context.WithCancelCause(t.Context())
	interruption := errors.New("interrupted")
	done := 0
	_, err := Run(ctx, cellsOf(t, small(t)), Options{Dir: dir, Parallel: 1, Progress: func(p Progress) {
		if done = p.Done; done == 5 {
			stop(interruption)
		}
	}})
	if !errors.Is(err, interruption) || done < 5 || done > 6 {
		t.Fatalf("got %v after %d cells", err, done)
	}
	state := filepath.Join(dir, StateFile)
	whole, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	if len(lines) != done+1 {
		t.Fatalf("the state has %d lines after %d cells", len(lines)-1, done)
	}
	last := len(whole) - len(lines[done-1]) // where the last whole line begins
	for _, torn := range []int{last + 1, (last + len(whole)) / 2, len(whole) - 1} {
		if err := os.WriteFile(state, whole[:torn], 0o600); err != nil {
			t.Fatal(err)
		}
		found, got := finish(t, small(t), dir)
		if found != done-1 {
			t.Errorf("torn at %d: found %d cells, want %d", torn, found, done-1)
		}
		if got != want {
			t.Errorf("torn at %d: other results:\n%s\nwant:\n%s", torn, got, want)
		}
	}
	if found, got := finish(t, small(t), dir); found != 12 || got != want {
		t.Errorf("found %d of 12 cells at last", found)
	}
	// More seeds and another load: only what is missing runs.
	more := small(t)
	more.Seeds = 3
	if found, _ := finish(t, more, dir); found != 12 {
		t.Errorf("with a third seed: found %d", found)
	}
}

func TestStateFaults(t *testing.T) {
	for _, text := range []string{"nonsense\n", "{}\n", `{"key":"x","result":{}}` + "\n", strings.Repeat("x", maxLine+1)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, StateFile), []byte("\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), cellsOf(t, small(t)), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%.20q: got %v", text, err)
		}
	}
}

// A workload file counts by its content, and one that cannot be read ends the sweep with its name and line.
func TestWorkloadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "jobs")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"at_ms":1,"service_ms":[5]}` + "\n" + `{"at_ms":2,"service_ms":[5,6]}` + "\n")
	s := must(t, "workload", name, "policy", "ideal,random", "workers", "4")
	dir := t.TempDir()
	if found, text := finish(t, s, dir); found != 0 || strings.Count(text, "\n") != 3 {
		t.Errorf("found %d, got %s", found, text)
	}
	if found, _ := finish(t, s, dir); found != 2 {
		t.Errorf("found %d, want 2", found)
	}
	write(`{"at_ms":1,"service_ms":[7]}` + "\n")
	if found, _ := finish(t, s, dir); found != 0 {
		t.Error("the file has changed and its results have not")
	}
	write(`{"at_ms":1,"service_ms":[7]}` + "\n" + `{"at_ms":0,"service_ms":[7]}` + "\n")
	if _, err := Run(t.Context(), cellsOf(t, s), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "jobs: line 2") {
		t.Errorf("got %v", err)
	}
}

// The time left is what each policy has taken for its tasks so far, times those that it still has.
func TestTimeLeft(t *testing.T) {
	s := must(t, "policy", "ideal,batch", "tasks", "10", "jobs", "100")
	cells := cellsOf(t, s)
	c := &crew{parallel: 2, cells: 4, todo: []*Cell{&cells[0], &cells[1]}, doing: []*Cell{&cells[1]}, ended: make(map[string]cost)}
	if left := c.left(); left != -1 {
		t.Errorf("got %v before anything is known", left)
	}
	c.ended["ideal"] = cost{tasks: 2000, seconds: 4}
	// 2 ms a task and 1000 tasks a cell, also for batch, of which nothing is known: (2 + 2 + half of 2) s on two cores.
	near(t, "seconds left", c.left().Seconds(), 2.5, 1e-9)
	c.ended["batch"] = cost{tasks: 1000, seconds: 20}
	near(t, "seconds left", c.left().Seconds(), (2+20+10)/2.0, 1e-9)
}
