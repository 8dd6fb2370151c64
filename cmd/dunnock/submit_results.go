package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"dunnock/client"
	"dunnock/internal/api"
	"dunnock/task"
)

// resultFlags say what of a job's results is printed.
type resultFlags struct {
	Output string `help:"results: lines of 'TASK tab RESULT' as they come; raw: the bytes of all results in task order and nothing else; summary: one line in the end; none." enum:"results,raw,summary,none" default:"results" placeholder:"WORD"`
	JSON   bool   `name:"json" help:"Print one JSON object a line instead, the events of the HTTP interface: accepted, task, retry (an attempt was in vain) and done (default: no)."`
}

func (f *resultFlags) checkOutput(detached bool) error {
	switch {
	case f.JSON && f.Output != "results":
		return usagef("--json: not together with --output %s", f.Output)
	case detached && f.Output != "results":
		return usagef("--output: a detached job's results are not printed; see 'dunnock job'")
	}
	return nil
}

// maxFailuresShown bounds the failed tasks that are told one by one.
const maxFailuresShown = 20

// resultWriter prints results as they come.
type resultWriter struct {
	p      *process
	flags  *resultFlags
	out    *bufio.Writer
	err    error // the first one of writing
	report runReport
	raw    [][]byte // by task, with --output raw
	failed int      // tasks that did not end ok
	unsaid int      // of those, that were told of only in sum
}

func newResultWriter(p *process, flags *resultFlags, job *task.Job) *resultWriter {
	w := &resultWriter{p: p, flags: flags, out: bufio.NewWriter(p.stdout)}
	if flags.Output == "raw" {
		w.raw = make([][]byte, len(job.Tasks))
	}
	return w
}

// flush hands over what has been printed, so that it can be seen while the job runs.
func (w *resultWriter) flush() {
	if err := w.out.Flush(); err != nil && w.err == nil {
		w.err = fmt.Errorf("write the results: %w", err)
	}
}

func (w *resultWriter) object(v any) {
	line, err := json.Marshal(v)
	if err != nil && w.err == nil {
		w.err = err
	}
	_, _ = w.out.Write(append(line, '\n')) // bufio remembers its first error
	w.flush()
}

func (w *resultWriter) accepted(h *client.Handle) {
	w.report.job, w.report.scheduler = h.ID(), h.Scheduler()
	if w.flags.JSON {
		w.object(api.Event{Event: "accepted", Job: h.ID().String()})
	}
}

// event prints what has happened to a task.
func (w *resultWriter) event(e *client.Event) {
	switch {
	case e.Result != nil:
		w.result(e.Result)
	case w.flags.JSON:
		w.object(&api.RetryEvent{Event: "retry", Task: e.Retry.Task, Attempt: e.Retry.Attempt, Worker: e.Retry.Worker, Error: e.Retry.Err})
	}
}

// result prints one result.
func (w *resultWriter) result(r *task.Result) {
	w.report.add(r)
	if r.Outcome != task.OK {
		w.failed++
	}
	if w.flags.JSON {
		w.object(taskEvent(r))
		return
	}
	switch {
	case r.Outcome != task.OK:
		w.failure(r)
	case w.raw != nil:
		w.raw[r.Task] = r.Value
	case w.flags.Output == "results":
		w.lines(r)
	}
}

// lines prints each line of a result after the task's number, like grep its files. An empty result has none.
func (w *resultWriter) lines(r *task.Result) {
	if len(r.Value) == 0 {
		return
	}
	for line := range bytes.Lines(r.Value) {
		fmt.Fprintf(w.out, "%d\t%s", r.Task, line)
	}
	if r.Value[len(r.Value)-1] != '\n' {
		_ = w.out.WriteByte('\n') // bufio remembers its first error
	}
	w.flush()
}

// failure tells of a task that did not end ok, unless the user has cancelled the job and knows.
func (w *resultWriter) failure(r *task.Result) {
	if w.p.ctx.Err() != nil {
		return
	}
	if r.Err.Code == task.CodeSuperseded { // the same of all
		if w.unsaid++; w.unsaid == 1 {
			fmt.Fprintf(w.p.stderr, "the job goes on elsewhere: %s\n", r.Err.Message)
		}
		return
	}
	if w.failed-w.unsaid > maxFailuresShown {
		return
	}
	where := ""
	if r.Worker != "" {
		where = fmt.Sprintf(" on %s, attempt %d", r.Worker, r.Attempt)
	}
	fmt.Fprintf(w.p.stderr, "task %d: %s%s: %s\n", r.Task, r.Outcome, where, strings.ReplaceAll(r.Err.Error(), "\n", " "))
	for line := range strings.Lines(r.Err.Detail) {
		fmt.Fprintf(w.p.stderr, "  | %s\n", strings.TrimRight(line, "\n"))
	}
}

// done prints what is left to print of a job that ended so. Its error carries the exit code.
func (w *resultWriter) done(elapsed time.Duration, outcome task.Outcome) error {
	for _, value := range w.raw {
		_, _ = w.out.Write(value) // bufio remembers its first error
	}
	w.report.elapsed = elapsed
	w.summary(outcome)
	w.flush()
	switch {
	case w.err != nil:
		return w.err
	case w.report.outcomes[task.Unknown] > 0:
		return &exitError{code: exitUnknown}
	case w.failed > 0:
		return &exitError{code: exitFailure}
	default:
		return nil
	}
}

// summary says how the job went, in one line.
func (w *resultWriter) summary(outcome task.Outcome) {
	switch {
	case w.flags.JSON:
		w.object(api.DoneEvent{Event: "done", Outcome: outcome.String(), Tasks: w.report.tasks(), Failed: w.failed})
	case w.flags.Output == "none":
	default:
		if more := w.failed - w.unsaid - maxFailuresShown; more > 0 && w.p.ctx.Err() == nil {
			fmt.Fprintf(w.p.stderr, "… and %s more\n", count(more, "task"))
		}
		if w.flags.Output == "summary" {
			fmt.Fprintln(w.out, w.report.line())
			return
		}
		w.flush()
		fmt.Fprintln(w.p.stderr, w.report.line())
	}
}

func taskEvent(r *task.Result) *api.TaskEvent {
	e := &api.TaskEvent{
		Event: "task", Task: r.Task, Outcome: r.Outcome.String(), Worker: r.Worker, Attempt: r.Attempt,
		WaitMS: api.Millis(r.Wait), ServiceMS: api.Millis(r.Service), Result: r.Value, Error: r.Err,
	}
	if e.Result == nil && r.Outcome == task.OK {
		e.Result = []byte{} // "" and not null, as in the HTTP interface
	}
	return e
}
