package main

import (
	"context"
	"strings"
	"time"

	"dunnock/client"
	"dunnock/task"
)

type submitCmd struct {
	schedulerFlags `embed:""`
	taskFlags      `embed:""`
	resultFlags    `embed:""`

	App          string        `required:"" help:"The app that runs the tasks. Required." placeholder:"NAME"`
	User         string        `help:"Who the job is for, a path such as org/team/ann (default: nobody)." placeholder:"PATH"`
	Priority     int           `help:"-1000 to 1000; the larger goes first where workers order by priority." default:"0" placeholder:"N"`
	ProbeRatio   float64       `help:"Reservations per task, 1 to 16." default:"2" placeholder:"D"`
	Deadline     time.Duration `env:"DUNNOCK_JOB_DEADLINE" help:"From acceptance, at most 24h; set by DUNNOCK_JOB_DEADLINE." default:"5m" placeholder:"DURATION"`
	TaskTimeout  time.Duration `help:"Of one attempt at a task; 0s: only the deadline." default:"0s" placeholder:"DURATION"`
	Estimate     time.Duration `help:"What a task takes, at most 24h. Right to a quarter, or 2ms, it has slots asked for ahead of their end, and workers that serve the shortest job first go by it; 0s: not known." default:"0s" placeholder:"DURATION"`
	MaxAttempts  int           `help:"Times a task may start, 1 to 100." default:"3" placeholder:"N"`
	Delivery     string        `help:"at-least-once, or at-most-once: no task starts twice." enum:"at-least-once,at-most-once" default:"at-least-once" placeholder:"WORD"`
	OnDisconnect string        `help:"What becomes of running tasks when this command dies: cancel them after a second, or drain, let them finish." enum:"cancel,drain" default:"cancel" placeholder:"WORD"`
	OnFailure    string        `help:"continue, or cancel the rest at the first task that failed for good." enum:"continue,cancel" default:"continue" placeholder:"WORD"`
	Require      labelsFlag    `help:"A label that workers must have. Repeatable (default: none)." placeholder:"KEY=VALUE"`
	Prefer       labelsFlag    `help:"A label that workers had better have: those that have all of them come first, for a while. Repeatable (default: none)." placeholder:"KEY=VALUE"`
	Exclude      []string      `sep:"none" help:"A label that workers must not have, or a worker's name. Repeatable (default: none)." placeholder:"KEY=VALUE|NAME"`
	Spread       string        `help:"Deal the tasks out evenly over the values of this label, such as zone (default: do not)." placeholder:"KEY"`
	TaskSlots    int           `help:"Slots of its worker that each task takes, 1 to 4096." default:"1" placeholder:"N"`
	Resource     amountsFlag   `help:"What each task takes of its worker beside slots, such as gpu=1. Repeatable (default: none)." placeholder:"NAME=N"`
	Affinity     string        `help:"Affinity key of every task: tasks with one key like the same workers, whose caches are warm for it. {} in it stands for the task's payload (default: none)." placeholder:"KEY"`
	Detach       bool          `help:"Print the job's ID and leave; the job lives on its scheduler until its deadline (default: no)."`
}

// Help is shown above the flags.
func (*submitCmd) Help() string {
	return `Every result is printed as it comes, each of its lines after the task's number and a tab; failures and a summary go to standard error. The exit code is 0 only if every task succeeded, 3 if nobody can say how one of them ended, and else 1. Ctrl-C cancels the job.

Examples:

    dunnock submit --app sleep --tasks 10 --payload 100ms
    seq 100 | dunnock submit --app echo --each-line - | sort -n | cut -f2-
    dunnock submit --app zip --payload-file a.txt --output raw >a.txt.gz
    dunnock submit --app sleep --tasks 500 --payload 1s --detach
    dunnock submit --app train --tasks 8 --task-slots 4 --resource gpu=1
    dunnock submit --app train --tasks 8 --require gpu=a100 --prefer ssd=yes --exclude w7 --spread zone
    ls parts | dunnock submit --app scan --each-line - --affinity 'parts/{}'`
}

