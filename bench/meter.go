package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// meter is a reading of clocks.
type meter struct {
	at                      time.Time
	client, broker, workers time.Duration // processor time so far
	busy, all               time.Duration // of all processors of the machine
}

// readMeter reads the clocks of all processes of a run.
func readMeter(s *setup) (meter, error) {
	var m meter
	var faults []error
	read := func(pid int) time.Duration {
		d, err := processorTime(pid)
		faults = append(faults, err)
		return d
	}
	m.client = read(os.Getpid())
	if s.BrokerPID > 0 {
		m.broker = read(s.BrokerPID)
	}
	for _, pid := range s.WorkerPIDs {
		m.workers += read(pid)
	}
	var err error
	m.busy, m.all, err = readProcessors()
	m.at = time.Now()
	return m, errors.Join(append(faults, err)...)
}

// processorTime is what a process has used so far, user and system, to the nanosecond: /proc/PID/stat has it to the
// hundredth of a second. The number of the clock is made as glibc's clock_getcpuclockid makes it.
func processorTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED of <linux/posix-timers.h>, of a process
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &ts); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// tick is the unit of /proc/stat.
const tick = 10 * time.Millisecond

// readProcessors reads how long all processors together were busy, and were there. What the hypervisor has given to
// others counts as busy.
func readProcessors() (busy, all time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line) // cpu user nice system idle iowait irq softirq steal …
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, 0, errors.New("/proc/stat: unexpected form")
	}
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		all += time.Duration(n) * tick
		if i != 3 && i != 4 { // idle, waiting for a disk
			busy += time.Duration(n) * tick
		}
	}
	return busy, all, nil
}

// spent fills in what a run took between two readings.
func (s *sample) spent(before, after meter) {
	took := after.at.Sub(before.at)
	perTask := func(d time.Duration) float64 { return inUS(d) / float64(s.Tasks) }
	s.TasksPerS = float64(s.Tasks) / took.Seconds()
	s.CPUUS = cpu{
		Client: perTask(after.client - before.client), Broker: perTask(after.broker - before.broker), Workers: perTask(after.workers - before.workers),
	}
	own := after.client - before.client + after.broker - before.broker + after.workers - before.workers
	if all := after.all - before.all; all > 0 {
		s.OtherShare = min(max(float64(after.busy-before.busy-own)/float64(all), 0), 1) // clocks tick
	}
}
