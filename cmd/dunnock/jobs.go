package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"dunnock/internal/api"
	"dunnock/task"
)

type jobsCmd struct {
	schedulerFlags `embed:""`
	formatFlag     `embed:""`
}

// Help is shown above the flags.
func (*jobsCmd) Help() string {
	return `Every scheduler of the fleet is asked, the newest job comes first. Finished jobs are listed for a while (see --result-ttl of 'dunnock scheduler').

Examples:

    dunnock jobs
    dunnock jobs --format json --scheduler http://127.0.0.1:8080`
}

// listedJob is a job and the scheduler that holds it.
type listedJob struct {
	api.JobSummary
	Scheduler string `json:"scheduler"`
}

type jobListing struct {
	Jobs []listedJob `json:"jobs"`
}

// Run lists the jobs of all schedulers.
func (c *jobsCmd) Run(p *process) error {
	answers, err := askAll(p.ctx, &c.schedulerFlags, func(ctx context.Context, s *api.Caller) (api.JobList, error) { return s.Jobs(ctx) })
	if err != nil {
		return err
	}
	listing := jobListing{Jobs: []listedJob{}}
	for _, a := range answers {
		if a.err != nil {
			p.complain(fmt.Errorf("the jobs of scheduler %s are missing: %w", a.scheduler.Name, a.err))
		}
		for _, j := range a.answer.Jobs {
			listing.Jobs = append(listing.Jobs, listedJob{j, a.scheduler.Name})
		}
	}
	slices.SortStableFunc(listing.Jobs, func(a, b listedJob) int { return cmp.Compare(a.AgeMS, b.AgeMS) })
	return c.print(p.stdout, listing, func(w *tabwriter.Writer) {
		row(w, "JOB", "APP", "STATE", "TASKS", "WAITING", "RUNNING", "FAILED", "AGE", "RESPONSE", "SCHEDULER", "USER")
		for _, j := range listing.Jobs {
			response, state := "", j.State
			if j.Superseded() {
				state = task.CodeSuperseded.Error()
			}
			if j.State != api.StateRunning {
				response = milliseconds(j.ResponseMS)
			}
			row(w, j.Job, j.App, state, j.Tasks, j.Waiting, j.Running, j.Failed, milliseconds(j.AgeMS), response, j.Scheduler, printable(j.User))
		}
	})
}

// jobIDArg names a job.
type jobIDArg struct {
	ID string `arg:"" help:"The job: 32 hexadecimal digits."`
}

func (a *jobIDArg) parse() (task.JobID, error) {
	id, err := task.ParseJobID(a.ID)
	if err != nil {
		return id, usagef("job ID: want 32 hexadecimal digits, got %.80q", a.ID)
	}
	return id, nil
}

type jobCmd struct {
	jobIDArg       `embed:""`
	schedulerFlags `embed:""`
	formatFlag     `embed:""`
}

// Help is shown above the flags.
func (*jobCmd) Help() string {
	return `Shows where each task ran, how long it waited and ran, and why tasks still wait. A scheduler that does not hold the job names its peers, and they are asked; so are they when another has taken the job over. The exit code is 0 if the job was found, however it ended.

Examples:

    dunnock job 6b1f0c8e5a7d4f2e9c3b1a0d8e7f6c5b
    dunnock job 6b1f0c8e5a7d4f2e9c3b1a0d8e7f6c5b --format json`
}

// Run shows one job.
func (c *jobCmd) Run(p *process) error {
	id, err := c.parse()
	if err != nil {
		return err
	}
	job, err := askHolder(p.ctx, &c.schedulerFlags, func(ctx context.Context, s *api.Caller) (api.JobDetail, error) { return s.Job(ctx, id) })
	if err != nil {
		return err
	}
	return c.print(p.stdout, job, func(w *tabwriter.Writer) { printJob(w, &job) })
}

