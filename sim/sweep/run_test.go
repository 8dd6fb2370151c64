package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// opened takes a directory until the test ends.
func opened(t *testing.T, path string) *Directory {
	t.Helper()
	d, err := OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // some tests have closed it
	return d
}

// finish runs a sweep in a directory, and returns how many of its cells were there and its results as CSV.
func finish(t *testing.T, s *Sweep, dir string) (found int, text string) {
	t.Helper()
	cells := cellsOf(t, s)
	last := Progress{Done: -1}
	d := opened(t, dir)
	outcomes, err := Run(t.Context(), cells, d, Options{Parallel: 2, Progress: func(p Progress) {
		if p.Done < last.Done || (p.Finished != nil && p.Done == last.Done) {
			t.Errorf("progress went from %d to %d", last.Done, p.Done)
		}
		last = p
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
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

// An interruption costs the cells under way and no other, wherever it tears the last line, and the results are the
// same.
func TestResume(t *testing.T) {
	_, want := finish(t, small(t), t.TempDir())
	dir := t.TempDir()
	ctx, stop := context.WithCancelCause(t.Context())
	interruption := errors.New("interrupted")
	done := 0
	d := opened(t, dir)
	_, err := Run(ctx, cellsOf(t, small(t)), d, Options{Parallel: 1, Progress: func(p Progress) {
		if done = p.Done; done == 5 {
			stop(interruption)
		}
	}})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
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
	program, err := runningProgram()
	if err != nil {
		t.Fatal(err)
	}
	ours := `{"key":"` + cellsOf(t, small(t))[0].Key + `","program":"` + program + `","result":{}}` + "\n"
	for _, text := range []string{"nonsense\n", "{}\n", ours, strings.Repeat("x", maxLine+1)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, StateFile), []byte("\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), cellsOf(t, small(t)), opened(t, dir), Options{}); err == nil || !strings.Contains(err.Error(), "line 2") {
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
	if _, err := Run(t.Context(), cellsOf(t, s), opened(t, dir), Options{}); err == nil || !strings.Contains(err.Error(), "jobs: line 2") {
		t.Errorf("got %v", err)
	}
}

// Two sweeps cannot have a directory at the same time, and none keeps it when it has gone.
func TestDirectoryIsTakenOnce(t *testing.T) {
	path := t.TempDir()
	first := opened(t, path)
	if _, err := OpenDirectory(path); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one: got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	opened(t, path)
}

// What another build of the program has simulated is not taken for ours, and is not lost to it.
func TestOtherProgram(t *testing.T) {
	dir := t.TempDir()
	_, want := finish(t, small(t), dir)
	program, err := runningProgram()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, StateFile)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ReplaceAll(text, []byte(program), []byte("another build"))
	other = bytes.ReplaceAll(other, []byte(`"p99":`), []byte(`"p99":1`)) // which simulates something else
	if bytes.Equal(other, text) || os.WriteFile(name, other, 0o600) != nil {
		t.Fatal("the state does not name the program")
	}
	d := opened(t, dir)
	stale := 0
	if _, err := Run(t.Context(), cellsOf(t, small(t)), d, Options{Progress: func(p Progress) { stale = p.Stale }}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if stale != 12 {
		t.Errorf("told of %d cells of another build, want 12", stale)
	}
	if found, got := finish(t, small(t), dir); found != 12 || got != want {
		t.Errorf("found %d of 12 cells, and:\n%s\nwant:\n%s", found, got, want)
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.HasPrefix(now, other) {
		t.Errorf("the other build's lines are gone: %v", err)
	}
}

// fullDisk takes half of what is written to it.
type fullDisk struct{ *os.File }

var errFull = errors.New("no space left")

func (d fullDisk) Write(b []byte) (int, error) {
	n, err := d.File.Write(b[:len(b)/2])
	return n, errors.Join(err, errFull)
}

// A full disk ends a sweep, and leaves a state of whole lines that a sweep can go on from.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := small(t)
	s.Seeds = 1
	_, _ = finish(t, s, dir)
	d := opened(t, dir)
	st, err := d.read(nil)
	if err != nil {
		t.Fatal(err)
	}
	size := st.size
	st.file = fullDisk{d.state}
	for range 2 {
		if err := st.add(&Outcome{Key: "x"}); !errors.Is(err, errFull) {
			t.Fatalf("got %v", err)
		}
	}
	st.file = d.state
	if err := st.add(&Outcome{Key: "x"}); !errors.Is(err, errFull) {
		t.Errorf("a line after half a line: %v", err)
	}
	if info, err := d.state.Stat(); err != nil || info.Size() != size {
		t.Errorf("%d bytes, want %d: %v", info.Size(), size, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if found, _ := finish(t, s, dir); found != 6 {
		t.Errorf("found %d of 6 cells", found)
	}
}

// A file that cannot be replaced is as it was, and nothing is left beside it.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, CSVFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := opened(t, dir).replace(CSVFile, []byte("x")); err == nil {
		t.Error("no error")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// The time left is what each policy has taken for its tasks so far, times those that it still has.
func TestTimeLeft(t *testing.T) {
	s := must(t, "policy", "ideal,batch", "tasks", "10", "jobs", "100")
	cells := cellsOf(t, s)
	half := &attempt{cell: &cells[1]}
	c := &crew{parallel: 2, cells: 4, todo: []*Cell{&cells[0], &cells[1]}, ended: make(map[string]cost)}
	if left := c.left(); left != -1 {
		t.Errorf("got %v before anything is known", left)
	}
	c.ended["ideal"] = cost{work: 2000, seconds: 4}
	// 2 ms a task and 1000 tasks a cell, also for batch, of which nothing is known: (2 + 2) s on two cores.
	near(t, "seconds left", c.left().Seconds(), 2, 1e-9)
	c.ended["batch"] = cost{work: 1000, seconds: 20}
	near(t, "seconds left", c.left().Seconds(), (2+20)/2.0, 1e-9)
	// One that is half done has half of it left, and says what the others will take.
	synctest.Test(t, func(t *testing.T) {
		half.started = time.Now()
		half.done.Store(math.Float64bits(0.5))
		time.Sleep(20 * time.Second)
		c.doing = []*attempt{half}
		delete(c.ended, "batch")
		near(t, "seconds left", c.left().Seconds(), (2+40+20)/2.0, 1e-9)
		near(t, "share", c.share(), (1+0.5)/4, 1e-9)
	})
}

// A long cell is seen to move, whether its jobs are generated or come from a file.
func TestAttemptTells(t *testing.T) {
	name := filepath.Join(t.TempDir(), "jobs")
	var jobs strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&jobs, `{"at_ms":%g,"service_ms":[1,1,1,1,1,1,1,1,1,1]}`+"\n", float64(i)/10)
	}
	if err := os.WriteFile(name, []byte(jobs.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, set := range [][]string{{"jobs", "5000"}, {"duration", "500ms"}, {"workload", name}} {
		if set[0] != "workload" {
			set = append(set, "tasks", "10", "rate", "10000", "service", "const:1ms")
		}
		cells := cellsOf(t, must(t, append(set, "workers", "100")...))
		a := &attempt{Context: t.Context(), cell: &cells[0]}
		var shares []float64
		a.looked = func() { shares = append(shares, a.share()) }
		if _, err := a.simulate(); err != nil {
			t.Fatal(err)
		}
		between := 0
		for i, share := range shares {
			if i > 0 && share < shares[i-1] || share > 1 {
				t.Errorf("%v: from %v to %v", set, shares[i-1], share)
			}
			if share > 0.05 && share < 0.95 {
				between++
			}
		}
		if between < 3 || shares[len(shares)-1] < 0.9 {
			t.Errorf("%v: told %v", set, shares)
		}
	}
}
