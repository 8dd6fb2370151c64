package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestOutputIsWholeOrNotAtAll: what was there stays until the new file is complete, also behind a link, and nothing
// else is left.
func TestOutputIsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	content := func() string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	begin := func() *output {
		o, err := newOutput("csv", link)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Write([]byte("new")); err != nil {
			t.Fatal(err)
		}
		return o
	}

	hidden := func() []string {
		names, err := filepath.Glob(filepath.Join(dir, ".*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}

	begin().discard()
	if got := content(); got != "old" {
		t.Errorf("after a discard the file has %q", got)
	}
	o := begin()
	if names := hidden(); runtime.GOOS == "linux" && len(names) > 0 {
		t.Errorf("who is killed now leaves %v", names)
	}
	if got := content(); got != "old" {
		t.Errorf("before the commit the file has %q", got)
	}
	if err := o.commit(); err != nil {
		t.Fatal(err)
	}
	o.discard() // what is committed stays
	if got := content(); got != "new" {
		t.Errorf("after the commit the file has %q", got)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is not one any more: %v, %v", info, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is not only its owner's any more: %v, %v", info.Mode(), err)
	}
	if names := hidden(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// TestOutputsAppearTogether: that one of them cannot be completed is found out before another is there.
func TestOutputsAppearTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := &outputs{}
	for name, o := range map[string]**output{"jobs": &out.csv, "ran": &out.record} {
		var err error
		if *o, err = newOutput(name, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.record.file.Close(); err != nil { // so that it cannot be synced
		t.Fatal(err)
	}
	if _, err := out.record.Write([]byte("x")); err == nil || !strings.Contains(err.Error(), out.record.path) {
		t.Errorf("the path is not named: %v", err)
	}
	if err := (&loadgenRunCmd{}).write(out, nil); err == nil || !strings.HasPrefix(err.Error(), "--record: ") {
		t.Errorf("got %v", err)
	}
	out.discard()
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

// TestOutputWithoutUnnamedFiles: where a file system has none, a hidden one takes their place.
func TestOutputWithoutUnnamedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	o := &output{path: path, name: besideName(path)}
	var err error
	if o.file, err = os.Create(o.name); err != nil {
		t.Fatal(err)
	}
	if err := o.commit(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(names) != 1 || len(hidden) != 0 {
		t.Errorf("the directory has %v and %v, %v", names, hidden, err)
	}
}

func TestOutputNeedsAPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "missing", "file"), "/proc/file", "-"} {
		o, err := newOutput("csv", path)
		switch {
		case err == nil:
			o.discard()
			t.Errorf("%s can be written to", path)
		case !strings.Contains(err.Error(), path):
			t.Errorf("%s is not named: %v", path, err)
		}
	}
}
