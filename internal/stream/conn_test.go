package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"
)

// quiet is a Config whose timers stay out of the way.
var quiet = Config{BeatInterval: 1000 * time.Hour, Lease: -1}

// transports are the connections in memory that must work in bubbles.
var transports = []struct {
	name string
	pair func(cfg Config) (a, b *Conn)
}{
	{"net.Pipe", func(cfg Config) (*Conn, *Conn) {
		a, b := net.Pipe()
		return New(a, nil, cfg), New(b, nil, cfg)
	}},
	{"fasthttputil", func(cfg Config) (*Conn, *Conn) {
		p := fasthttputil.NewPipeConns()
		return New(p.Conn1(), nil, cfg), New(p.Conn2(), nil, cfg)
	}},
	{"direct", func(cfg Config) (*Conn, *Conn) {
		a, b := fakePair(8<<10, 0)
		return newDirect(a, cfg), newDirect(b, cfg)
	}},
}

// inBubbles runs f in a bubble for each kind of connection.
func inBubbles(t *testing.T, cfg Config, f func(t *testing.T, a, b *Conn)) {
	t.Helper()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := tr.pair(cfg)
				f(t, a, b)
			})
		})
	}
}

// run starts c and returns where its end will be said.
func run(ctx context.Context, c *Conn, h Handler) <-chan error {
	end := make(chan error, 1)
	go func() { end <- c.Run(ctx, h) }()
	return end
}

// wantEnd checks what Run returned.
func wantEnd(t *testing.T, who string, end <-chan error, want error) {
	t.Helper()
	if err := <-end; !errors.Is(err, want) {
		t.Errorf("%s: Run returned %v, want %v", who, err, want)
	}
}

func TestConnDelivers(t *testing.T) {
	inBubbles(t, quiet, func(t *testing.T, a, b *Conn) {
		echo := &handlerFuncs{flush: b.Flush}
		echo.message = func(kind uint8, body []byte) error {
			b.Send(kind+1, []byte("re:"), append([]byte(nil), body...))
			return nil
		}
		r := &recorder{}
		a.Send(1, []byte("be"), []byte("fore Run"))
		a.Flush()
		endA, endB := run(t.Context(), a, r), run(t.Context(), b, echo)
		synctest.Wait()
		large := make([]byte, 1<<20)
		a.Send(3, nil, large)
		a.End(append(a.Begin(5), "small"...))
		a.Flush()
		synctest.Wait()
		want := []string{`2 "re:before Run"`, `6 "re:small"`, "4 1048579 bytes"}
		for i, m := range r.got {
			got := fmt.Sprintf("%d %d bytes", m.kind, len(m.body))
			if len(m.body) < 100 {
				got = fmt.Sprintf("%d %q", m.kind, m.body)
			}
			if i >= len(want) || got != want[i] {
				t.Errorf("message %d: got %s", i, got)
			}
		}
		if len(r.got) != len(want) || r.flushes == 0 {
			t.Errorf("%d messages and %d flushes, want %d and some", len(r.got), r.flushes, len(want))
		}
		a.Close(nil)
		wantEnd(t, "a", endA, nil)
		wantEnd(t, "b", endB, io.EOF)
	})
}

// The bytes that came with the handshake are the first to be read.
func TestConnBuffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		in := append(frame(1, 'x'), frame(2, 'y')...)
		a := New(fa, in[:7], quiet)
		clear(in[:7])
		r := &recorder{}
		end := run(t.Context(), a, r)
		synctest.Wait()
		if len(r.got) != 1 {
			t.Errorf("%d messages from what was buffered, want 1", len(r.got))
		}
		if _, err := fb.Write(in[7:]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(r.got) != 2 || string(r.got[1].body) != "y" {
			t.Errorf("got %v", r.got)
		}
		_ = fb.Close()
		wantEnd(t, "a", end, io.EOF)
	})
}

