package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dunnock/client"
	"dunnock/internal/fleet"
	"dunnock/internal/search"
	"dunnock/task"
	"dunnock/worker"
	"dunnock/worker/app"
)

type demoCmd struct {
	localFlags `embed:""`

	Pattern string   `help:"Regular expression (Go's) that lines are to match." default:"func|import|return|TODO" placeholder:"RE"`
	Path    []string `arg:"" optional:"" help:"Files and directories to search; the current directory if there is none."`
}

// Help is shown above the flags.
func (*demoCmd) Help() string {
	return `Starts a fleet in this process on free ports, with real sockets and real gossip, and submits one job through the public client: a search of every regular file under PATH, one task per range of 1 MiB. Prints each file with matches and its number of matching lines, then the total and an account: which worker ran what, waits, and what the same work takes on one slot.

Examples:

    dunnock demo
    dunnock demo --pattern 'TODO|FIXME' ~/src
    dunnock demo --workers 2 --slots 1 /usr/share/doc | tail -n 12`
}

// Bounds of one job, below the limits of a scheduler; a larger search takes several.
const (
	demoJobTasks = 50_000
	demoJobBytes = 32 << 20
)

// Run searches files with a fleet.
func (c *demoCmd) Run(p *process) error {
	cfg, err := c.config(p)
	if err != nil {
		return err
	}
	if len(c.Path) == 0 {
		c.Path = []string{"."}
	}
	d := &demo{p: p, progress: newProgress(p.stderr)}
	defer d.progress.clear()
	if err := d.makePlan(c.Path, c.Pattern); err != nil {
		return err
	}
	if len(d.plan.Tasks) == 0 {
		fmt.Fprintf(p.stdout, "total: 0\n\nThere is nothing to search: %s in %s, with %s.\n",
			count(len(d.plan.Files), "file"), strings.Join(c.Path, ", "), count(int(d.plan.Bytes), "byte"))
		return nil
	}
	d.progress.show("starting a fleet of %s and %s", count(c.Schedulers, "scheduler"), count(c.Workers, "worker"))
	f, err := fleet.Start(p.ctx, cfg)
	if err != nil {
		return given(p.ctx, err)
	}
	err = d.search(f)
	if err == nil {
		err = d.showFound()
	}
	if p.ctx.Err() != nil {
		return interrupted() // the fleet ends with the process: nobody else knows of it
	}
	d.progress.show("stopping the fleet")
	if stopErr := f.Stop(p.ctx); err == nil {
		err = stopErr
	}
	if err == nil {
		err = d.account(c)
	}
	return given(p.ctx, err)
}

// demo is one run of the demonstration.
type demo struct {
	p        *process
	progress *progress
	plan     *search.Plan
	counts   []int64 // by task
	ok       []bool  // by task
	found    []search.FileMatches
	total    int64 // lines that match
	done     int   // tasks
	failed   int   // tasks, for a reason other than the file
	jobs     int
	hosts    []string // schedulers that ran them
	report   runReport
}

// makePlan finds the files. That cannot be stopped half-way, so at Ctrl-C it is left behind.
func (d *demo) makePlan(paths []string, pattern string) error {
	d.progress.show("looking for files")
	type planned struct {
		plan *search.Plan
		err  error
	}
	done := make(chan planned, 1)
	go func() {
		plan, err := search.NewPlan(paths, pattern, 0)
		done <- planned{plan, err}
	}()
	select {
	case <-d.p.ctx.Done():
		return interrupted()
	case r := <-done:
		if r.err != nil {
			return usage(r.err)
		}
		d.plan = r.plan
	}
	d.counts, d.ok = make([]int64, len(d.plan.Tasks)), make([]bool, len(d.plan.Tasks))
	var skipped complaints
	for _, s := range d.plan.Skipped {
		skipped.add(d, s.Path, s.Err)
	}
	skipped.end(d)
	return nil
}

