package stream

import (
	"bytes"
	"fmt"
	"slices"
)

// Begin starts a message of the given kind, at most [MaxKind], in the output
// buffer: append the body to what it returns and hand the result to [Conn.End].
// Until then the connection's output is locked: do nothing in between but encode.
func (c *Conn) Begin(kind uint8) []byte {
	if kind > MaxKind {
		panic("stream: kind is the transport's own")
	}
	c.mu.Lock()
	return c.out.begin(kind)
}

// End completes the message that [Conn.Begin] started. It waits in the output until a flush, or until 64 KiB have
// gathered. A body over [MaxBody] is sent as [Conn.Send] sends it.
func (c *Conn) End(b []byte) Mark {
	m := never
	if !c.refusing() {
		n := len(b) - c.out.start - HeaderLen
		m = c.out.end(b)
		c.appended(n)
	}
	c.mu.Unlock()
	return m
}

// Send sends a message whose body is head and then body. One that fits a frame is copied and overtaken by nothing. A
// larger one is sent in chunks with other messages in between, one such message after the other; head is copied, body
// is not and must never change again.
func (c *Conn) Send(kind uint8, head, body []byte) Mark { return c.send(kind, head, body, false) }

// SendAfter is [Conn.Send] for a message that must not overtake the chunked ones sent before it. While any of them
// waits it is queued behind them, as a copy if it would fit a frame.
func (c *Conn) SendAfter(kind uint8, head, body []byte) Mark { return c.send(kind, head, body, true) }

func (c *Conn) send(kind uint8, head, body []byte, after bool) Mark {
	if kind > MaxKind {
		panic("stream: kind is the transport's own")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusing() {
		return never
	}
	m := never
	n := len(head) + len(body)
	switch {
	case n > c.cfg.MaxMessageBytes: // appended says so
	case n > MaxBody:
		m = c.out.push(later{kind: kind, head: bytes.Clone(head), body: body})
	case after && c.out.queues():
		m = c.out.push(later{kind: kind, body: slices.Concat(head, body)})
	default:
		m = c.out.append(kind, head, body)
	}
	c.appended(n)
	return m
}

// appended sees to the limits after a message of n bytes was added to the output.
func (c *Conn) appended(n int) {
	switch {
	case n > c.cfg.MaxMessageBytes:
		c.failLocked(fmt.Errorf("%w: %d bytes to send, at most %d", ErrTooLarge, n, c.cfg.MaxMessageBytes))
	case c.waiting() > c.cfg.MaxOutBytes:
		c.failLocked(fmt.Errorf("%w: %d bytes wait", ErrSlowReader, c.waiting()))
	case len(c.out.small) >= flushBytes:
		c.flush()
	}
}

// refusing reports whether what is sent is dropped, because it could not arrive.
func (c *Conn) refusing() bool { return c.closed || c.ending || c.muted != nil }

// waiting is how many bytes of output wait, what is being written included.
func (c *Conn) waiting() int { return c.out.size() + len(c.wire) }
