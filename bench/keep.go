package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// keep is what has been measured, in a file with a line for each run.
type keep struct {
	file    *os.File
	samples []*sample
}

// openKeep reads what a build has measured so far.
func openKeep(name, version string, fresh bool) (*keep, error) {
	mode := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if fresh {
		mode |= os.O_TRUNC
	}
	f, err := os.OpenFile(name, mode, 0o644) //nolint:gosec // results are no secret
	if err != nil {
		return nil, err
	}
	k := &keep{file: f}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var s sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if s.Version == version {
			k.samples = append(k.samples, &s)
		}
	}
	return k, lines.Err()
}

func (k *keep) has(cell, contender string, round int) bool {
	for _, s := range k.samples {
		if s.Cell == cell && s.Contender == contender && s.Round == round {
			return true
		}
	}
	return false
}

func (k *keep) add(s *sample) error {
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	k.samples = append(k.samples, s)
	_, err = k.file.Write(append(line, '\n'))
	return err
}