// search runs the plan's tasks: as one job, if they fit into one.
func (d *demo) search(f *fleet.Fleet) error {
	c, err := client.New(client.Config{Schedulers: f.Schedulers(), Logger: d.p.log})
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // has no error
	var unreadable complaints
	started := time.Now()
	for from := 0; from < len(d.plan.Tasks); {
		to := jobEnd(d.plan.Tasks, from)
		if err := d.runJob(c, from, to, &unreadable); err != nil {
			return err
		}
		from = to
	}
	d.report.elapsed = time.Since(started)
	unreadable.end(d)
	return d.p.ctx.Err()
}

// jobEnd returns where the job that begins with task from ends.
func jobEnd(tasks [][]byte, from int) int {
	bytes := 0
	to := from
	for to < len(tasks) && to-from < demoJobTasks {
		if bytes += len(tasks[to]); bytes > demoJobBytes && to > from {
			break
		}
		to++
	}
	return to
}

// runJob searches the ranges from…to-1 as one job.
func (d *demo) runJob(c *client.Client, from, to int, unreadable *complaints) error {
	job := task.Job{App: "grep", User: "demo", Deadline: task.MaxDeadline, Tasks: make([]task.Task, to-from)}
	for i := range job.Tasks {
		job.Tasks[i].Payload = d.plan.Tasks[from+i]
	}
	h, err := c.Submit(d.p.ctx, job)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(d.p.ctx, func() { _ = c.Close() }) // ends the results
	defer stop()
	d.jobs++
	d.hosts = append(d.hosts, h.Scheduler())
	for r := range h.Results() {
		d.report.add(&r)
		d.done++
		d.take(from+r.Task, &r, unreadable)
		d.progress.percent("searching", d.done, len(d.plan.Tasks))
	}
	return d.p.ctx.Err()
}

// take notes the result of one range. A file that cannot be read is the user's business, anything else ours.
func (d *demo) take(i int, r *task.Result, unreadable *complaints) {
	if r.Outcome == task.OK {
		n, err := strconv.ParseInt(string(r.Value), 10, 64)
		if err == nil {
			d.counts[i], d.ok[i] = n, true
			return
		}
		r.Err = task.Errorf(task.CodeInternal, "grep: the result is no number: %.40q", r.Value)
	}
	if d.p.ctx.Err() != nil {
		return
	}
	unreadable.add(d, d.plan.File(i).Path, r.Err)
	if !errors.Is(r.Err, task.CodeAppFailed) && !errors.Is(r.Err, task.CodePermanent) {
		d.failed++
	}
}

// oneSlot does the work that the job did once more, range after range in this goroutine, with the same code.
func (d *demo) oneSlot() (lines int64, elapsed time.Duration, err error) {
	grep := app.NewGrep()
	started := time.Now()
	for i, payload := range d.plan.Tasks {
		if !d.ok[i] {
			continue
		}
		d.progress.percent("the same on one slot", i, len(d.plan.Tasks))
		value, err := grep.Handle(d.p.ctx, worker.Task{Index: i, Attempt: 1, Payload: payload})
		if err != nil {
			if d.p.ctx.Err() != nil {
				return 0, 0, interrupted()
			}
			continue // the file has changed since; the count shows it
		}
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		lines += n
	}
	return lines, time.Since(started), context.Cause(d.p.ctx)
}

// complaints bounds how many files are complained about one by one.
type complaints struct{ n int }

const maxComplaints = 20

func (c *complaints) add(d *demo, path string, err error) {
	if c.n++; c.n <= maxComplaints {
		d.progress.clear()
		d.p.complain(fmt.Errorf("%s: %w", printable(path), err))
	}
}

func (c *complaints) end(d *demo) {
	if more := c.n - maxComplaints; more > 0 {
		d.progress.clear()
		fmt.Fprintf(d.p.stderr, "dunnock: … and %s more could not be searched\n", thousands(int64(more)))
	}
}
