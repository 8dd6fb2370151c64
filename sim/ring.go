package sim

import (
	"math"
	"time"
)

// delivery is a message on its way.
type delivery struct {
	at      time.Duration
	seq     uint64
	message Message
}

// ring holds the messages on their way. All take the same time, so they arrive in the order in which they were
// sent, and a queue is all that is needed where a heap would cost a logarithm.
type ring struct {
	buf  []delivery // a power of two
	head uint64
	tail uint64
}

func newRing() ring { return ring{buf: make([]delivery, 64)} }

// top returns when the first message arrives, and its sequence number; never if there is none.
func (r *ring) top() (time.Duration, uint64) {
	if r.head == r.tail {
		return never, math.MaxUint64
	}
	d := &r.buf[r.head&uint64(len(r.buf)-1)]
	return d.at, d.seq
}

// push returns the place of a new last message, for the caller to fill. One place is kept free: that of the message
// that was removed last, which its receiver may be looking at.
func (r *ring) push() *delivery {
	if r.tail-r.head == uint64(len(r.buf))-1 {
		r.grow()
	}
	d := &r.buf[r.tail&uint64(len(r.buf)-1)]
	r.tail++
	return d
}

// pop removes the first message; there must be one. What it returns is good until the next pop.
func (r *ring) pop() *delivery {
	d := &r.buf[r.head&uint64(len(r.buf)-1)]
	r.head++
	return d
}

func (r *ring) grow() {
	larger := make([]delivery, 2*len(r.buf))
	for i := r.head; i != r.tail; i++ {
		larger[i&uint64(len(larger)-1)] = r.buf[i&uint64(len(r.buf)-1)]
	}
	r.buf = larger
}
