package stream

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/task"
)

// echoServer serves fleet connections that answer every message with itself, and says how each ended.
type echoServer struct {
	srv   *fasthttp.Server
	ended chan error
}

func newEchoServer(s *fasthttp.Server) *echoServer {
	e := &echoServer{srv: s, ended: make(chan error, 10)}
	s.NoDefaultDate = true
	s.Handler = func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/busy" {
			ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
			ctx.Response.Header.Set("Retry-After", "7")
			ctx.SetBodyString(`{"error":{"code":"draining","message":"leaving"}}`)
			return
		}
		if string(ctx.Path()) == "/plain" {
			ctx.SetBodyString("hello")
			return
		}
		_ = Upgrade(ctx, Config{}, func(c *Conn) {
			h := &handlerFuncs{flush: c.Flush}
			h.message = func(kind uint8, body []byte) error { c.Send(kind, nil, body); return nil }
			e.ended <- c.Run(context.Background(), h)
		})
	}
	return e
}

// echoes sends a message and checks that it comes back.
func echoes(t *testing.T, c *Conn, e *echoServer) {
	t.Helper()
	got := make(chan string, 1)
	h := &handlerFuncs{message: func(_ uint8, body []byte) error { got <- string(body); return nil }}
	end := run(t.Context(), c, h)
	for _, want := range []string{"hello", strings.Repeat("x", MaxBody)} {
		c.Send(1, nil, []byte(want))
		c.Flush()
		if answer := <-got; answer != want {
			t.Errorf("got %.20q, want %.20q", answer, want)
		}
	}
	c.Close(nil)
	wantEnd(t, "client", end, nil)
	wantEnd(t, "server", e.ended, io.EOF)
}

// serveTCP serves s on loopback until the test ends and returns the address.
func serveTCP(t *testing.T, s *fasthttp.Server, tlsConfig *tls.Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	if tlsConfig != nil {
		ln = tls.NewListener(ln, tlsConfig)
	}
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return ln.Addr().String()
}

// The ways a server may be set up all lead to a connection that works, that is written
// without the writer goroutine, and that really closes.
func TestUpgrade(t *testing.T) {
	for name, s := range map[string]*fasthttp.Server{
		"plain":               {},
		"KeepHijackedConns":   {KeepHijackedConns: true},
		"DisableKeepalive":    {DisableKeepalive: true},
		"MaxRequestsPerConn":  {MaxRequestsPerConn: 1},
		"MaxConnsPerIP":       {MaxConnsPerIP: 1},
		"MaxConnsPerIP, Keep": {MaxConnsPerIP: 1, KeepHijackedConns: true},
		"ReduceMemoryUsage":   {ReduceMemoryUsage: true},
		"StreamRequestBody":   {StreamRequestBody: true},
		"timeouts":            {ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: time.Minute},
		"ReadBufferSize":      {ReadBufferSize: 100 << 10},
		"small buffer":        {ReadBufferSize: 256},
		"MaxRequestBodySize1": {MaxRequestBodySize: 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEchoServer(s)
			addr := serveTCP(t, s, nil)
			for range 3 {
				c, err := Dial(t.Context(), nil, addr, "/v1/stream", map[string]string{"X-Who": "me"}, Config{})
				for s.MaxConnsPerIP == 1 && errors.Is(err, ErrNotUpgraded) {
					// The server has yet to let go of the connection before: it refuses us until then, and for ever if
					// it never does.
					c, err = Dial(t.Context(), nil, addr, "/v1/stream", nil, Config{})
				}
				if err != nil {
					t.Fatal(err)
				}
				if runtime.GOOS == "linux" && c.try == nil {
					t.Error("a TCP connection that is not written directly")
				}
				echoes(t, c, e)
			}
		})
	}
}

// TLS in between leaves all the writing to the writer goroutine, and changes nothing
// else; with MaxConnsPerIP fasthttp wraps it in a way of its own.
func TestUpgradeTLS(t *testing.T) {
	cert, roots := selfSigned(t)
	for _, perIP := range []int{0, 5} {
		s := &fasthttp.Server{MaxConnsPerIP: perIP}
		e := newEchoServer(s)
		addr := serveTCP(t, s, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13})
		d := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS13}}
		c, err := Dial(t.Context(), d.DialContext, addr, "/v1/stream", nil, Config{})
		if err != nil {
			t.Fatal(err)
		}
		if c.try != nil {
			t.Error("bytes are written past TLS")
		}
		echoes(t, c, e)

		// A peer that does not read cannot hold up the end.
		c, err = Dial(t.Context(), d.DialContext, addr, "/v1/stream", nil, Config{MaxOutBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		end := run(t.Context(), c, &handlerFuncs{message: func(uint8, []byte) error { <-c.Done(); return nil }})
		for len(end) == 0 {
			c.Send(1, nil, make([]byte, MaxBody))
			c.Flush()
		}
		wantEnd(t, "client", end, ErrSlowReader)
		<-e.ended
	}
}

