package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// fasthttpContender is a request per task to one worker after the other.
func fasthttpContender() contender {
	return contender{
		name: "fasthttp", what: "fasthttp, round robin over the workers",
		setup: "no broker; a HostClient and its kept connections for each worker; the optional headers are off",
		lacks: "no retry, no cancellation, no membership, no look at who is busy",
		worker: func(ctx context.Context, s *setup, ready func(string)) error {
			e := newExecutor(s.Slots)
			defer e.close()
			return serveHTTP(ctx, func(r *fasthttp.RequestCtx) {
				var result [resultBytes]byte
				if err := e.runInSlot(ctx, r.PostBody(), result[:]); err != nil {
					r.Error(err.Error(), fasthttp.StatusInternalServerError)
					return
				}
				r.Response.AppendBody(result[:])
			}, ready)
		},
		client: func(_ context.Context, s *setup) (submitter, error) {
			c := &fasthttpClient{}
			for _, addr := range s.WorkerAddrs {
				c.hosts = append(c.hosts, newHostClient(addr))
			}
			return c, nil
		},
	}
}

type fasthttpClient struct {
	hosts []*fasthttp.HostClient
	turn  atomic.Uint32
}

func (c *fasthttpClient) do(_ context.Context, payloads [][]byte, served []time.Duration) error {
	return fanOut(len(payloads), func(i int) error {
		host := c.hosts[int(c.turn.Add(1))%len(c.hosts)]
		return post(host, "/", payloads[i], func(result []byte) (err error) {
			served[i], err = readServed(result)
			return err
		})
	})
}

func (c *fasthttpClient) close() error {
	for _, h := range c.hosts {
		h.CloseIdleConnections()
	}
	return nil
}

// serveHTTP serves a handler on a free port until ctx is done.
func serveHTTP(ctx context.Context, handler fasthttp.RequestHandler, ready func(string)) error {
	server := &fasthttp.Server{
		Handler: handler, Logger: silence{},
		NoDefaultDate: true, NoDefaultServerHeader: true, NoDefaultContentType: true, DisableHeaderNamesNormalizing: true,
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // takes no time
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	ready(l.Addr().String())
	err = server.Serve(l)
	if ctx.Err() != nil {
		return nil // its clients have ended, and its connections end with it
	}
	return err
}

// silence is a logger for a server whose clients just end.
type silence struct{}

func (silence) Printf(string, ...any) {}

func newHostClient(addr string) *fasthttp.HostClient {
	return &fasthttp.HostClient{
		Addr: addr, Dial: func(addr string) (net.Conn, error) { return fasthttp.DialTimeout(addr, startTimeout) }, MaxConns: 16384, NoDefaultUserAgentHeader: true, DisableHeaderNamesNormalizing: true, DisablePathNormalizing: true,
	}
}

// post sends a request and hands over the body of its answer.
func post(host *fasthttp.HostClient, path string, body []byte, use func(answer []byte) error) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.SetRequestURI("http://" + host.Addr + path)
	request.SetBodyRaw(body)
	if err := host.Do(request, response); err != nil {
		return err
	}
	if code := response.StatusCode(); code != fasthttp.StatusOK {
		return errors.New(fasthttp.StatusMessage(code) + ": " + string(response.Body()))
	}
	return use(response.Body())
}

// fanOut calls do for each task of a job, all at once, and returns when all have ended.
func fanOut(tasks int, do func(i int) error) error {
	if tasks == 1 {
		return do(0)
	}
	errs := make([]error, tasks)
	var wg sync.WaitGroup
	for i := 1; i < tasks; i++ {
		wg.Go(func() { errs[i] = do(i) })
	}
	errs[0] = do(0)
	wg.Wait()
	return errors.Join(errs...)
}
