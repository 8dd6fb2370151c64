package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"
)

// tick is the unit of /proc/stat on every architecture that Go runs on.
const tick = 10 * time.Millisecond

// readProcessors reads /proc/stat; nil if it cannot be read. What the hypervisor has given to others counts as busy.
func readProcessors() *processors {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil
	}
	return parseProcessors(text)
}

// parseProcessors reads the first line: cpu user nice system idle iowait irq softirq steal …
func parseProcessors(text []byte) *processors {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return nil
	}
	var p processors
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return nil
		}
		p.all += time.Duration(n) * tick
		if i != 3 && i != 4 { // idle, waiting for a disk
			p.busy += time.Duration(n) * tick
		}
	}
	return &p
}

// lock takes a file for as long as it is open. The kernel lets it go when the process ends, however that ends.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errBusy
	}
	return err
}
