package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/worker"
)

// httpApp is the app that hands each attempt to a local server.
//
// It POSTs the payload with the headers Dunnock-Job, -Task, -Attempt, -Epoch, -Slots, -Resource (name=amount, one for
// each) and -Deadline (RFC 3339). An answer 2xx is the result. 4xx fails for good; all else fails the attempt,
// redirects too. The first 4 KiB of the answer's body go with the error.
//
// A request is sent once: what a server that broke the connection has done with it is unknown, so trying again is the
// scheduler's decision. It is sent whole before the answer is read: a server may begin its answer early, but has to go
// on reading.
//
// fasthttp has no contexts, and its client gives a request back only when the answer is in or the deadline has passed.
// So only its messages are used, on connections of our own: the exchange runs in the handler's goroutine, and the end
// of the context makes reads and writes on the connection fail at once. Nothing else ever touches the request or the
// answer.
type httpApp struct {
	host      string // of the Host header
	uri       string // path and query
	maxResult int
	conns     connPool
}

// newHTTP makes the handler for http://… and https://….
func newHTTP(rawURL string, maxResult int) (worker.Handler, error) {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return nil, errors.New("not a URL: " + oneLine(err))
	case u.Hostname() == "":
		return nil, errors.New("the URL names no host")
	case u.User != nil:
		return nil, errors.New("user and password in the URL are not supported")
	case u.Fragment != "":
		return nil, errors.New("a URL to POST to has no #fragment")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, errors.New("port: want 1 to 65535, got " + quote(port))
	}
	h := &httpApp{host: u.Host, uri: u.RequestURI(), maxResult: maxResult}
	h.conns.network, h.conns.address = "tcp", net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "https" {
		h.conns.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	return h.handle, nil
}

// newUnix makes the handler for SOCKET[:/PATH].
func newUnix(rest string, maxResult int) (worker.Handler, error) {
	const longest = 107 // bytes that a unix address has room for
	socket, uri, ok := strings.Cut(rest, ":")
	if !ok {
		uri = "/"
	}
	switch {
	case socket == "":
		return nil, errors.New("unix: names no socket, want unix:/path/to.sock:/run")
	case len(socket) > longest:
		return nil, errors.New("unix: a socket's path has at most " + strconv.Itoa(longest) + " bytes")
	case !strings.HasPrefix(uri, "/"):
		return nil, errors.New("unix: after the socket and a colon comes a path that begins with /")
	}
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil, errors.New("unix: " + oneLine(err))
	}
	h := &httpApp{host: "localhost", uri: u.RequestURI(), maxResult: maxResult}
	h.conns.network, h.conns.address = "unix", socket
	return h.handle, nil
}

func (h *httpApp) handle(ctx context.Context, t worker.Task) ([]byte, error) {
	conn, err := h.conns.take(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, failed("http: "+oneLine(err), "")
	}
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	h.fill(req, t)

	interrupt := context.AfterFunc(ctx, conn.interrupt)
	err = conn.exchange(req, resp, h.maxResult)
	if intact := interrupt(); intact && err == nil && !resp.ConnectionClose() {
		h.conns.give(conn)
	} else {
		conn.close()
	}
	status := resp.StatusCode()
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, fasthttp.ErrBodyTooLarge) && isOK(status):
		return nil, resultTooLarge("http", h.maxResult)
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return nil, statusError(status, "")
	case err != nil:
		return nil, failed("http: "+oneLine(err), "")
	case !isOK(status):
		return nil, statusError(status, headText(resp.Body()))
	default:
		return bytes.Clone(resp.Body()), nil
	}
}

func (h *httpApp) fill(req *fasthttp.Request, t worker.Task) {
	var buf [64]byte
	header := &req.Header
	header.SetMethod(fasthttp.MethodPost)
	header.SetHost(h.host)
	header.SetRequestURI(h.uri)
	header.SetUserAgent("dunnock")
	header.SetContentType("application/octet-stream")
	header.Set("Dunnock-Job", t.Job.String())
	header.SetBytesV("Dunnock-Task", strconv.AppendInt(buf[:0], int64(t.Index), 10))
	header.SetBytesV("Dunnock-Attempt", strconv.AppendInt(buf[:0], int64(t.Attempt), 10))
	header.SetBytesV("Dunnock-Epoch", strconv.AppendUint(buf[:0], uint64(t.Epoch), 10))
	header.SetBytesV("Dunnock-Slots", strconv.AppendInt(buf[:0], int64(max(t.Slots, 1)), 10))
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		header.Add("Dunnock-Resource", name+"="+strconv.FormatUint(uint64(t.Resources[name]), 10))
	}
	if !t.Deadline.IsZero() {
		header.SetBytesV("Dunnock-Deadline", t.Deadline.UTC().AppendFormat(buf[:0], time.RFC3339Nano))
	}
	req.SetBodyRaw(t.Payload) // not copied; gone with the request before we return
}

func isOK(status int) bool { return status >= 200 && status <= 299 }

func statusError(status int, body string) error {
	message := "http: status " + strconv.Itoa(status)
	if text := fasthttp.StatusMessage(status); text != "Unknown Status Code" {
		message += " " + text
	}
	switch {
	case status >= 300 && status <= 399:
		return failed(message+": redirects are not followed", body)
	case status >= 400 && status <= 499:
		return hopeless(message, body)
	default:
		return failed(message, body)
	}
}
