package sweep

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"

	"dunnock/sim"
)

// StateFile is the file in the output directory that finished cells are appended to, one a line.
const StateFile = "state.ndjson"

// maxLine bounds a line of a state file; ours are about 2 KiB.
const maxLine = 1 << 20

// Outcome is what a cell's run showed.
type Outcome struct {
	Key string `json:"key"`
	// Program is what identifies the build that ran it: another may have simulated something else.
	Program string      `json:"program"`
	Result  *sim.Result `json:"result"`
	// ServiceMS is the mean time that a task occupied its slot.
	ServiceMS float64 `json:"service_ms"`
	// Quantiles in milliseconds at Ranks.
	ResponseMS []float64 `json:"response_quantiles_ms"`
	WaitMS     []float64 `json:"wait_quantiles_ms"`
}

// Ranks returns the ranks of the quantiles in an [Outcome]: every fiftieth, and closer and closer together towards 1.
func Ranks() []float64 {
	ranks := make([]float64, 0, 64)
	for i := range 49 {
		ranks = append(ranks, float64(2*i+2)/100)
	}
	return append(ranks, 0.985, 0.99, 0.9925, 0.995, 0.9975, 0.999, 0.9995, 0.9999, 1)
}

// complete reports whether all is there.
func (o *Outcome) complete() bool {
	n := len(Ranks())
	return o.Key != "" && o.Result != nil && len(o.ResponseMS) == n && len(o.WaitMS) == n
}

// state is the open state file. Whoever interrupts a sweep may tear its last line; every other line was written whole.
type state struct {
	file    stateFile
	size    int64  // of the whole lines
	program string // that runs now
	failed  error  // the first write that did not succeed; there is none after it

	outcomes map[string]*Outcome // by key, of the cells that are wanted
	stale    map[string]bool     // cells that are wanted, and that only another program has run
}

// stateFile is what a state needs of its file once it has been read.
type stateFile interface {
	io.Writer
	Truncate(size int64) error
}

// readState reads what a state file has of the wanted cells. A torn line at its end is cut off.
//
// What another build of the program has simulated does not count: nothing says that it decided alike. Its lines stay,
// for when it comes back.
func readState(f *os.File, program string, wanted map[string]bool) (*state, error) {
	s := &state{file: f, program: program, outcomes: make(map[string]*Outcome), stale: make(map[string]bool)}
	in := bufio.NewReaderSize(f, 1<<16)
	for number := 1; ; number++ {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			if len(line) == 0 {
				return s, nil
			}
			return s, f.Truncate(s.size)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		s.size += int64(len(line))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var o Outcome
		switch err := json.Unmarshal(line, &o); {
		case err != nil || o.Key == "":
			return nil, fmt.Errorf("line %d is no finished run: remove the line or the file", number)
		case !wanted[o.Key]:
		case o.Program != program:
			if s.outcomes[o.Key] == nil {
				s.stale[o.Key] = true
			}
		case !o.complete():
			return nil, fmt.Errorf("line %d is a finished run of which something is missing: remove the line or the file", number)
		default:
			s.outcomes[o.Key] = &o
			delete(s.stale, o.Key)
		}
	}
}

// readLine reads a line with its end. What is there before the end of the file comes with io.EOF.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, fmt.Errorf("longer than %d bytes", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// add keeps an outcome. It is one write, so that an interruption leaves the whole line or a torn end of the file. Half
// a line that a full disk has left is taken back, and no other line is written behind it.
func (s *state) add(o *Outcome) error {
	if s.failed != nil {
		return s.failed
	}
	o.Program = s.program
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	n, err := s.file.Write(append(line, '\n'))
	if err != nil {
		s.failed = errors.Join(err, s.file.Truncate(s.size))
		return s.failed
	}
	s.size += int64(n)
	s.outcomes[o.Key] = o
	return nil
}

// runningProgram identifies the build that runs: 16 hexadecimal digits of the content of its file. A version number
// would be the same for every build of a tree that is being worked on.
func runningProgram() (string, error) {
	f, err := os.Open("/proc/self/exe") // on Linux: what runs, even if its file has been replaced since
	if err != nil {
		name, err := os.Executable()
		if err != nil {
			return "", err
		}
		if f, err = os.Open(name); err != nil { //nolint:gosec // ourselves
			return "", err
		}
	}
	defer f.Close() //nolint:errcheck // only read from
	h := xxhash.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}
