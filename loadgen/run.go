package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"dunnock/client"
	"dunnock/loadgen/workload"
	"dunnock/task"
)

const (
	// leadTime is from when everything is ready to the start of the run.
	leadTime = 20 * time.Millisecond
	// maxBehind is how late the generator may be before it gives up: it cannot do what it was asked to, and the rest of
	// the run would only show that.
	maxBehind = 5 * time.Second
	// interruptGrace is how long an interrupted run waits for the jobs that are under way.
	interruptGrace = 2 * time.Second
	// progressInterval is how often progress is told.
	progressInterval = 500 * time.Millisecond
)

// BehindError says that the generator could not keep up with its plan and stopped. The result of the run until then is
// there.
type BehindError struct {
	Due  time.Duration // since the start, of the job that came so late
	Late time.Duration
}

// Error returns one line.
func (e *BehindError) Error() string {
	return fmt.Sprintf("this machine cannot send jobs at this rate: the job of %v was still unsent %v later; the run was stopped there",
		e.Due.Round(time.Millisecond), e.Late.Round(time.Millisecond))
}

// OutputError says that [Config.CSV] or [Config.Record] could not be written to.
type OutputError struct {
	Output string // "CSV" or "Record"
	Err    error
}

// Error returns one line.
func (e *OutputError) Error() string { return e.Output + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *OutputError) Unwrap() error { return e.Err }

// Run sends the jobs of a source when they are due, whatever became of those before them, and returns what they met
// once the last has ended. When the context ends it sends no more, waits two seconds for what is under way, and returns
// the result of that, marked as interrupted.
//
// The error is that of the configuration or of the source, or that no scheduler could be reached; then there is no
// result. With a [*BehindError], an [*OutputError], or an error of the source that came up late, there is one, and
// after the first and the last it is marked as invalid.
func Run(ctx context.Context, cfg Config, source *workload.Source) (*Result, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("loadgen: %w", err)
	}
	c, err := cfg.client()
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // it has no error
	if err := connect(ctx, c, cfg.Schedulers); err != nil {
		return nil, err
	}
	r := &run{cfg: &cfg, client: c, plan: newPlanner(&cfg, source), tally: newTally(&cfg), gone: make(chan struct{})}
	if cfg.Bound != nil {
		r.bound = newBound(cfg.Bound)
		defer r.bound.close()
	}
	r.openRecord()
	return r.run(ctx)
}

// run is one run under way.
type run struct {
	cfg    *Config
	client *client.Client
	plan   *planner
	tally  *tally
	bound  *bound // nil: not asked for
	pacer  *pacer
	jobs   sync.WaitGroup // that are under way
	gone   chan struct{}  // closed when nobody waits for jobs any more
}

func (r *run) openRecord() {
	var outs []io.Writer
	if r.cfg.Record != nil {
		outs = append(outs, r.cfg.Record)
	}
	if r.bound != nil && r.bound.err == nil {
		outs = append(outs, r.bound.file)
	}
	if len(outs) > 0 {
		r.tally.record = newRecorder(outs...)
	}
}

// connectTries is how many submissions [connect] makes for each scheduler: none of n is left out but with a chance
// below n·e⁻¹⁶.
const connectTries = 16

// connect has the client open its connections, by submissions that every scheduler refuses: no worker has an app of
// this name. The first job of a run would have to wait for them. Which scheduler a job goes to is the client's own
// business, so jobs of random ids go to all.
func connect(ctx context.Context, c *client.Client, schedulers []string) error {
	var refusals sync.WaitGroup
	faults := make([]error, connectTries*len(schedulers))
	for i := range faults {
		refusals.Go(func() { faults[i] = connectOnce(ctx, c) })
	}
	refusals.Wait()
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}

func connectOnce(ctx context.Context, c *client.Client) error {
	h, err := c.Submit(ctx, task.Job{App: "loadgen.connect", Deadline: time.Second, Tasks: make([]task.Task, 1)})
	var refused *task.Error
	switch {
	case err == nil:
		h.Cancel()
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &refused) || refused.Code == task.CodeSchedulerLost:
		return err
	}
	return nil
}

