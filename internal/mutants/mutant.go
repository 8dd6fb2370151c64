package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// mutant is a change to one place of one file that takes a protection out.
type mutant struct {
	name  string // what is taken out
	file  string
	old   string // which must be there exactly once
	new   string
	by    string // the package whose tests notice; empty: its own
	tests bool   // only the tests of its package notice: seeds do not run this code, or thousands of them have not noticed
}

// apply returns the file with the change. The error is that the list is out of date.
func (m *mutant) apply(file []byte) ([]byte, error) {
	if n := bytes.Count(file, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s: what the list takes out is there %d times: %q", m.file, n, m.old)
	}
	return bytes.Replace(file, []byte(m.old), []byte(m.new), 1), nil
}

// applyAll looks whether all changes can be made, and makes none.
func applyAll(root string, list []mutant) error {
	var faults []error
	for i := range list {
		file, err := os.ReadFile(filepath.Join(root, list[i].file)) //nolint:gosec // a name of the list
		if err == nil {
			_, err = list[i].apply(file)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", list[i].name, err))
		}
	}
	return errors.Join(faults...)
}

// sources is a checkout without what building and git have left there.
type sources struct{ root string }

// Open opens a file.
func (s sources) Open(name string) (fs.File, error) { return os.DirFS(s.root).Open(name) }

// ReadDir lists a directory without what is not to be copied.
func (s sources) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(os.DirFS(s.root), name)
	kept := all[:0]
	for _, e := range all {
		hidden := strings.HasPrefix(e.Name(), ".") || (name == "." && e.Name() == "bin")
		if !hidden && (e.IsDir() || e.Type().IsRegular()) {
			kept = append(kept, e)
		}
	}
	return kept, err
}
