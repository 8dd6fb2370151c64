package sweep

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"dunnock/sim"
)

// StateFile is the file in the output directory that finished cells are appended to, one a line.
const StateFile = "state.ndjson"

// maxLine bounds a line of a state file; ours are about 2 KiB.
const maxLine = 1 << 20

// Outcome is what a cell's run showed.
type Outcome struct {
	Key    string      `json:"key"`
	Result *sim.Result `json:"result"`
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

// store is the state file. Whoever interrupts a sweep may tear its last line; every other line was written whole.
type store struct {
	file     *os.File
	outcomes map[string]*Outcome // by key, of the cells that are wanted
}

// openStore opens or makes the state file of a directory and reads what it has of the wanted cells. A torn line at its end is cut off.
func openStore(dir string, wanted map[string]bool) (*store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // results are for others to read
		return nil, err
	}
	name := filepath.Join(dir, StateFile)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	s := &store{file: f, outcomes: make(map[string]*Outcome)}
	if err := s.read(wanted); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s *store) read(wanted map[string]bool) error {
	in := bufio.NewReaderSize(s.file, 1<<16)
	whole := int64(0) // bytes of whole lines
	for number := 1; ; number++ {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			if len(line) == 0 {
				return nil
			}
			return s.file.Truncate(whole)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		whole += int64(len(line))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var o Outcome
		if err := json.Unmarshal(line, &o); err != nil || !o.complete() {
			return fmt.Errorf("line %d is no finished run of this version: remove the line or the file", number)
		}
		if wanted[o.Key] {
			s.outcomes[o.Key] = &o
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

// add keeps an outcome. It is one write, so that an interruption leaves the whole line or a torn end of the file.
func (s *store) add(o *Outcome) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return err
	}
	s.outcomes[o.Key] = o
	return nil
}

func (s *store) close() error { return s.file.Close() }

// writeFile replaces a file at once, so that nobody sees half of it.
func writeFile(name string, content []byte) error {
	temporary := name + ".tmp"
	if err := os.WriteFile(temporary, content, 0o644); err != nil { //nolint:gosec // results are for others to read
		return err
	}
	if err := os.Rename(temporary, name); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temporary)))
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
