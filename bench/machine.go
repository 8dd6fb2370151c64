package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// machine says what processors there are.
func machine() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range bytes.Lines(text) {
			if name, model, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(name)) == "model name" {
				return fmt.Sprintf("%d × %s", runtime.NumCPU(), bytes.TrimSpace(model))
			}
		}
	}
	return fmt.Sprintf("%d × %s", runtime.NumCPU(), runtime.GOARCH)
}

// precedence is what the system gives to this process, and so to those it starts.
func precedence() string {
	a, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return "unknown"
	}
	switch a.Policy {
	case unix.SCHED_RR, unix.SCHED_FIFO:
		return fmt.Sprintf("real-time priority %d", a.Priority)
	default:
		return fmt.Sprintf("nice %d", a.Nice)
	}
}
