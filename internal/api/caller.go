package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/task"
)

// Caller asks one node over the HTTP interface. Every call takes a connection of its
// own, since commands make one or two, and leaves nothing behind.
//
// Errors are what the node answered, as an [*task.Error], or why there was no
// answer, as an [*UnreachableError].
type Caller struct {
	base    string // http://host:port
	addr    string // host:port
	timeout time.Duration
}

const (
	// CallTimeout bounds one call, connecting included, if its context does not end it before.
	CallTimeout = 30 * time.Second
	// connectTimeout bounds connecting: a host that drops packets answers nothing at all.
	connectTimeout = 5 * time.Second
	// maxAnswerBytes bounds an answer. The largest is a finished job with the results that its scheduler kept.
	maxAnswerBytes = 512 << 20
)

// UnreachableError says that a node gave no answer, or none that a node of Dunnock gives.
type UnreachableError struct {
	URL string
	Err error
	// Sent says that the node may have had the request, and done what it asks.
	Sent bool
}

// Timeout reports whether the reason is that no answer came in time.
func (e *UnreachableError) Timeout() bool {
	late, ok := errors.AsType[net.Error](e.Err)
	return ok && late.Timeout() || errors.Is(e.Err, context.DeadlineExceeded)
}

// Error returns one line that names the URL.
func (e *UnreachableError) Error() string { return "cannot reach " + e.URL + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *UnreachableError) Unwrap() error { return e.Err }

// NewCaller checks the address of a node, "http://host:port" or "host:port", and connects to nobody yet.
func NewCaller(address string) (*Caller, error) {
	addr := address
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
			return nil, fmt.Errorf("%q is no node's address: want http://host:port", address)
		}
		addr = u.Host
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("%q is no node's address: want http://host:port or host:port", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, fmt.Errorf("%q is no node's address: want a port of 1 to 65535", address)
	}
	return &Caller{base: "http://" + addr, addr: addr, timeout: CallTimeout}, nil
}

// URL is the node's, without a path.
func (c *Caller) URL() string { return c.base }

// Submit hands over a detached job.
func (c *Caller) Submit(ctx context.Context, job *Job) (Accepted, error) {
	body, err := json.Marshal(job)
	if err != nil {
		return Accepted{}, fmt.Errorf("encode the job: %w", err)
	}
	return call[Accepted](ctx, c, fasthttp.MethodPost, "/v1/jobs", body)
}

// Jobs lists the jobs that this scheduler holds, the newest first.
func (c *Caller) Jobs(ctx context.Context) (JobList, error) {
	return call[JobList](ctx, c, fasthttp.MethodGet, "/v1/jobs", nil)
}

// Job shows one job with all its tasks.
func (c *Caller) Job(ctx context.Context, id task.JobID) (JobDetail, error) {
	return call[JobDetail](ctx, c, fasthttp.MethodGet, "/v1/jobs/"+id.String(), nil)
}

// Cancel ends a job. One that has finished stays as it is.
func (c *Caller) Cancel(ctx context.Context, id task.JobID) (JobSummary, error) {
	return call[JobSummary](ctx, c, fasthttp.MethodDelete, "/v1/jobs/"+id.String(), nil)
}

// Workers lists the workers that this scheduler knows.
func (c *Caller) Workers(ctx context.Context) (WorkerList, error) {
	return call[WorkerList](ctx, c, fasthttp.MethodGet, "/v1/workers", nil)
}

// Schedulers lists the schedulers that this one knows, itself included.
func (c *Caller) Schedulers(ctx context.Context) (SchedulerList, error) {
	return call[SchedulerList](ctx, c, fasthttp.MethodGet, "/v1/schedulers", nil)
}

// Fleet sums up the fleet as this scheduler knows it.
func (c *Caller) Fleet(ctx context.Context) (Fleet, error) {
	return call[Fleet](ctx, c, fasthttp.MethodGet, "/v1/fleet", nil)
}

// Drain makes the node leave its fleet. It does not wait for that.
func (c *Caller) Drain(ctx context.Context) (Health, error) {
	return call[Health](ctx, c, fasthttp.MethodPost, "/v1/drain", nil)
}

// call makes one request and decodes its answer.
func call[T any](ctx context.Context, c *Caller, method, path string, body []byte) (T, error) {
	var answer T
	status, b, sent, err := c.roundTrip(ctx, method, path, body)
	if err != nil {
		return answer, &UnreachableError{URL: c.base, Err: plainReason(ctx, err), Sent: sent}
	}
	if status/100 != 2 {
		var f Failure
		if err := json.Unmarshal(b, &f); err != nil || f.Error == nil || f.Error.Code == "" {
			return answer, &UnreachableError{URL: c.base, Err: fmt.Errorf("%s %s was answered with status %d by something that is not Dunnock", method, path, status), Sent: true}
		}
		return answer, f.Error
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return answer, &UnreachableError{URL: c.base, Err: fmt.Errorf("%s %s was answered by something that is not Dunnock: %w", method, path, err), Sent: true}
	}
	return answer, nil
}

// roundTrip sends one request over a connection of its own. sent says that some of it may have arrived.
func (c *Caller) roundTrip(ctx context.Context, method, path string, body []byte) (status int, answer []byte, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	dialer := net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return 0, nil, false, err
	}
	defer conn.Close() //nolint:errcheck // whatever matters has been read
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI(c.base + path)
	req.Header.SetMethod(method)
	req.SetConnectionClose()
	if body != nil {
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(body)
	}
	w := bufio.NewWriter(conn)
	if err := req.Write(w); err != nil {
		return 0, nil, true, err
	}
	if err := w.Flush(); err != nil {
		return 0, nil, true, err
	}
	if err := resp.ReadLimitBody(bufio.NewReader(conn), maxAnswerBytes); err != nil {
		return 0, nil, true, err
	}
	return resp.StatusCode(), append([]byte(nil), resp.Body()...), true, nil
}

// plainReason says in a few words why there was no answer.
func plainReason(ctx context.Context, err error) error {
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("connection refused (is a node running there?)%w", hide{err})
	case errors.As(err, &dns):
		return fmt.Errorf("no such host: %s%w", dns.Name, hide{err})
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("no answer in time%w", hide{err})
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fmt.Errorf("the answer is larger than %d bytes", maxAnswerBytes)
	default:
		return err
	}
}

// hide keeps an error for errors.Is and shows nothing of it.
type hide struct{ err error }

func (hide) Error() string   { return "" }
func (h hide) Unwrap() error { return h.err }
