package fleettest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker"
)

const hop = 10 * time.Millisecond

// pair returns both ends of a connection with a delay of a hop, in a bubble.
func pair(t *testing.T, test func(t *testing.T, a, b net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newListener("b:1")
		accepted := make(chan net.Conn)
		go func() {
			b, err := l.Accept()
			if err != nil {
				t.Error(err)
			}
			accepted <- b
		}()
		a, err := l.dial(t.Context(), hop, new(Traffic))
		if err != nil {
			t.Fatal(err)
		}
		b := <-accepted
		defer func() { _, _ = a.Close(), b.Close() }()
		test(t, a, b)
	})
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := io.WriteString(c, s); err != nil || n != len(s) {
		t.Fatalf("wrote %d bytes of %d, %v", n, len(s), err)
	}
}

// expect reads once and wants that, at that time after the start.
func expect(t *testing.T, c net.Conn, want string, wantErr error, start time.Time, after time.Duration) {
	t.Helper()
	b := make([]byte, 100)
	n, err := c.Read(b)
	if took := time.Since(start); string(b[:n]) != want || !errors.Is(err, wantErr) || took != after {
		t.Errorf("read %q, %v after %v; want %q, %v after %v", b[:n], err, took, want, wantErr, after)
	}
}

// What is written arrives one delay later, in its order, each way, however much is on its way.
func TestDelay(t *testing.T) {
	pair(t, func(t *testing.T, a, b net.Conn) {
		start := time.Now()
		go func() {
			send(t, a, "one ")
			send(t, a, "two") // at the same time: they arrive together
			time.Sleep(hop / 4)
			send(t, a, "three")
			time.Sleep(2 * hop)
			send(t, a, "four")
		}()
		expect(t, b, "one two", nil, start, hop)
		expect(t, b, "three", nil, start, hop+hop/4)
		expect(t, b, "four", nil, start, 3*hop+hop/4)
		start = time.Now()
		send(t, b, "back")
		expect(t, a, "back", nil, start, hop)
	})
}

// A reader that comes late finds all that has arrived, and takes it in pieces of any size.
func TestReadInPieces(t *testing.T) {
	pair(t, func(t *testing.T, a, b net.Conn) {
		send(t, a, "abc")
		time.Sleep(hop / 2)
		send(t, a, "defg")
		time.Sleep(hop)
		for _, want := range []string{"ab", "cd", "ef", "g"} {
			got := make([]byte, 2)
			n, err := b.Read(got)
			if err != nil || string(got[:n]) != want {
				t.Errorf("read %q, %v; want %q", got[:n], err, want)
			}
		}
	})
}

// An end that closes is read to its end by the other one, a hop later, which until then may write into the void.
func TestClose(t *testing.T) {
	pair(t, func(t *testing.T, a, b net.Conn) {
		start := time.Now()
		send(t, a, "last words")
		send(t, b, "never read")
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		expect(t, a, "", net.ErrClosed, start, 0)
		if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write after Close: %v", err)
		}
		send(t, b, "never read either")
		expect(t, b, "last words", nil, start, hop)
		expect(t, b, "", io.EOF, start, hop)
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a write to a peer that is gone: %v", err)
		}
	})
}

// Close wakes whoever waits on that end, and the peer a hop later.
func TestCloseWakes(t *testing.T) {
	pair(t, func(t *testing.T, a, b net.Conn) {
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			expect(t, a, "", net.ErrClosed, start, time.Second)
		}()
		time.AfterFunc(time.Second, func() { _ = a.Close() })
		expect(t, b, "", io.EOF, start, time.Second+hop)
		<-done
	})
}

// Close frees whoever waits for room: at this end it fails, at the other what it writes is lost.
func TestCloseFreesWriters(t *testing.T) {
	for _, own := range []bool{true, false} {
		pair(t, func(t *testing.T, a, b net.Conn) {
			send(t, a, string(make([]byte, window)))
			closer, wantErr, want := b, error(nil), 1
			if own {
				closer, wantErr, want = a, net.ErrClosed, 0
			}
			start := time.Now()
			time.AfterFunc(time.Second, func() { _ = closer.Close() })
			if n, err := a.Write([]byte("x")); n != want || !errors.Is(err, wantErr) || time.Since(start) != time.Second {
				t.Errorf("own end %v: wrote %d bytes, %v after %v; want %d, %v", own, n, err, time.Since(start), want, wantErr)
			}
		})
	}
}

