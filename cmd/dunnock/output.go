package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// output is a file that a command writes: whole, or not at all. It is opened before the work begins, so that a path that cannot be written
// to is found out then.
type output struct {
	path string
	file *os.File
	temp bool // file is to be renamed to path
}

// newOutput opens the file of a flag; "-" is no file.
func newOutput(flag, path string) (*output, error) {
	o := &output{path: path}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("--%s: %s is a directory", flag, path)
	case err == nil && !info.Mode().IsRegular(): // such as /dev/full, which must stay what it is
		o.file, err = os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the user names it
	case err == nil || errors.Is(err, fs.ErrNotExist):
		if err == nil {
			if path, err = filepath.EvalSymlinks(path); err != nil {
				return nil, fmt.Errorf("--%s: %w", flag, err)
			}
			o.path = path
		}
		o.temp = true
		o.file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return o, nil
}

// Write writes.
func (o *output) Write(p []byte) (int, error) { return o.file.Write(p) }

// commit makes the file appear under its name.
func (o *output) commit() error {
	if o.file == nil {
		return nil
	}
	err := error(nil)
	if o.temp {
		err = errors.Join(o.file.Chmod(0o644), o.file.Sync())
	}
	err = errors.Join(err, o.file.Close())
	name := o.file.Name()
	o.file = nil
	if err == nil && o.temp {
		err = os.Rename(name, o.path)
	}
	if err != nil && o.temp {
		_ = os.Remove(name) // what is left of it is of no use
	}
	return err
}

// discard leaves nothing behind, unless it has been committed.
func (o *output) discard() {
	if o == nil || o.file == nil {
		return
	}
	_ = o.file.Close() // nobody wants it
	if o.temp {
		_ = os.Remove(o.file.Name())
	}
	o.file = nil
}
