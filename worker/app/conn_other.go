//go:build !unix

package app

import "syscall"

// quiet cannot be known here: a connection that the server has closed shows at
// the next request.
func quiet(syscall.RawConn) bool { return true }
