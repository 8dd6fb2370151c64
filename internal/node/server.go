package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/valyala/fasthttp"

	"dunnock/gossip/view"
	"dunnock/internal/api"
	"dunnock/task"
)

// Phase is where a node is in its life.
type Phase int32

// The phases, in order.
const (
	Starting Phase = iota + 1
	Active
	Draining
)

// Server answers HTTP for one node. Health and metrics it answers itself, the rest Route does.
type Server struct {
	node    *Node
	http    *fasthttp.Server
	metrics *metrics.Set
	phase   atomic.Int32
	drain   chan struct{} // closed when draining begins
}

// NewServer makes a server that is starting. maxBody bounds a request's body in bytes; route answers
// every path that the server does not know, and returns false for unknown ones.
func NewServer(n *Node, set *metrics.Set, maxBody int, route func(ctx *fasthttp.RequestCtx) bool) *Server {
	s := &Server{node: n, metrics: set, drain: make(chan struct{})}
	s.phase.Store(int32(Starting))
	s.http = &fasthttp.Server{
		Name:                  "dunnock",
		Handler:               func(ctx *fasthttp.RequestCtx) { s.handle(ctx, route) },
		ErrorHandler:          badRequest,
		MaxRequestBodySize:    maxBody,
		ReadTimeout:           30 * time.Second,
		WriteTimeout:          30 * time.Second,
		IdleTimeout:           2 * time.Minute,
		NoDefaultDate:         true, // no shared clock goroutine, and no use to anyone here
		NoDefaultContentType:  true,
		NoDefaultServerHeader: true,
		CloseOnShutdown:       true,
		Logger:                quietLogger{n.Logger},
	}
	return s
}

// Run serves until ctx is done, then stops listening and waits a moment for requests under way.
// Connections that were upgraded or hijacked are their owners' to end, before.
func (s *Server) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(s.node.Listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("http server: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.http.ShutdownWithContext(grace); err != nil {
		s.node.Logger.Debug("requests were cut at shutdown", slog.Any("error", err))
	}
	_ = s.node.Listener.Close() // a shutdown that came before Serve had the listener did not close it
	if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Phase is where the node is now.
func (s *Server) Phase() Phase { return Phase(s.phase.Load()) }

// Ready says that the node does its work from now on.
func (s *Server) Ready() { s.phase.CompareAndSwap(int32(Starting), int32(Active)) }

// Drain says that the node is leaving, and tells the membership. Later calls do nothing.
func (s *Server) Drain() {
	if Phase(s.phase.Swap(int32(Draining))) == Draining {
		return
	}
	// First the announcement: with nothing left to do, what waits for the drain may end the membership at once.
	if err := s.node.Members.SetState(view.Draining); err != nil {
		s.node.Logger.Warn("draining could not be announced", slog.Any("error", err))
	}
	close(s.drain)
}

// Draining reports whether draining has begun.
func (s *Server) Draining() bool { return s.Phase() == Draining }

// Drained is closed when draining begins.
func (s *Server) Drained() <-chan struct{} { return s.drain }

func (s *Server) handle(ctx *fasthttp.RequestCtx, route func(ctx *fasthttp.RequestCtx) bool) {
	switch path := string(ctx.Path()); path {
	case "/healthz":
		s.health(ctx, fasthttp.StatusOK)
	case "/readyz":
		status := fasthttp.StatusServiceUnavailable
		if s.Phase() == Active {
			status = fasthttp.StatusOK
		}
		s.health(ctx, status)
	case "/metrics":
		if !Allow(ctx, fasthttp.MethodGet) {
			return
		}
		var b bytes.Buffer
		s.metrics.WritePrometheus(&b)
		metrics.WriteProcessMetrics(&b)
		ctx.SetContentType("text/plain; version=0.0.4; charset=utf-8")
		ctx.SetBody(b.Bytes())
	case "/v1/drain":
		if !Allow(ctx, fasthttp.MethodPost) {
			return
		}
		s.Drain()
		s.health(ctx, fasthttp.StatusAccepted)
	default:
		if !route(ctx) {
			Fail(ctx, task.Errorf(task.CodeNotFound, "no such path: %.200s", path))
		}
	}
}

func (s *Server) health(ctx *fasthttp.RequestCtx, status int) {
	if string(ctx.Path()) != "/v1/drain" && !Allow(ctx, fasthttp.MethodGet) {
		return
	}
	word := map[Phase]string{Starting: "starting", Active: "ok", Draining: "draining"}[s.Phase()]
	Answer(ctx, status, api.Health{
		Status: word, Role: s.node.Role.String(), Name: s.node.Name, Incarnation: s.node.Incarnation.String(), Fleet: s.node.Fleet,
	})
}

// Allow checks the request's method; HEAD goes where GET does. It answers 405 otherwise.
func Allow(ctx *fasthttp.RequestCtx, methods ...string) bool {
	got := string(ctx.Method())
	for _, m := range methods {
		if got == m || (got == fasthttp.MethodHead && m == fasthttp.MethodGet) {
			return true
		}
	}
	for _, m := range methods {
		ctx.Response.Header.Add(fasthttp.HeaderAllow, m)
	}
	Fail(ctx, task.Errorf(task.CodeMethod, "%s is not for this path", got))
	return false
}

// Answer writes v as JSON.
func Answer(ctx *fasthttp.RequestCtx, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = fasthttp.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the answer could not be encoded"}}`)
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(append(body, '\n'))
}

// Fail writes an error in the one shape that all errors have, under its code's status.
func Fail(ctx *fasthttp.RequestCtx, e *task.Error) {
	if e.RetryAfterMS > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.FormatInt((e.RetryAfterMS+999)/1000, 10))
	}
	Answer(ctx, Status(e.Code), api.Failure{Error: e})
}

// Status is the HTTP status of a refusal.
func Status(c task.Code) int {
	switch c {
	case task.CodeInvalidJob, task.CodeUnsupported:
		return fasthttp.StatusBadRequest
	case task.CodeNotFound:
		return fasthttp.StatusNotFound
	case task.CodeMethod:
		return fasthttp.StatusMethodNotAllowed
	case task.CodeConflict:
		return fasthttp.StatusConflict
	case task.CodeTooLarge:
		return fasthttp.StatusRequestEntityTooLarge
	case task.CodeUnknownApp, task.CodeUnsatisfiable:
		return fasthttp.StatusUnprocessableEntity
	case task.CodeOverloaded:
		return fasthttp.StatusTooManyRequests
	case task.CodeNoWorkers, task.CodeDraining:
		return fasthttp.StatusServiceUnavailable
	default:
		return fasthttp.StatusInternalServerError
	}
}

// badRequest answers what never became a request.
func badRequest(ctx *fasthttp.RequestCtx, err error) {
	e := task.Errorf(task.CodeInvalidJob, "bad HTTP request")
	if err == fasthttp.ErrBodyTooLarge { //nolint:errorlint // fasthttp hands this value over unwrapped
		e = task.Errorf(task.CodeTooLarge, "the body is over the limit")
	}
	Fail(ctx, e)
	ctx.SetConnectionClose()
}

// quietLogger sends what fasthttp has to say, mostly peers that went away, to the debug log.
type quietLogger struct{ log *slog.Logger }

// Printf makes quietLogger a fasthttp.Logger.
func (q quietLogger) Printf(format string, args ...any) {
	q.log.Debug("http", slog.String("detail", fmt.Sprintf(format, args...)))
}
