package stream

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsentLowWater is how much the kernel takes of what it cannot send yet, in bytes. What it has taken can no longer be
// overtaken, so that with the kernel's own limits a small message would wait behind megabytes.
const unsentLowWater = 64 << 10

// unreadMost is how much the kernel keeps for us before a near peer has to wait, in bytes: that can no longer be
// overtaken either, and left to itself the kernel let 5 MB of payloads gather before a busy scheduler. A connection
// carries no more than that in a round trip, so that a peer is near whose round trip takes less than nearRTT: a long
// line is left what the kernel finds that it needs.
const (
	unreadMost = 256 << 10
	nearRTT    = 2 * time.Millisecond
)

// nowMost is how many bytes are moved in a call that the runtime is not told of; see now_linux.go. More take so long
// that it had better know.
const nowMost = 16 << 10

// socket gives access to the descriptor under a connection. The zero socket
// stands for a connection that has none, such as a pipe in memory.
type socket struct {
	raw    syscall.RawConn
	direct bool // what is written to raw is what is written to the connection: no TLS in between
	tcp    bool
	w      *rawWrite
	r      *rawRead
}

// rawWrite holds the arguments of a write where a function that was made once finds them, so that
// writing allocates nothing. It belongs to the owner of the connection's write side.
type rawWrite struct {
	try func(fd uintptr) bool
	b   []byte
	n   int
	err error
}

func newSocket(nc net.Conn) socket {
	s := socket{direct: true}
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc, s.direct = t.NetConn(), false
	}
	var err error
	switch t := nc.(type) {
	case *net.TCPConn:
		s.tcp = true
		s.raw, err = t.SyscallConn()
	case *net.UnixConn:
		s.raw, err = t.SyscallConn()
	default:
		return socket{}
	}
	if err != nil {
		return socket{}
	}
	s.w, s.r = &rawWrite{}, &rawRead{}
	s.w.try, s.r.try = s.w.once, s.r.once
	return s
}

// ok reports whether write may be used.
func (s *socket) ok() bool { return s.raw != nil && s.direct }

// write writes as much of b as can be without waiting.
func (s *socket) write(b []byte) (int, error) {
	s.w.b, s.w.n, s.w.err = b, 0, nil
	err := s.raw.Write(s.w.try)
	s.w.b = nil
	if err == nil {
		err = s.w.err
	}
	return s.w.n, err
}

func (w *rawWrite) once(fd uintptr) bool {
	for w.n < len(w.b) {
		n, err := writeNow(fd, w.b[w.n:])
		switch {
		case err == nil && n > 0:
			w.n += n
		case errors.Is(err, syscall.EINTR):
		default: // full, or broken
			if !errors.Is(err, syscall.EAGAIN) {
				w.err = err
			}
			return true
		}
	}
	return true
}

// rawRead is the same for a read. It belongs to the reader.
type rawRead struct {
	try func(fd uintptr) bool
	b   []byte
	n   int
	err error
}

// read reads what there is, and waits until there is something.
func (s *socket) read(b []byte) (int, error) {
	s.r.b, s.r.n, s.r.err = b, 0, nil
	err := s.raw.Read(s.r.try)
	s.r.b = nil
	if err == nil {
		err = s.r.err
	}
	return s.r.n, err
}

func (r *rawRead) once(fd uintptr) bool {
	for {
		n, err := readNow(fd, r.b)
		switch {
		case err == nil && n > 0:
			r.n = n
			return true
		case err == nil:
			r.err = io.EOF
			return true
		case errors.Is(err, syscall.EAGAIN):
			return false
		case !errors.Is(err, syscall.EINTR):
			r.err = os.NewSyscallError("read", err)
			return true
		}
	}
}

// unread is how many bytes the kernel holds that nobody has read; 0 if it cannot be
// known.
func (s *socket) unread() int {
	n := 0
	if s.raw != nil {
		_ = s.raw.Control(func(fd uintptr) {
			if v, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ); err == nil {
				n = v
			}
		})
	}
	return n
}

// arrived reports whether the peer's kernel has acknowledged all that was written, and fails if the peer has hung up.
func (s *socket) arrived() (all bool, err error) {
	if s.raw == nil {
		return true, nil
	}
	failed := s.raw.Control(func(fd uintptr) {
		n, outErr := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		all = outErr == nil && n == 0
		// A connection that was reset has nothing to send either, so this comes second.
		var b [1]byte
		n, _, err = unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case err == nil && n == 0:
			err = io.EOF
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			err = nil
		}
	})
	return all, errors.Join(failed, err)
}

// owing is for how long the peer's kernel has acknowledged nothing with something on its way to it.
func (s *socket) owing() (t time.Duration) {
	if !s.tcp {
		return 0
	}
	_ = s.raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && info.Unacked > 0 {
			t = time.Duration(info.Last_ack_recv) * time.Millisecond
		}
	})
	return t
}

// tune sets the options of a TCP socket: small writes go out at once, the kernel takes little that it cannot send and
// that we have not read, and it gives up a peer that acknowledges nothing. For that it waits twice the lease, because
// the kernel does not know when we were paused, and must not judge before we do. An option that cannot be set is not
// missed: each only backs what this package does itself.
func (s *socket) tune(lease time.Duration) {
	if !s.tcp {
		return
	}
	_ = s.raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLowWater)
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && time.Duration(info.Rtt)*time.Microsecond < nearRTT {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, unreadMost)
		}
		if lease > 0 {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(2*lease/time.Millisecond))
		}
	})
}
