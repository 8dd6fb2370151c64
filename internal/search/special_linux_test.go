package search_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"dunnock/internal/search"
)

func TestPlanLeavesOutWhatIsNoFile(t *testing.T) {
	root := tree(t, map[string]string{"dir/file": "x\n"})
	t.Chdir(root)
	if err := syscall.Mkfifo("dir/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", "dir/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for name, target := range map[string]string{"dir/link": "file", "dir/loop": "loop", "dir/nowhere": "none", "dir/up": "..", "dir/null": "/dev/null"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	p, err := search.NewPlan([]string{"dir"}, "x", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := paths(p.Files); !slices.Equal(got, []string{"dir/file"}) || len(p.Skipped) > 0 {
		t.Errorf("files %q, skipped %v", got, p.Skipped)
	}
	// Given by name, they are reported.
	given := []string{"dir/fifo", "/dev/null", "dir/loop", "dir/socket"}
	if p, err = search.NewPlan(given, "x", 0); err != nil {
		t.Fatal(err)
	}
	var skipped []string
	for _, s := range p.Skipped {
		skipped = append(skipped, s.Path)
	}
	slices.Sort(given)
	if len(p.Files) > 0 || !slices.Equal(skipped, given) {
		t.Errorf("files %q, skipped %v", paths(p.Files), p.Skipped)
	}
}

func TestPlanReportsWhatCannotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		// Root may read everything. So be nobody to the file system, on this thread
		// alone, which ends with this goroutine because it is not unlocked.
		runtime.LockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
	}
	root := tree(t, map[string]string{"open": "x\n", "shut": "x\n", "dir/inside": "x\n"})
	for _, name := range []string{"shut", "dir"} {
		path := filepath.Join(root, name)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(path, 0o700) //nolint:errcheck // so that the test's directory can be removed
	}
	p, err := search.NewPlan([]string{root}, "x", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := paths(p.Files); !slices.Equal(got, []string{filepath.Join(root, "open")}) {
		t.Errorf("files %q", got)
	}
	if len(p.Skipped) != 2 || p.Skipped[0].Path != filepath.Join(root, "dir") || p.Skipped[1].Path != filepath.Join(root, "shut") {
		t.Fatalf("skipped %v", p.Skipped)
	}
	for _, s := range p.Skipped {
		if s.Err.Error() != "permission denied" {
			t.Errorf("%s: %v", s.Path, s.Err)
		}
	}
	found, err := search.Count([]string{root}, regexp.MustCompile("x"))
	if err != nil || len(found) != 1 {
		t.Errorf("count %v, %v", found, err)
	}
}
