package scheduler

import (
	"time"

	"dunnock/internal/stream"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
)

// What a client has been sent and has not read is in the memory of this process, or of the kernel. A job whose client
// reads too slowly starts nothing more until it has caught up, so that it stalls nobody but itself.

// sent notes that a result is on its way to the client. It runs under the lock.
func (c *client) sent(j *job, r sentResult) {
	if r.receipt.seq == 0 && r.size == 0 {
		return // nobody waits to hear of it
	}
	c.unread.push(r)
	if j.unread.Send(int64(r.size), c.s.cfg.MaxUnreadBytes) && j.lease.Held()&lease.Unread == 0 {
		c.s.slow = append(c.s.slow, j)
		c.s.wakeOwners() // who may call the core, which carrying out its effects may not
	}
}

// holdSlow keeps the jobs from starting anything whose clients have too much to read.
func (s *Scheduler) holdSlow(now time.Duration, t *turn) {
	for i, j := range s.slow {
		s.slow[i] = nil
		if j.unread.Over(s.cfg.MaxUnreadBytes) {
			t.effects = s.do(now, j, s.leases.Hold(&j.lease, lease.Unread), t.effects)
		}
	}
	s.slow = s.slow[:0]
}

// settleRead takes note of what the client has processed.
func (c *client) settleRead() {
	s := c.s
	now := s.enter()
	for {
		r, ok := c.unread.pop(c.conn.Passed)
		if !ok {
			break
		}
		c.turn.effects = c.hasRead(now, r, c.turn.effects)
		s.settle(&c.turn, r.receipt)
	}
	s.exit(now, &c.turn)
}

// hasRead gives a job its credit back.
func (c *client) hasRead(now time.Duration, r sentResult, effects []placement.Effect) []placement.Effect {
	if r.job.unread.Read(int64(r.size), c.s.cfg.MaxUnreadBytes) {
		return c.s.do(now, r.job, c.s.leases.Release(&r.job.lease, lease.Unread), effects)
	}
	return effects
}

// keepUnread has what a client has not read kept when its connection ends: it may ask for it, here or elsewhere.
func (s *Scheduler) keepUnread(now time.Duration, c *client, effects []placement.Effect) []placement.Effect {
	for {
		r, ok := c.unread.pop(func(stream.Mark) bool { return true })
		if !ok {
			return effects
		}
		effects = c.hasRead(now, r, effects)
		s.keepResult(now, r.receipt)
	}
}
