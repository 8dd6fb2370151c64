//go:build !linux

package stream

import (
	"net"
	"time"
)

// socket gives access to the descriptor under a connection. It is written for Linux only; elsewhere the writer
// goroutine makes all writes, and the library all reads.
type socket struct{}

func newSocket(net.Conn) socket { return socket{} }

func (s *socket) ok() bool { return false }

func (s *socket) write([]byte) (int, error) { return 0, net.ErrClosed }

func (s *socket) read([]byte) (int, error) { return 0, net.ErrClosed }

func (s *socket) unread() int { return 0 }

func (s *socket) arrived() (bool, error) { return true, nil }

func (s *socket) owing() time.Duration { return 0 }

func (s *socket) tune(time.Duration) {}

func wakeMonitor() {} // the library's calls do
