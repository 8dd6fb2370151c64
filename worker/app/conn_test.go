package app

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/task"
	"dunnock/worker"
)

// rawServer answers each request on each connection with the next of the answers, as
// they are, and closes the connection after one that ends with "close".
func rawServer(t *testing.T, answers ...string) (h worker.Handler, closed <-chan struct{}) {
	t.Helper()
	ln := listen(t)
	closes := make(chan struct{}, len(answers)+1)
	var next atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { closes <- struct{}{} }()
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, req.Body); err != nil {
						return
					}
					answer, last := strings.CutSuffix(answers[next.Add(1)-1], "close")
					if _, err := io.WriteString(conn, answer); err != nil || last {
						return
					}
				}
			})
		}
	})
	app := newTestApp(t, "http://"+ln.Addr().String())
	t.Cleanup(func() {
		app.conns.closeIdle()
		ln.Close()
		wg.Wait()
	})
	return app.handle, closes
}

func newTestApp(t *testing.T, rawURL string) *httpApp {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	h := &httpApp{host: u.Host, uri: "/", maxResult: 1000}
	h.conns.network, h.conns.address = "tcp", u.Host
	return h
}

// closeIdle closes all connections that are not in use.
func (p *connPool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}

func TestHTTPNotesAConnectionThatTheServerClosed(t *testing.T) {
	// It does not say that it will.
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	h, closed := rawServer(t, ok+"close", ok+"close", ok, ok)
	for i := range 4 {
		if got, err := h(t.Context(), worker.Task{}); err != nil || string(got) != "ok" {
			t.Fatalf("request %d: %q, %v", i, got, err)
		}
		if i < 2 {
			<-closed
		}
	}
}

func TestHTTPDoesNotReuseAConnectionThatSaysTooMuch(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	h, closed := rawServer(t, ok+"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse", ok)
	for i := range 2 {
		if got, err := h(t.Context(), worker.Task{}); err != nil || string(got) != "ok" {
			t.Fatalf("request %d: %q, %v", i, got, err)
		}
	}
	<-closed
}

func TestHTTPBrokenAnswers(t *testing.T) {
	for _, tt := range []struct{ answer, message string }{
		{"close", "closed the connection"},
		{"HTTP/1.1 200 OK\r\nContent-Le" + "close", ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc" + "close", "closed the connection"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n" + "close", ""},
		{"220 smtp.example.org ready\r\n\r\n" + "close", ""},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", readBuffer) + "\r\n\r\n" + "close", ""},
	} {
		h, _ := rawServer(t, tt.answer)
		_, err := h(t.Context(), worker.Task{})
		e := wantError(t, err, task.CodeAppFailed, false)
		if !strings.Contains(e.Message, tt.message) || strings.Contains(e.Message, "\n") || len(e.Message) > 400 {
			t.Errorf("%.40q: message %q", tt.answer, e.Message)
		}
	}
}

func TestHTTPAnswersThatEndTheConnection(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\n\r\nok" + "close",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
	} {
		h, closed := rawServer(t, answer, answer)
		for range 2 {
			if got, err := h(t.Context(), worker.Task{}); err != nil || string(got) != "ok" {
				t.Errorf("%q: %q, %v", answer, got, err)
			}
			<-closed // by us, if not by the server
		}
	}
}

func TestHTTPInterimAnswers(t *testing.T) {
	h, _ := rawServer(t, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	if got, err := h(t.Context(), worker.Task{}); err != nil || string(got) != "ok" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestHTTPRefusalBeforeTheWholePayload(t *testing.T) {
	ln := listen(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := ln.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			t.Error(err)
		}
		// Refuse and hang up on the rest of the payload.
		if _, err := io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch"); err != nil {
			t.Error(err)
		}
		conn.Close()
	})
	defer wg.Wait()
	defer ln.Close()
	app := newTestApp(t, "http://"+ln.Addr().String())
	_, err := app.handle(t.Context(), worker.Task{Payload: make([]byte, 16<<20)}) // more than the system buffers
	if e := wantError(t, err, task.CodePermanent, true); !strings.Contains(e.Message, "413") || e.Detail != "much" {
		t.Errorf("message %q, detail %q", e.Message, e.Detail)
	}
	if len(app.conns.idle) != 0 {
		t.Error("the connection is kept")
	}
}

// lateCancel ends a context when an answer has just been read.
type lateCancel struct {
	net.Conn
	cancel func()
}

func (c lateCancel) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.cancel()
	return n, err
}

func TestHTTPDoesNotReuseAnInterruptedConnection(t *testing.T) {
	ln := listen(t)
	serve(t, ln, func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("ok") })
	app := newTestApp(t, "http://"+ln.Addr().String())
	defer app.conns.closeIdle()
	c, err := app.conns.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.br.Reset(lateCancel{c.Conn, cancel})
	app.conns.give(c)
	if got, err := app.handle(ctx, worker.Task{}); err != nil || string(got) != "ok" {
		t.Errorf("%q, %v", got, err)
	}
	if len(app.conns.idle) != 0 {
		t.Error("the connection is kept")
	}
}

func TestHTTPIdleConnectionsAreBounded(t *testing.T) {
	const requests = maxIdleConns + 10
	var inside sync.WaitGroup
	inside.Add(requests)
	ln := listen(t)
	serve(t, ln, func(ctx *fasthttp.RequestCtx) {
		inside.Done()
		inside.Wait() // all at once
		ctx.SetBodyString("ok")
	})
	app := newTestApp(t, "http://"+ln.Addr().String())
	defer app.conns.closeIdle()
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			if _, err := app.handle(t.Context(), worker.Task{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(app.conns.idle); n != maxIdleConns {
		t.Errorf("%d idle connections", n)
	}
}

func TestHTTPIdleConnectionsExpire(t *testing.T) {
	ln := listen(t)
	serve(t, ln, func(*fasthttp.RequestCtx) {})
	app := newTestApp(t, "http://"+ln.Addr().String())
	defer app.conns.closeIdle()
	var conns []*clientConn
	for range 3 {
		c, err := app.conns.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		app.conns.give(c)
	}
	app.conns.idle[0].idleFrom = time.Now().Add(-idleTimeout)
	app.conns.idle[1].idleFrom = time.Now().Add(-idleTimeout)
	app.conns.expire()
	if len(app.conns.idle) != 1 || app.conns.idle[0] != conns[2] || !app.conns.armed {
		t.Fatalf("%d left, armed %v", len(app.conns.idle), app.conns.armed)
	}
	app.conns.idle[0].idleFrom = time.Now().Add(-idleTimeout)
	if c, err := app.conns.take(t.Context()); err != nil || c == conns[2] {
		t.Errorf("an expired connection was used: %v", err)
	} else {
		c.close()
	}
	app.conns.expire()
	if len(app.conns.idle) != 0 || app.conns.armed {
		t.Errorf("%d left, armed %v", len(app.conns.idle), app.conns.armed)
	}
}
