package deaf

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Dial returns a TCP connection, open until the test ends, whose other end is deaf.
func Dial(t *testing.T) *net.TCPConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialled.Close() })
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	Make(t, accepted)
	return dialled.(*net.TCPConn)
}

// Make has a TCP connection's kernel drop whatever comes for it before it acknowledges that, as if its machine were
// gone. There are kernels that grant that to root only; the test of anybody else is skipped there.
func Make(t *testing.T, nc net.Conn) {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	_ = raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
	})
	if errors.Is(err, unix.EPERM) && os.Geteuid() != 0 {
		t.Skip("only root may put a filter on a socket here")
	}
	if err != nil {
		t.Fatal(err)
	}
}
