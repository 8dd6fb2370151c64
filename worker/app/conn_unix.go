//go:build unix

package app

import (
	"errors"
	"syscall"
)

// quiet says whether a socket is open with nothing to be read. It does not wait.
func quiet(conn syscall.RawConn) bool {
	var readErr error
	err := conn.Read(func(fd uintptr) bool {
		var b [1]byte
		_, readErr = syscall.Read(int(fd), b[:])
		return true
	})
	return err == nil && errors.Is(readErr, syscall.EAGAIN)
}
