package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"
)

// measureRest measures the response of a job of one no-op task when nothing else is going on, and beside it that of one
// request to a plain fasthttp server in another process, by turns: on a machine that others use as well only what was
// measured at the same time can be compared. A job takes four hops each way where the request takes one.
func (o *options) measureRest(ctx context.Context) error {
	f, e, stop, err := o.startBeside(ctx)
	if err != nil {
		return err
	}
	defer stop()
	client := &fasthttp.HostClient{Addr: e.http}
	url := "http://" + e.http + "/"
	request := func(context.Context) error {
		_, _, err := client.Get(nil, url)
		return err
	}
	job := func(ctx context.Context) error { return f.complete(ctx, noopJob(1)) }
	jobs, requests := newHistogram(), newHistogram()
	until := time.Now().Add(time.Duration(o.rounds) * o.length)
	for time.Now().Before(until) && err == nil {
		err = errors.Join(timed(ctx, requests, request), timed(ctx, jobs, job))
	}
	if err != nil {
		return err
	}
	fmt.Printf("1 job of 1 no-op task, and 1 request of plain fasthttp, %d times by turns, %v apart, workers: %d of %d slots\n",
		jobs.TotalCount(), restPause, o.workers, o.slots)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tp50\tp90\tp99\t")
	quantiles := []float64{50, 90, 99}
	for _, row := range []struct {
		name string
		h    *hdrhistogram.Histogram
	}{{"request", requests}, {"job", jobs}} {
		fmt.Fprintf(t, "%s\t", row.name)
		for _, q := range quantiles {
			fmt.Fprintf(t, "%v\t", time.Duration(row.h.ValueAtQuantile(q)).Round(100*time.Nanosecond))
		}
		fmt.Fprintln(t)
	}
	fmt.Fprint(t, "ratio\t")
	for _, q := range quantiles {
		fmt.Fprintf(t, "%.2f\t", float64(jobs.ValueAtQuantile(q))/float64(requests.ValueAtQuantile(q)))
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// restPause is how long the machine is left alone before each measurement.
const restPause = time.Millisecond

// timed records how long one call takes, after a pause.
func timed(ctx context.Context, h *hdrhistogram.Histogram, call func(context.Context) error) error {
	time.Sleep(restPause)
	start := time.Now()
	if err := call(ctx); err != nil {
		return err
	}
	return h.RecordValue(int64(time.Since(start)))
}

// echo is a plain fasthttp server.
func echo(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it lives as long as the process
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr(), "-")
	s := &fasthttp.Server{Handler: func(r *fasthttp.RequestCtx) { r.SetBodyString(strconv.Itoa(1)) }}
	stop := context.AfterFunc(ctx, func() { _ = s.Shutdown() })
	defer stop()
	return s.Serve(ln)
}

// startBeside starts a fleet, and a plain fasthttp server to measure beside it; stop ends both.
func (o *options) startBeside(ctx context.Context) (f *fleet, echo *process, stop func(), err error) {
	if f, err = o.start(ctx); err != nil {
		return nil, nil, nil, err
	}
	if echo, err = o.spawn(ctx, "echo"); err != nil {
		f.stop()
		return nil, nil, nil, err
	}
	return f, echo, func() { _ = echo.stop(); f.stop() }, nil
}
