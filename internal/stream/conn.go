package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Protocol is the name of the protocol in the HTTP Upgrade; the version
// follows it after a slash.
const Protocol = "dunnock"

// Handler is what a connection's messages are given to. Both methods run on one
// goroutine of [Conn.Run]'s, never at the same time; but see [Conn.Relieve].
type Handler interface {
	// Message handles one message. It must not block: it is the connection's reader. The body is valid only during the
	// call, unless [Conn.Owned] says otherwise. An error ends the connection, and Run returns it.
	Message(kind uint8, body []byte) error
	// Flush is called when all that had been read has been handled, before the reader waits for more: the time to flush
	// the connections that Message appended to, and to look at marks with [Conn.Passed], since beats count as something
	// read. It is called once more before Run returns.
	Flush()
}

// Conn is one fleet connection: frames both ways over a [net.Conn]. All methods but Run, Owned and ReadAt may be called
// from any goroutine, before Run, during it and after; once the connection has ended, what is sent is dropped.
type Conn struct {
	nc     net.Conn
	sock   socket                      // nc's descriptor, if it is a socket
	try    func(b []byte) (int, error) // writes what can be written without waiting; nil if nc has no such thing
	cfg    Config
	origin time.Time // what times below count from

	handler Handler
	reader  atomic.Uint32 // the number of the goroutine that reads: how often one was relieved
	unread  chan struct{} // closed when nobody reads any more

	// The reader's own.
	in     inbox
	need   int       // bytes of the frame of which in has the beginning
	over   error     // why nothing more is read
	readAt int64     // when what it handles was read; ns since origin
	behind io.Reader // what holds the bytes that came right behind the handshake, until it is empty
	scan   scanner
	told   told // what the last beat that it sent has told the peer

	lease     atomic.Int64 // ns of silence after which the peer is given up
	heard     atomic.Int64 // when the peer was heard last, or its lease begun anew; ns since origin
	handling  atomic.Bool  // the reader handles what it read: silence is ours
	processed sharedCounts // of the peer's messages
	passed    sharedCounts // messages of ours that the peer had processed, by its last beat
	bytesIn   atomic.Uint64
	reads     atomic.Uint64
	batch     atomic.Pointer[Batch] // that holds this connection; see Batch

	wake  chan struct{} // capacity 1: a token for the writer goroutine; see writer.go
	dying chan struct{} // closed with closed

	// mu guards all below: the output and who writes it. It is held while a message is encoded,
	// never during a system call. Between Begin and End it is held by their caller.
	mu       sync.Mutex
	out      output
	wire     []byte // being written by owner, without mu; empty if owner is nobody
	sent     int    // bytes of wire that were
	owner    owner
	again    bool // a flush was asked for while a Flush was writing
	soon     bool // the writer goroutine has been told to flush soon
	company  company
	awake    bool // the writer goroutine has a token, or runs
	running  bool // Run was called
	ending   bool // Close(nil): nothing more is accepted, the writer ends the connection once all is sent
	closed   bool // nothing is sent any more, dying is closed
	err      error
	muted    error // the first write error: nothing more is written, the reader finds out why
	writes   uint64
	bytesOut uint64
}

// New makes a connection of nc. Bytes that were read from it before are given as buffered and are copied. The
// connection sends nothing by itself until Run is called, and has no goroutine; one that Run is never called on is
// closed by Close with an error.
func New(nc net.Conn, buffered []byte, cfg Config) *Conn {
	cfg = cfg.withDefaults()
	c := &Conn{
		nc: nc, sock: newSocket(nc), cfg: cfg, origin: time.Now(),
		in: newInbox(buffered), need: HeaderLen,
		wake:   make(chan struct{}, 1),
		dying:  make(chan struct{}),
		unread: make(chan struct{}),
	}
	c.scan.maxMessage = cfg.MaxMessageBytes
	if c.sock.ok() {
		c.try = c.sock.write
	}
	c.lease.Store(int64(cfg.Lease))
	c.sock.tune(cfg.Lease)
	return c
}

