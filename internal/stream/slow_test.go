package stream

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

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
			inBubbles(t, Config{MaxOutBytes: limit, MaxMessageBytes: 256 << 10, Lease: -1}, func(t *testing.T, a, _ *Conn) {
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

// What is being written counts as well.
func TestSlowReaderCountsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, held = 1 << 20, 8 << 10
		fa, _ := fakePair(held, 0)
		a := New(fa, nil, Config{MaxOutBytes: limit, MaxMessageBytes: 256 << 10, Lease: -1})
		end := run(t.Context(), a, &recorder{})
		body := make([]byte, 1000-HeaderLen)
		sent := 0
		for ; len(end) == 0 && sent < 10*limit; sent += 1000 {
			a.Send(1, nil, body)
			a.Flush()
			synctest.Wait()
		}
		wantEnd(t, "a", end, ErrSlowReader)
		if sent > limit+held+1000 {
			t.Errorf("cut after %d bytes, limit %d", sent, limit)
		}
	})
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
