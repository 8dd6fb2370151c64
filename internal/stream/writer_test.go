package stream

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// hammer sends n messages from each of k goroutines, flushing them in every
// way there is, and calls got for each that arrives.
func hammer(c *Conn, k, n int, flush func(c *Conn, how int)) {
	var wg sync.WaitGroup
	for g := range k {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 7))
			large := make([]byte, MaxBody+1)
			for i := range n {
				var head [8]byte
				binary.LittleEndian.PutUint32(head[:], uint32(g))
				binary.LittleEndian.PutUint32(head[4:], uint32(i))
				switch rng.IntN(100) {
				case 0:
					c.Send(2, head[:], large)
				case 1:
					c.SendAfter(1, head[:], nil)
				default:
					c.End(append(c.Begin(1), head[:]...))
				}
				flush(c, rng.IntN(4))
			}
			c.FlushSoon()
		})
	}
	wg.Wait()
}

func flushHow(c *Conn, how int) {
	switch how {
	case 0:
		c.Flush()
	case 1:
		c.FlushSoon()
	case 2:
		var b Batch
		b.Add(c)
		b.Flush()
	}
}

// tally counts what arrives and says when all has.
type tally struct {
	c    *Conn
	left int
	done chan struct{}
}

func (m *tally) Message(uint8, []byte) error {
	if m.left--; m.left == 0 {
		close(m.done)
	}
	return nil
}

func (m *tally) Flush() {}

// No wake-up is lost between the ways of flushing, on a connection that takes
// writes in part: all has arrived when nothing moves any more.
func TestNoLostWakeUp(t *testing.T) {
	for _, direct := range []bool{true, false} {
		for seed := range uint64(20) {
			synctest.Test(t, func(t *testing.T) {
				fa, fb := fakePair(300+100*int(seed), seed)
				a, b := New(fa, nil, quiet), New(fb, nil, quiet)
				if direct {
					a = newDirect(fa, quiet)
				}
				const k, n = 4, 50
				m := &tally{c: b, left: k * n, done: make(chan struct{})}
				endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, m)
				hammer(a, k, n, flushHow)
				synctest.Wait()
				select {
				case <-m.done:
				default:
					t.Errorf("direct %v, seed %d: %d messages are stuck", direct, seed, m.left)
				}
				a.Close(nil)
				<-endA
				<-endB
			})
		}
	}
}

// The same over TCP, both ways at once.
func TestNoLostWakeUpTCP(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	a, b := New(nc1, nil, quiet), New(nc2, nil, quiet)
	const k, n = 4, 500
	ma := &tally{c: a, left: k * n, done: make(chan struct{})}
	mb := &tally{c: b, left: k * n, done: make(chan struct{})}
	endA, endB := run(t.Context(), a, ma), run(t.Context(), b, mb)
	var wg sync.WaitGroup
	wg.Go(func() { hammer(a, k, n, flushHow) })
	wg.Go(func() { hammer(b, k, n, flushHow) })
	wg.Wait()
	<-ma.done // a message that got stuck hangs the test
	<-mb.done
	a.Close(nil)
	wantEnd(t, "a", endA, nil)
	wantEnd(t, "b", endB, io.EOF)
}

// Connections are closed under way, in the middle of raw writes and of partial
// ones, while all else goes on; Run returns each time.
func TestCloseUnderLoad(t *testing.T) {
	boom := errors.New("boom")
	for i := range 40 {
		nc1, nc2 := tcpPair(t)
		a, b := New(nc1, nil, Config{}), New(nc2, nil, Config{})
		enough := make(chan struct{})
		seen := 0
		h := &handlerFuncs{flush: b.Flush}
		h.message = func(_ uint8, body []byte) error {
			b.Send(1, nil, body)
			if seen++; seen == 50 {
				close(enough)
			}
			return nil
		}
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, h)
		var wg sync.WaitGroup
		wg.Go(func() { hammer(a, 2, 300, flushHow) })
		<-enough
		if i%2 == 0 {
			a.Close(boom)
			wantEnd(t, "a", endA, boom)
		} else {
			a.Close(nil)
			wantEnd(t, "a", endA, nil)
		}
		<-endB
		wg.Wait()
	}
}

// A hundred goroutines that each send one message and flush soon make far
// fewer writes than a hundred.
func TestFlushSoonCoalesces(t *testing.T) {
	inBubbles(t, quiet, func(t *testing.T, a, b *Conn) {
		const n = 100
		m := &tally{c: b, left: n, done: make(chan struct{})}
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, m)
		synctest.Wait()
		begin := make(chan struct{})
		for range n {
			go func() {
				<-begin
				a.Send(1, nil, []byte("x"))
				a.FlushSoon()
			}()
		}
		synctest.Wait()
		close(begin)
		<-m.done
		a.Close(nil)
		<-endA
		<-endB
		if w := a.Stats().Writes; w > n/2 {
			t.Errorf("%d writes for %d messages", w, n)
		}
	})
}

// A reader that answers everything it has read flushes once.
func TestFlushOncePerRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a := newDirect(fa, quiet)
		h := &handlerFuncs{flush: a.Flush}
		h.message = func(_ uint8, body []byte) error { a.Send(2, nil, body); return nil }
		var in []byte
		for range 100 {
			in = append(in, frame(1, 'x')...)
		}
		_, _ = fb.Write(in)
		end := run(t.Context(), a, h)
		synctest.Wait()
		if w := fa.out.count(); w != 1 {
			t.Errorf("%d writes for 100 answers to one read", w)
		}
		a.Close(io.EOF)
		<-end
	})
}

