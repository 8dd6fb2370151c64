package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"dunnock/loadgen"
)

// stateFile is the file in the state's directory that runs are appended to, one a line.
const stateFile = "state.ndjson"

// errBusy is why a state cannot be opened that another measurement has open.
var errBusy = errors.New("another measurement is under way: wait for it, as two would measure each other")

// outcome is what a run showed.
type outcome struct {
	Key     string `json:"key"`
	Program string `json:"program"` // the build of dunnock that was measured
	// Other is how much of all processors something else than the run took meanwhile, 0 to 1; nil if that is not known.
	Other  *float64        `json:"other"`
	Result *loadgen.Result `json:"result"` // without its curves
}

// state keeps outcomes in a file from which an interrupted measurement goes on. One measurement has it at a time: two
// would measure each other.
type state struct {
	file     *os.File // locked for as long as it is open
	size     int64    // of its whole lines
	program  string
	outcomes map[string]*outcome // of this program, by key
	stale    int                 // of others
}

// openState takes the state in a directory, which it makes if it is not there.
func openState(dir, program string) (*state, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // results are for others to read
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, stateFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	s := &state{file: f, program: program, outcomes: make(map[string]*outcome)}
	if err = lock(f); err == nil {
		err = s.read()
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return s, nil
}

// read reads the file. A torn line at its end is cut off; of two outcomes of one run the later one counts.
func (s *state) read() error {
	in := bufio.NewReader(s.file)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return s.file.Truncate(s.size)
		}
		if err != nil {
			return err
		}
		var o outcome
		if err := json.Unmarshal(line, &o); err != nil || o.Key == "" || o.Result == nil {
			return fmt.Errorf("line %d is no finished run: remove the line or the file", number)
		}
		s.size += int64(len(line))
		if o.Program == s.program {
			s.outcomes[o.Key] = &o
		} else {
			s.stale++
		}
	}
}

// add keeps an outcome. Half a line that a full disk has left is taken back.
func (s *state) add(o *outcome) error {
	o.Program = s.program
	slim(o.Result)
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	n, err := s.file.Write(append(line, '\n'))
	if err != nil {
		return errors.Join(err, s.file.Truncate(s.size))
	}
	s.size += int64(n)
	s.outcomes[o.Key] = o
	return nil
}

// forgetFlawed leaves out the runs that do not count, so that they are made anew. Their lines stay.
func (s *state) forgetFlawed(p *plan, runs []run) {
	for i := range runs {
		if o := s.outcomes[runs[i].key()]; o != nil && p.flaw(&runs[i], o) != "" {
			delete(s.outcomes, o.Key)
		}
	}
}

func (s *state) close() error { return s.file.Close() }

// slim leaves out of a result what no figure shows.
func slim(r *loadgen.Result) {
	r.Timeline, r.Curve, r.WaitCurve, r.Histogram, r.Users, r.PerWorker, r.Nodes = nil, nil, nil, "", nil, nil, nil
	if b := r.Bound; b != nil {
		for _, side := range []*loadgen.BoundRun{b.Ideal, b.Simulated} {
			if side != nil {
				side.Curve = nil
			}
		}
	}
}

// identify names a build of a program by its content: a version would be the same for every build of a tree that is
// being worked on.
func identify(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	h := xxhash.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}

// replace writes a file. Whoever reads it sees the one before or all of it.
func replace(path string, content []byte) error {
	temporary := path + ".tmp"
	err := os.WriteFile(temporary, content, 0o644) //nolint:gosec // results are for others to read
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}
