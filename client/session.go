package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/task"
)

// session is one connection to one scheduler, from dialling to its end. Its
// messages are handled in the connection's reader.
type session struct {
	c     *Client
	addr  string
	ready chan struct{} // closed when the handshake is done, or has failed
	err   error         // why it failed; set before ready is closed

	conn *stream.Conn // set before ready is closed

	mu    sync.Mutex // guards what follows
	name  string     // of the scheduler
	seq   uint32
	jobs  map[uint32]*Handle
	ended error // not nil when the connection is gone

	limits submission.Limits // set before ready is closed
}

// dialTimeout bounds connecting and the handshake together.
const dialTimeout = 2 * time.Second

func newSession(c *Client, addr string) *session {
	return &session{c: c, addr: addr, ready: make(chan struct{}), jobs: make(map[uint32]*Handle)}
}

// wait returns when the session can be used, or with why it cannot.
func (s *session) wait(ctx context.Context) error {
	select {
	case <-s.ready:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) run() {
	ctx, cancel := context.WithCancelCause(s.c.ctx)
	defer cancel(nil)
	overdue := time.AfterFunc(dialTimeout, func() { cancel(fmt.Errorf("no answer within %v", dialTimeout)) })
	defer overdue.Stop()
	err := s.connect(ctx, overdue)
	if ctx.Err() != nil && s.c.ctx.Err() == nil {
		err = context.Cause(ctx)
	}
	s.end(err)
}

// connect dials, greets, and reads until the connection ends.
func (s *session) connect(ctx context.Context, overdue *time.Timer) error {
	conn, err := stream.Dial(ctx, s.c.cfg.Dial, s.addr, probe.StreamPath, nil, s.c.cfg.Stream)
	if err != nil {
		return err
	}
	s.conn = conn
	hello := probe.Hello{Version: probe.Version, Role: probe.RoleClient}
	conn.End(probe.AppendHello(conn.Begin(uint8(probe.KindHello)), &hello))
	conn.Flush()
	return conn.Run(ctx, &reader{s: s, overdue: overdue})
}

// end tells everyone who waits on the session that it is over.
func (s *session) end(err error) {
	if err == nil || s.c.ctx.Err() != nil {
		err = ErrClosed
	}
	s.c.forget(s)
	s.mu.Lock()
	s.ended = err
	jobs := s.jobs
	s.jobs = nil
	s.mu.Unlock()
	select {
	case <-s.ready:
	default:
		s.err = err
		close(s.ready)
	}
	for _, h := range jobs {
		h.lost(task.Errorf(task.CodeSchedulerLost, "the connection to scheduler %s ended: %v", s.addr, err))
	}
}

// errUnsent says that a session had ended before a job was sent on it.
var errUnsent = errors.New("the connection has ended")

// submit sends a job and waits for its acceptance. With errUnsent nothing was sent.
func (s *session) submit(ctx context.Context, job *task.Job) (*Handle, error) {
	if err := job.Validate(s.limits.Job); err != nil {
		return nil, err
	}
	h, err := s.send(job)
	if err != nil {
		return nil, err
	}
	select {
	case <-h.accepted:
	case <-ctx.Done():
		h.Cancel()
		return nil, ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused != nil {
		return nil, h.refused
	}
	return h, nil
}

// submitBuffers hold encoded jobs that are too large for one frame only while they are sent, so most
// jobs are encoded into pooled memory and copied from there.
var submitBuffers = sync.Pool{New: func() any { return new([]byte) }} //nolint:gochecknoglobals // a pool serves all clients

// smallSubmit is how long an encoded job may be to be copied into the connection's buffer.
const smallSubmit = 32 << 10

// send encodes a job, makes its handle and sends it, unless it is too large or the session has ended.
func (s *session) send(job *task.Job) (*Handle, error) {
	s.mu.Lock()
	s.seq++
	seq := s.seq
	s.mu.Unlock()
	buf := submitBuffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	*buf = submission.AppendSubmit((*buf)[:0], seq, job)
	if most := min(s.limits.MessageBytes, maxJobMessage); len(*buf) > most {
		return nil, task.Errorf(task.CodeTooLarge, "tasks: the job takes %d bytes when encoded; at most %d are allowed", len(*buf), most)
	}
	h := newHandle(s, seq, job)
	s.mu.Lock()
	if s.ended != nil {
		s.mu.Unlock()
		return nil, errUnsent
	}
	s.jobs[seq] = h
	s.mu.Unlock()
	h.await()

	s.conn.Send(uint8(submission.KindSubmit), nil, *buf)
	if len(*buf) <= smallSubmit {
		submitBuffers.Put(buf) // a longer one is still referenced by the connection
	}
	s.conn.FlushSoon()
	return h, nil
}

func (s *session) cancel(seq uint32) {
	var body [8]byte
	s.conn.SendAfter(uint8(submission.KindCancel), submission.AppendCancel(body[:0], submission.Cancel{Seq: seq}), nil)
	s.conn.FlushSoon()
}

// reader handles what the scheduler says.
type reader struct {
	s       *session
	overdue *time.Timer // stopped by the handshake
	greeted bool        // the Hello came
	ready   bool        // so did the limits: the handshake is done
	workers map[string]string
}

// Flush has nothing to send: a client answers nothing.
func (r *reader) Flush() {}

// Message handles one message.
func (r *reader) Message(kind uint8, body []byte) error {
	s := r.s
	if !r.ready {
		return r.handshake(kind, body)
	}
	switch submission.Kind(kind) {
	case submission.KindAccepted:
		m, err := submission.DecodeAccepted(body)
		if err != nil {
			return err
		}
		if h := s.find(m.Seq); h != nil {
			h.accept(nil)
		}
	case submission.KindRejected:
		m, err := submission.DecodeRejected(body)
		if err != nil {
			return err
		}
		if h := s.take(m.Seq); h != nil {
			h.accept(m.Err)
		}
	case submission.KindTaskDone:
		m, err := submission.DecodeTaskDone(body)
		if err != nil {
			return err
		}
		if h := s.find(m.Seq); h != nil {
			h.taskDone(r.result(&m))
		}
	case submission.KindJobDone:
		m, err := submission.DecodeJobDone(body)
		if err != nil {
			return err
		}
		if h := s.take(m.Seq); h != nil {
			h.jobDone(m.Outcome)
		}
	case submission.KindSubmit, submission.KindCancel, submission.KindLimits, submission.KindTaskRetry, submission.KindAsk, submission.KindStill:
		return fmt.Errorf("unexpected message of kind %d from a scheduler", kind)
	default:
		return fmt.Errorf("unexpected message of kind %d from a scheduler", kind)
	}
	return nil
}

// handshake takes the scheduler's Hello, and the limits that follow it.
func (r *reader) handshake(kind uint8, body []byte) error {
	if r.greeted {
		limits, err := submission.DecodeLimits(body)
		if err != nil || submission.Kind(kind) != submission.KindLimits {
			return fmt.Errorf("%s does not say what it takes", r.s.addr)
		}
		r.overdue.Stop()
		r.s.limits = limits
		r.ready = true
		close(r.s.ready)
		return nil
	}
	h, err := probe.DecodeHello(body)
	if err != nil || probe.Kind(kind) != probe.KindHello || h.Role != probe.RoleScheduler || h.Version != probe.Version {
		return fmt.Errorf("%s is not a scheduler of this version", r.s.addr)
	}
	r.greeted = true
	r.s.mu.Lock()
	r.s.name = h.Name
	r.s.mu.Unlock()
	return nil
}

// result copies a message into memory of its own.
func (r *reader) result(m *submission.TaskDone) task.Result {
	res := task.Result{
		Task: int(m.Task), Outcome: m.Outcome, Worker: r.intern(m.Worker), Attempt: int(m.Attempt), Wait: m.Wait, Service: m.Service,
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
func (r *reader) intern(name []byte) string {
	if s, ok := r.workers[string(name)]; ok {
		return s
	}
	if r.workers == nil || len(r.workers) >= maxInterned {
		r.workers = make(map[string]string)
	}
	s := string(name)
	r.workers[s] = s
	return s
}

func (s *session) find(seq uint32) *Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[seq]
}

func (s *session) take(seq uint32) *Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.jobs[seq]
	delete(s.jobs, seq)
	return h
}
