package stream

import "fmt"

// With the beats of the pulse alone, a peer that sends 200,000 messages a second would have to keep 100,000
// of them until it knows that they were processed. So the reader sends a beat as well, once it has
// processed beatMessages, or beatBytes, since the last that it sent: a peer whose window holds twice as much
// never waits for the pulse. Such a beat goes with the answers to the same messages, for 20
// bytes. If there are none, the writer goroutine sends it with what other goroutines are about to send; if
// there is nothing of that kind either, it costs a write for 256 messages, or for a MiB.
const (
	beatMessages = 256
	beatBytes    = 1 << 20
)

// told is what the peer knows by the reader's last beat.
type told struct {
	messages uint64 // processed by then
	bytes    uint64 // read by then
}

// answer ends the reader's turn: what it has made goes out, with a beat if one is due.
func (c *Conn) answer(h Handler) {
	due := c.tell()
	h.Flush()
	if due {
		c.FlushSoon()
	}
}

// tell appends a beat to the output, if one is due for what the reader has processed.
func (c *Conn) tell() bool {
	messages, bytes := c.scan.processed.total(), c.bytesIn.Load()
	unsaid := messages - c.told.messages
	if unsaid < beatMessages && (unsaid == 0 || bytes-c.told.bytes < beatBytes) {
		return false
	}
	c.told = told{messages, bytes}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusing() {
		return false
	}
	c.out.beat(c.scan.processed)
	return true
}

// hear takes note of what the peer's beats told. A peer that has processed more than was sent counts
// otherwise than we do, and nothing that it says of messages is worth anything.
func (c *Conn) hear() error {
	processed := c.scan.peerProcessed
	if processed == c.passed.load() {
		return nil
	}
	c.mu.Lock()
	sent := c.out.sent
	c.mu.Unlock()
	for class := range sent {
		if processed[class] > sent[class] {
			return fmt.Errorf("%w: beat counts %d messages, %d were sent", ErrMalformed, processed[class], sent[class])
		}
	}
	c.passed.store(processed)
	return nil
}

// Passed reports whether the peer has processed the message that m names: its [Handler.Message] has returned, without an
// error. It is told by beats, so it may be true half a second later than it could, if
// there is little to do, and it is brought up to date before [Handler.Flush] is called. It costs an atomic
// load. Once the connection has ended, what has not passed may have been processed or not.
func (c *Conn) Passed(m Mark) bool { return c.passed.reaches(m) }