// A connection holds so much and no more: who writes faster than the peer reads has to wait.
func TestWindow(t *testing.T) {
	pair(t, func(t *testing.T, a, b net.Conn) {
		start := time.Now()
		chunk := bytes.Repeat([]byte("x"), window/4)
		var written []time.Duration
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 6 {
				send(t, a, string(chunk))
				written = append(written, time.Since(start))
			}
		}()
		got, err := io.ReadFull(b, make([]byte, 6*len(chunk)))
		<-done
		if err != nil || got != 6*len(chunk) || time.Since(start) != 2*hop {
			t.Errorf("read %d bytes in %v, %v", got, time.Since(start), err)
		}
		for i, at := range written {
			if want := time.Duration(i/4) * hop; at != want {
				t.Errorf("write %d after %v, want %v", i, at, want)
			}
		}
	})
}

// Deadlines end a wait, one that has begun too, and are over when they are taken back.
func TestDeadlines(t *testing.T) {
	pair(t, func(t *testing.T, a, b net.Conn) {
		start := time.Now()
		if err := b.SetReadDeadline(start.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		expect(t, b, "", os.ErrDeadlineExceeded, start, time.Second)
		_ = b.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { _ = b.SetReadDeadline(start.Add(3 * time.Second)) })
		expect(t, b, "", os.ErrDeadlineExceeded, start, 3*time.Second)
		_ = b.SetDeadline(time.Time{})
		send(t, a, "x")
		_ = b.SetReadDeadline(time.Now().Add(hop / 2)) // before that arrives
		expect(t, b, "", os.ErrDeadlineExceeded, start, 3*time.Second+hop/2)
		_ = b.SetReadDeadline(time.Now().Add(hop))
		expect(t, b, "x", nil, start, 3*time.Second+hop)

		send(t, a, string(make([]byte, window)))
		_ = a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes into a full window, %v", n, err)
		}
	})
}

// A listener that is closed refuses; one that nobody accepts from keeps who dials waiting.
func TestDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListener("l:1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.dial(ctx, 0, new(Traffic)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody accepts: %v", err)
		}
		time.AfterFunc(time.Second, func() { _ = l.Close() })
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept at a closed listener: %v", err)
		}
		if _, err := l.dial(t.Context(), 0, new(Traffic)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial a closed listener: %v", err)
		}
	})
}

// A fleet's delay is that of the role that is dialled, and what is dropped has not arrived.
func TestFleetDelaysAndDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(t)
		defer f.Stop()
		f.Delay(probe.RoleWorker, hop)
		w := f.Worker("w1", 1, map[string]worker.Handler{"echo": Echo}, nil)
		s := f.Scheduler("s1", func(c *scheduler.Config) { c.Policy = placement.LateBinding })
		time.Sleep(time.Second)
		c := f.Client(s)
		run := func(payload string) (time.Duration, task.Outcome) {
			start := time.Now()
			h, err := c.Submit(t.Context(), task.Job{App: "echo", Tasks: []task.Task{{Payload: []byte(payload)}}, MaxAttempts: 1})
			if err != nil {
				t.Fatal(err)
			}
			<-h.Done()
			return time.Since(start), h.Outcome()
		}
		if took, outcome := run("50ms"); took != 50*time.Millisecond+4*hop || outcome != task.OK {
			t.Errorf("%v after %v; want ok after 50 ms and four hops", outcome, took)
		}
		time.AfterFunc(2*hop+50*time.Millisecond+hop/2, func() { f.Drop(w, true) }) // the result is on its way
		if took, outcome := run("50ms"); took < time.Second || outcome == task.OK {
			t.Errorf("%v after %v; its result was lost", outcome, took)
		}
	})
}
