package fleettest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// window is how many bytes a direction of a connection holds, on their way or unread, before a writer has to wait, as
// it has to for a peer's receive window. One write may go beyond it.
const window = 256 << 10

// listener is a node's end of the network: it accepts what is dialled.
type listener struct {
	address addr
	dialled chan net.Conn // capacity 0: who dials waits until it is accepted
	done    chan struct{}
	once    sync.Once
}

func newListener(address string) *listener {
	return &listener{address: addr(address), dialled: make(chan net.Conn), done: make(chan struct{})}
}

type addr string

func (a addr) Network() string { return "tcp" }
func (a addr) String() string  { return string(a) }

// Addr is what others dial.
func (l *listener) Addr() net.Addr { return l.address }

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.dialled:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close refuses connections from here on; those there are live on.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// dial returns the dialling end of a new connection, once the other one is accepted. That takes no time; what is
// written does.
func (l *listener) dial(ctx context.Context, delay time.Duration, traffic *Traffic) (net.Conn, error) {
	there, back := newWay(delay, traffic), newWay(delay, traffic)
	select {
	case l.dialled <- &end{in: there, out: back, local: l.address, remote: addr("dialled")}:
		return &end{in: back, out: there, local: addr("dialled"), remote: l.address}, nil
	case <-l.done:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Traffic counts what was written to connections, both ways.
type Traffic struct{ Writes, Bytes atomic.Uint64 }

// end is one end of a connection.
type end struct {
	in, out       *way
	local, remote net.Addr
}

// Read waits for bytes to arrive.
func (e *end) Read(p []byte) (int, error) { return e.in.read(p) }

// Write sends bytes.
func (e *end) Write(p []byte) (int, error) { return e.out.write(p) }

// Close ends the connection. The peer reads what was written before, and then its end.
func (e *end) Close() error {
	e.in.abandon()
	e.out.finish()
	return nil
}

// LocalAddr is this end's address.
func (e *end) LocalAddr() net.Addr { return e.local }

// RemoteAddr is the other end's address.
func (e *end) RemoteAddr() net.Addr { return e.remote }

// SetDeadline bounds how long Read and Write wait.
func (e *end) SetDeadline(t time.Time) error {
	return errors.Join(e.SetReadDeadline(t), e.SetWriteDeadline(t))
}

// SetReadDeadline bounds how long Read waits.
func (e *end) SetReadDeadline(t time.Time) error {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	e.in.readBy = t
	signal(e.in.readable)
	return nil
}

// SetWriteDeadline bounds how long Write waits.
func (e *end) SetWriteDeadline(t time.Time) error {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	e.out.writeBy = t
	signal(e.out.writable)
	return nil
}

// way is one direction of a connection: what is written can be read one delay later, in its order. It has no goroutine.
// The writer sets the timer that wakes the reader, so that a message wakes nobody before it has arrived.
type way struct {
	delay    time.Duration
	traffic  *Traffic
	readable chan struct{} // capacity 1: the reader should look again
	writable chan struct{} // capacity 1: the writer should
	timer    *time.Timer   // fires when the first packet arrives, or the reader has waited enough

	mu        sync.Mutex // guards what follows, and setting the timer
	packets   []packet   // in their order
	held      int        // bytes in them
	finished  time.Time  // when the reader learns that nothing more comes; zero: something may
	abandoned time.Time  // when the writer learns that nobody reads any more; zero: somebody may
	readBy    time.Time  // zero: no deadline
	writeBy   time.Time
}

// packet is what was written at one time.
type packet struct {
	at   time.Time // of its arrival
	data []byte
}

func newWay(delay time.Duration, traffic *Traffic) *way {
	w := &way{delay: delay, traffic: traffic, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	w.timer.Stop() // it is set when there is something to wait for
	return w
}

// signal leaves a token, unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *way) write(p []byte) (int, error) {
	for {
		n, until, err := w.put(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		w.wait(w.writable, until)
	}
}

// wait waits for a token, at most until a time if that is not zero.
func (*way) wait(token <-chan struct{}, until time.Time) {
	if until.IsZero() {
		<-token
		return
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-token:
	case <-timer.C:
	}
}

// put puts p on its way if there is room. If there is none, it returns 0 and until when to wait for some.
func (w *way) put(p []byte) (n int, until time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch {
	case !w.finished.IsZero():
		return 0, until, net.ErrClosed
	case passed(w.abandoned, now):
		return 0, until, syscall.EPIPE
	case !w.abandoned.IsZero():
		return len(p), until, nil // it will be lost
	case passed(w.writeBy, now):
		return 0, until, os.ErrDeadlineExceeded
	case len(p) == 0:
		return 0, until, nil
	case w.held >= window:
		return 0, w.writeBy, nil
	}
	w.held += len(p)
	w.traffic.Writes.Add(1)
	w.traffic.Bytes.Add(uint64(len(p)))
	at := now.Add(w.delay)
	if last := len(w.packets) - 1; last >= 0 && w.packets[last].at.Equal(at) {
		w.packets[last].data = append(w.packets[last].data, p...)
		return len(p), until, nil // whoever put the first of it has seen to the reader
	}
	w.packets = append(w.packets, packet{at, append([]byte(nil), p...)})
	if len(w.packets) == 1 {
		w.wakeReader(now)
	}
	return len(p), until, nil
}

// passed reports whether a deadline, which zero is not, has come.
func passed(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

func (w *way) read(p []byte) (int, error) {
	for {
		n, err := w.take(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-w.readable:
		case <-w.timer.C:
		}
	}
}

// take takes what has arrived. If there is nothing yet, it sets the timer and returns 0.
func (w *way) take(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch {
	case !w.abandoned.IsZero():
		return 0, net.ErrClosed
	case passed(w.readBy, now):
		return 0, os.ErrDeadlineExceeded
	}
	for len(w.packets) > 0 && n < len(p) && !w.packets[0].at.After(now) {
		first := &w.packets[0]
		taken := copy(p[n:], first.data)
		n += taken
		if first.data = first.data[taken:]; len(first.data) == 0 {
			*first = packet{}
			w.packets = w.packets[1:]
		}
	}
	if n > 0 {
		w.held -= n
		signal(w.writable)
		return n, nil
	}
	if passed(w.finished, now) { // behind all packets
		return 0, io.EOF
	}
	w.wakeReader(now)
	return 0, nil
}

// wakeReader has the reader look again when there is something for it. It runs under mu.
func (w *way) wakeReader(now time.Time) {
	next := w.finished
	if len(w.packets) > 0 {
		next = w.packets[0].at
	}
	if next.IsZero() || (!w.readBy.IsZero() && w.readBy.Before(next)) {
		next = w.readBy
	}
	switch {
	case next.IsZero():
		w.timer.Stop()
	case next.After(now):
		w.timer.Reset(next.Sub(now))
	default:
		signal(w.readable)
	}
}

// finish says that nothing more is written.
func (w *way) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finished.IsZero() {
		return
	}
	now := time.Now()
	w.finished = now.Add(w.delay)
	if len(w.packets) == 0 {
		w.wakeReader(now)
	}
	signal(w.writable)
}

// abandon says that nobody reads any more. What comes is lost, and one delay later the writer knows.
func (w *way) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.abandoned.IsZero() {
		w.abandoned = time.Now().Add(w.delay)
	}
	w.packets = nil
	w.timer.Stop()
	signal(w.readable)
	signal(w.writable)
}
