package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"syscall"
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

// niceness is that of this process and so of those it starts.
func niceness() int {
	n, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return 0
	}
	return 20 - n // as the system call has it
}
