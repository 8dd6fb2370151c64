package stream

import (
	"context"
	"math/rand/v2"
	"time"
)

// endTicks is how many ticks of the pulse a connection gets to end after
// Close(nil), or for its reader to find out about a write error.
const endTicks = 3

// pulser belongs to the goroutine that sends beats, gives up a silent peer, and closes
// the socket when the connection has been closed, or ctx is done.
type pulser struct {
	c       *Conn
	beatDue int64 // ns since c.origin
	ending  int   // ticks since the connection was to end
}

func (c *Conn) pulse(ctx context.Context) {
	beat := int64(c.cfg.BeatInterval)
	// A random phase, so that the beats of a thousand connections made at
	// once do not come at once for ever.
	p := pulser{c: c, beatDue: c.now() + 1 + rand.Int64N(beat)}
	due := p.due(c.now())
	timer := time.NewTimer(time.Duration(due - c.now()))
	defer timer.Stop()
	done := ctx.Done()
	for {
		select {
		case <-done:
			c.fail(ctx.Err())
			done = nil
		case <-c.dying:
			c.hangUp()
			return
		case <-timer.C:
			now := c.now()
			p.tick(now, now-due)
			due = p.due(now)
			timer.Reset(time.Duration(due - now))
		}
	}
}

// due is when to tick next: for a beat, or when the peer's lease ends.
func (p *pulser) due(now int64) int64 {
	due := p.beatDue
	if lease := p.c.lease.Load(); lease > 0 {
		due = min(due, p.c.heard.Load()+lease)
	}
	return max(due, now)
}

// tick runs late by that many nanoseconds.
func (p *pulser) tick(now, late int64) {
	c := p.c
	// Silence is the peer's only if we would have heard it. While we were paused we could not; while the reader handles
	// what it read, or bytes lie unread in the socket because the reader gets no CPU, the peer has spoken.
	if late > int64(c.cfg.BeatInterval) || c.handling.Load() {
		c.heard.Store(now)
	}
	if lease := c.lease.Load(); lease > 0 && now-c.heard.Load() >= lease {
		if c.sock.unread() == 0 {
			c.fail(ErrSilent)
			return
		}
		c.heard.Store(now)
	}
	if now >= p.beatDue {
		p.beatDue = now + int64(c.cfg.BeatInterval)
		p.beat()
	}
}

// beat says that we live and what we have processed.
func (p *pulser) beat() {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.muted != nil {
		if p.ending++; p.ending >= endTicks {
			c.failLocked(c.muted)
		}
		return
	}
	if c.closed {
		return
	}
	if c.owner == nobody && c.out.empty() {
		c.trim()
	}
	c.out.beat(c.processed.load())
	c.flush()
}

// trim gives back buffers that a burst has left behind.
func (c *Conn) trim() {
	if cap(c.wire)+cap(c.out.small) > 2*idleBytes {
		c.wire, c.out.small = nil, nil
	}
}

// idleBytes is what an idle connection keeps of each output buffer.
const idleBytes = 2 << 10
