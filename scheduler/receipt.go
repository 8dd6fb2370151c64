package scheduler

import (
	"time"

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

// tell tells those who follow a job of what came with the turn's receipt. The first who has submitted it answers for
// that; if its owners are gone it is kept for them.
func (s *Scheduler) tell(now time.Duration, t *turn, j *job, say func(follower, receipt)) {
	if j.lease.Keeps(len(j.clients)) {
		s.keepResult(now, t.take())
	}
	for i, f := range j.clients {
		if i == 0 {
			say(f, t.take())
			continue
		}
		say(f, receipt{})
	}
}

// settle notes that a result has reached who owns it, and tells its worker when there is enough to tell. It runs under
// the lock.
func (s *Scheduler) settle(t *turn, r receipt) {
	if r.seq == 0 {
		return
	}
	if up, due := r.link.results.Settle(r.seq); due {
		r.link.ack(t, up)
	}
}

// ackRest tells the workers of all that has reached its owners. It runs under the lock.
func (s *Scheduler) ackRest(t *turn) {
	for _, l := range s.links {
		if up, due := l.results.Rest(); due {
			l.ack(t, up)
		}
	}
}

// ack acknowledges results, unless the worker is not connected.
func (l *link) ack(t *turn, up uint64) {
	if l.id == 0 || l.severed {
		return
	}
	l.results.Acked(up)
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
	if u.live == 0 && len(u.ring) > idleUnread {
		u.ring, u.head = nil, 0
	}
	return out, true
}

// idleUnread is the largest ring that is kept empty for the results to come.
const idleUnread = 1 << 10
