//go:build linux && race

package stream

import "syscall"

// The race detector takes what one end of a connection in a test writes and the other reads for an order in which
// things happen, but only where the library makes the calls.

func readNow(fd uintptr, b []byte) (int, error)  { return syscall.Read(int(fd), b) }
func writeNow(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }

func wakeMonitor() {} // the library's calls do
