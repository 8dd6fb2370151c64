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

	"dunnock/task"
)

// round is what one round measured.
type round struct {
	tasks          int64
	tasksPerSecond float64
	used           [parts]usage  // by client, scheduler, workers
	p50, p99       time.Duration // response of a job
}

// cpu is CPU time per task.
func (r round) cpu(part int) time.Duration { return r.used[part].cpu / time.Duration(r.tasks) }

func (r round) rate() float64 { return r.tasksPerSecond }

func (r round) cpuOfAll() time.Duration { return r.cpu(0) + r.cpu(1) + r.cpu(2) }

// measure starts the fleet, drives it for some rounds, and prints them.
func (o *options) measure(ctx context.Context) error {
	f, err := o.start(ctx)
	if err != nil {
		return err
	}
	defer f.stop()
	fmt.Printf("jobs in flight: %d of %d no-op tasks; workers: %d of %d slots; worker processes: %d; schedulers: 1; %d CPUs, %s\n",
		o.inFlight, o.tasks, o.workers, o.slots, o.processes, runtime.NumCPU(), runtime.Version())
	if err := o.warmUp(ctx, f); err != nil {
		return err
	}
	var rounds []round
	for range o.rounds {
		r, err := o.round(ctx, f)
		if err != nil {
			return err
		}
		rounds = append(rounds, r)
	}
	return report(rounds)
}

// settleTime is for how long each worker of a new fleet costs what it does not later: all tell all others who is there.
// 64 workers in two processes took twice as much for each task in the first second as after three.
const settleTime = 50 * time.Millisecond

// warmUp drives a new fleet until what it costs has settled.
func (o *options) warmUp(ctx context.Context, f *fleet) error {
	for until := time.Now().Add(time.Duration(o.workers) * settleTime); ; {
		if _, err := o.round(ctx, f); err != nil || time.Now().After(until) {
			return err
		}
	}
}

func noopJob(tasks int) task.Job { return task.Job{App: "noop", Tasks: make([]task.Task, tasks)} }

// round keeps inFlight jobs going for a while.
func (o *options) round(ctx context.Context, f *fleet) (round, error) {
	before, err := f.usage()
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
			err := o.drive(ctx, f, began.Add(o.length), mine)
			mu.Lock()
			defer mu.Unlock()
			all.Merge(mine)
			fault = errors.Join(fault, err)
		})
	}
	wg.Wait()
	took := time.Since(began)
	after, err := f.usage()
	if err = errors.Join(fault, err); err != nil {
		return round{}, err
	}
	r := round{
		tasks: all.TotalCount() * int64(o.tasks),
		p50:   time.Duration(all.ValueAtQuantile(50)), p99: time.Duration(all.ValueAtQuantile(99)),
	}
	r.tasksPerSecond = float64(r.tasks) / took.Seconds()
	for i := range r.used {
		r.used[i] = after[i].sub(before[i])
	}
	return r, nil
}

// drive submits one job after the other until the round is over.
func (o *options) drive(ctx context.Context, f *fleet, until time.Time, h *hdrhistogram.Histogram) error {
	for {
		start := time.Now()
		if start.After(until) {
			return nil
		}
		if err := f.complete(ctx, noopJob(o.tasks)); err != nil {
			return err
		}
		if err := h.RecordValue(int64(time.Since(start))); err != nil {
			return err
		}
	}
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(time.Minute), 3) }

func report(rounds []round) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "round\ttasks/s\tCPU/task\tclient\tscheduler\tworker\tjob p50\tjob p99\t")
	row := func(name string, tasksPerSecond float64, times ...time.Duration) {
		fmt.Fprintf(t, "%s\t%.0f\t", name, tasksPerSecond)
		for _, d := range times {
			fmt.Fprintf(t, "%v\t", d.Round(10*time.Nanosecond))
		}
		fmt.Fprintln(t)
	}
	for i, r := range rounds {
		row(strconv.Itoa(i+1), r.tasksPerSecond, r.cpuOfAll(), r.cpu(0), r.cpu(1), r.cpu(2), r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond))
	}
	cpu := func(part int) time.Duration {
		return median(rounds, func(r round) time.Duration { return r.cpu(part) })
	}
	row("median", median(rounds, round.rate), median(rounds, round.cpuOfAll), cpu(0), cpu(1), cpu(2),
		median(rounds, func(r round) time.Duration { return r.p50.Round(time.Microsecond) }),
		median(rounds, func(r round) time.Duration { return r.p99.Round(time.Microsecond) }))
	fmt.Fprintln(t, "\nin 100 tasks\treads\twrites\tswitches\t")
	for part, name := range [parts]string{"client", "scheduler", "worker"} {
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t\n", name, per100(rounds, part, readsOf), per100(rounds, part, writesOf), per100(rounds, part, switchesOf))
	}
	return t.Flush()
}

// per100 is a count in 100 tasks, of a part.
func per100(rounds []round, part int, of func(usage) uint64) float64 {
	return median(rounds, func(r round) float64 { return 100 * float64(of(r.used[part])) / float64(r.tasks) })
}

func median[R any, T float64 | time.Duration](rounds []R, of func(R) T) T {
	values := make([]T, 0, len(rounds))
	for _, r := range rounds {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
