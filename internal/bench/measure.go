package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"dunnock/client"
	"dunnock/task"
)

// round is what one round measured.
type round struct {
	tasksPerSecond            float64
	client, scheduler, worker time.Duration // CPU per task
	p50, p99                  time.Duration // response of a job
}

func (r round) cpu() time.Duration { return r.client + r.scheduler + r.worker }

// measure starts the fleet, drives it for some rounds, and prints them.
func (o *options) measure(ctx context.Context) error {
	s, err := o.spawn(ctx, "scheduler", "")
	if err != nil {
		return err
	}
	defer func() { _ = s.stop() }()
	w, err := o.spawn(ctx, "worker", s.gossip)
	if err != nil {
		return err
	}
	defer func() { _ = w.stop() }()
	c, err := client.New(client.Config{Schedulers: []string{s.http}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := waitForWorker(ctx, c); err != nil {
		return err
	}
	fmt.Printf("%d jobs in flight, %d no-op tasks a job, 1 scheduler, 1 worker with %d slots, %d CPUs, %s\n",
		o.inFlight, o.tasks, o.slots, runtime.NumCPU(), runtime.Version())
	if _, err := o.round(ctx, c, s, w); err != nil { // warm-up
		return err
	}
	var rounds []round
	for range o.rounds {
		r, err := o.round(ctx, c, s, w)
		if err != nil {
			return err
		}
		rounds = append(rounds, r)
	}
	return report(rounds)
}

// waitForWorker submits until there is a worker.
func waitForWorker(ctx context.Context, c *client.Client) error {
	for ctx.Err() == nil {
		h, err := c.Submit(ctx, noopJob(1))
		if err == nil {
			_, err = h.Wait(ctx)
			return err
		}
		if !errors.Is(err, task.CodeNoWorkers) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}

func noopJob(tasks int) task.Job { return task.Job{App: "noop", Tasks: make([]task.Task, tasks)} }

// round keeps inFlight jobs going for a while.
func (o *options) round(ctx context.Context, c *client.Client, s, w *process) (round, error) {
	before, err := cpuTimes(s, w)
	if err != nil {
		return round{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.length+time.Minute)
	defer cancel()
	began := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex // guards all and fault
	all := newHistogram()
	var fault error
	for range o.inFlight {
		wg.Go(func() {
			mine := newHistogram()
			err := o.drive(ctx, c, began.Add(o.length), mine)
			mu.Lock()
			defer mu.Unlock()
			all.Merge(mine)
			fault = errors.Join(fault, err)
		})
	}
	wg.Wait()
	took := time.Since(began)
	after, err := cpuTimes(s, w)
	if err = errors.Join(fault, err); err != nil {
		return round{}, err
	}
	tasks := all.TotalCount() * int64(o.tasks)
	perTask := func(i int) time.Duration { return (after[i] - before[i]) / time.Duration(tasks) }
	return round{
		tasksPerSecond: float64(tasks) / took.Seconds(), client: perTask(0), scheduler: perTask(1), worker: perTask(2),
		p50: time.Duration(all.ValueAtQuantile(50)), p99: time.Duration(all.ValueAtQuantile(99)),
	}, nil
}

// drive submits one job after the other until the round is over.
func (o *options) drive(ctx context.Context, c *client.Client, until time.Time, h *hdrhistogram.Histogram) error {
	for {
		start := time.Now()
		if start.After(until) {
			return nil
		}
		job, err := c.Submit(ctx, noopJob(o.tasks))
		if err != nil {
			return err
		}
		if _, err := job.Wait(ctx); err != nil {
			return err
		}
		if err := h.RecordValue(int64(time.Since(start))); err != nil {
			return err
		}
	}
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(time.Minute), 3) }

// cpuTimes are of client, scheduler and worker.
func cpuTimes(s, w *process) ([3]time.Duration, error) {
	self, err1 := cpuOf(os.Getpid())
	ofS, err2 := s.cpu()
	ofW, err3 := w.cpu()
	return [3]time.Duration{self, ofS, ofW}, errors.Join(err1, err2, err3)
}

func report(rounds []round) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "round\ttasks/s\tCPU/task\tclient\tscheduler\tworker\tjob p50\tjob p99\t")
	row := func(name string, r round) {
		fmt.Fprintf(t, "%s\t%.0f\t%v\t%v\t%v\t%v\t%v\t%v\t\n", name, r.tasksPerSecond, r.cpu().Round(10*time.Nanosecond),
			r.client, r.scheduler, r.worker, r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond))
	}
	for i, r := range rounds {
		row(strconv.Itoa(i+1), r)
	}
	row("median", round{
		tasksPerSecond: median(rounds, func(r round) float64 { return r.tasksPerSecond }),
		client:         median(rounds, func(r round) time.Duration { return r.client }),
		scheduler:      median(rounds, func(r round) time.Duration { return r.scheduler }),
		worker:         median(rounds, func(r round) time.Duration { return r.worker }),
		p50:            median(rounds, func(r round) time.Duration { return r.p50 }),
		p99:            median(rounds, func(r round) time.Duration { return r.p99 }),
	})
	return t.Flush()
}

func median[T float64 | time.Duration](rounds []round, of func(round) T) T {
	values := make([]T, 0, len(rounds))
	for _, r := range rounds {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
