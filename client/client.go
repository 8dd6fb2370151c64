package client

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dunnock/client/owner"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/task"
)

// Config of a client. Zero fields take the default that their comment gives.
type Config struct {
	// Schedulers to submit to: "host:port" or "http://host:port". 1 to 64; two are enough to go on without one.
	Schedulers []string
	// Tries is how often a job that no scheduler has accepted yet is handed to the fleet before Submit fails: a job
	// that every scheduler refuses because it is overloaded, drains or has no workers, or that finds none, waits as
	// long as they say, or a few milliseconds, and is handed out again. Default 5; 1 for no second try. Submit's
	// context ends the tries as well.
	Tries int
	// Spares is how many connections are kept beyond the first while there are jobs, so that the jobs of a dead
	// scheduler are handed on without a handshake. Default 1; negative: none.
	Spares int
	// MaxJobs bounds the unfinished jobs; Submit fails with task.CodeOverloaded beyond. Default 1,048,576.
	MaxJobs int
	// Logger for what a developer wants to know. Default slog.Default().
	Logger *slog.Logger
	// Dial opens connections. Default: a net.Dialer's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Stream tunes the connections.
	Stream stream.Config
}

// Client submits jobs. It is safe for use by many goroutines; make one with [New].
type Client struct {
	cfg   Config
	addrs []string  // host:port, sorted; a scheduler's index in the core
	epoch time.Time // zero of the core's time

	ctx     context.Context //nolint:containedctx // the life of the connections: until Close
	cancel  context.CancelFunc
	monitor *stream.Monitor
	conns   sync.WaitGroup // goroutines that have not ended: one a session, and the one that keeps the time

	// mu guards what follows, and the order of what is sent. Under it only the core is called, jobs are noted and bytes
	// are appended to connections, which never block. A handle's own lock is taken under it.
	mu       sync.Mutex
	core     *owner.Core
	sessions []*session // by scheduler; nil where there is none
	faults   []error    // by scheduler: why the last session ended
	handles  []*Handle  // by the index of their Ref
	seqs     []uint32   // memory for answers
	head     []byte     // memory for encoding
	body     []byte     // likewise
	clock    clock
	closed   bool
}

// maxJobMessage bounds an encoded job, in bytes.
const maxJobMessage = 512 << 20

// ErrClosed is returned once the client has been closed.
var ErrClosed = errors.New("client: closed")

// New checks the configuration. It connects to nobody yet: [Client.Submit] does.
func New(cfg Config) (*Client, error) {
	if len(cfg.Schedulers) == 0 {
		return nil, errors.New("client: no scheduler is configured")
	}
	c := &Client{cfg: cfg, epoch: time.Now()}
	for _, s := range cfg.Schedulers {
		addr, err := hostPort(s)
		if err != nil {
			return nil, err
		}
		c.addrs = append(c.addrs, addr)
	}
	slices.Sort(c.addrs)
	c.addrs = slices.Compact(c.addrs)
	rules := owner.Config{Schedulers: c.addrs, Tries: cfg.Tries, Spares: cfg.Spares, MaxJobs: cfg.MaxJobs}
	if err := rules.Validate(); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	c.core = owner.New(rules, newRand())
	c.sessions, c.faults = make([]*session, len(c.addrs)), make([]error, len(c.addrs))
	if err := cfg.Stream.ValidateTimes(); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if c.cfg.Logger == nil {
		c.cfg.Logger = slog.Default()
	}
	// A job is one message, and what is too large is the scheduler's to say.
	c.cfg.Stream.MaxMessageBytes = max(c.cfg.Stream.MaxMessageBytes, maxJobMessage)
	c.cfg.Stream.MaxOutBytes = max(c.cfg.Stream.MaxOutBytes, 2*maxJobMessage)
	if c.cfg.Dial == nil {
		c.cfg.Dial = (&net.Dialer{}).DialContext
	}
	c.monitor = stream.NewMonitor()
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// newRand makes the generator of waits: clients that lose one scheduler must not come back in step.
func newRand() *rand.Rand {
	var b [16]byte
	_, _ = crand.Read(b[:]) // never fails
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])))
}

// hostPort takes "host:port" or "http://host:port" apart.
func hostPort(s string) (string, error) {
	addr := s
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
			return "", fmt.Errorf("client: scheduler %q: want http://host:port", s)
		}
		addr = u.Host
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || port == "" {
		return "", fmt.Errorf("client: scheduler %q: want host:port or http://host:port", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("client: scheduler %q: want a port of 1 to 65535", s)
	}
	return addr, nil
}

// Submit hands a job to a scheduler and returns as soon as one has accepted it. From then on every task gets its
// outcome, by the job's deadline, whatever becomes of schedulers and workers, for as long as this client lives: what a
// lost scheduler leaves behind is handed to the next. ctx bounds the submission only; the job is bounded by its
// deadline. A job without an ID gets one. Payloads must not change until the job is done.
//
// Errors are *task.Error: a refusal with its code, that of the last scheduler asked if all refuse for now (see
// Config.Tries); [task.CodeSchedulerLost] when no scheduler could be reached; or [task.CodeDeadline] when no answer
// came for as long as the job might take. Or ctx's; or [ErrClosed].
func (c *Client) Submit(ctx context.Context, job task.Job) (*Handle, error) {
	h, err := c.begin(&job, make(chan struct{}))
	if err != nil {
		return nil, err
	}
	if err := h.await(ctx, h.answered); err != nil {
		return nil, err
	}
	return h, nil
}