// What gathers without a flush goes out by itself before it grows large.
func TestOutputGoesBeforeItGrows(t *testing.T) {
	inBubbles(t, quiet, func(t *testing.T, a, b *Conn) {
		m := &tally{c: b, left: 100, done: make(chan struct{})}
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, m)
		synctest.Wait()
		most := 0
		for range 100 {
			a.Send(1, nil, make([]byte, 4<<10))
			most = max(most, a.Stats().Waiting)
			synctest.Wait()
		}
		a.Flush()
		<-m.done
		if most > flushBytes+4<<10+HeaderLen {
			t.Errorf("%d bytes gathered", most)
		}
		a.Close(nil)
		<-endA
		<-endB
	})
}

// Each connection added to a batch is flushed once, even where two batches
// share it.
func TestBatch(t *testing.T) {
	var conns []*Conn
	for range 3 {
		fa, _ := fakePair(1<<20, 0)
		conns = append(conns, newDirect(fa, quiet))
	}
	var b1, b2 Batch
	send := func(b *Batch, c *Conn) {
		c.Send(1, nil, []byte("x"))
		b.Add(c)
	}
	for range 100 {
		send(&b1, conns[0])
		send(&b1, conns[1])
		send(&b2, conns[1])
		send(&b2, conns[2])
	}
	if len(b1.conns) > 101 || len(b2.conns) > 101 {
		t.Errorf("batches of %d and %d connections", len(b1.conns), len(b2.conns))
	}
	for round, b := range []*Batch{&b1, &b2, &b1, &b2} {
		b.Flush()
		if len(b.conns) != 0 {
			t.Errorf("round %d: %d connections left", round, len(b.conns))
		}
		if round == 1 {
			send(&b1, conns[1])
			send(&b2, conns[1])
		}
	}
	for i, c := range conns {
		if s := c.Stats(); s.Waiting != 0 || s.Writes > 3 {
			t.Errorf("connection %d: %d bytes wait, %d writes", i, s.Waiting, s.Writes)
		}
	}
	for range 3 * batchMax {
		b1.Add(conns[0])
		b2.Add(conns[0])
	}
	if len(b1.conns) > batchMax {
		t.Errorf("a batch grew to %d", len(b1.conns))
	}
}

// What is asked for while a Flush is writing happens once it has: here a FlushSoon
// whose wake-up the writer goroutine has already used up.
func TestFlushSoonDuringFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a, b := New(fa, nil, quiet), newDirect(fb, quiet)
		tries := 0
		a.try = func(p []byte) (int, error) {
			if tries++; tries == 1 {
				a.Send(1, nil, []byte("second"))
				a.FlushSoon()
				synctest.Wait()
			}
			return fa.try(p)
		}
		r := &recorder{}
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, r)
		synctest.Wait()
		a.Send(1, nil, []byte("first"))
		a.Flush()
		synctest.Wait()
		if len(r.got) != 2 {
			t.Errorf("%d messages arrived, want 2", len(r.got))
		}
		a.Close(nil)
		<-endA
		<-endB
	})
}

// The same for Close(nil).
func TestCloseDuringFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a, b := New(fa, nil, quiet), newDirect(fb, quiet)
		a.try = func(p []byte) (int, error) {
			a.Send(1, nil, []byte("second"))
			a.Close(nil)
			synctest.Wait()
			return fa.try(p)
		}
		r := &recorder{}
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, r)
		synctest.Wait()
		began := time.Now()
		a.Send(1, nil, []byte("first"))
		a.Flush()
		wantEnd(t, "a", endA, nil)
		<-endB
		if took := time.Since(began); took != 0 || len(r.got) != 2 {
			t.Errorf("took %v, %d messages arrived, want 2", took, len(r.got))
		}
	})
}

// One Flush is enough for a message in chunks.
func TestFlushChunked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(2<<20, 0)
		a, b := newDirect(fa, quiet), newDirect(fb, quiet)
		r := &recorder{}
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, r)
		synctest.Wait()
		a.Send(1, nil, make([]byte, 1<<20))
		a.Flush()
		synctest.Wait()
		if len(r.got) != 1 {
			t.Error("the message is stuck")
		}
		a.Close(nil)
		<-endA
		<-endB
	})
}

// A flusher that finds others appending leaves the rest to the writer
// goroutine instead of writing for ever.
func TestFlushIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, _ := fakePair(1<<30, 0)
		a := New(fa, nil, quiet)
		tries := 0
		a.try = func(b []byte) (int, error) {
			if tries++; tries < 1000 { // as if another goroutine came while this one writes
				a.Send(1, nil, []byte("more"))
				a.Flush()
			}
			return fa.try(b)
		}
		a.Send(1, nil, []byte("x"))
		a.Flush()
		if tries != flushRounds {
			t.Errorf("one Flush wrote %d times, want %d", tries, flushRounds)
		}
		end := run(t.Context(), a, &recorder{})
		synctest.Wait()
		if w := a.Stats().Waiting; w != 0 {
			t.Errorf("%d bytes are stuck", w)
		}
		a.Close(io.EOF)
		<-end
	})
}
