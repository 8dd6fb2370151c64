package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/task"
	"dunnock/worker"
)

// serve runs a fasthttp server on a listener until the test ends.
func serve(t testing.TB, ln net.Listener, h fasthttp.RequestHandler) {
	t.Helper()
	s := &fasthttp.Server{Handler: h, NoDefaultDate: true, MaxRequestBodySize: 8 << 20}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// serveTCP serves on a free port of the loopback interface and returns the handler of an app for it.
func serveTCP(t testing.TB, h fasthttp.RequestHandler) worker.Handler {
	t.Helper()
	ln := listen(t)
	serve(t, ln, h)
	return httpHandler(t, "http://"+ln.Addr().String()+"/run?x=1")
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func httpHandler(t testing.TB, spec string) worker.Handler {
	t.Helper()
	_, h, err := Options{MaxResultBytes: 1000}.Parse("x=" + spec)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHTTPForwardsTheTask(t *testing.T) {
	describe := func(ctx *fasthttp.RequestCtx) {
		h := &ctx.Request.Header
		for _, name := range []string{"Job", "Task", "Attempt", "Epoch", "Deadline"} {
			ctx.Response.AppendBodyString(string(h.Peek("Dunnock-"+name)) + " ")
		}
		ctx.Response.AppendBodyString(string(h.Method()) + " " + string(ctx.RequestURI()) + " " + string(h.ContentType()) + " ")
		ctx.Response.AppendBody(ctx.PostBody())
	}
	id, err := task.ParseJobID("000102030405060708090a0b0c0d0e0f")
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("x", 3600))
	tk := worker.Task{Job: id, Index: 7, Attempt: 2, Epoch: 3, Deadline: deadline, Payload: []byte("payload")}
	want := "000102030405060708090a0b0c0d0e0f 7 2 3 2026-01-02T02:04:05.0000006Z POST /run?x=1 application/octet-stream payload"

	t.Chdir(t.TempDir()) // whose name may be longer than that of a socket
	const socket = "app.sock"
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, ln, describe)
	for name, h := range map[string]worker.Handler{
		"tcp":  serveTCP(t, describe),
		"unix": httpHandler(t, "unix:"+socket+":/run?x=1"),
	} {
		for range 3 {
			if got, err := h(t.Context(), tk); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v\nwant %q", name, got, err, want)
			}
		}
	}
}

func TestHTTPAnswers(t *testing.T) {
	type answer struct {
		status    int
		body      string
		code      task.Code // empty: success
		permanent bool
		message   string
	}
	answers := []answer{
		{200, "result", "", false, ""},
		{200, strings.Repeat("x", 1000), "", false, ""},
		{201, "created", "", false, ""},
		{204, "", "", false, ""},
		{200, strings.Repeat("x", 1001), task.CodeResultTooLarge, true, "over 1000 bytes"},
		{302, "", task.CodeAppFailed, false, "redirects are not followed"},
		{400, " bad input\n", task.CodePermanent, true, "status 400 Bad Request"},
		{404, "", task.CodePermanent, true, "status 404 Not Found"},
		{404, strings.Repeat("x", 1001), task.CodePermanent, true, "status 404 Not Found"},
		{408, "", task.CodePermanent, true, "status 408"},
		{429, "", task.CodePermanent, true, "status 429"},
		{500, "oops", task.CodeAppFailed, false, "status 500 Internal Server Error"},
		{503, "", task.CodeAppFailed, false, "status 503"},
		{600, "", task.CodeAppFailed, false, "status 600"},
	}
	h := serveTCP(t, func(ctx *fasthttp.RequestCtx) {
		var i int
		var how string
		if _, err := fmt.Sscan(string(ctx.PostBody()), &i, &how); err != nil {
			t.Error(err)
		}
		ctx.SetStatusCode(answers[i].status)
		ctx.Response.Header.Set("Location", "/elsewhere")
		if how == "chunked" {
			ctx.SetBodyStream(strings.NewReader(answers[i].body), -1)
		} else {
			ctx.SetBodyString(answers[i].body)
		}
	})
	for i, tt := range answers {
		for _, how := range []string{"whole", "chunked", "whole"} {
			got, err := h(t.Context(), worker.Task{Payload: fmt.Append(nil, i, " ", how)})
			if tt.code == "" {
				if err != nil || string(got) != tt.body {
					t.Errorf("%d, %s: %q, %v", tt.status, how, got, err)
				}
				continue
			}
			e := wantError(t, err, tt.code, tt.permanent)
			if !strings.Contains(e.Message, tt.message) || len(tt.body) <= 1000 && e.Detail != strings.TrimSpace(tt.body) {
				t.Errorf("%d, %s: message %q, detail %q", tt.status, how, e.Message, e.Detail)
			}
		}
	}
}

