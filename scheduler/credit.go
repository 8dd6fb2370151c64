package scheduler

import (
	"time"

	"dunnock/internal/stream"
	"dunnock/scheduler/placement"
)

// What a client has been sent and has not read is in the memory of this process, or of the kernel. A job whose client reads too slowly
// starts nothing more until it has caught up, so that it stalls nobody but itself.

// sent notes that a result is on its way to the client. It runs under the lock.
func (c *client) sent(j *job, r sentResult) {
	if r.receipt.seq == 0 && r.size == 0 {
		return // nobody waits to hear of it
	}
	c.unread.push(r)
	if j.unread.Send(int64(r.size), c.s.cfg.MaxUnreadBytes) && j.held&heldCredit == 0 {
		c.s.slow = append(c.s.slow, j)
		c.s.wakeOwners() // who may call the core, which carrying out its effects may not
	}
}

// holdSlow keeps the jobs from starting anything whose clients have too much to read.
func (s *Scheduler) holdSlow(now time.Duration, t *turn) {
	for i, j := range s.slow {
		s.slow[i] = nil
		if j.unread.Over(s.cfg.MaxUnreadBytes) {
			t.effects = s.hold(now, j, heldCredit, t.effects)
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
		return c.s.unhold(now, r.job, heldCredit, effects)
	}
	return effects
}

// lostResults are results that a client was sent whose connection has ended. It may ask for them elsewhere, so their workers
// keep them for a while.
type lostResults struct {
	at       time.Duration
	receipts []receipt
}

// lostTTL is how long that is: longer than a client takes to find another scheduler.
const lostTTL = 10 * time.Second

// keepUnread takes over what a client has not read when its connection ends.
func (s *Scheduler) keepUnread(now time.Duration, c *client, effects []placement.Effect) []placement.Effect {
	lost := lostResults{at: now}
	for {
		r, ok := c.unread.pop(func(stream.Mark) bool { return true })
		if !ok {
			break
		}
		effects = c.hasRead(now, r, effects)
		if r.receipt.seq != 0 {
			lost.receipts = append(lost.receipts, r.receipt)
		}
	}
	if len(lost.receipts) > 0 {
		s.lost = append(s.lost, lost)
	}
	return effects
}

// keepResult takes over a result of a job without an owner.
func (s *Scheduler) keepResult(now time.Duration, r receipt) {
	if r.seq == 0 {
		return
	}
	if n := len(s.lost); n > 0 && s.lost[n-1].at == now {
		s.lost[n-1].receipts = append(s.lost[n-1].receipts, r)
		return
	}
	s.lost = append(s.lost, lostResults{at: now, receipts: []receipt{r}})
}

// expireLost acknowledges the results that nobody has come back for.
func (s *Scheduler) expireLost(now time.Duration, t *turn) {
	for len(s.lost) > 0 && now-s.lost[0].at > lostTTL {
		for _, r := range s.lost[0].receipts {
			s.settle(t, r)
		}
		s.lost[0] = lostResults{}
		s.lost = s.lost[1:]
	}
}
