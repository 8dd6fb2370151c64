package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	maxIdleConns = 64              // connections kept open for the next request, per app
	idleTimeout  = 2 * time.Second // after which they are closed: shorter than the 5 s after which many servers do
	dialTimeout  = 3 * time.Second
	readBuffer   = 16 << 10 // also the most that an answer's header may have
	writeBuffer  = 4 << 10
)

// connPool keeps connections to one address for reuse. Busy ones are bounded by the worker's slots, idle ones by
// maxIdleConns and idleTimeout. It owns no goroutine.
type connPool struct {
	network, address string
	tls              *tls.Config // nil: plain

	mu    sync.Mutex    // guards all below
	idle  []*clientConn // the one used last at the end
	armed bool          // a timer will call expire
}

// clientConn is a connection with the buffers that HTTP needs around it.
type clientConn struct {
	net.Conn                 // TLS, if any, included
	raw      syscall.RawConn // of the socket itself; nil: not to be had
	br       *bufio.Reader
	bw       *bufio.Writer
	idleFrom time.Time
}

// take returns a connection that was alive a moment ago, or a new one.
func (p *connPool) take(ctx context.Context) (*clientConn, error) {
	for {
		p.mu.Lock()
		last := len(p.idle) - 1
		if last < 0 {
			p.mu.Unlock()
			return p.dial(ctx)
		}
		c := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		p.mu.Unlock()
		if time.Since(c.idleFrom) < idleTimeout && c.alive() {
			return c, nil
		}
		c.close()
	}
}

func (p *connPool) dial(ctx context.Context) (*clientConn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, p.network, p.address)
	if err != nil {
		return nil, err
	}
	c := &clientConn{Conn: conn}
	if s, ok := conn.(syscall.Conn); ok {
		if c.raw, err = s.SyscallConn(); err != nil {
			c.raw = nil
		}
	}
	if p.tls != nil {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		secured := tls.Client(conn, p.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		c.Conn = secured
	}
	c.br, c.bw = bufio.NewReaderSize(c.Conn, readBuffer), bufio.NewWriterSize(c.Conn, writeBuffer)
	return c, nil
}

// give takes a connection back after a whole exchange.
func (p *connPool) give(c *clientConn) {
	c.idleFrom = time.Now()
	p.mu.Lock()
	full := len(p.idle) >= maxIdleConns
	if !full {
		p.idle = append(p.idle, c)
	}
	if !p.armed && !full {
		p.armed = true
		time.AfterFunc(idleTimeout, p.expire)
	}
	p.mu.Unlock()
	if full {
		c.close()
	}
}

// expire closes connections that have been idle for too long and comes back while any are left.
func (p *connPool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].idleFrom) >= idleTimeout {
		p.idle[old].close()
		old++
	}
	n := copy(p.idle, p.idle[old:])
	clear(p.idle[n:])
	p.idle = p.idle[:n]
	if p.armed = n > 0; p.armed {
		time.AfterFunc(idleTimeout-time.Since(p.idle[0].idleFrom), p.expire)
	}
}

// exchange sends one request and reads its answer, with a body of at most maxBody bytes. The
// answer's header may be set even if the error is not nil.
func (c *clientConn) exchange(req *fasthttp.Request, resp *fasthttp.Response, maxBody int) error {
	sendErr := req.Write(c.bw)
	if sendErr == nil {
		sendErr = c.bw.Flush()
	}
	// A server that refuses a request may answer before it has read all of it and
	// hang up, so there may be an answer to read though sending failed.
	err := resp.ReadLimitBody(c.br, maxBody)
	if sendErr != nil {
		resp.SetConnectionClose()
		if err != nil || isOK(resp.StatusCode()) {
			err = sendErr
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the server closed the connection before its answer was complete")
	}
	return err
}

// interrupt makes what runs on the connection, and all that comes later, fail at once.
func (c *clientConn) interrupt() { _ = c.SetDeadline(time.Unix(1, 0)) }

func (c *clientConn) close() { _ = c.Close() }

// alive says whether an idle connection has neither been closed by the other side nor received
// anything that was not asked for.
func (c *clientConn) alive() bool {
	if c.br.Buffered() > 0 {
		return false
	}
	if c.raw == nil {
		return true
	}
	return quiet(c.raw)
}