// Run reads the connection, hands its messages to h and keeps it alive with beats, until it ends. It flushes what was
// sent before. It returns once all its goroutines have, with the connection closed and the reason: see the errors of
// this package. After Close(nil) it is nil.
func (c *Conn) Run(ctx context.Context, h Handler) error {
	c.mu.Lock()
	if c.running || c.closed {
		defer c.mu.Unlock()
		if c.err != nil && !c.running {
			return c.err
		}
		return ErrClosed
	}
	c.running = true
	c.mu.Unlock()

	c.heard.Store(c.now())
	c.handler = h
	var wg sync.WaitGroup
	wg.Go(c.write)
	c.Flush()
	go c.read(0) // <-c.unread waits for it
	c.pulse(ctx)
	<-c.unread
	wg.Wait()
	_ = c.nc.Close() // it is closed already, but for what a wrapper has to do
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// read is the reader: it goes from turn to turn until the connection ends, or another goroutine has relieved it.
func (c *Conn) read(me uint32) {
	for c.over == nil {
		c.over = c.take()
		if !c.answer(me) {
			return
		}
	}
	c.fail(c.why(c.over))
	close(c.unread)
}

// take reads until there was a message, and hands out all that have come. It returns the read error or the handler's.
func (c *Conn) take() error {
	for {
		if b := c.in.pending(); len(b) > 0 {
			c.handling.Store(true)
			used, more, err := c.scan.scan(b, c.handler)
			c.in.used(used)
			c.need = more
			c.processed.store(c.scan.processed)
			if heard := c.hear(); err == nil {
				err = heard
			}
			if err != nil || used > 0 {
				return err
			}
			c.handling.Store(false)
		}
		n, err := c.receive(c.in.room(c.need))
		if n > 0 {
			c.in.filled(n)
			continue // the error comes again
		}
		if err != nil {
			return err
		}
	}
}

// Relieve has another goroutine go on with the reading, from the Flush that is under way; whoever is in that is no
// reader any more when it returns. It may be called once in each [Handler.Flush], by anybody, and only while that has
// not returned: it is for a Flush that runs user code in the belief that this is brief, and learns that it is not. Run
// does not wait for who was relieved.
func (c *Conn) Relieve() {
	me := c.reader.Add(1)
	go func() {
		if c.answer(me) {
			c.read(me)
		}
	}()
}

// receive is one read.
func (c *Conn) receive(b []byte) (int, error) {
	var n int
	var err error
	switch {
	case c.behind != nil:
		// A read that fills less than it could has emptied what was buffered.
		if n, err = c.behind.Read(b); n < len(b) {
			c.behind = nil
		}
	case c.sock.ok():
		n, err = c.sock.read(b)
	default:
		n, err = c.nc.Read(b)
	}
	now := c.now()
	c.readAt = now
	if n > 0 {
		c.heard.Store(now)
		c.reads.Add(1)
		c.bytesIn.Add(uint64(n))
	}
	return n, err
}

// why turns what the reader ended with into what Run returns.
func (c *Conn) why(err error) error {
	switch {
	case errors.Is(err, io.EOF) && (!c.scan.clean() || len(c.in.pending()) > 0):
		return io.ErrUnexpectedEOF
	case errors.Is(err, syscall.ETIMEDOUT):
		// The kernel gave the peer up before we did.
		return fmt.Errorf("%w: %w", ErrSilent, err)
	}
	return err
}

// Close ends the connection and returns at once; Run returns err. With a nil err it ends well: what was sent before is
// still delivered, for as long as two to three beats, and Run returns nil; messages that come in meanwhile are dropped.
// Any other error cuts it off. If several ends meet, the first one counts. Before Run is called, Close(nil) takes
// effect once it is, and any other error at once.
func (c *Conn) Close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && !c.closed {
		c.ending = true
		c.scan.stop.Store(true)
		c.wakeWriter()
		return
	}
	c.failLocked(err)
}

// fail cuts the connection off for err, unless it has ended.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	c.failLocked(err)
	c.mu.Unlock()
}

func (c *Conn) failLocked(err error) {
	if c.closed {
		return
	}
	c.closed = true
	if !c.ending {
		c.err = err
	}
	c.scan.stop.Store(true)
	c.out.drop()
	close(c.dying)
	c.wakeWriter()
	if !c.running {
		c.hangUp()
	}
}

// hangUp closes the socket under whatever wraps it: a TLS connection's own
// Close may wait for a peer that does not read.
func (c *Conn) hangUp() {
	if t, ok := c.nc.(interface{ NetConn() net.Conn }); ok {
		_ = t.NetConn().Close()
		return
	}
	_ = c.nc.Close()
}

// Owned may be called by [Handler.Message]: it reports whether the body may be kept. A message that came in chunks has
// memory of its own; one that came in one frame lies in the read buffer.
func (c *Conn) Owned() bool { return c.scan.owned }

// ReadAt may be called by [Handler.Message]: it is when the message's last bytes were read. The clock
// is read once a read, so that a handler need not read it once a message.
func (c *Conn) ReadAt() time.Time { return c.origin.Add(time.Duration(c.readAt)) }

// Done is closed when the connection has ended and nothing more will be delivered either way. Run
// may return a little later.
func (c *Conn) Done() <-chan struct{} { return c.dying }

// Silence is how long ago the peer was heard. A pause of this process does not count.
func (c *Conn) Silence() time.Duration {
	return max(0, time.Duration(c.now()-c.heard.Load()))
}

// Lease is the silence after which the peer is given up; negative: never.
func (c *Conn) Lease() time.Duration { return time.Duration(c.lease.Load()) }

// RaiseLease has the peer given up later than [Config].Lease says: when it has said that it gives us up after so long a
// silence, it speaks no more often than that asks for. A shorter one changes nothing.
func (c *Conn) RaiseLease(lease time.Duration) {
	if now := c.lease.Load(); now < 0 || int64(lease) <= now {
		return
	}
	c.lease.Store(int64(lease))
	c.sock.tune(lease)
}

// RemoteAddr is the peer's network address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Stats counts what a connection has done.
type Stats struct {
	MessagesIn, MessagesOut uint64 // processed; sent or waiting to be
	BytesIn, BytesOut       uint64
	Reads, Writes           uint64 // that moved at least one byte
	Waiting                 int    // bytes of output that wait
}

// Stats returns the counts so far.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.processed.load()
	return Stats{
		MessagesIn: in.total(), MessagesOut: c.out.sent.total(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut,
		Reads: c.reads.Load(), Writes: c.writes,
		Waiting: c.waiting(),
	}
}

func (c *Conn) now() int64 { return int64(time.Since(c.origin)) }
