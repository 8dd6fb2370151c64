package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"dunnock/internal/alarm"
	"dunnock/loadgen/workload"
)

// patience is how long jobs may take beyond the length of a run.
const patience = time.Minute

// drive puts the load of a cell on a contender and measures it. It runs in the client's process.
func drive(ctx context.Context, sub submitter, s *setup) (*sample, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Cell.Warmup+s.Cell.Length+patience)
	defer cancel()
	if s.Cell.open() {
		return driveOpen(ctx, sub, s)
	}
	return driveClosed(ctx, sub, s)
}

// driveClosed keeps jobs in flight. What is measured is the time between two moments in the midst of it.
func driveClosed(ctx context.Context, sub submitter, s *setup) (*sample, error) {
	c := &s.Cell
	var measured window
	var stopping atomic.Bool
	faults := make([]error, c.InFlight)
	var wg sync.WaitGroup
	for i := range c.InFlight {
		wg.Go(func() {
			payloads, served := newPayloads(c.Tasks), make([]time.Duration, c.Tasks)
			for !stopping.Load() {
				began := time.Now()
				if err := sub.do(ctx, payloads, served); err != nil {
					faults[i] = err
					stopping.Store(true)
					return
				}
				measured.done(time.Since(began))
			}
		})
	}
	pause := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end) && !stopping.Load(); {
			time.Sleep(min(time.Until(end), 50*time.Millisecond))
		}
	}
	pause(c.Warmup)
	before, err := readMeter(s)
	measured.begin()
	pause(c.Length)
	for measured.empty() && !stopping.Load() && ctx.Err() == nil { // on a machine that is busy with other things
		pause(time.Millisecond)
	}
	all := measured.end()
	after, err2 := readMeter(s)
	stopping.Store(true)
	wg.Wait()
	if err := errors.Join(errors.Join(faults...), err, err2); err != nil {
		return nil, err
	}
	out := &sample{Jobs: len(all), Tasks: c.Tasks * len(all), ResponseUS: ranksOf(all)}
	if out.Jobs == 0 {
		return nil, fmt.Errorf("not one job was done within %v", c.Length)
	}
	out.spent(before, after)
	return out, nil
}

// window is the time that is measured, and the responses of the jobs that end in it.
type window struct {
	mu        sync.Mutex // guards what follows
	open      bool
	responses []time.Duration
}

func (w *window) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = true
}

func (w *window) done(response time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open {
		w.responses = append(w.responses, response)
	}
}

func (w *window) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.responses) == 0
}

// end returns what the window has seen. It sees nothing more.
func (w *window) end() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = false
	return w.responses
}

// jobRecord is what became of a job of an open loop. Times are since the start.
type jobRecord struct {
	due, sent, done time.Duration
	served          []time.Duration
	err             error
}

// driveOpen sends jobs when they are due, whatever became of those before.
func driveOpen(ctx context.Context, sub submitter, s *setup) (*sample, error) {
	c := &s.Cell
	jobs, err := plan(c)
	if err != nil {
		return nil, err
	}
	clock, err := alarm.New()
	if err != nil {
		return nil, err
	}
	defer clock.Close()
	start := clock.Now() + 20*time.Millisecond
	now := func() time.Duration { return clock.Now() - start }
	var before meter
	first := len(jobs) // that is measured
	var wg sync.WaitGroup
	for i := range jobs {
		j := &jobs[i]
		if j.due >= c.Warmup && first == len(jobs) {
			first = i
			before, err = readMeter(s)
		}
		payloads := newPayloads(c.Tasks)
		for k, d := range j.served {
			setService(payloads[k], d) // what is planned, until it is measured
		}
		clock.SleepUntil(ctx, start+j.due)
		j.sent = now()
		wg.Go(func() {
			j.err = sub.do(ctx, payloads, j.served)
			j.done = now()
		})
	}
	wg.Wait()
	after, err2 := readMeter(s)
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	return sampleOf(c, jobs, first, before, after)
}

// sampleOf makes figures of jobs, of which the first ones are the warm-up.
func sampleOf(c *cell, jobs []jobRecord, first int, before, after meter) (*sample, error) {
	var faults []error
	for i := range jobs {
		if jobs[i].err != nil {
			faults = append(faults, jobs[i].err)
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%d of %d jobs failed, the first with: %w", len(faults), len(jobs), faults[0])
	}
	if first == len(jobs) {
		return nil, errors.New("there are no jobs after the warm-up")
	}
	var responses, lags []time.Duration
	var sum time.Duration
	tasks := 0
	for i := range jobs[first:] {
		j := &jobs[first+i]
		responses = append(responses, j.done-j.due)
		lags = append(lags, max(j.sent-j.due, 0))
		for _, d := range j.served {
			sum += d
		}
		tasks += len(j.served)
	}
	out := &sample{Jobs: len(responses), Tasks: tasks, ResponseUS: ranksOf(responses), LagUS: new(ranksOf(lags))}
	if c.sleep() {
		bound := omniscient(c.Workers*c.Slots, jobs)
		out.BoundUS = new(ranksOf(bound[first:]))
		out.MeanService = inUS(sum) / float64(tasks)
	}
	out.spent(before, after)
	return out, nil
}

// plan returns the jobs of an open loop, in served what each task is to take.
func plan(c *cell) ([]jobRecord, error) {
	spec := workload.Spec{Rate: c.Rate, Load: c.Load, Seed: c.Seed, Slots: c.Workers * c.Slots}
	var errs [3]error
	spec.Tasks, errs[0] = workload.ParseTasks(strconv.Itoa(c.Tasks))
	spec.Service, errs[1] = workload.ParseService(cmp.Or(c.Service, "const:0s"))
	spec.Arrival, errs[2] = workload.ParseArrival("poisson")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	source, err := workload.Generate(spec, workload.Window{Duration: c.Warmup + c.Length})
	if err != nil {
		return nil, err
	}
	var jobs []jobRecord
	for j := (workload.Job{}); source.Next(&j); j.Service = nil {
		jobs = append(jobs, jobRecord{due: j.At, served: j.Service})
	}
	return jobs, source.Err()
}
