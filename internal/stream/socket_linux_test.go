package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dunnock/internal/deaf"
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

// The raw read takes what there is, waits if there is nothing, and says when the connection has ended, and how.
func TestRawRead(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	s := newSocket(nc1)
	for _, size := range []int{1, nowMost, 4 * nowMost} { // by both calls
		sent, got := make([]byte, 3*size), []byte(nil)
		for i := range sent {
			sent[i] = byte(i * 7)
		}
		go func() { _, _ = nc2.Write(sent) }()
		for b := make([]byte, size); len(got) < len(sent); {
			n, err := s.read(b)
			if n == 0 || err != nil {
				t.Fatalf("read %d, %v", n, err)
			}
			got = append(got, b[:n]...)
		}
		if !bytes.Equal(got, sent) {
			t.Errorf("reads of %d bytes: something else was read than was sent", size)
		}
	}
	_ = nc2.Close()
	b := make([]byte, 1)
	for range 2 {
		if n, err := s.read(b); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("the peer has hung up: read %d, %v, want EOF", n, err)
		}
	}
	_ = nc1.Close()
	if n, err := s.read(b); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: read %d, %v", n, err)
	}

	nc1, nc2 = tcpPair(t)
	defer nc1.Close()
	s = newSocket(nc1)
	if _, err := nc1.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := nc2.(*net.TCPConn).SetLinger(0); err != nil { // so that its end is a reset
		t.Fatal(err)
	}
	_ = nc2.Close()
	if n, err := s.read(b); n != 0 || !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("reset: read %d, %v", n, err)
	}
}

// A read that waits ends with the connection.
func TestRawReadIsClosed(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	defer nc2.Close()
	s := newSocket(nc1)
	ended := make(chan error)
	go func() {
		_, err := s.read(make([]byte, 1))
		ended <- err
	}()
	_ = nc1.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("it ended with %v", err)
	}
}

// Neither call allocates.
func TestRawCallsAllocateNothing(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	defer nc1.Close()
	defer nc2.Close()
	from, to := newSocket(nc1), newSocket(nc2)
	b := make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := from.write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := to.read(b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a write and a read allocate %v times", n)
	}
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

// What lies unread is bounded on a near connection, as the kernel would bound it that is asked for that: it may grant
// less, and keeps as much for itself. A machine that is busy may take long over a handshake even with itself; such a
// connection is left as it is.
func TestUnreadIsBounded(t *testing.T) {
	for near := false; !near; {
		nc1, nc2 := tcpPair(t)
		defer nc2.Close()
		plain, own := newSocket(nc2), newSocket(nc1)
		room := func(s *socket) (n int, rtt time.Duration) {
			t.Helper()
			if err := s.raw.Control(func(fd uintptr) {
				var info *unix.TCPInfo
				var err1, err2 error
				n, err1 = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
				if info, err2 = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err1 != nil || err2 != nil {
					t.Fatal(err1, err2)
				}
				rtt = time.Duration(info.Rtt) * time.Microsecond
			}); err != nil {
				t.Fatal(err)
			}
			return n, rtt
		}
		want, rtt := room(&own)
		if near = rtt < nearRTT; near {
			if err := nc2.(*net.TCPConn).SetReadBuffer(unreadMost); err != nil {
				t.Fatal(err)
			}
			unasked := want
			if want, _ = room(&plain); want == unasked {
				t.Fatalf("the kernel keeps %d unasked as well", want)
			}
		}
		c := New(nc1, nil, quiet)
		defer c.Close(io.EOF)
		if got, _ := room(&own); got != want {
			t.Errorf("after a round trip of %v the kernel keeps %d, want %d", rtt, got, want)
		}
	}
}

// Unix sockets are written directly as well.
func TestUnixSocket(t *testing.T) {
	t.Chdir(t.TempDir()) // whose name may be longer than that of a socket
	const path = "s"
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

// What was written has arrived when the peer's machine has acknowledged it, and whoever has hung up is found out, also
// with bytes of ours on their way to nobody.
func TestArrived(t *testing.T) {
	near, far := tcpPair(t)
	defer near.Close()
	until := func(what string, ok func(all bool, err error) bool) {
		t.Helper()
		for {
			all, err := Arrived(near)
			if ok(all, err) {
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	if _, err := near.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	until("a byte", func(all bool, err error) bool { return all && err == nil })
	n := 0
	until("more than the kernels hold", func(all bool, err error) bool {
		if !all || err != nil {
			return err == nil
		}
		if err := near.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		more, err := near.Write(make([]byte, 64<<20))
		if n += more; err == nil {
			t.Fatal("64 MiB were taken")
		}
		return false
	})
	if _, err := io.CopyN(io.Discard, far, int64(n+1)); err != nil {
		t.Fatal(err)
	}
	until("all", func(all bool, err error) bool { return all && err == nil })
	if _, err := far.Write([]byte{1}); err != nil { // what the peer has said is no end
		t.Fatal(err)
	}
	if _, err := Arrived(near); err != nil {
		t.Errorf("with bytes to read: %v", err)
	}
	if _, err := near.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	until("its end", func(_ bool, err error) bool { return err != nil })
	if err := near.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	_, _ = near.Write([]byte{1})
	until("a reset", func(_ bool, err error) bool { return err != nil })
	inMemory, _ := net.Pipe()
	if all, err := Arrived(inMemory); !all || err != nil {
		t.Errorf("in memory: %v, %v", all, err)
	}
}

// A peer whose machine acknowledges nothing is owing for ever longer; one that only does not read is not.
func TestOwing(t *testing.T) {
	near, far := tcpPair(t)
	defer far.Close()
	if _, err := near.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	for all := false; !all; {
		var err error
		if all, err = Arrived(near); err != nil {
			t.Fatal(err)
		}
	}
	if owing := Owing(near); owing != 0 {
		t.Errorf("%v, and all has arrived", owing)
	}
	_ = near.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, err := near.Write(make([]byte, 64<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the peer reads nothing, and may be sent 64 MiB: %v", err)
	}
	for Owing(near) != 0 { // what its machine has room for is on its way
	}

	near = deaf.Dial(t)
	if _, err := near.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	for Owing(near) < 50*time.Millisecond {
	}
	inMemory, other := net.Pipe()
	defer other.Close()
	if owing := Owing(inMemory); owing != 0 {
		t.Errorf("%v of a connection in memory", owing)
	}
}