// Do hands a job to a scheduler and returns all results by task index when every task has one. It is [Client.Submit]
// and [Handle.Wait] in one, for callers who have nothing to do in between: they are woken once, when the job is done,
// and not also when it is accepted. Errors are those of Submit, and then there are no results, or of Wait.
//
// ctx bounds all of it: when it ends first, the job is cancelled, and the error is ctx's. Payloads must not change
// until the job is done, which it is not at once then.
func (c *Client) Do(ctx context.Context, job task.Job) ([]task.Result, error) {
	h, err := c.begin(&job, nil)
	if err != nil {
		return nil, err
	}
	if err := h.await(ctx, h.ended); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	err = h.fault() // by the order in which tasks ended
	return h.take(), err
}

// await waits for what is closed when a job is so far, and cancels the job if ctx ends first. The error is then ctx's,
// or says why the job was refused.
func (h *Handle) await(ctx context.Context, reached <-chan struct{}) error {
	select {
	case <-reached:
	case <-ctx.Done():
		h.Cancel()
		return ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused != nil {
		return h.refused
	}
	return nil
}

// begin checks a job and makes the core own it. answered is closed when a scheduler has accepted it, or none has.
func (c *Client) begin(job *task.Job, answered chan struct{}) (*Handle, error) {
	h := newHandle(c, job.WithDefaults(), answered)
	if h.id.IsZero() {
		_, _ = crand.Read(h.id[:]) // never fails
		h.job.ID = h.id
	}
	// Here the form of the job is checked; its size is the scheduler's to limit.
	if err := h.job.Validate(task.Limits{MaxTasks: math.MaxInt32, MaxPayloadBytes: math.MaxInt32, MaxJobBytes: math.MaxInt}); err != nil {
		return nil, err
	}
	if err := c.submit(h); err != nil {
		return nil, err
	}
	return h, nil
}

// submitTurns have the memory that a submission takes, so that most jobs are encoded outside the lock and into memory
// that is there.
var submitTurns = sync.Pool{New: func() any { return new(turn) }} //nolint:gochecknoglobals // a pool serves all clients

// smallSubmit is how long an encoded job may be to be encoded anew for each submission. A longer one is encoded once
// and kept.
const smallSubmit = 32 << 10

// submit makes the core own a job.
func (c *Client) submit(h *Handle) error {
	t := submitTurns.Get().(*turn) //nolint:forcetypeassert // the pool holds nothing else
	defer submitTurns.Put(t)
	t.fresh, t.encoded = h, submission.AppendJob(t.encoded[:0], &h.job)
	defer t.submitted()
	if len(t.encoded) > smallSubmit {
		h.encoded = t.encoded // connections refer to it until it is sent
	}
	now, ok := c.enter()
	if !ok {
		return ErrClosed
	}
	if !c.clock.running {
		c.clock.start()
		c.conns.Go(c.keepTime)
	}
	// The number of handles never passes that of the jobs the core has had at once.
	ref, out, err := c.core.Submit(now, &owner.Spec{
		ID: h.job.ID, Tasks: len(h.job.Tasks), Deadline: h.job.Deadline, MaxAttempts: h.job.MaxAttempts, CancelOnFailure: h.job.OnFailure == task.CancelRest,
		Epoch: h.job.Epoch, Finished: h.job.Finished, Attempts: h.job.Attempts,
	}, t.effects)
	if err == nil {
		h.ref, t.effects = ref, out
		for ref.Index() >= len(c.handles) {
			c.handles = append(c.handles, nil)
		}
		c.handles[ref.Index()] = h
	}
	c.exit(now, t)
	t.batch.FlushSoon()
	return err
}

// closeTimeout bounds how long schedulers may take to hear that the jobs of a closed client are over.
const closeTimeout = 250 * time.Millisecond

// Close ends the client and its unfinished jobs, and returns when everything it started has ended. Schedulers that can
// be reached are told first. Later calls do nothing.
func (c *Client) Close() error {
	if c.leave() {
		timer := time.AfterFunc(closeTimeout, c.cancel)
		defer timer.Stop()
	} else {
		c.cancel()
	}
	c.conns.Wait()
	c.cancel()
	c.monitor.Stop()
	return nil
}

// leave gives up all jobs and hangs up. It reports whether there is a scheduler that has to hear of it.
func (c *Client) leave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	c.clock.stop()
	told := false
	for _, s := range c.sessions {
		if s == nil || !s.ready {
			continue
		}
		if c.seqs = c.core.AppendSeqs(s.index, c.seqs[:0]); len(c.seqs) > 0 {
			s.still(nil)
			told = true
		}
	}
	for _, s := range c.sessions {
		switch {
		case s == nil:
		case s.ready && told:
			s.conn.Close(nil) // delivers first
		default:
			s.stop()
		}
	}
	for _, h := range c.handles {
		if h != nil {
			h.abandon()
		}
	}
	clear(c.handles)
	return told
}