func printJob(w *tabwriter.Writer, job *api.JobDetail) {
	fmt.Fprintf(w, "job %s: %s\n", job.Job, jobState(job))
	fmt.Fprintf(w, "app %s, user %s, scheduler %s, probe ratio %g\n", job.App, orDash(printable(job.User)), job.Scheduler, job.ProbeRatio)
	if need := needs(job); need != "" {
		fmt.Fprintf(w, "each task takes %s, but for those that say otherwise\n", need)
	}
	if job.EstimateMS > 0 {
		fmt.Fprintf(w, "each task is stated to take %s%s\n", milliseconds(job.EstimateMS), after(": ", job.EstimateUse))
	}
	if job.Why != "" {
		fmt.Fprintln(w, job.Why)
	}
	if job.Superseded() {
		fmt.Fprintf(w, "%s; this is what scheduler %s knows, and no other that holds it was found\n", job.Error.Message, job.Scheduler)
	}
	fmt.Fprintln(w)
	_ = w.Flush() // so that what is above does not widen the columns; its error comes again at the end
	row(w, "TASK", "STATE", "WORKER", "ATTEMPT", "WAIT", "SERVICE", "RESULT")
	for _, t := range job.TaskList {
		result := clip(string(t.Result))
		if t.Error != nil {
			result = clip(t.Error.Error())
		}
		service := ""
		if t.ServiceMS > 0 {
			service = milliseconds(t.ServiceMS)
		}
		row(w, t.Task, t.State, t.Worker, t.Attempt, milliseconds(t.WaitMS), service, result)
	}
}

// needs says what each task of a job takes; nothing if that is one slot.
func needs(job *api.JobDetail) string {
	var parts []string
	if job.Slots > 1 {
		parts = append(parts, count(job.Slots, "slot"))
	}
	if len(job.Resources) > 0 {
		parts = append(parts, amounts(job.Resources))
	}
	return strings.Join(parts, ", ")
}

// jobState says in words where a job is.
func jobState(job *api.JobDetail) string {
	if job.Superseded() {
		return fmt.Sprintf("superseded after %s, %s, of which %d ended here", milliseconds(job.ResponseMS), count(job.Tasks, "task"), job.Finished-supersededTasks(job))
	}
	if job.State != api.StateRunning {
		return fmt.Sprintf("%s in %s, %s, %d not ok", job.State, milliseconds(job.ResponseMS), count(job.Tasks, "task"), job.Failed)
	}
	return fmt.Sprintf("running for %s, %s: %d waiting, %d running, %d finished (%d not ok); its deadline is in %s",
		milliseconds(job.AgeMS), count(job.Tasks, "task"), job.Waiting, job.Running, job.Finished, job.Failed, milliseconds(job.DeadlineMS))
}

// supersededTasks counts the tasks that had not ended when the job was taken over.
func supersededTasks(job *api.JobDetail) (n int) {
	for _, t := range job.TaskList {
		if t.Error != nil && t.Error.Code == task.CodeSuperseded {
			n++
		}
	}
	return n
}

// after puts a text behind another; nothing if it is empty.
func after(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// clip shortens a result to what fits into a table.
func clip(s string) string {
	const limit = 60
	s = strings.TrimRight(s, "\n")
	if len(s) > limit {
		cut := limit
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		return printable(s[:cut]) + "…"
	}
	return printable(s)
}

type cancelCmd struct {
	jobIDArg       `embed:""`
	schedulerFlags `embed:""`
	formatFlag     `embed:""`
}

// Help is shown above the flags.
func (*cancelCmd) Help() string {
	return `Tasks that have not finished end as cancelled. A job that has finished stays as it is.

Example:

    dunnock cancel 6b1f0c8e5a7d4f2e9c3b1a0d8e7f6c5b`
}

// Run cancels one job.
func (c *cancelCmd) Run(p *process) error {
	id, err := c.parse()
	if err != nil {
		return err
	}
	job, err := askHolder(p.ctx, &c.schedulerFlags, func(ctx context.Context, s *api.Caller) (api.JobSummary, error) { return s.Cancel(ctx, id) })
	if err != nil {
		return err
	}
	return c.print(p.stdout, job, func(w *tabwriter.Writer) {
		if job.Superseded() {
			fmt.Fprintf(w, "job %s: not cancelled: %s, and no other that holds it was found\n", job.Job, job.Error.Message)
			return
		}
		fmt.Fprintf(w, "job %s: %s, %d of %d tasks not ok\n", job.Job, job.State, job.Failed, job.Tasks)
	})
}
