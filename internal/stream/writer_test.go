package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
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

// A peer that does not read costs a bounded number of bytes and then its
// connection, and never holds up who sends.
func TestSlowReader(t *testing.T) {
	const limit = 1 << 20
	send := map[string]func(c *Conn){
		"small":   func(c *Conn) { c.Send(1, nil, make([]byte, 100)) },
		"chunked": func(c *Conn) { c.Send(1, nil, make([]byte, 2*MaxBody)) },
		"empty, behind chunked": func(c *Conn) {
			if c.Stats().Waiting < 3*MaxBody {
				c.Send(1, nil, make([]byte, 2*MaxBody))
			}
			c.SendAfter(2, nil, nil)
		},
	}
	for name, send := range send {
		for _, flush := range []func(c *Conn){(*Conn).Flush, (*Conn).FlushSoon, func(*Conn) {}} {
			inBubbles(t, Config{MaxOutBytes: limit, Lease: -1}, func(t *testing.T, a, _ *Conn) {
				end := run(t.Context(), a, &recorder{})
				synctest.Wait()
				most, sends := 0, 0
				for ; sends < 100*limit; sends++ {
					send(a)
					flush(a)
					most = max(most, a.Stats().Waiting)
					if len(end) > 0 {
						break
					}
					if sends%1024 == 0 {
						synctest.Wait()
					}
				}
				wantEnd(t, name, end, ErrSlowReader)
				if most > limit {
					t.Errorf("%s: %d bytes waited, limit %d", name, most, limit)
				}
				if w := a.Stats().Waiting; w > 0 || cap(a.out.small) > 0 || cap(a.out.queue) > 0 || cap(a.wire) > 0 {
					t.Errorf("%s: a cut connection holds on to %d bytes", name, w)
				}
			})
		}
	}
}

// The same over TCP, where the kernel's buffers fill first: Flush comes back every
// time, or the test hangs.
func TestSlowReaderTCP(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	defer nc2.Close()
	a := New(nc1, nil, Config{MaxOutBytes: 4 << 20, Lease: -1})
	end := run(t.Context(), a, &recorder{})
	body := make([]byte, 32<<10)
	for len(end) == 0 {
		a.Send(1, nil, body)
		a.Flush()
	}
	wantEnd(t, "a", end, ErrSlowReader)
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

// A peer that reads nothing does not keep the reader of another connection from
// its work: here one relays to a peer that is stuck, and goes on answering.
func TestSlowPeerHoldsUpNobody(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	stuck1, stuck2 := tcpPair(t)
	defer stuck2.Close()
	relayTo := New(stuck1, nil, Config{Lease: -1})
	endStuck := run(t.Context(), relayTo, &recorder{})
	server, client := New(nc1, nil, quiet), New(nc2, nil, quiet)
	payload := make([]byte, 60<<10)
	var batch Batch
	h := &handlerFuncs{flush: batch.Flush}
	h.message = func(uint8, []byte) error {
		relayTo.Send(1, nil, payload)
		server.Send(2, nil, nil)
		batch.Add(relayTo)
		batch.Add(server)
		return nil
	}
	left, done := 400, make(chan struct{}) // 24 MiB: more than the kernel takes
	ch := &handlerFuncs{}
	ch.message = func(uint8, []byte) error {
		if left--; left == 0 {
			close(done)
			return nil
		}
		client.Send(1, nil, nil)
		client.Flush()
		return nil
	}
	endServer, endClient := run(t.Context(), server, h), run(t.Context(), client, ch)
	client.Send(1, nil, nil)
	client.Flush()
	<-done
	if relayTo.Stats().Waiting == 0 {
		t.Error("the stuck peer was not stuck; the test shows nothing")
	}
	for _, c := range []*Conn{relayTo, server, client} {
		c.Close(net.ErrClosed)
	}
	<-endStuck
	<-endServer
	<-endClient
}

// The goroutines of a connection end with its context even where the peer
// neither reads nor writes.
func TestContextEndsStuckConnection(t *testing.T) {
	inBubbles(t, Config{Lease: -1}, func(t *testing.T, a, _ *Conn) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		end := run(ctx, a, &recorder{})
		a.Send(1, nil, make([]byte, 1<<20))
		a.Flush()
		began := time.Now()
		wantEnd(t, "a", end, context.DeadlineExceeded)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("took %v", took)
		}
	})
}
