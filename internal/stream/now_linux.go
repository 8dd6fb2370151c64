//go:build linux && !race

package stream

import (
	"syscall"
	"unsafe"
)

// Calls of the kernel that do not wait are made without the Go runtime being told of them (syscall.RawSyscall). What it
// is told costs next to nothing, but with the first call after a rest it wakes its monitor thread, sysmon, to take the
// processor from who waits in the kernel for long: a futex call before each message that is read, two context switches
// and a timer behind it, in all half of the CPU time of a worker that has one message at a time.
//
// What the monitor does beside it is needed all the same where code may run for long: see Monitor.

// readNow is read(2) of a non-blocking descriptor.
func readNow(fd uintptr, b []byte) (int, error) {
	if len(b) > nowMost || len(b) == 0 {
		return syscall.Read(int(fd), b)
	}
	return call(syscall.SYS_READ, fd, b)
}

// writeNow is write(2) of a non-blocking descriptor.
func writeNow(fd uintptr, b []byte) (int, error) {
	if len(b) > nowMost || len(b) == 0 {
		return syscall.Write(int(fd), b)
	}
	return call(syscall.SYS_WRITE, fd, b)
}

func call(number, fd uintptr, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))) //nolint:gosec // the form that package unsafe allows, rule 4
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// wakeMonitor wakes the monitor if it sleeps.
func wakeMonitor() { _, _, _ = syscall.Syscall(syscall.SYS_GETPID, 0, 0, 0) }
