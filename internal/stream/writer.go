package stream

import "runtime"

// owner says who writes to the connection.
type owner uint8

const (
	nobody  owner = iota
	flusher       // a goroutine in Flush: it makes non-blocking writes and leaves
	writer        // the writer goroutine, or it has been told to; it drains the output before it lets go
)

// flushRounds is how often one Flush writes, at most, when others ask for more meanwhile.
// Then the writer goroutine takes over: a reader must get back to its reading.
const flushRounds = 2

// soonYields is how many turns, at most, the writer goroutine lets the others have before it
// does what FlushSoon asked for.
const soonYields = 8

// keepBytes is the largest buffer that is kept once it has been written. A larger
// one comes from a peer that was slow, and goes.
const keepBytes = 1 << 20

// How output gets written, and why no wake-up is lost.
//
// Messages gather in out. To write, one becomes the owner, takes what is in out as wire, and writes wire without the
// lock, so that others can go on appending. There is one owner at a time: bytes must stay in order, and a goroutine
// that wrote while the writer goroutine waits for the peer inside the poller would wait there as well.
//
// What must not happen is that a flush was asked for after bytes were appended, everybody
// has gone to sleep, and the bytes are still there. Everything is decided under mu, and
// at the end of each critical section this holds, unless the connection is closed:
//
//	a flush was asked for and there is output ⇒ owner is flusher and again is set,
//	                                            or owner is writer, or soon is set
//	owner is writer or soon is set            ⇒ awake
//	awake                                     ⇔ a token is in wake, or the writer goroutine runs
//
// A Flush that finds the owner to be a flusher sets again, and the flusher looks at it, under mu, before it lets go;
// the writer goroutine looks at out before it lets go. A partial write makes the writer the owner in the critical
// section that found it out. The writer goroutine clears awake in the same critical section in which it found nothing
// to do, and then waits for a token; a token is sent only by who sets awake, so one place in wake is enough and sending
// never blocks.
//
// FlushSoon is for goroutines that cannot tell whether more is about to be sent, as a reader can. It wakes the writer
// goroutine, which yields before it writes, and again as long as that made the output grow: those that are ready to run
// get their turn and append, and all goes out in one write. With nothing else to run, that is at once. While soon is
// set, further FlushSoons cost a lock and no wake-up. Of a hundred goroutines that flush one message each on two cores,
// the writes were 1 to 9; with one yield up to 27, because an idle core takes the yielded goroutine straight back; with
// none, 100. Whoever has been the only one for some time writes by itself: see company.
//
// Tried and dropped: holding mu during the raw write (others that append wait 5–10 µs for the kernel, which handles the
// receiving side of the loopback inline); yielding in the caller of FlushSoon (the slot that it works for is held up).

// Flush writes what has been sent, without ever waiting for the peer: by a non-blocking write on a socket, and what
// that leaves, or all on another kind of connection, by the writer goroutine.
func (c *Conn) Flush() {
	c.mu.Lock()
	c.flush()
	c.mu.Unlock()
}

// FlushSoon has the writer goroutine flush once the goroutines that are ready to run had their turn. It is for
// goroutines that run user code; a reader, which knows when it is done, collects connections in a [Batch].
func (c *Conn) FlushSoon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.soon:
		c.company.asked++
	case c.owner == writer || !c.unsent():
	case c.try != nil && c.company.none(c):
		c.flush()
	default:
		c.soon, c.company.asked = true, 1
		c.wakeWriter()
	}
}

// unsent reports whether there is anything to write, and any use in it.
func (c *Conn) unsent() bool {
	return !c.closed && c.muted == nil && (c.sent < len(c.wire) || !c.out.empty())
}

// wakeWriter makes sure that the writer goroutine will look at the connection again.
func (c *Conn) wakeWriter() {
	if !c.awake {
		c.awake = true
		c.wake <- struct{}{}
	}
}

// handOver makes the writer goroutine the owner.
func (c *Conn) handOver() {
	c.owner = writer
	c.wakeWriter()
}

// flush is Flush with mu held; it lets go of mu while it writes.
func (c *Conn) flush() {
	switch c.owner {
	case writer:
		return
	case flusher:
		c.again = true
		return
	case nobody:
	}
	if !c.unsent() {
		return
	}
	if c.try == nil {
		c.handOver()
		return
	}
	c.owner = flusher
	for range flushRounds {
		c.again = false
		c.wire = c.out.take(c.wire)
		c.mu.Unlock()
		n, err := c.try(c.wire)
		c.mu.Lock()
		c.wrote(n, err)
		if c.sent < len(c.wire) {
			break
		}
		c.wire, c.sent = keep(c.wire), 0
		if c.out.queues() || !c.again || c.out.empty() {
			break
		}
	}
	if c.ending || c.unsent() && (c.sent < len(c.wire) || c.out.queues() || c.again) {
		c.handOver()
		return
	}
	c.wire, c.sent, c.owner = keep(c.wire), 0, nobody
}

// write is the writer goroutine. It ends when the connection is closed.
func (c *Conn) write() {
	for {
		<-c.wake
		c.mu.Lock()
		for range soonYields {
			gathered := len(c.out.small)
			if !c.soon || c.owner != nobody {
				break
			}
			c.mu.Unlock()
			runtime.Gosched()
			c.mu.Lock()
			if len(c.out.small) == gathered {
				break
			}
		}
		if c.soon {
			c.soon = false
			c.company.gathered(c.owner == flusher)
		}
		if c.owner == flusher {
			c.again = true
		} else {
			c.owner = writer
			c.drain()
			c.owner = nobody
			if c.ending && !c.closed {
				c.endWriting()
			}
		}
		if c.closed {
			c.mu.Unlock()
			return
		}
		c.awake = false
		c.mu.Unlock()
	}
}

// drain writes until nothing is left, waiting for the peer as long as it takes.
// It lets go of mu while it writes.
func (c *Conn) drain() {
	for c.unsent() {
		write := c.nc.Write
		if c.sent == len(c.wire) {
			c.wire, c.sent = c.out.take(c.wire), 0
			if c.try != nil {
				write = c.try // mostly there is room
			}
		}
		b := c.wire[c.sent:]
		c.mu.Unlock()
		n, err := write(b)
		if n == 0 && err == nil {
			n, err = c.nc.Write(b)
		}
		c.mu.Lock()
		c.wrote(n, err)
		if c.sent == len(c.wire) {
			c.wire, c.sent = keep(c.wire), 0
		}
	}
	if c.sent < len(c.wire) {
		c.wire, c.sent = nil, 0
	}
}

// wrote takes note of a write. A write error does not end the connection: what the peer said before it hung up may
// still lie unread, and the reader will come to the end that caused the error. The pulse sees to it that it does.
func (c *Conn) wrote(n int, err error) {
	c.sent += n
	c.bytesOut += uint64(max(n, 0))
	if n > 0 {
		c.writes++
	}
	if err != nil && c.muted == nil {
		c.muted = err
		c.out.drop()
	}
}

// endWriting is the writer's part of Close(nil), after all has been written: it tells the peer that nothing more comes,
// and leaves the rest to the reader, which waits for the peer's own end. Closing at once would make the kernel reset
// the connection if anything lay unread, and the reset would overtake what was written last.
func (c *Conn) endWriting() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok {
		c.failLocked(nil)
		return
	}
	c.mu.Unlock()
	err := half.CloseWrite()
	c.mu.Lock()
	if err != nil {
		c.failLocked(err)
	}
}

// keep returns b emptied, if it is worth keeping.
func keep(b []byte) []byte {
	if cap(b) > keepBytes {
		return nil
	}
	return b[:0]
}
