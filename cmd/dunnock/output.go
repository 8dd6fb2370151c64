package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// output is a file that a command writes: whole, or not at all. It is opened before the work begins, so that a path
// that cannot be written to is found out then.
type output struct {
	path    string
	file    *os.File // nil: committed or discarded
	inPlace bool     // it is written to as it is, such as /dev/full; else it is renamed to the path in the end
	name    string   // of the file meanwhile; empty: it has none yet, and so goes away with the process, whatever that ends of
}

// newOutput opens the file of a flag.
func newOutput(flag, path string) (*output, error) {
	o := &output{path: path}
	info, err := os.Stat(path)
	switch {
	case path == "-":
		return nil, usagef("--%s: want the name of a file, got -", flag)
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("--%s: %s is a directory", flag, path)
	case err == nil && !info.Mode().IsRegular(): // such as /dev/full, which must stay what it is
		o.inPlace = true
		o.file, err = os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the user names it
	case err == nil:
		// A file that may not be written to may not be replaced either.
		var old *os.File
		if old, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil { //nolint:gosec // the user names it
			break
		}
		_ = old.Close() // nothing was written
		if o.path, err = filepath.EvalSymlinks(path); err == nil {
			err = o.begin(info.Mode().Perm())
		}
	case errors.Is(err, fs.ErrNotExist):
		err = o.begin(0)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, ofPath(path, err))
	}
	return o, nil
}

// begin makes a file beside the path, with the permissions of the one whose place it is to take; 0 if there is none.
func (o *output) begin(mode fs.FileMode) (err error) {
	if o.file, err = openUnnamed(filepath.Dir(o.path)); err != nil { // not every file system has those
		o.name = besideName(o.path)
		o.file, err = os.OpenFile(o.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // less what the user's umask takes away
		if err != nil {
			return err
		}
	}
	if mode == 0 {
		return nil
	}
	if err := o.file.Chmod(mode); err != nil {
		o.discard()
		return err
	}
	return nil
}

// besideName is one that nobody has, in the same directory.
func besideName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
}

// Write writes.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	return n, ofPath(o.path, err)
}

// ofPath has an error name the path that the user gave, and not a name that nobody did.
func ofPath(path string, err error) error {
	if broken, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: "write", Path: path, Err: broken.Err}
	}
	return err
}

// same reports whether two outputs are to be one file, of which one would take the other's place.
func (o *output) same(other *output) bool {
	if o == nil || other == nil || o.inPlace || other.inPlace || filepath.Base(o.path) != filepath.Base(other.path) {
		return false
	}
	a, errA := os.Stat(filepath.Dir(o.path))
	b, errB := os.Stat(filepath.Dir(other.path))
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// complete sees to it that all that was written is on the disk, in a file with a name. What can go wrong then is
// little.
func (o *output) complete() error {
	if o == nil || o.file == nil || o.inPlace {
		return nil
	}
	if err := o.file.Sync(); err != nil {
		return err
	}
	if o.name != "" {
		return nil
	}
	name := besideName(o.path)
	if err := nameFile(o.file, name); err != nil {
		return err
	}
	o.name = name
	return nil
}

// commit makes the file appear under its name.
func (o *output) commit() error {
	if o == nil || o.file == nil {
		return nil
	}
	if err := o.complete(); err != nil {
		o.discard()
		return err
	}
	err := o.file.Close()
	o.file = nil
	if o.inPlace {
		return err
	}
	if err == nil {
		err = os.Rename(o.name, o.path)
	}
	if err != nil {
		_ = os.Remove(o.name) // what is left of it is of no use
	}
	return err
}

// discard leaves nothing behind, unless it has been committed.
func (o *output) discard() {
	if o == nil || o.file == nil {
		return
	}
	_ = o.file.Close() // nobody wants it
	if o.name != "" {
		_ = os.Remove(o.name)
	}
	o.file = nil
}
