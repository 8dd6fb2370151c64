package stream

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Bytes that lie unread in the socket because our reader gets no CPU are no
// silence.
func TestUnreadIsNoSilence(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	defer nc2.Close()
	c := New(nc1, nil, Config{})
	defer c.Close(io.EOF)
	p := &pulser{c: c, beatDue: int64(2 * time.Hour)}
	if _, err := nc2.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	for c.sock.unread() == 0 { // the kernel delivers it as soon as it can
	}
	p.tick(int64(time.Hour), 0)
	if c.closed || c.heard.Load() != int64(time.Hour) {
		t.Errorf("gave up a peer with unread bytes: %v", c.err)
	}
	if _, err := nc1.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.tick(int64(time.Hour+DefaultLease), 0)
	if !errors.Is(c.err, ErrSilent) {
		t.Errorf("with nothing unread: %v, want ErrSilent", c.err)
	}
}

// The raw write takes what the socket takes and comes back, and says when the
// connection is broken.
func TestRawWrite(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	s := newSocket(nc1)
	if !s.ok() {
		t.Fatal("no raw writes on TCP")
	}
	b := make([]byte, 1<<20)
	sent := 0
	for {
		n, err := s.write(b)
		if err != nil {
			t.Fatal(err)
		}
		if sent += n; n < len(b) {
			break // full
		}
	}
	if n, err := s.write(b); n > 0 && err != nil {
		t.Errorf("full: wrote %d, %v", n, err)
	}
	got, err := io.CopyN(io.Discard, nc2, int64(sent))
	if err != nil || got != int64(sent) {
		t.Errorf("sent %d, arrived %d, %v", sent, got, err)
	}
	_ = nc1.Close()
	if n, err := s.write(b); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: wrote %d, %v", n, err)
	}
	_ = nc2.Close()
}

// The options are set on the socket, on both kinds that have one.
func TestSocketOptions(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	defer nc2.Close()
	c := New(nc1, nil, Config{Lease: time.Second})
	defer c.Close(io.EOF)
	for option, want := range map[int]int{
		unix.TCP_NODELAY:       1,
		unix.TCP_NOTSENT_LOWAT: unsentLowWater,
		unix.TCP_USER_TIMEOUT:  2000,
	} {
		if err := c.sock.raw.Control(func(fd uintptr) {
			if got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option); err != nil || got != want {
				t.Errorf("option %d is %d, want %d (%v)", option, got, want, err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// Unix sockets are written directly as well.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc1, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	nc2, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	a, b := New(nc1, nil, quiet), New(nc2, nil, quiet)
	if a.try == nil {
		t.Error("no raw writes on a Unix socket")
	}
	m := &tally{c: b, left: 4 * 100, done: make(chan struct{})}
	endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, m)
	hammer(a, 4, 100, flushHow)
	<-m.done
	a.Close(nil)
	wantEnd(t, "a", endA, nil)
	wantEnd(t, "b", endB, io.EOF)
}
