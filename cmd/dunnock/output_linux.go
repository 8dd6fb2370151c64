package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// openUnnamed makes a file without a name in a directory. It fails where the file could not get one either.
func openUnnamed(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_WRONLY|unix.O_TMPFILE, 0o666) //nolint:gosec // less what the user's umask takes away
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(descriptorPath(f)); err != nil {
		_ = f.Close() // nothing is in it
		return nil, err
	}
	return f, nil
}

// nameFile gives a file of openUnnamed a name in its directory.
func nameFile(f *os.File, name string) error {
	if err := unix.Linkat(unix.AT_FDCWD, descriptorPath(f), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: f.Name(), New: name, Err: err}
	}
	return nil
}

// descriptorPath is a way to an open file by /proc: to link a descriptor itself takes a capability.
func descriptorPath(f *os.File) string {
	return "/proc/self/fd/" + strconv.FormatUint(uint64(f.Fd()), 10)
}
