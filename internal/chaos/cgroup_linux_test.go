package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// groupsOf reads which groups a process is in.
func groupsOf(t *testing.T, pid int) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCPUGroup(t *testing.T) {
	if err := cpuGroupsWork(); err != nil {
		t.Skipf("CPUs cannot be throttled here: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	pid := cmd.Process.Pid
	before := groupsOf(t, pid)
	g, err := newCPUGroup("test", 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.add(pid); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(groupsOf(t, pid), cpuGroupPrefix) {
		t.Errorf("the process is in %s", groupsOf(t, pid))
	}
	if err := g.remove(); err != nil {
		t.Fatal(err)
	}
	if after := groupsOf(t, pid); after != before {
		t.Errorf("the process was in\n%s and is in\n%s", before, after)
	}
	if _, err := os.Stat(g.dir); !os.IsNotExist(err) {
		t.Errorf("the group is still there: %v", err)
	}

	// One whose harness is dead is swept away; that of a live one is not.
	dead := exec.CommandContext(t.Context(), "true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	left := fmt.Sprintf("%s/%s%d-w1", g.root, cpuGroupPrefix, dead.Process.Pid)
	if err := os.Mkdir(left, 0o750); err != nil {
		t.Fatal(err)
	}
	kept, err := newCPUGroup("kept", 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if err := sweepCPUGroups(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a dead harness left is still there: %v", err)
	}
	if err := kept.remove(); err != nil {
		t.Errorf("a live harness's group: %v", err)
	}
}
