//go:build linux && !race

package stream

import (
	"syscall"
	"unsafe"
)

// Calls of the kernel that do not wait are made without the Go runtime being told of them (syscall.RawSyscall). What it is told costs next to nothing, but
// with the first call after a rest it wakes its monitor thread, sysmon, to take the processor from who waits in the kernel for long: a futex call
// before each message that is read, two context switches and a timer behind it, in all half of the CPU time of a worker that has one message at a time.
//
// What the monitor does beside it is needed all the same, so that [Attend] wakes it for code that may run for long.

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

// Attend wakes the Go runtime's monitor if it sleeps. Call it before code of unknown length is run because of a message: if that took every processor
// while the monitor sleeps, nobody would take one back, and connections would go unread, until the next timer is due.
func Attend() { _, _, _ = syscall.Syscall(syscall.SYS_GETPID, 0, 0, 0) }
