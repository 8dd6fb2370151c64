package scheduler

import (
	"dunnock/internal/stream"
	"dunnock/probe"
)

// receipt names a result that a worker keeps until it is acknowledged. The zero receipt names none.
type receipt struct {
	link *link
	seq  uint64
}

// take gives the turn's receipt to whoever will see to it that the result reaches its owner.
func (t *turn) take() receipt {
	r := t.receipt
	t.receipt = receipt{}
	return r
}

// ackEvery is how many results are acknowledged with one message, where there are so many: an acknowledgement that is late
// costs a worker memory and nothing else.
const ackEvery = 64

// settle notes that a result has reached who owns it, and tells its worker when there is enough to tell. It runs under the lock.
func (s *Scheduler) settle(t *turn, r receipt) {
	if r.seq == 0 {
		return
	}
	l := r.link
	l.settled.add(r.seq)
	if up := l.settled.prefix(); up >= l.acked+ackEvery {
		l.ack(t, up)
	}
}

// ack acknowledges results, unless the worker is not connected.
func (l *link) ack(t *turn, up uint64) {
	if l.id == 0 || l.severed {
		return
	}
	l.acked = up
	l.conn.End(probe.AppendAck(l.conn.Begin(uint8(probe.KindAck)), probe.Ack{Seq: up}))
	t.batch.Add(l.conn)
}

// unread are results that were sent to a client, in the order in which they were, until it has processed them.
type unread struct {
	ring []sentResult // a power of two
	head int
	live int
}

type sentResult struct {
	mark    stream.Mark
	receipt receipt
	job     *job
	size    int32 // bytes of its value
}

func (u *unread) push(r sentResult) {
	if u.live == len(u.ring) {
		ring := make([]sentResult, max(2*len(u.ring), 64))
		for i := range u.live {
			ring[i] = u.ring[(u.head+i)&(len(u.ring)-1)]
		}
		u.ring, u.head = ring, 0
	}
	u.ring[(u.head+u.live)&(len(u.ring)-1)] = r
	u.live++
}

// pop returns the oldest result that the client has processed by now.
func (u *unread) pop(passed func(stream.Mark) bool) (sentResult, bool) {
	if u.live == 0 || !passed(u.ring[u.head].mark) {
		return sentResult{}, false
	}
	r := &u.ring[u.head]
	out := *r
	*r = sentResult{}
	u.head = (u.head + 1) & (len(u.ring) - 1)
	u.live--
	return out, true
}
