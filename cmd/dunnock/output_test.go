package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOutputIsWholeOrNotAtAll: what was there stays until the new file is complete, also behind a link, and nothing else is left.
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

	begin().discard()
	if got := content(); got != "old" {
		t.Errorf("after a discard the file has %q", got)
	}
	o := begin()
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
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestOutputNeedsAPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "missing", "file")} {
		if o, err := newOutput("csv", path); err == nil {
			o.discard()
			t.Errorf("%s can be written to", path)
		}
	}
}
