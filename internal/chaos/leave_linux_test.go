package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestKilledHarness holds that nothing of a run outlives its harness, however that ends.
func TestKilledHarness(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts a fleet")
	}
	dir := filepath.Join(t.TempDir(), "books")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--dunnock", dunnock(t), "--duration", "1m", "--faults", "cut", "--dir", dir)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	const all = 3 + 6 + 3
	until := time.Now().Add(readyLimit)
	for len(running(t, dir, cmd.Process.Pid)) < all {
		select {
		case err := <-ended:
			if strings.HasPrefix(out.String(), "skipped:") {
				t.Skip(out.String())
			}
			t.Fatalf("%v: %s", err, out.String())
		default:
		}
		if time.Now().After(until) {
			t.Fatalf("%d processes run: %s", len(running(t, dir, cmd.Process.Pid)), out.String())
		}
		pause(t.Context(), 20*time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	until = time.Now().Add(readyLimit)
	for len(running(t, dir, cmd.Process.Pid)) > 0 {
		if time.Now().After(until) {
			t.Fatalf("still there: %q", running(t, dir, cmd.Process.Pid))
		}
		pause(t.Context(), 20*time.Millisecond)
	}
}

// running lists the command lines of processes that write into a directory, but for one.
func running(t *testing.T, dir string, but int) (lines []string) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		log, _ := os.Readlink(filepath.Join(e, "fd/2")) // gone, or somebody else's
		if strings.HasPrefix(log, dir) && filepath.Base(e) != strconv.Itoa(but) {
			lines = append(lines, e+" "+log)
		}
	}
	return lines
}