// Run submits a job and follows it.
func (c *submitCmd) Run(p *process) error {
	if err := c.check(); err != nil {
		return err
	}
	payloads, err := c.payloads(p.ctx, p.stdin)
	if err != nil {
		return err
	}
	job := task.Job{
		App: c.App, User: c.User, Priority: c.Priority, ProbeRatio: c.ProbeRatio, Deadline: c.Deadline, TaskTimeout: c.TaskTimeout, Estimate: c.Estimate,
		MaxAttempts: c.MaxAttempts, Delivery: task.AtLeastOnce, OnFailure: task.Continue, Require: c.Require, Prefer: c.Prefer,
		Exclude: c.Exclude, Spread: c.Spread, Slots: c.TaskSlots, Resources: c.Resource,
		Tasks: make([]task.Task, len(payloads)),
	}
	if c.Delivery == "at-most-once" {
		job.Delivery = task.AtMostOnce
	}
	if c.OnDisconnect == "drain" {
		job.OnDisconnect = task.DrainJob
	}
	if c.OnFailure == "cancel" {
		job.OnFailure = task.CancelRest
	}
	if err := c.checkJob(job); err != nil {
		return err
	}
	for i, payload := range payloads {
		job.Tasks[i].Payload = payload
		job.Tasks[i].Affinity = strings.ReplaceAll(c.Affinity, "{}", string(payload))
	}
	if c.Detach {
		return c.detach(p, &job)
	}
	return c.follow(p, job)
}

// check refuses zeros, which a job would take for "the default", and leaves the rest to the job's own validation.
func (c *submitCmd) check() error {
	switch {
	case c.ProbeRatio == 0:
		return usagef("--probe-ratio: want 1 to %g, got 0", task.MaxProbeRatio)
	case c.Deadline == 0:
		return usagef("--deadline: want more than 0")
	case c.TaskSlots == 0:
		return usagef("--task-slots: want 1 to %d, got 0", task.MaxSlots)
	case c.MaxAttempts == 0:
		return usagef("--max-attempts: want 1 to %d, got 0", task.MaxAttempts)
	}
	if _, err := c.callers(); err != nil {
		return err
	}
	return c.checkOutput(c.Detach)
}

// checkJob refuses what the flags say of a job. What its payloads and their number say is not the flags' fault.
func (c *submitCmd) checkJob(job task.Job) error {
	job = job.WithDefaults()
	job.Tasks = []task.Task{{Affinity: strings.ReplaceAll(c.Affinity, "{}", "")}}
	return usage(job.Validate(task.DefaultLimits()))
}

// follow submits a job that ends with this process.
func (c *submitCmd) follow(p *process, job task.Job) error {
	sub, err := client.New(client.Config{Schedulers: c.Scheduler, Logger: p.log})
	if err != nil {
		return usage(err)
	}
	defer sub.Close() //nolint:errcheck // has no error
	started := time.Now()
	h, err := sub.Submit(p.ctx, job)
	if err != nil {
		return given(p.ctx, err)
	}
	defer cancelOnSignal(p.ctx, sub, h)()

	out := newResultWriter(p, &c.resultFlags, &job)
	out.accepted(h)
	for e := range h.Events() {
		out.event(&e)
	}
	err = out.done(time.Since(started), h.Outcome())
	if p.ctx.Err() != nil {
		return interrupted()
	}
	return err
}

// cancelGrace is how long a cancelled job may take to say how its tasks ended.
const cancelGrace = 2 * time.Second

// cancelOnSignal cancels a job at Ctrl-C, and gives up on it when that takes too long. stop ends the watch.
func cancelOnSignal(ctx context.Context, c *client.Client, h *client.Handle) (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-done:
			return
		case <-ctx.Done():
			h.Cancel()
		}
		timer := time.NewTimer(cancelGrace)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
			_ = c.Close() // ends the results; has no error
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