func (r *run) run(ctx context.Context) (*Result, error) {
	planning, stopPlanning := context.WithCancel(ctx)
	defer stopPlanning()
	var planned sync.WaitGroup
	planned.Go(func() { r.plan.run(planning) })

	before := r.read(ctx)
	r.pacer = newPacer(leadTime, r.cfg.NoAlarm)
	defer r.pacer.close()
	stopTelling := r.tell()
	late := r.send(ctx)
	stopPlanning()
	planned.Wait()
	interrupted := ctx.Err() != nil
	r.drain(ctx, interrupted)
	stopTelling()

	result := r.result(before, r.read(ctx))
	result.Interrupted = interrupted || ctx.Err() != nil
	switch {
	case late != nil:
		result.Valid, result.Invalid = false, late.Error()
	case r.plan.err != nil:
		result.Valid, result.Invalid = false, "the workload ended early: "+r.plan.err.Error()
	}
	return result, errors.Join(late, r.plan.err, r.tally.check(), errors.Join(r.finish(ctx, result)...))
}

// send sends every job when it is due. It waits for nothing else. The error is a *BehindError.
func (r *run) send(ctx context.Context) error {
	for j := range r.plan.out {
		r.pacer.until(ctx, j.at)
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		r.plan.taken(j)
		now := r.pacer.now()
		if behind := now - j.at; behind > maxBehind {
			return &BehindError{Due: j.at, Late: behind}
		}
		if r.tally.due(j, now, r.cfg.MaxInFlight) {
			r.jobs.Go(func() { r.job(j) })
		}
	}
	return nil
}

// job sends one job and waits for its end.
func (r *run) job(j *job) {
	sent := r.pacer.now()
	// The client ends a submission that has no answer by itself, a while after the deadline.
	h, err := r.client.Submit(context.Background(), task.Job{
		App: r.cfg.App, User: j.user, ProbeRatio: r.cfg.ProbeRatio, Deadline: cmp.Or(j.class.deadline, r.cfg.Timeout), Estimate: j.est, Tasks: j.tasks,
		Priority: j.class.priority, Slots: j.class.Slots, Resources: j.class.Resources,
		Require: j.class.Require, Prefer: j.class.Prefer, Exclude: j.class.Exclude, Spread: j.class.spread,
	})
	accepted := r.pacer.now()
	if err != nil {
		if r.gaveUp() {
			r.tally.abandon(j, accepted)
			return
		}
		r.tally.refused(j, sent, accepted, refusalCode(err))
		return
	}
	select {
	case <-h.Done():
	case <-r.gone:
	}
	ended := r.pacer.now()
	if r.gaveUp() {
		r.tally.abandon(j, ended)
		return
	}
	results := make([]task.Result, 0, len(j.tasks))
	for res := range h.Results() {
		results = append(results, res)
	}
	r.tally.finish(j, sent, accepted, ended, h.Scheduler(), results)
}

// gaveUp reports whether the jobs under way have been given up: the end that the closed client then gives them is not
// the fleet's.
func (r *run) gaveUp() bool {
	select {
	case <-r.gone:
		return true
	default:
		return false
	}
}

// refusalCode returns the code of a submission's error.
func refusalCode(err error) string {
	var refused *task.Error
	if errors.As(err, &refused) && refused.Code != "" {
		return string(refused.Code)
	}
	return string(task.CodeInternal)
}

// drain waits for the jobs under way: until they have ended, which they have by their deadline, or for a moment once
// the run is interrupted.
func (r *run) drain(ctx context.Context, interrupted bool) {
	ended := make(chan struct{})
	go func() {
		r.jobs.Wait()
		close(ended)
	}()
	if !interrupted {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
	}
	grace := time.NewTimer(interruptGrace)
	defer grace.Stop()
	select {
	case <-ended:
		return
	case <-grace.C:
	}
	close(r.gone)
	_ = r.client.Close() // ends submissions without an answer; it has no error
	<-ended
}

// tell tells progress until the returned function is called.
func (r *run) tell() (stop func()) {
	if r.cfg.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		last, lastSent := r.pacer.now(), uint64(0)
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			p := r.tally.progress()
			p.Elapsed = r.pacer.now()
			if d := (p.Elapsed - last).Seconds(); d > 0 {
				p.Rate = float64(p.Sent-lastSent) / d
			}
			last, lastSent = p.Elapsed, p.Sent
			r.cfg.Progress(p)
		}
	})
	return func() {
		close(done)
		telling.Wait()
	}
}
