package scheduler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
)

// stranger handles a connection until its other end has said who it is, and from then on passes on what comes to who
// that is.
type stranger struct {
	conn    *stream.Conn
	greet   func(h *probe.Hello) (acquaintance, error) // takes the Hello; a nil acquaintance without an error means that the connection is closing
	who     acquaintance                               // nil before the handshake
	overdue *time.Timer                                // closes a connection that does not get to its handshake
}

// acquaintance handles a connection whose handshake is done.
type acquaintance interface {
	stream.Handler
	leave(err error) // the connection has ended
}

// run serves the connection to its end, and reports whether the handshake was done.
func (x *stranger) run(ctx context.Context) (greeted bool, err error) {
	x.overdue = node.HandshakeBy(x.conn.Close)
	err = x.conn.Run(ctx, x)
	x.overdue.Stop()
	if x.who == nil {
		return false, err
	}
	x.who.leave(err)
	return true, err
}

// Message handles one message.
func (x *stranger) Message(kind uint8, body []byte) error {
	if x.who != nil {
		return x.who.Message(kind, body)
	}
	if probe.Kind(kind) != probe.KindHello {
		return fmt.Errorf("message of kind %d before the handshake", kind)
	}
	h, err := probe.DecodeHello(body)
	if err != nil {
		return fmt.Errorf("handshake refused: %w", err)
	}
	x.conn.RaiseLease(h.Lease)
	who, err := x.greet(&h)
	if err != nil {
		return err
	}
	if who != nil {
		x.overdue.Stop()
		x.who = who
	}
	return nil
}

// Flush sends what handling the last messages made.
func (x *stranger) Flush() {
	if x.who != nil {
		x.who.Flush()
	}
}

// serve owns a connection that the HTTP server handed over: a client's, or another scheduler's.
func (s *Scheduler) serve(conn *stream.Conn) {
	ctx, ok := s.admitCaller(conn)
	if !ok {
		conn.Close(errStopped)
	} else {
		defer s.conns.Done()
	}
	greeted, err := (&stranger{conn: conn, greet: func(h *probe.Hello) (acquaintance, error) { return s.welcome(conn, h) }}).run(ctx)
	s.mu.Lock()
	delete(s.callers, conn)
	s.mu.Unlock()
	if !greeted && err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
		s.node.Logger.Info("a connection ended before its handshake", slog.Any("reason", err))
	}
}

// admitCaller counts a connection in, unless the scheduler has stopped.
func (s *Scheduler) admitCaller(conn *stream.Conn) (context.Context, bool) {
	ctx, ok := s.admit()
	if !ok {
		return context.Background(), false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callers[conn] = struct{}{}
	return ctx, true
}

// welcome takes the Hello of who has opened a connection, and answers it.
func (s *Scheduler) welcome(conn *stream.Conn, h *probe.Hello) (acquaintance, error) {
	switch h.Role {
	case probe.RoleClient:
		return s.welcomeClient(conn), nil
	case probe.RoleScheduler:
		return s.welcomePeer(conn, h)
	case probe.RoleWorker:
	}
	return nil, fmt.Errorf("handshake refused: a %s", h.Role)
}
