package stream

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// errFakeClosed is what a fakeConn's Write returns once either end is closed.
var errFakeClosed = errors.New("fake connection is closed")

// fakeConn is one end of a connection in memory that behaves like a socket: it takes a bounded number of bytes without
// a reader, can be written without blocking, and moves any number of bytes at a time. It blocks only on a condition, so
// it works in bubbles.
type fakeConn struct {
	in, out *fakePipe
	rng     *rand.Rand // if set: reads and writes move a random part; guarded by rngMu
	rngMu   *sync.Mutex
}

// fakePipe is one direction.
type fakePipe struct {
	mu     sync.Mutex // guards all below
	cond   *sync.Cond
	b      []byte
	limit  int // most bytes that b holds
	ended  bool
	writes int
}

func newFakePipe(limit int) *fakePipe {
	p := &fakePipe{limit: limit}
	p.cond = sync.NewCond(&p.mu)
	return p
}

// fakePair returns both ends of a connection whose directions hold limit bytes each.
// A seed other than 0 makes reads and writes move random parts.
func fakePair(limit int, seed uint64) (a, b *fakeConn) {
	p, q := newFakePipe(limit), newFakePipe(limit)
	a, b = &fakeConn{in: p, out: q}, &fakeConn{in: q, out: p}
	if seed != 0 {
		a.rng, a.rngMu = rand.New(rand.NewPCG(seed, 1)), new(sync.Mutex)
		b.rng, b.rngMu = rand.New(rand.NewPCG(seed, 2)), new(sync.Mutex)
	}
	return a, b
}

func newFakeConn() *fakeConn {
	a, _ := fakePair(1<<20, 0)
	return a
}

// newDirect is New on a fakeConn with non-blocking writes, as on a socket.
func newDirect(f *fakeConn, cfg Config) *Conn {
	c := New(f, nil, cfg)
	c.try = f.try
	return c
}

// part returns how many of n bytes to move: 1 to n.
func (f *fakeConn) part(n int) int {
	if f.rng == nil || n <= 1 {
		return n
	}
	f.rngMu.Lock()
	defer f.rngMu.Unlock()
	if f.rng.IntN(2) == 0 {
		return n
	}
	return 1 + f.rng.IntN(n)
}

func (f *fakeConn) Read(b []byte) (int, error) {
	p := f.in
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.b) == 0 && !p.ended {
		p.cond.Wait()
	}
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:f.part(len(b))], p.b)
	p.b = p.b[n:]
	p.cond.Broadcast()
	return n, nil
}

// try writes what fits, without waiting.
func (f *fakeConn) try(b []byte) (int, error) {
	p := f.out
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return 0, errFakeClosed
	}
	n := min(f.part(len(b)), p.limit-len(p.b))
	if n > 0 {
		p.b = append(p.b, b[:n]...)
		p.writes++
		p.cond.Broadcast()
	}
	return n, nil
}

func (f *fakeConn) Write(b []byte) (int, error) {
	p := f.out
	for done := 0; ; {
		n, err := f.try(b[done:])
		if done += n; err != nil || done == len(b) {
			return done, err
		}
		p.mu.Lock()
		for len(p.b) >= p.limit && !p.ended {
			p.cond.Wait()
		}
		p.mu.Unlock()
	}
}

// Close ends both directions; what was written before can still be read by the peer.
func (f *fakeConn) Close() error {
	for _, p := range []*fakePipe{f.in, f.out} {
		p.mu.Lock()
		p.ended = true
		p.cond.Broadcast()
		p.mu.Unlock()
	}
	return nil
}

func (f *fakeConn) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "fake"} }
func (f *fakeConn) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "fake"} }
func (f *fakeConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (f *fakeConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (f *fakeConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

func (p *fakePipe) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}
