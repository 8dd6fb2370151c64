package stream

import "fmt"

// With the beats of the pulse alone, a peer that sends 200,000 messages a second would have to keep 100,000 of them
// until it knows that they were processed. So the reader appends a beat as well, once it has processed beatMessages, or
// beatBytes, since the last that it appended. That goes with whatever goes next, for 20 bytes and nothing else: a write
// or a wake-up of its own would show in the CPU time of a task. Only if it still waits when the next one is due,
// nothing else goes, and it is flushed: a write for 256 messages, or for a MiB. A peer whose window holds as much never
// waits for the pulse.
const (
	beatMessages = 128
	beatBytes    = 512 << 10
)

// told is what the peer knows by the reader's last beat.
type told struct {
	messages uint64 // processed by then
	bytes    uint64 // read by then
}

// answer ends a turn of the reader: what that has made goes out, with a beat if one is due. It reports whether the
// reader, by its number, still is.
func (c *Conn) answer(me uint32) bool {
	overdue := c.tell()
	c.handler.Flush()
	if c.reader.Load() != me {
		return false
	}
	if overdue {
		c.FlushSoon()
	}
	c.handling.Store(false)
	return true
}

// tell appends a beat to the output, if one is due for what the reader has processed. It reports whether that must
// go by itself: the last one has not gone yet, or two would be due.
func (c *Conn) tell() bool {
	now := told{c.scan.processed.total(), c.bytesIn.Load()}
	messages, bytes := now.messages-c.told.messages, now.bytes-c.told.bytes
	if messages < beatMessages && (messages == 0 || bytes < beatBytes) {
		return false
	}
	c.told = now
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusing() {
		return false
	}
	overdue := c.out.beatAt > 0 || messages >= 2*beatMessages || bytes >= 2*beatBytes
	c.out.beat(c.scan.processed)
	return overdue
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

// Passed reports whether the peer has processed the message that m names: its [Handler.Message] has returned, without
// an error. It is told by beats, so it may be true half a second later than it could, if there is little to do, and it
// is brought up to date before [Handler.Flush] is called. It costs an atomic load. Once the connection has ended, what
// has not passed may have been processed or not.
func (c *Conn) Passed(m Mark) bool { return c.passed.reaches(m) }