func TestHTTPGivesTheSlotBackAtCancel(t *testing.T) {
	const hanging = 8
	arrived, release := make(chan struct{}, hanging), make(chan struct{})
	h := serveTCP(t, func(ctx *fasthttp.RequestCtx) {
		if string(ctx.PostBody()) == "hang" {
			arrived <- struct{}{}
			<-release
		}
		ctx.SetBody(ctx.PostBody())
	})
	defer close(release)
	cause := errors.New("cancelled by the user")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, hanging)
	payload := []byte("hang")
	for range hanging {
		go func() {
			_, err := h(ctx, worker.Task{Payload: payload})
			ended <- err
		}()
	}
	for range hanging {
		<-arrived
	}
	cancel(cause)
	for range hanging {
		if err := <-ended; !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
	}
	// The payload is the worker's again; the race detector would see anyone still reading it.
	copy(payload, "echo")
	for range 3 {
		if got, err := h(t.Context(), worker.Task{Payload: payload}); err != nil || string(got) != "echo" {
			t.Errorf("after the cancellation: %q, %v", got, err)
		}
	}
	if _, err := h(ctx, worker.Task{Payload: payload}); !errors.Is(err, cause) {
		t.Errorf("begun too late: %v", err)
	}
}

func TestHTTPConcurrentAnswersAreNotMixedUp(t *testing.T) {
	h := serveTCP(t, func(ctx *fasthttp.RequestCtx) { ctx.SetBody(ctx.PostBody()) })
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			payload := bytes.Repeat([]byte{byte('a' + i)}, 100+i)
			for n := range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%5 == 0 {
					go cancel() // at any point of the exchange
				}
				got, err := h(ctx, worker.Task{Payload: payload})
				if !bytes.Equal(got, payload) && !errors.Is(err, context.Canceled) {
					t.Errorf("%d: %q, %v", i, got, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

func TestHTTPRefused(t *testing.T) {
	ln := listen(t)
	h := httpHandler(t, "http://"+ln.Addr().String())
	ln.Close()
	_, err := h(t.Context(), worker.Task{})
	if e := wantError(t, err, task.CodeAppFailed, false); !strings.Contains(e.Message, "refused") {
		t.Errorf("message %q", e.Message)
	}
	_, err = httpHandler(t, "unix:none.sock")(t.Context(), worker.Task{})
	if e := wantError(t, err, task.CodeAppFailed, false); !strings.Contains(e.Message, "no such file") {
		t.Errorf("message %q", e.Message)
	}
}

func TestHTTPS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // one handshake is to fail
	srv.StartTLS()
	defer srv.Close()
	app := newTestApp(t, srv.URL)
	defer app.conns.closeIdle()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	app.conns.tls = &tls.Config{ServerName: "example.com", RootCAs: roots, MinVersion: tls.VersionTLS12}
	for i := range 3 {
		if got, err := app.handle(t.Context(), worker.Task{Payload: []byte("hello")}); err != nil || string(got) != "hello" {
			t.Fatalf("request %d: %q, %v", i, got, err)
		}
	}
	if len(app.conns.idle) != 1 {
		t.Errorf("%d connections for one after the other", len(app.conns.idle))
	}
	_, err := httpHandler(t, srv.URL)(t.Context(), worker.Task{})
	if e := wantError(t, err, task.CodeAppFailed, false); !strings.Contains(e.Message, "certificate") {
		t.Errorf("message %q", e.Message)
	}
}
