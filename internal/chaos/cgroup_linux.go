package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cpuGroup is a control group that limits CPU time, of version 1 or 2 of the kernel's interface.
type cpuGroup struct {
	root, dir string
	version   int
	came      map[int]string // by process: the group that it was in
}

// cpuGroupPrefix and the harness's process number begin the names of its groups.
const cpuGroupPrefix = "dunnock-chaos-"

// cpuPeriod is the time over which a share is counted, in microseconds.
const cpuPeriod = 100_000

// cpuRoot finds where groups with a CPU controller are made.
func cpuRoot() (root string, version int, err error) {
	const v1, v2 = "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(v1, "cpu.cfs_quota_us")); err == nil {
		return v1, 1, nil
	}
	if _, err := os.Stat(filepath.Join(v1, "cgroup.procs")); err == nil {
		return v1, 1, nil
	}
	controllers, err := os.ReadFile(filepath.Join(v2, "cgroup.controllers"))
	if err != nil || !strings.Contains(string(controllers), "cpu") {
		return "", 0, errors.New("no control group with a CPU controller is mounted")
	}
	// A child has the controller only if its parent hands it on; that it already does is no error.
	err = os.WriteFile(filepath.Join(v2, "cgroup.subtree_control"), []byte("+cpu"), 0)
	return v2, 2, err
}

// newCPUGroup makes a group whose processes together get a share of one CPU.
func newCPUGroup(name string, share float64) (*cpuGroup, error) {
	root, version, err := cpuRoot()
	if err != nil {
		return nil, err
	}
	g := &cpuGroup{root: root, dir: filepath.Join(root, cpuGroupPrefix+strconv.Itoa(os.Getpid())+"-"+name), version: version, came: map[int]string{}}
	if err := os.Mkdir(g.dir, 0o755); err != nil { //nolint:gosec // as the kernel's own
		return nil, err
	}
	quota := strconv.Itoa(int(share * cpuPeriod))
	if version == 1 {
		err = errors.Join(g.set("cpu.cfs_period_us", strconv.Itoa(cpuPeriod)), g.set("cpu.cfs_quota_us", quota))
	} else {
		err = g.set("cpu.max", quota+" "+strconv.Itoa(cpuPeriod))
	}
	if err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

func (g *cpuGroup) set(file, value string) error {
	return os.WriteFile(filepath.Join(g.dir, file), []byte(value), 0)
}

// add moves a process into the group.
func (g *cpuGroup) add(pid int) error {
	if pid == 0 {
		return errors.New("the process to throttle does not run")
	}
	of, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(of)) { // number:controllers:path
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && (g.version == 2 && parts[0] == "0" || g.version == 1 && slices.Contains(strings.Split(parts[1], ","), "cpu")) {
			g.came[pid] = filepath.Join(g.root, parts[2])
		}
	}
	return g.set("cgroup.procs", strconv.Itoa(pid))
}

// remove moves the processes back to where they came from and ends the group.
func (g *cpuGroup) remove() error {
	procs, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for text := range strings.FieldsSeq(string(procs)) {
		pid, _ := strconv.Atoi(text) // the kernel's own number
		err := os.WriteFile(filepath.Join(cmp.Or(g.came[pid], g.root), "cgroup.procs"), []byte(text), 0)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return unix.Rmdir(g.dir)
}

// sweepCPUGroups removes groups that a harness has left that did not end well. Their processes have died with it.
func sweepCPUGroups() error {
	root, _, err := cpuRoot()
	if err != nil {
		return nil //nolint:nilerr // then there are none
	}
	left, err := filepath.Glob(filepath.Join(root, cpuGroupPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), cpuGroupPrefix), "-")
		pid, err := strconv.Atoi(owner)
		if err != nil || errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			if err := unix.Rmdir(dir); err != nil {
				return fmt.Errorf("a control group that was left behind: %s: %w", dir, err)
			}
		}
	}
	return nil
}

// cpuGroupsWork says why CPUs cannot be throttled here; nil if they can.
func cpuGroupsWork() error {
	g, err := newCPUGroup("try", 0.5)
	if err != nil {
		return err
	}
	// The processes that are to be throttled are scheduled as this one is, and some are not taken in: the kernel has no
	// time to share for those that run in real time.
	return errors.Join(g.add(os.Getpid()), g.remove())
}
