package stream

import (
	"context"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
)

// wantNoAllocs pins f at no allocation once it has run warm.
func wantNoAllocs(t *testing.T, name string, f func()) {
	t.Helper()
	for range 200 {
		f()
	}
	if n := testing.AllocsPerRun(2000, f); n != 0 {
		t.Errorf("%s: %v allocations", name, n)
	}
}

// What happens for each message allocates nothing.
func TestZeroAllocs(t *testing.T) {
	fa, fb := fakePair(1<<20, 0)
	c := newDirect(fa, quiet)
	body, head := make([]byte, 100), make([]byte, 10)
	// discard empties what c wrote.
	discard := func() {
		fb.in.mu.Lock()
		fb.in.b = fb.in.b[:0]
		fb.in.mu.Unlock()
	}
	var batch Batch
	wantNoAllocs(t, "Begin and End", func() {
		c.End(append(c.Begin(1), body...))
		c.Flush()
		discard()
	})
	wantNoAllocs(t, "Send", func() {
		c.Send(1, head, body)
		c.SendAfter(1, head, body)
		c.Flush()
		discard()
	})
	wantNoAllocs(t, "Batch", func() {
		for range 10 {
			c.Send(1, head, body)
			batch.Add(c)
		}
		batch.Flush()
		discard()
	})
	wantNoAllocs(t, "Silence, Passed, Stats", func() {
		_ = c.Silence() + time.Duration(c.Stats().Reads)
		_ = c.Passed(c.Send(1, head, body))
	})

	s := &scanner{maxMessage: DefaultMaxMessageBytes}
	h := &handlerFuncs{message: func(uint8, []byte) error { return nil }}
	in := newInbox(nil)
	data := slices.Concat(frame(1, body...), frame(2), beat(1, 1), frame(3, body...))
	wantNoAllocs(t, "reader to Message", func() {
		in.filled(copy(in.room(HeaderLen), data))
		used, _, err := s.scan(in.pending(), h)
		if err != nil || used != len(data) {
			t.Fatal(used, err)
		}
		in.used(used)
	})
	c.Close(io.EOF)
}

// Over a real socket too, there and back, the reader, the raw write and the poller included.
func TestZeroAllocsTCP(t *testing.T) {
	nc1, nc2 := tcpPair(t)
	client, server := New(nc1, nil, quiet), New(nc2, nil, quiet)
	back := make(chan struct{}, 1)
	ch := &handlerFuncs{message: func(uint8, []byte) error { back <- struct{}{}; return nil }}
	sh := &handlerFuncs{flush: server.Flush}
	sh.message = func(kind uint8, body []byte) error { server.Send(kind, nil, body); return nil }
	endServer, endClient := run(t.Context(), server, sh), run(t.Context(), client, ch)
	body := make([]byte, 100)
	wantNoAllocs(t, "round trip with Flush", func() {
		client.Send(1, nil, body)
		client.Flush()
		<-back
	})
	wantNoAllocs(t, "round trip with FlushSoon", func() {
		client.End(append(client.Begin(1), body...))
		client.FlushSoon()
		<-back
	})
	client.Close(nil)
	<-endClient
	<-endServer
}

// A beat allocates nothing either.
func TestZeroAllocsBeat(t *testing.T) {
	p, now := tickAt(t, Config{Lease: -1})
	wantNoAllocs(t, "beat", func() {
		now += int64(DefaultBeatInterval)
		p.tick(now, 0)
		out := p.c.nc.(*fakeConn).out
		out.b = out.b[:0]
	})
	if p.c.Stats().Writes < 2000 {
		t.Error("there were no beats")
	}
}

// An idle connection costs at most 32 KiB an end, all counted: buffers, stacks of
// its goroutines, and what fasthttp holds on to for a hijacked connection.
func TestIdleMemory(t *testing.T) {
	const n = 200
	s := &fasthttp.Server{NoDefaultDate: true}
	ends := make(chan error, 2*n)
	s.Handler = func(ctx *fasthttp.RequestCtx) {
		_ = Upgrade(ctx, quiet, func(c *Conn) { ends <- c.Run(context.Background(), &recorder{}) })
	}
	addr := serveTCP(t, s, nil)
	measure := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := measure()
	conns := make([]*Conn, n)
	for i := range conns {
		c, err := Dial(t.Context(), nil, addr, "/", nil, quiet)
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c
		go func() { ends <- c.Run(context.Background(), &recorder{}) }()
		c.Send(1, nil, make([]byte, 100))
		c.Flush()
	}
	if after := measure(); after > before+2*n*32<<10 {
		t.Errorf("an idle connection costs %d bytes an end", (after-before)/(2*n))
	} else {
		t.Logf("an idle connection costs %d bytes an end", (after-before)/(2*n))
	}
	for _, c := range conns {
		c.Close(nil)
	}
	for range 2 * n {
		<-ends
	}
}

// The receiver of a large message holds that message and a read buffer, and
// gives both back.
func TestReceiverMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a, b := newDirect(fa, quiet), newDirect(fb, quiet)
		m := &tally{c: b, left: 20, done: make(chan struct{})}
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, m)
		for range 20 {
			a.Send(1, nil, make([]byte, 1<<20))
		}
		a.Flush()
		<-m.done
		a.Close(nil)
		<-endA
		<-endB
		if b.scan.part != nil || len(b.in.buf) > inboxMax {
			t.Errorf("holds a part of %d bytes and a buffer of %d", cap(b.scan.part), len(b.in.buf))
		}
	})
}
