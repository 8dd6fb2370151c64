package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLocalFleetDiesWithItsOwner, even if that has no chance to end it.
func TestLocalFleetDiesWithItsOwner(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	owner := exec.Command(self, "--log-level", "info", "loadgen", "run", "--local", "schedulers=1,workers=2", "--rate", "10", "--duration", "10m", "--csv", filepath.Join(t.TempDir(), "jobs.csv"))
	owner.Args[0] = "dunnock"
	told, err := owner.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		_ = owner.Process.Kill()
		_ = owner.Wait()
	}
	defer kill()
	if line, err := bufio.NewReader(told).ReadString('\n'); !strings.Contains(line, "the local fleet is ready") {
		t.Fatalf("it says %q, %v", line, err)
	}
	nodes := childrenOf(t, owner.Process.Pid)
	if len(nodes) != 3 {
		t.Fatalf("the fleet is of processes %v, want three", nodes)
	}
	kill()
	for _, pid := range nodes {
		waitUntil(t, fmt.Sprintf("node %d has ended", pid), func() bool {
			_, state := procStat(pid)
			return state == "" || state == "Z"
		})
	}
}

// waitUntil waits for a condition, for as long as the scripts do.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for range polls {
		if holds() {
			return
		}
		<-ticker.C
	}
	t.Fatalf("waited in vain: %s", what)
}

// childrenOf lists the processes that a process has started and that live.
func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		child, _ := strconv.Atoi(filepath.Base(name))
		if parent, state := procStat(child); parent == pid && state != "Z" {
			children = append(children, child)
		}
	}
	return children
}

// procStat returns a process's parent and state; nothing of one that is not there.
func procStat(pid int) (parent int, state string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0, ""
	}
	parent, _ = strconv.Atoi(fields[1])
	return parent, fields[0]
}
