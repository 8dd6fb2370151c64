package scheduler

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"dunnock/internal/bitmap"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler/lease"
	"dunnock/task"
)

// client is one client stream. Its messages are handled in the connection's
// reader; its jobs live as long as it does.
type client struct {
	s    *Scheduler
	conn *stream.Conn
	turn turn

	jobs   lease.Client[*job] // guarded by Scheduler.mu
	unread unread             // likewise
	head   []byte             // memory for encoding; likewise

	decoder submission.Decoder
}

// welcomeClient answers a client's Hello.
func (s *Scheduler) welcomeClient(conn *stream.Conn) *client {
	c := &client{s: s, conn: conn}
	s.mu.Lock()
	s.clients[c] = struct{}{}
	s.mu.Unlock()
	conn.End(probe.AppendHello(conn.Begin(uint8(probe.KindHello)), &s.hello))
	conn.End(submission.AppendLimits(conn.Begin(uint8(submission.KindLimits)), submission.Limits{
		Job: s.cfg.Limits, MessageBytes: s.clientStream.MaxMessageBytes,
	}))
	c.turn.batch.Add(conn)
	return c
}

// dismiss says the scheduler's last word to a client: what it has submitted and got no answer to is not taken. Until
// the client has hung up, what it still sends is refused. The word must not get ahead of a large result, since who
// hears it hangs up. The caller holds mu, and flushes.
func (c *client) dismiss() {
	c.conn.SendAfter(uint8(submission.KindLeave), submission.AppendLeave(nil, submission.Leave{}), nil)
}

// leave takes their owner from the jobs that the client still had.
func (c *client) leave(err error) {
	s := c.s
	now := s.enter()
	delete(s.clients, c)
	jobs := c.jobs.Leave()
	for _, o := range jobs {
		o.Job.unfollow(c, o.Seq)
		c.turn.effects = s.disown(now, o.Job, o.Asked, c.turn.effects)
	}
	if errors.Is(err, stream.ErrSilent) {
		s.meters.leaseExpiries.Inc()
	}
	left := len(jobs)
	c.turn.effects = s.keepUnread(now, c, c.turn.effects)
	s.exit(now, &c.turn)
	c.turn.batch.Flush()
	if left > 0 || (err != nil && !errors.Is(err, io.EOF)) {
		s.node.Logger.Info("client disconnected", slog.Int("unfinished_jobs", left), slog.Any("reason", err))
	}
}

func (j *job) unfollow(c *client, seq uint32) {
	for i, f := range j.clients {
		if f.client == c && f.seq == seq {
			j.clients = append(j.clients[:i], j.clients[i+1:]...)
			return
		}
	}
}

// Flush sends what handling the last messages made, and takes note of what the client has read.
func (c *client) Flush() {
	c.settleRead()
	c.s.gather.Flush(&c.turn.batch)
}

// Message handles one message from the client.
func (c *client) Message(kind uint8, body []byte) error {
	switch submission.Kind(kind) {
	case submission.KindSubmit:
		return c.submit(body)
	case submission.KindCancel:
		m, err := submission.DecodeCancel(body)
		if err != nil {
			return err
		}
		now := c.s.enter()
		if j, ok := c.jobs.Job(m.Seq); ok {
			c.s.roomy(&c.turn)
			c.turn.effects = c.s.core.Cancel(now, j.ref, c.turn.effects)
		}
		c.s.exit(now, &c.turn)
		return nil
	case submission.KindStill:
		return c.still(body)
	case submission.KindAccepted, submission.KindRejected, submission.KindTaskDone, submission.KindJobDone, submission.KindLimits,
		submission.KindTaskRetry, submission.KindAsk, submission.KindLeave:
	}
	return fmt.Errorf("unexpected message of kind %d from a client", kind)
}

func (c *client) submit(body []byte) error {
	m, err := c.decoder.Submit(body, c.s.cfg.Limits)
	if err != nil {
		var refused *task.Error
		if !errors.As(err, &refused) {
			return err
		}
		c.reject(m.Seq, refused)
		return nil
	}
	c.s.mu.Lock()
	_, known := c.jobs.Job(m.Seq)
	c.s.mu.Unlock()
	if known {
		return fmt.Errorf("job number %d is in use by an unfinished job", m.Seq)
	}
	attach := func(j *job, again bool) { c.follow(m.Seq, j, again, m.Job.Finished) }
	c.turn.lent = !c.conn.Owned()
	if refused := c.s.submit(&c.turn, m.Job, attach); refused != nil {
		c.reject(m.Seq, refused)
	}
	c.turn.batch.Add(c.conn) // behind those of the workers that have something to do
	return nil
}

// follow makes the client hear of a job. One that was here before is told from its beginning, but for what the client
// has.
func (c *client) follow(seq uint32, j *job, again bool, has []byte) {
	c.conn.End(submission.AppendAccepted(c.conn.Begin(uint8(submission.KindAccepted)), submission.Accepted{Seq: seq}))
	if again {
		for _, i := range j.order {
			if !bitmap.Has(has, i) {
				c.sendTask(&c.turn, seq, j, i, j.tasks.read(int(i)).value, receipt{})
			}
		}
		if j.outcome != 0 {
			c.sendDone(&c.turn, seq, j)
			return
		}
	}
	c.jobs.Follow(seq, j)
	j.clients = append(j.clients, follower{c, seq})
	c.s.leases.Own(&j.lease)
}

func (c *client) reject(seq uint32, e *task.Error) {
	c.conn.End(submission.AppendRejected(c.conn.Begin(uint8(submission.KindRejected)), submission.Rejected{Seq: seq, Err: e}))
	c.turn.batch.Add(c.conn)
}

func asError(err error) *task.Error {
	if e, ok := errors.AsType[*task.Error](err); ok {
		return e
	}
	return task.Errorf(task.CodeInternal, "%v", err)
}
