package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/task"
)

// measureQueued fills the scheduler with tasks that wait behind others that do not end, and measures, as it fills up,
// how long it takes until a further job is accepted; at last also while the scheduler is asked, one question after the
// other, for its jobs, one of them and its metrics.
func (o *options) measureQueued(ctx context.Context) error {
	f, err := o.start(ctx)
	if err != nil {
		return err
	}
	defer f.stop()
	fmt.Printf("queued in jobs of %d; jobs of 1 task submitted one at a time, %d at each step; workers: %d of %d slots, all taken\n", o.queuedJob, queuedSubmits, o.workers, o.slots)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "queued\tp50\tp99\tlongest\tfilled in\t")
	queued := 0
	row := func(filled string) error {
		h := newHistogram()
		for range queuedSubmits {
			start := time.Now()
			if _, err := f.client.Submit(ctx, holdJob(1)); err != nil {
				return err
			}
			if err := h.RecordValue(int64(time.Since(start))); err != nil {
				return err
			}
		}
		queued += queuedSubmits
		fmt.Fprintf(t, "%d\t%v\t%v\t%v\t%s\t\n", queued, time.Duration(h.ValueAtQuantile(50)).Round(time.Microsecond),
			time.Duration(h.ValueAtQuantile(99)).Round(time.Microsecond), time.Duration(h.Max()).Round(time.Microsecond), filled)
		return nil
	}
	for step := 1; step <= queuedSteps; step++ {
		began := time.Now()
		jobs := max(o.queued/queuedSteps*step-queued-queuedSubmits, 0) / o.queuedJob
		if err := f.fill(ctx, jobs, o.queuedJob); err != nil {
			return err
		}
		queued += jobs * o.queuedJob
		if err := row(time.Since(began).Round(time.Millisecond).String()); err != nil {
			return err
		}
	}
	h, err := f.client.Submit(ctx, holdJob(o.queuedJob))
	if err != nil {
		return err
	}
	queued += o.queuedJob
	defer f.ask(h.ID())()
	if err := row("asked meanwhile"); err != nil {
		return err
	}
	return t.Flush()
}

// fill submits jobs, some at a time.
func (f *fleet) fill(ctx context.Context, jobs, tasks int) error {
	const atOnce = 64
	var left atomic.Int64
	left.Store(int64(jobs))
	errs := make(chan error, atOnce)
	for range atOnce {
		go func() {
			for left.Add(-1) >= 0 {
				if _, err := f.client.Submit(ctx, holdJob(tasks)); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var first error
	for range atOnce {
		first = cmp.Or(first, <-errs)
	}
	return first
}

// ask asks the scheduler one question after the other until the function is called that it returns.
func (f *fleet) ask(job task.JobID) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for paths := []string{"/v1/jobs", "/v1/jobs/" + job.String(), "/metrics"}; ; {
			for _, path := range paths {
				select {
				case <-done:
					return
				default:
				}
				if _, _, err := fasthttp.Get(nil, "http://"+f.scheduler.http+path); err != nil {
					fmt.Fprintln(os.Stderr, "bench:", err)
					return
				}
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

const (
	queuedSteps   = 4
	queuedSubmits = 1000
)

func holdJob(tasks int) task.Job {
	return task.Job{App: "hold", Tasks: make([]task.Task, tasks), Deadline: time.Hour}
}
