package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/task"
)

// DialFunc opens a network connection, as [net.Dialer.DialContext] does. One
// that speaks TLS returns it with the handshake done.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Limits of the answer to an Upgrade request, in bytes.
const (
	maxAnswerHead = 16 << 10
	maxAnswerBody = 64 << 10
)

// Dial opens a fleet connection to addr ("host:port") by an HTTP Upgrade of path
// ("/v1/stream"), sending header along. A nil dial means TCP. All of it takes at most
// Config.HandshakeTimeout; ctx cuts only the dialling short, not the connection.
//
// A peer that refuses the Upgrade with one of Dunnock's errors is a [*task.Error];
// what answers otherwise is [ErrNotUpgraded].
func Dial(ctx context.Context, dial DialFunc, addr, path string, header map[string]string, cfg Config) (*Conn, error) {
	cfg = cfg.withDefaults()
	request, err := upgradeRequest(addr, path, header)
	if err != nil {
		return nil, err
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.HandshakeTimeout)
	defer cancel()
	nc, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("stream: dial %s: %w", addr, err)
	}
	buffered, err := handshake(ctx, nc, request)
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("stream: %s: %w", addr, err)
	}
	return New(nc, buffered, cfg), nil
}

// handshake sends the request, checks the answer and returns what came behind it. A ctx that ends meanwhile closes the
// connection, which is the one thing that wakes every kind of connection up.
func handshake(ctx context.Context, nc net.Conn, request []byte) (buffered []byte, err error) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = nc.Close()
		close(closed)
	})
	defer func() {
		if !stop() {
			<-closed
			err = ctx.Err()
		}
	}()
	if _, err := nc.Write(request); err != nil {
		return nil, fmt.Errorf("send upgrade: %w", err)
	}
	r := bufio.NewReaderSize(nc, maxAnswerHead)
	var answer fasthttp.Response
	if err := answer.ReadLimitBody(r, maxAnswerBody); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotUpgraded, err)
	}
	if err := checkAnswer(&answer); err != nil {
		return nil, err
	}
	buffered, err = r.Peek(r.Buffered())
	if err != nil {
		return nil, fmt.Errorf("read behind upgrade: %w", err)
	}
	return buffered, nil
}

func checkAnswer(answer *fasthttp.Response) error {
	status := answer.StatusCode()
	if status == fasthttp.StatusSwitchingProtocols {
		if got := string(answer.Header.Peek(fasthttp.HeaderUpgrade)); !strings.EqualFold(strings.TrimSpace(got), token()) {
			return fmt.Errorf("%w: switched to %.80q", ErrNotUpgraded, got)
		}
		return nil
	}
	var refusal struct {
		Error *task.Error `json:"error"`
	}
	if json.Unmarshal(answer.Body(), &refusal) != nil || refusal.Error == nil || refusal.Error.Code == "" {
		return fmt.Errorf("%w: HTTP status %d", ErrNotUpgraded, status)
	}
	if refusal.Error.RetryAfterMS == 0 {
		seconds, err := strconv.ParseUint(string(answer.Header.Peek(fasthttp.HeaderRetryAfter)), 10, 16)
		if err == nil {
			refusal.Error.RetryAfterMS = int64(seconds) * time.Second.Milliseconds()
		}
	}
	return refusal.Error
}

// upgradeRequest writes the request out. It admits nothing that would end a line early.
func upgradeRequest(addr, path string, header map[string]string) ([]byte, error) {
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, notInPath) {
		return nil, fmt.Errorf("stream: bad path %q", path)
	}
	if strings.ContainsFunc(addr, notInPath) {
		return nil, fmt.Errorf("stream: bad address %q", addr)
	}
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n", path, addr, token())
	for name, value := range header {
		if name == "" || strings.ContainsFunc(name, notInName) || strings.ContainsFunc(value, notInValue) {
			return nil, fmt.Errorf("stream: bad header %q", name)
		}
		b = fmt.Appendf(b, "%s: %s\r\n", name, value)
	}
	return append(b, "\r\n"...), nil
}

func notInPath(r rune) bool  { return r <= ' ' || r >= 0x7f }
func notInName(r rune) bool  { return notInPath(r) || r == ':' }
func notInValue(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