// selfSigned returns a certificate for localhost and the pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// fasthttp's wrappers are seen through, so that Close closes and writes need not block.
func TestUnderneath(t *testing.T) {
	for _, perIP := range []int{0, 10} {
		got := make(chan net.Conn, 1)
		s := &fasthttp.Server{MaxConnsPerIP: perIP, NoDefaultDate: true}
		s.Handler = func(ctx *fasthttp.RequestCtx) {
			ctx.Hijack(func(c net.Conn) { got <- underneath(c) })
		}
		addr := serveTCP(t, s, nil)
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if inner := <-got; inner == nil {
			t.Errorf("MaxConnsPerIP %d: nothing", perIP)
		} else if _, ok := inner.(*net.TCPConn); !ok {
			t.Errorf("MaxConnsPerIP %d: got a %T", perIP, inner)
		}
		_ = nc.Close()
	}
}

// Frames that come in one packet with the Upgrade request are not lost,
// however many.
func TestUpgradeBytesBehind(t *testing.T) {
	request, err := upgradeRequest("x", "/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*fasthttp.Server{
		"4 KiB":             {},
		"64 KiB":            {ReadBufferSize: 64 << 10},
		"ReduceMemoryUsage": {ReduceMemoryUsage: true},
	} {
		for _, size := range []int{0, 1, 1000, 4096, 30_000} {
			e := newEchoServer(s)
			addr := serveTCP(t, s, nil)
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			in := append([]byte(nil), request...)
			var want []byte
			for i := range 10 {
				want = append(want, frame(uint8(i), make([]byte, size)...)...)
			}
			if _, err := nc.Write(append(in, want...)); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(nc)
			for line := "x"; line != "\r\n"; {
				if line, err = r.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			got := make([]byte, len(want))
			if _, err := io.ReadFull(r, got); err != nil {
				t.Fatalf("%s, %d bytes: %v", name, size, err)
			}
			if string(got) != string(want) {
				t.Errorf("%s, %d bytes: what came back is not what was sent", name, size)
			}
			_ = nc.Close()
			if err := <-e.ended; !errors.Is(err, io.EOF) {
				t.Errorf("%s, %d bytes: ended with %v", name, size, err)
			}
		}
	}
}

// What the server sends right behind its answer reaches the dialler too.
func TestDialBytesBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() {
			r := bufio.NewReader(far)
			for line := "x"; line != "\r\n"; {
				line, _ = r.ReadString('\n')
			}
			_, _ = far.Write(append([]byte("HTTP/1.1 101 Switching Protocols\r\nupgrade: "+strings.ToUpper(token())+"\r\n\r\n"), frame(3, 'h', 'i')...))
			_ = far.Close()
		}()
		c, err := Dial(t.Context(), func(context.Context, string, string) (net.Conn, error) { return near, nil }, "x:1", "/", nil, Config{})
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{}
		wantEnd(t, "client", run(t.Context(), c, r), io.EOF)
		if len(r.got) != 1 || string(r.got[0].body) != "hi" {
			t.Errorf("got %v", r.got)
		}
	})
}

// The same server and client in a bubble, in memory.
func TestUpgradeInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fasthttp.Server{}
		e := newEchoServer(s)
		ln := fasthttputil.NewInmemoryListener()
		done := make(chan error, 1)
		go func() { done <- s.Serve(ln) }()
		c, err := Dial(t.Context(), func(context.Context, string, string) (net.Conn, error) { return ln.Dial() }, "w1:1", "/v1/stream", nil, Config{})
		if err != nil {
			t.Fatal(err)
		}
		echoes(t, c, e)
		_ = ln.Close()
		<-done
		time.Sleep(time.Minute) // fasthttp's worker pool looks for its end every 10 s
	})
}

