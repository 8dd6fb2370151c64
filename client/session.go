package client

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"dunnock/client/owner"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/task"
)

// session is one connection to one scheduler, from dialling to its end. Its
// messages are handled in the connection's reader.
type session struct {
	c     *Client
	index owner.Scheduler
	ctx   context.Context //nolint:containedctx // the session's life, which Close may end before there is a connection
	stop  context.CancelFunc

	conn *stream.Conn // the reader's, and under Client.mu once the session is ready

	// Set under Client.mu when the handshake is done, and not changed after.
	ready  bool
	name   string // of the scheduler
	limits submission.Limits

	// The reader's own.
	turn    turn
	overdue *time.Timer // stopped by the handshake
	greeted bool        // the Hello came
	workers map[string]string
}

// dialTimeout bounds connecting and the handshake together.
const dialTimeout = 2 * time.Second

func newSession(c *Client, index owner.Scheduler) *session {
	s := &session{c: c, index: index}
	s.ctx, s.stop = context.WithCancel(c.ctx)
	return s
}

func (s *session) addr() string { return s.c.addrs[s.index] }

// run is the session's goroutine.
func (s *session) run() {
	defer s.stop()
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	s.overdue = time.AfterFunc(dialTimeout, func() { cancel(fmt.Errorf("no answer within %v", dialTimeout)) })
	defer s.overdue.Stop()
	err := s.connect(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	s.end(err)
}

// connect dials, greets, and reads until the connection ends.
func (s *session) connect(ctx context.Context) error {
	conn, err := stream.Dial(ctx, s.c.cfg.Dial, s.addr(), probe.StreamPath, nil, s.c.cfg.Stream)
	if err != nil {
		return err
	}
	s.conn = conn
	hello := probe.Hello{Version: probe.Version, Role: probe.RoleClient, Lease: max(conn.Lease(), 0)}
	conn.End(probe.AppendHello(conn.Begin(uint8(probe.KindHello)), &hello))
	conn.Flush()
	return conn.Run(ctx, s)
}

// end tells the core that the scheduler is gone.
func (s *session) end(err error) {
	c := s.c
	now, ok := c.enter()
	if !ok {
		return
	}
	if err == nil {
		err = errHungUp
	}
	c.sessions[s.index], c.faults[s.index] = nil, err
	if s.ready {
		c.cfg.Logger.Info("scheduler lost", slog.String("scheduler", s.name), slog.String("addr", s.addr()), slog.Any("reason", err))
	} else {
		c.cfg.Logger.Debug("scheduler not connected", slog.String("addr", s.addr()), slog.Any("reason", err))
	}
	s.turn.effects = c.core.SchedulerDown(now, s.index, s.turn.effects)
	c.exit(now, &s.turn)
	s.turn.batch.Flush()
}

// admits says why a job cannot be sent to this scheduler, of so many bytes when encoded; nil if it can. It runs under
// Client.mu.
func (s *session) admits(h *Handle, size int) *task.Error {
	l := &s.limits
	if h.size.MaxTasks > l.Job.MaxTasks || h.size.MaxPayloadBytes > l.Job.MaxPayloadBytes || h.size.MaxJobBytes > l.Job.MaxJobBytes {
		if err := h.job.Validate(l.Job); err != nil {
			return asError(err)
		}
	}
	if most := min(l.MessageBytes, maxJobMessage); size > most {
		return task.Errorf(task.CodeTooLarge, "tasks: the job takes %d bytes when encoded; at most %d are allowed", size, most)
	}
	return nil
}

// cancelJob appends a Cancel, behind the job that it is about.
func (s *session) cancelJob(seq uint32) {
	var body [8]byte
	s.conn.SendAfter(uint8(submission.KindCancel), submission.AppendCancel(body[:0], submission.Cancel{Seq: seq}), nil)
}

// still appends which jobs the client owns at this scheduler, behind those that are still being sent.
func (s *session) still(seqs []uint32) {
	s.conn.SendAfter(uint8(submission.KindStill), nil, submission.AppendStill(nil, submission.Still{Seqs: seqs}))
}

// Flush sends what handling the last messages made. Whoever has waited for results goes on.
func (s *session) Flush() {
	s.turn.batch.Flush()
	s.c.monitor.Wake()
}

// Message handles one message from the scheduler.
func (s *session) Message(kind uint8, body []byte) error {
	if !s.ready {
		return s.handshake(kind, body)
	}
	core := s.c.core
	switch submission.Kind(kind) {
	case submission.KindAccepted:
		m, err := submission.DecodeAccepted(body)
		return s.tell(err, func(now time.Duration, out []owner.Effect) []owner.Effect { return core.Accepted(now, s.index, m, out) })
	case submission.KindRejected:
		m, err := submission.DecodeRejected(body)
		return s.tell(err, func(now time.Duration, out []owner.Effect) []owner.Effect {
			s.c.noteRefusal(s.index, m)
			return core.Rejected(now, s.index, m, out)
		})
	case submission.KindTaskDone:
		return s.taskDone(body)
	case submission.KindTaskRetry:
		m, err := submission.DecodeTaskRetry(body)
		s.turn.retry = task.Retry{
			Task: int(m.Task), Attempt: int(m.Attempt), Worker: s.intern(m.Worker), Err: &task.Error{Code: m.Code, Message: string(m.Message), Detail: string(m.Detail)},
		}
		return s.tell(err, func(_ time.Duration, out []owner.Effect) []owner.Effect { return core.TaskRetry(s.index, &m, out) })
	case submission.KindJobDone:
		m, err := submission.DecodeJobDone(body)
		return s.tell(err, func(_ time.Duration, out []owner.Effect) []owner.Effect { return core.JobDone(s.index, m, out) })
	case submission.KindAsk:
		m, err := submission.DecodeAsk(body)
		return s.tell(err, func(_ time.Duration, out []owner.Effect) []owner.Effect { return core.Ask(s.index, m, out) })
	case submission.KindLeave:
		m, err := submission.DecodeLeave(body)
		err = s.tell(err, func(now time.Duration, out []owner.Effect) []owner.Effect {
			s.c.noteLeaving(s.index)
			return core.Leave(now, s.index, m, out)
		})
		return cmp.Or(err, errLeft)
	case submission.KindSubmit, submission.KindCancel, submission.KindLimits, submission.KindStill:
	}
	return fmt.Errorf("unexpected message of kind %d from a scheduler", kind)
}

// enter is that of Client, at the time at which the message was read: the clock is read once for all messages of a
// read. What others have told the core since then was a little later, which no deadline of a job depends on.
func (s *session) enter() (now time.Duration, ok bool) {
	return s.conn.ReadAt().Sub(s.c.epoch), s.c.enterAt()
}

// tell calls the core with a message that could be decoded. Once the client is closed nobody listens any more.
func (s *session) tell(err error, event func(time.Duration, []owner.Effect) []owner.Effect) error {
	if err != nil {
		return err
	}
	now, ok := s.enter()
	if !ok {
		return nil
	}
	s.turn.effects = event(now, s.turn.effects)
	s.c.exit(now, &s.turn)
	return nil
}

// taskDone tells the core of an outcome; the result goes with it.
func (s *session) taskDone(body []byte) error {
	m, err := submission.DecodeTaskDone(body)
	if err != nil {
		return err
	}
	s.turn.result = s.result(&m)
	now, ok := s.enter()
	if !ok {
		return nil
	}
	s.turn.effects = s.c.core.TaskDone(now, s.index, &m, s.turn.effects)
	s.c.exit(now, &s.turn)
	s.turn.result = task.Result{}
	return nil
}

// handshake takes the scheduler's Hello, and the limits that follow it.
func (s *session) handshake(kind uint8, body []byte) error {
	if s.greeted {
		limits, err := submission.DecodeLimits(body)
		if err != nil || submission.Kind(kind) != submission.KindLimits {
			return fmt.Errorf("%s does not say what it takes", s.addr())
		}
		s.overdue.Stop()
		return s.tell(nil, func(now time.Duration, out []owner.Effect) []owner.Effect {
			s.limits, s.ready = limits, true
			return s.c.core.SchedulerUp(now, s.index, out)
		})
	}
	if probe.Kind(kind) != probe.KindHello {
		return fmt.Errorf("message of kind %d before the handshake", kind)
	}
	h, err := probe.DecodeHello(body)
	if err != nil {
		return fmt.Errorf("handshake refused: %w", err)
	}
	if h.Role != probe.RoleScheduler {
		return fmt.Errorf("handshake refused: a %s", h.Role)
	}
	s.conn.RaiseLease(h.Lease)
	s.greeted, s.name = true, h.Name
	return nil
}

// result copies a message into memory of its own.
func (s *session) result(m *submission.TaskDone) task.Result {
	res := task.Result{
		Task: int(m.Task), Outcome: m.Outcome, Worker: s.intern(m.Worker), Attempt: int(m.Attempt), Wait: m.Wait, Service: m.Service,
	}
	if m.Outcome == task.OK {
		res.Value = bytes.Clone(m.Value)
	}
	if m.Code != "" {
		res.Err = &task.Error{Code: m.Code, Message: string(m.Message), Detail: string(m.Detail)}
	}
	return res
}

const maxInterned = 4096

// intern keeps one string per worker name; names repeat in every result.
func (s *session) intern(name []byte) string {
	if known, ok := s.workers[string(name)]; ok {
		return known
	}
	if s.workers == nil || len(s.workers) >= maxInterned {
		s.workers = make(map[string]string)
	}
	known := string(name)
	s.workers[known] = known
	return known
}
