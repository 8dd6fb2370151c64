package search

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// File is one file to search.
type File struct {
	Path  string // as the user would write it: the given path and what is below it
	Bytes int64  // when it was found
	real  string // absolute, without symbolic links
}

// Skipped is a file or directory that could not be searched.
type Skipped struct {
	Path string
	Err  error
}

// finder collects the files under some paths.
type finder struct {
	files   []File
	skipped []Skipped
	seen    map[string]struct{} // real paths of files and skipped entries
}

// find returns every regular file under the paths, in path order, each once however often and by whatever name it was
// given. Symbolic links are followed where they are given as paths, not where they are found. Directories found are
// entered; devices, sockets and fifos found are left out. What cannot be read is returned as skipped. The error is a
// given path that does not exist.
func find(paths []string) ([]File, []Skipped, error) {
	f := finder{seen: make(map[string]struct{})}
	for _, path := range paths {
		if err := f.add(path); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(f.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(f.skipped, func(a, b Skipped) int { return strings.Compare(a.Path, b.Path) })
	return f.files, f.skipped, nil
}

func (f *finder) add(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no such file or directory: %s", path)
	}
	path = filepath.Clean(path)
	realRoot, err := filepath.EvalSymlinks(path)
	if err == nil {
		realRoot, err = filepath.Abs(realRoot)
	}
	if err != nil {
		f.skip(path, path, err)
		return nil
	}
	return filepath.WalkDir(realRoot, func(realPath string, entry fs.DirEntry, err error) error {
		shown := filepath.Join(path, strings.TrimPrefix(realPath, realRoot))
		switch {
		case err != nil:
			f.skip(shown, realPath, err)
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
		case entry.Type().IsRegular():
			f.open(shown, realPath)
		case realPath == realRoot && !entry.IsDir():
			f.skip(shown, realPath, errors.New("not a regular file or directory"))
		}
		return nil
	})
}

// open adds a file if it can be opened for reading now.
func (f *finder) open(shown, realPath string) {
	if _, ok := f.seen[realPath]; ok {
		return
	}
	// O_NONBLOCK, in case it has just become a fifo, which would wait for its writer.
	file, err := os.OpenFile(realPath, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the files that the user names
	if err != nil {
		f.skip(shown, realPath, err)
		return
	}
	defer file.Close() //nolint:errcheck // not written to
	info, err := file.Stat()
	if err != nil {
		f.skip(shown, realPath, err)
		return
	}
	if info.Mode().IsRegular() {
		f.seen[realPath] = struct{}{}
		f.files = append(f.files, File{Path: shown, Bytes: info.Size(), real: realPath})
	}
}

func (f *finder) skip(shown, realPath string, err error) {
	if _, ok := f.seen[realPath]; ok {
		return
	}
	f.seen[realPath] = struct{}{}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // the path is said already
	}
	f.skipped = append(f.skipped, Skipped{Path: shown, Err: err})
}