func TestConnEnds(t *testing.T) {
	boom := errors.New("boom")
	for _, tc := range []struct {
		name string
		do   func(a *Conn, peer *fakeConn, cancel func())
		want error
	}{
		{"peer closes", func(_ *Conn, p *fakeConn, _ func()) { _ = p.Close() }, io.EOF},
		{"peer closes within a frame", func(_ *Conn, p *fakeConn, _ func()) {
			_, _ = p.Write(frame(1, 1, 2, 3)[:5])
			_ = p.Close()
		}, io.ErrUnexpectedEOF},
		{"peer closes within a header", func(_ *Conn, p *fakeConn, _ func()) {
			_, _ = p.Write([]byte{1})
			_ = p.Close()
		}, io.ErrUnexpectedEOF},
		{"peer closes within a chunked message", func(_ *Conn, p *fakeConn, _ func()) {
			_, _ = p.Write(first(1, 10, 1))
			_ = p.Close()
		}, io.ErrUnexpectedEOF},
		{"version", func(_ *Conn, p *fakeConn, _ func()) { _, _ = p.Write([]byte{0, 0, 99, 1}) }, ErrVersion},
		{"malformed", func(_ *Conn, p *fakeConn, _ func()) { _, _ = p.Write(frame(0xFE)) }, ErrMalformed},
		{"handler", func(_ *Conn, p *fakeConn, _ func()) { _, _ = p.Write(frame(1)) }, boom},
		{"context", func(_ *Conn, _ *fakeConn, cancel func()) { cancel() }, context.Canceled},
		{"closed with an error", func(a *Conn, _ *fakeConn, _ func()) { a.Close(boom); a.Close(io.EOF) }, boom},
		{"closed well", func(a *Conn, _ *fakeConn, _ func()) { a.Close(nil); a.Close(boom) }, nil},
		{"too large to send", func(a *Conn, _ *fakeConn, _ func()) { a.Send(1, nil, make([]byte, DefaultMaxMessageBytes+1)) }, ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				fa, fb := fakePair(1<<20, 0)
				a := newDirect(fa, Config{})
				r := &recorder{stopAt: 1, err: boom}
				end := run(ctx, a, r)
				synctest.Wait()
				tc.do(a, fb, cancel)
				wantEnd(t, "a", end, tc.want)
				if r.flushes == 0 {
					t.Error("Run returned without a last Flush")
				}
				// All that can be done to it afterwards does nothing.
				a.Send(1, nil, []byte("late"))
				a.SendAfter(1, nil, make([]byte, 1<<20))
				a.End(append(a.Begin(1), "late"...))
				a.Flush()
				a.FlushSoon()
				a.Close(boom)
				if s := a.Stats(); s.Waiting != 0 {
					t.Errorf("%d bytes wait on a closed connection", s.Waiting)
				}
				if err := a.Run(t.Context(), r); !errors.Is(err, ErrClosed) {
					t.Errorf("second Run: got %v, want ErrClosed", err)
				}
				if _, err := fb.Read(make([]byte, 1)); tc.want != nil && !errors.Is(err, io.EOF) {
					t.Errorf("the peer reads %v, want EOF", err)
				}
			})
		})
	}
}

// Closed before Run: the network connection is closed, and Run says why.
func TestConnClosedBeforeRun(t *testing.T) {
	boom := errors.New("boom")
	fa, fb := fakePair(1<<20, 0)
	a := New(fa, nil, Config{})
	a.Send(1, nil, []byte("never"))
	a.Flush()
	a.Close(boom)
	if _, err := fb.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("peer reads %v, want EOF", err)
	}
	if err := a.Run(t.Context(), &recorder{}); !errors.Is(err, boom) {
		t.Errorf("Run returned %v, want boom", err)
	}
}

// Close(nil) delivers what was sent before, however large, and nothing sent
// after; messages that come in meanwhile are dropped.
func TestConnCloseDelivers(t *testing.T) {
	inBubbles(t, Config{}, func(t *testing.T, a, b *Conn) {
		got := &recorder{}
		back := &handlerFuncs{message: func(kind uint8, body []byte) error {
			b.Send(9, nil, []byte("too late"))
			b.Flush()
			return got.Message(kind, body)
		}}
		dropped := &recorder{}
		endA, endB := run(t.Context(), a, dropped), run(t.Context(), b, back)
		a.Send(1, nil, make([]byte, 1<<20))
		a.SendAfter(2, nil, []byte("bye"))
		a.Close(nil)
		a.Send(3, nil, []byte("after"))
		a.Flush()
		wantEnd(t, "a", endA, nil)
		wantEnd(t, "b", endB, io.EOF)
		if len(got.got) != 2 || len(got.got[0].body) != 1<<20 || string(got.got[1].body) != "bye" {
			t.Errorf("got %d messages", len(got.got))
		}
		if len(dropped.got) != 0 {
			t.Errorf("%d messages after Close", len(dropped.got))
		}
	})
}

// The same over TCP, against a peer that sends without a pause: what lies unread must not
// make the kernel reset the connection, which would overtake the last words.
func TestConnCloseDeliversTCP(t *testing.T) {
	for range 20 {
		nc1, nc2 := tcpPair(t)
		patient := Config{Lease: -1, BeatInterval: time.Hour} // Close(nil) gives up after so many beats, and the machine may be busy
		a, b := New(nc1, nil, patient), New(nc2, nil, patient)
		got := &tally{c: b, left: 21, done: make(chan struct{})}
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, got)
		var wg sync.WaitGroup
		wg.Go(func() {
			for len(endB) == 0 {
				b.Send(1, nil, make([]byte, 10_000))
				b.Flush()
				runtime.Gosched()
			}
		})
		for range 20 {
			a.Send(1, nil, make([]byte, 100_000))
		}
		a.SendAfter(2, nil, nil)
		a.Close(nil)
		wantEnd(t, "a", endA, nil)
		wg.Wait()
		wantEnd(t, "b", endB, io.EOF)
		if got.left != 0 {
			t.Fatalf("%d of 21 messages were lost", got.left)
		}
	}
}

