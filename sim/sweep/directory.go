package sweep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrBusy is why a directory cannot be opened that another sweep has open.
var ErrBusy = errors.New("another sweep is at work in this directory: wait for it, or give this one a directory of its own")

// Directory is the output directory of a sweep: the state file and the results. One sweep has it at a time, in all
// processes of the machine, from [OpenDirectory] to [Directory.Close]; two would take each other's half-written lines
// for torn ones.
type Directory struct {
	path    string
	state   *os.File // also what is locked; the lock ends with the process, however that ends
	program string
}

// OpenDirectory makes a directory if it is not there, and takes it. The error is ErrBusy if somebody else has it.
func OpenDirectory(path string) (*Directory, error) {
	program, err := runningProgram()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // results are for others to read
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(path, StateFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Directory{path: path, state: f, program: program}, nil
}

// Path returns where the directory is.
func (d *Directory) Path() string { return d.path }

// Close lets the directory go. The error is about what was written last.
func (d *Directory) Close() error { return d.state.Close() }

// read reads the state file.
func (d *Directory) read(wanted map[string]bool) (*state, error) {
	if _, err := d.state.Seek(0, 0); err != nil {
		return nil, err
	}
	s, err := readState(d.state, d.program, wanted)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.state.Name(), err)
	}
	return s, nil
}

// replace writes a file of the directory. Whoever reads it sees the one before or all of it.
func (d *Directory) replace(name string, content []byte) error {
	name = filepath.Join(d.path, name)
	temporary := name + ".tmp"                     // nobody else's: the directory is ours
	err := os.WriteFile(temporary, content, 0o644) //nolint:gosec // results are for others to read
	if err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		_ = os.Remove(temporary) // it may not be there
	}
	return err
}
