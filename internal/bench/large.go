package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"

	"dunnock/task"
)

// largeBytes is what a large payload or result has: as much as a task may by default.
const largeBytes = 1 << 20

// smallEvery is how far apart small jobs begin, and requests between them, whatever became of those before.
const smallEvery = 5 * time.Millisecond

// beside is what goes on while small jobs are measured.
type beside struct {
	name string
	job  task.Job // large ones are like this; without tasks there are none
}

// small is the response of small jobs and plain requests, and how many large jobs ended meanwhile.
type small struct {
	jobs, requests *hdrhistogram.Histogram
	large          int
	took           time.Duration
}

// measureLarge measures the response of jobs of one no-op task that begin at a low rate, first alone, then beside jobs
// of one task whose payload or whose result is large, through the same connections: so many of those are always in
// flight. Requests to a plain fasthttp server in between, over a connection of their own, tell how much of the
// difference is that the CPUs are busy.
func (o *options) measureLarge(ctx context.Context) error {
	f, e, stop, err := o.startBeside(ctx)
	if err != nil {
		return err
	}
	defer stop()
	cells := []beside{
		{name: "alone"},
		{"payloads", task.Job{App: "noop", Tasks: []task.Task{{Payload: make([]byte, largeBytes)}}}},
		{"results", task.Job{App: "fill", Tasks: make([]task.Task, 1)}},
	}
	fmt.Printf("1 job of 1 no-op task, and 1 request of plain fasthttp, each %v, %s; alone, and beside %d jobs in flight with a payload, or a result, of 1 MiB; workers: %d of %d slots\n",
		2*smallEvery, o.policy, o.large, o.workers, o.slots)
	measured := make([][]small, len(cells))
	for i := range o.rounds + 1 { // the first is for warming up
		for c, cell := range cells {
			s, err := o.roundBeside(ctx, f, e.http, cell.job)
			if err != nil {
				return err
			}
			if i > 0 {
				measured[c] = append(measured[c], s)
			}
		}
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "median of rounds\tjob p50\tp99\tlongest\trequest p50\tp99\tlongest\tMiB/s\t")
	for c, cell := range cells {
		fmt.Fprintf(t, "%s\t", cell.name)
		for _, of := range []func(small) *hdrhistogram.Histogram{
			func(s small) *hdrhistogram.Histogram { return s.jobs }, func(s small) *hdrhistogram.Histogram { return s.requests },
		} {
			for _, q := range []float64{50, 99, 100} {
				d := median(measured[c], func(s small) time.Duration { return time.Duration(of(s).ValueAtQuantile(q)) })
				fmt.Fprintf(t, "%v\t", d.Round(time.Microsecond))
			}
		}
		fmt.Fprintf(t, "%.0f\t\n", median(measured[c], func(s small) float64 { return float64(s.large) / s.took.Seconds() }))
	}
	return t.Flush()
}

// roundBeside measures small jobs for a while, beside large ones if there are any.
func (o *options) roundBeside(ctx context.Context, f *fleet, echo string, large task.Job) (small, error) {
	ctx, cancel := context.WithTimeout(ctx, o.length+time.Minute)
	defer cancel()
	s := small{jobs: newHistogram(), requests: newHistogram()}
	plain := &fasthttp.HostClient{Addr: echo}
	request := func() error {
		_, _, err := plain.Get(nil, "http://"+echo+"/")
		return err
	}
	var mu sync.Mutex // guards s and fault
	var fault error   // the first; it ends the round
	record := func(err error, done func()) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			done()
		case fault == nil:
			fault = err
			cancel()
		}
	}
	var wg sync.WaitGroup
	began := time.Now()
	for range o.large * len(large.Tasks) {
		wg.Go(func() {
			for ctx.Err() == nil && time.Since(began) < o.length {
				record(f.complete(ctx, large), func() { s.large++ })
			}
		})
	}
	for due := time.Duration(0); ctx.Err() == nil && due < o.length; due += 2 * smallEvery {
		for i, call := range []func() error{func() error { return f.complete(ctx, noopJob(1)) }, request} {
			time.Sleep(time.Until(began.Add(due + time.Duration(i)*smallEvery)))
			wg.Go(func() {
				start := time.Now()
				err := call()
				took := int64(time.Since(start))
				record(err, func() { _ = []*hdrhistogram.Histogram{s.jobs, s.requests}[i].RecordValue(took) })
			})
		}
	}
	wg.Wait()
	s.took = time.Since(began)
	return s, fault
}