func TestDialRefused(t *testing.T) {
	s := &fasthttp.Server{}
	newEchoServer(s)
	addr := serveTCP(t, s, nil)
	_, err := Dial(t.Context(), nil, addr, "/busy", nil, Config{})
	var refusal *task.Error
	if !errors.As(err, &refusal) || refusal.Code != task.CodeDraining || refusal.Message != "leaving" || refusal.RetryAfterMS != 7000 {
		t.Errorf("got %#v, want draining with 7 s", err)
	}
	if _, err := Dial(t.Context(), nil, addr, "/plain", nil, Config{}); !errors.Is(err, ErrNotUpgraded) {
		t.Errorf("a plain page: got %v, want ErrNotUpgraded", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	_ = ln.Close()
	if _, err := Dial(t.Context(), nil, gone, "/", nil, Config{}); err == nil {
		t.Error("dialled a closed port")
	}
}

// A request that is no Upgrade to this protocol and version gets 426 with
// what would be, and the connection goes on as HTTP.
func TestUpgradeRefused(t *testing.T) {
	s := &fasthttp.Server{}
	newEchoServer(s)
	addr := serveTCP(t, s, nil)
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: " + token() + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: dunnock/1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + token() + "\r\nContent-Length: 0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + strings.Repeat("x", 2000) + "\r\n\r\n",
	} {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(nc)
		for range 2 {
			if _, err := io.WriteString(nc, request); err != nil {
				t.Fatal(err)
			}
			var answer fasthttp.Response
			if err := answer.Read(r); err != nil {
				t.Fatalf("%.80q: %v", request, err)
			}
			err := checkAnswer(&answer)
			if answer.StatusCode() != fasthttp.StatusUpgradeRequired || string(answer.Header.Peek("Upgrade")) != token() {
				t.Errorf("%.80q: status %d, Upgrade %q", request, answer.StatusCode(), answer.Header.Peek("Upgrade"))
			}
			if !errors.Is(err, task.CodeUnsupported) {
				t.Errorf("%.80q: got %v, want code unsupported", request, err)
			}
			if len(answer.Body()) > 500 {
				t.Errorf("%.80q: a body of %d bytes", request, len(answer.Body()))
			}
		}
		_ = nc.Close()
	}
}

// A peer of another version is refused by name and not by a timeout.
func TestDialWrongAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"another protocol": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"another version":  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: dunnock/1\r\n\r\n",
		"no protocol":      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"not HTTP":         "SSH-2.0-OpenSSH_9.6\r\n\r\n",
		"nothing":          "",
		"endless":          "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxAnswerHead),
		"large body":       "HTTP/1.1 503 No\r\nContent-Length: 10000000\r\n\r\n{",
		"other JSON":       "HTTP/1.1 503 No\r\nContent-Length: 13\r\n\r\n{\"error\":{}}\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			go func() {
				_, _ = far.Read(make([]byte, 4096))
				_, _ = io.WriteString(far, answer)
				_ = far.Close()
			}()
			_, err := Dial(t.Context(), func(context.Context, string, string) (net.Conn, error) { return near, nil }, "x:1", "/", nil, Config{})
			if !errors.Is(err, ErrNotUpgraded) {
				t.Errorf("%s: got %v, want ErrNotUpgraded", name, err)
			}
		})
	}
}

// A peer that accepts and then says nothing is given up.
func TestDialTimeout(t *testing.T) {
	for _, say := range []string{"", "HTTP/1.1 101 Switching"} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			go func() {
				_, _ = far.Read(make([]byte, 4096))
				_, _ = io.WriteString(far, say)
			}()
			dial := func(context.Context, string, string) (net.Conn, error) { return near, nil }
			began := time.Now()
			_, err := Dial(t.Context(), dial, "x:1", "/", nil, Config{})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != DefaultHandshakeTimeout {
				t.Errorf("got %v after %v", err, time.Since(began))
			}
			if _, err := near.Write(nil); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the connection was left open: %v", err)
			}
		})
	}
}

// A client that asks and never reads the answer costs a bounded time.
func TestUpgradeAnswerTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		began := time.Now()
		if c := accept(near, Config{}.withDefaults()); c != nil {
			t.Error("accepted a connection that takes no answer")
		}
		if took := time.Since(began); took != DefaultHandshakeTimeout {
			t.Errorf("took %v", took)
		}
		_ = far.Close()
	})
}

func TestUpgradeRequestIsClean(t *testing.T) {
	for _, tc := range []struct {
		addr, path string
		header     map[string]string
	}{
		{"x:1", "no-slash", nil},
		{"x:1", "/a b", nil},
		{"x:1", "/\r\nX: y", nil},
		{"x\r\n:1", "/", nil},
		{"x:1", "/", map[string]string{"A": "b\r\nC: d"}},
		{"x:1", "/", map[string]string{"A: b\r\nC": "d"}},
		{"x:1", "/", map[string]string{"": "d"}},
	} {
		if _, err := Dial(t.Context(), nil, tc.addr, tc.path, tc.header, Config{}); err == nil {
			t.Errorf("sent a request to %q for %q with %q", tc.addr, tc.path, tc.header)
		}
	}
}