// A peer that does not read cannot hold up a Close(nil) for ever.
func TestConnCloseGivesUp(t *testing.T) {
	inBubbles(t, Config{Lease: -1}, func(t *testing.T, a, _ *Conn) {
		end := run(t.Context(), a, &recorder{})
		a.Send(1, nil, make([]byte, 1<<20))
		a.Flush()
		a.Close(nil)
		began := time.Now()
		wantEnd(t, "a", end, nil)
		if took := time.Since(began); took > endTicks*DefaultBeatInterval {
			t.Errorf("took %v", took)
		}
	})
}

// What the peer said before it hung up is heard even where our own writes
// already fail.
func TestConnHearsLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a := newDirect(fa, quiet)
		r := &recorder{}
		if _, err := fb.Write(frame(7, 'b', 'y', 'e')); err != nil {
			t.Fatal(err)
		}
		_ = fb.Close()
		a.Send(1, nil, []byte("into the void"))
		a.Flush()
		wantEnd(t, "a", run(t.Context(), a, r), io.EOF)
		if len(r.got) != 1 || string(r.got[0].body) != "bye" {
			t.Errorf("got %v, want the last message", r.got)
		}
	})
}

// stuckReads is a connection whose writes fail while its reads wait for ever.
type stuckReads struct{ *fakeConn }

func (stuckReads) Write([]byte) (int, error) { return 0, errFakeClosed }

// A connection that cannot be written ends even if nothing comes to be read.
func TestConnWriteError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(stuckReads{newFakeConn()}, nil, Config{Lease: -1})
		end := run(t.Context(), a, &recorder{})
		a.Send(1, nil, []byte("x"))
		a.Flush()
		wantEnd(t, "a", end, errFakeClosed)
	})
}

// closesSlowly is a connection like one with TLS: its own Close says goodbye first,
// which takes as long as the peer likes, unless what is underneath is closed.
type closesSlowly struct{ *fakeConn }

func (c closesSlowly) NetConn() net.Conn { return c.fakeConn }

func (c closesSlowly) Close() error {
	if _, err := c.try(nil); err == nil {
		time.Sleep(time.Minute)
	}
	return c.fakeConn.Close()
}

// The end of a connection does not wait for a peer's manners.
func TestConnClosesWhatIsUnderneath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		a := New(closesSlowly{newFakeConn()}, nil, Config{})
		began := time.Now()
		end := run(t.Context(), a, &recorder{})
		a.Close(boom)
		wantEnd(t, "a", end, boom)
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

// Close in Message is the last that the handler hears, and connections that it
// sent to are flushed all the same.
func TestConnCloseInMessage(t *testing.T) {
	for _, end := range []error{errors.New("boom"), nil} {
		synctest.Test(t, func(t *testing.T) {
			fa, fb := fakePair(1<<20, 0)
			a := newDirect(fa, quiet)
			messages, flushes := 0, 0
			h := &handlerFuncs{flush: func() { flushes++ }}
			h.message = func(uint8, []byte) error {
				messages++
				a.Close(end)
				return nil
			}
			_, _ = fb.Write(append(frame(1), frame(1)...))
			wantEnd(t, "a", run(t.Context(), a, h), end)
			if messages != 1 || flushes == 0 {
				t.Errorf("closed with %v: %d messages and %d flushes, want 1 and some", end, messages, flushes)
			}
		})
	}
}

// What was handed to Send and SendAfter is the caller's again, but for the body of a
// chunked message.
func TestSendCopies(t *testing.T) {
	c := New(newFakeConn(), nil, Config{})
	large := bytes.Repeat([]byte("L"), MaxBody+1)
	head, body := []byte("h"), []byte("b")
	c.Send(1, head, body)
	c.Send(2, head, large)
	c.SendAfter(3, head, body)
	clear(head)
	clear(body)
	s, r := &scanner{maxMessage: DefaultMaxMessageBytes}, &recorder{}
	var wire []byte
	for !c.out.empty() {
		wire = append(wire, c.out.take(nil)...)
	}
	if _, _, err := s.scan(wire, r); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"hb", "h" + string(large), "hb"} {
		if i >= len(r.got) || string(r.got[i].body) != want {
			t.Errorf("message %d changed", i)
		}
	}
	c.Close(io.EOF)
}

func TestKindsOfOurOwn(t *testing.T) {
	c := New(newFakeConn(), nil, Config{})
	for name, f := range map[string]func(){
		"Begin": func() { c.Begin(MaxKind + 1) },
		"Send":  func() { c.Send(MaxKind+1, nil, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes a kind of the transport's own", name)
				}
			}()
			f()
		}()
	}
}
