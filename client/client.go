package client

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/task"
)

// Config of a client. Zero fields take the default that their comment gives.
type Config struct {
	// Schedulers to submit to: "host:port" or "http://host:port". At least one.
	Schedulers []string
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
	addrs []string // host:port, sorted

	ctx    context.Context //nolint:containedctx // the life of the connections: until Close
	cancel context.CancelFunc
	conns  sync.WaitGroup // sessions whose goroutine has not ended

	mu       sync.Mutex // guards what follows
	sessions map[string]*session
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
	c := &Client{cfg: cfg, sessions: make(map[string]*session)}
	for _, s := range cfg.Schedulers {
		addr, err := hostPort(s)
		if err != nil {
			return nil, err
		}
		c.addrs = append(c.addrs, addr)
	}
	slices.Sort(c.addrs)
	c.addrs = slices.Compact(c.addrs)
	if c.cfg.Logger == nil {
		c.cfg.Logger = slog.Default()
	}
	// A job is one message, and what is too large is the scheduler's to say.
	c.cfg.Stream.MaxMessageBytes = max(c.cfg.Stream.MaxMessageBytes, maxJobMessage)
	c.cfg.Stream.MaxOutBytes = max(c.cfg.Stream.MaxOutBytes, 2*maxJobMessage)
	if c.cfg.Dial == nil {
		c.cfg.Dial = (&net.Dialer{}).DialContext
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
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
	return addr, nil
}

// Submit hands a job to a scheduler and returns as soon as that has accepted it. ctx bounds the
// submission only; the job is bounded by its deadline. A job without an ID gets one. Payloads must not change until the job is done.
//
// Errors are *task.Error: a refusal with its code, [task.CodeSchedulerLost] when no scheduler could be reached or the connection
// ended before the answer, or [task.CodeDeadline] when no answer came for as long as the job might take; or ctx's; or [ErrClosed].
func (c *Client) Submit(ctx context.Context, job task.Job) (*Handle, error) {
	job = job.WithDefaults()
	if job.ID.IsZero() {
		_, _ = crand.Read(job.ID[:]) // never fails
	}
	// Here the form of the job is checked; its size is the scheduler's to limit.
	if err := job.Validate(task.Limits{MaxTasks: math.MaxInt32, MaxPayloadBytes: math.MaxInt32, MaxJobBytes: math.MaxInt}); err != nil {
		return nil, err
	}
	var faults []string
	ranked := c.addrs
	if len(ranked) > 1 {
		ranked = c.ranked(job.ID)
	}
	for _, addr := range ranked {
		h, err := c.submitTo(ctx, addr, &job)
		if err == nil {
			return h, nil
		}
		var refused *task.Error
		if errors.Is(err, ErrClosed) || ctx.Err() != nil || errors.As(err, &refused) {
			return nil, err
		}
		faults = append(faults, fmt.Sprintf("%s: %v", addr, err))
	}
	return nil, task.Errorf(task.CodeSchedulerLost, "no scheduler can be reached: %s", strings.Join(faults, "; "))
}

// submitTo submits to one scheduler. A session that has just ended, as one has whose scheduler was restarted, is dialled anew.
func (c *Client) submitTo(ctx context.Context, addr string, job *task.Job) (*Handle, error) {
	for {
		s, err := c.session(ctx, addr)
		if err != nil {
			return nil, err
		}
		if h, err := s.submit(ctx, job); !errors.Is(err, errUnsent) {
			return h, err
		}
	}
}

// ranked lists the schedulers in the order in which a job prefers them.
func (c *Client) ranked(id task.JobID) []string {
	order := probe.Rendezvous(id.String(), c.addrs, len(c.addrs), nil)
	ranked := make([]string, len(order))
	for i, n := range order {
		ranked[i] = c.addrs[n]
	}
	return ranked
}

// session returns the connection to a scheduler, dialling it if there is none.
func (c *Client) session(ctx context.Context, addr string) (*session, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	s := c.sessions[addr]
	if s == nil {
		s = newSession(c, addr)
		c.sessions[addr] = s
		c.conns.Go(s.run)
	}
	c.mu.Unlock()
	return s, s.wait(ctx)
}

// forget drops a session that has ended, so that the next submission dials anew.
func (c *Client) forget(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions[s.addr] == s {
		delete(c.sessions, s.addr)
	}
}

// Close ends the client and its unfinished jobs, and returns when everything it
// started has ended. Later calls do nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.conns.Wait()
	return nil
}
