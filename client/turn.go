package client

import (
	"time"

	"dunnock/client/owner"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/task"
)

// turn is what one goroutine needs to call the core and carry out what it says: a buffer for effects, and the
// connections that were written to.
type turn struct {
	effects []owner.Effect
	batch   stream.Batch
	result  task.Result // that the core is being told
	retry   task.Retry  // likewise
	fresh   *Handle     // that is being submitted, and encoded
	encoded []byte
}

// submitted lets go of the job.
func (t *turn) submitted() {
	if len(t.encoded) > smallSubmit {
		t.encoded = nil
	}
	t.fresh = nil
}

// enter takes the lock and reads the clock, unless the client is closed.
func (c *Client) enter() (now time.Duration, ok bool) {
	if !c.enterAt() {
		return 0, false
	}
	return time.Since(c.epoch), true
}

// enterAt is enter for who knows the time.
func (c *Client) enterAt() (ok bool) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return false
	}
	return true
}

// exit carries out what the core said, in its order, and lets go of the lock. Frames are appended under the lock, so
// that two goroutines cannot swap the order of what the core decided; the caller flushes.
func (c *Client) exit(now time.Duration, t *turn) {
	for i := 0; i < len(t.effects); { // carrying one out may bring about more
		e := t.effects[i]
		i++
		c.carryOut(now, t, &e)
	}
	t.effects = t.effects[:0]
	if next, due := c.core.NextWake(); due {
		c.clock.arm(now, next)
	}
	c.mu.Unlock()
}

func (c *Client) carryOut(now time.Duration, t *turn, e *owner.Effect) {
	switch e.Kind {
	case owner.EffectOutcome:
		h := c.handles[e.Ref.Index()]
		if e.Code == "" {
			h.taskDone(&t.result)
		} else {
			h.taskDone(&task.Result{Task: int(e.Task), Outcome: e.Outcome, Err: reasonOf(e.Code)})
		}
	case owner.EffectRetry:
		c.handles[e.Ref.Index()].retry(&t.retry)
	case owner.EffectDone:
		c.forget(e.Ref).done(e.Outcome)
	case owner.EffectAccepted:
		c.handles[e.Ref.Index()].accept(c.sessions[e.Scheduler].name)
	case owner.EffectRefused:
		h := c.forget(e.Ref)
		h.refuse(c.refusal(h, e.Code))
	case owner.EffectSubmit:
		c.send(now, t, e)
	case owner.EffectCancel:
		c.sessions[e.Scheduler].cancelJob(e.Seq)
		t.batch.Add(c.sessions[e.Scheduler].conn)
	case owner.EffectStill:
		s := c.sessions[e.Scheduler]
		c.seqs = c.core.AppendSeqs(e.Scheduler, c.seqs[:0])
		s.still(c.seqs)
		t.batch.Add(s.conn)
	case owner.EffectConnect:
		s := newSession(c, e.Scheduler)
		c.sessions[e.Scheduler] = s
		c.conns.Go(s.run)
	}
}

// forget lets go of a job that is over.
func (c *Client) forget(ref owner.Ref) *Handle {
	h := c.handles[ref.Index()]
	c.handles[ref.Index()] = nil
	return h
}

// send sends a job to a scheduler, unless it is over that one's limits: a message that is too long would end the
// connection, and all jobs on it.
func (c *Client) send(now time.Duration, t *turn, e *owner.Effect) {
	h, s := c.handles[e.Ref.Index()], c.sessions[e.Scheduler]
	j := task.Job{Epoch: e.Epoch, Deadline: e.Deadline}
	if e.Epoch > 0 {
		j.Finished = c.core.Finished(e.Ref)
		j.Attempts = c.core.AppendAttempts(e.Ref, nil)
	}
	c.head = submission.AppendSubmitHead(c.head[:0], e.Seq, &j)
	body := h.encoded
	switch {
	case body != nil:
	case h == t.fresh:
		body = t.encoded
	default:
		c.body = submission.AppendJob(c.body[:0], &h.job)
		body = c.body
	}
	if err := s.admits(h, len(c.head)+len(body)); err != nil {
		t.effects = c.core.Rejected(now, e.Scheduler, submission.Rejected{Seq: e.Seq, Err: err}, t.effects)
		h.lastRefusal = err
		return
	}
	s.conn.Send(uint8(submission.KindSubmit), c.head, body)
	t.batch.Add(s.conn)
}
