package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"dunnock/internal/api"
)

type workersCmd struct {
	schedulerFlags `embed:""`
	formatFlag     `embed:""`
}

// Help is shown above the flags.
func (*workersCmd) Help() string {
	return `The workers as one scheduler sees them. BUSY and QUEUED (reservations) count over all schedulers, as each worker has told this one last: that is up to a quarter of a second old, and a job that has just ended may still be in it.

Examples:

    dunnock workers
    dunnock workers --format json | jq '.workers[].name'`
}

// Run lists the workers.
func (c *workersCmd) Run(p *process) error {
	list, _, err := ask(p.ctx, &c.schedulerFlags, func(ctx context.Context, s *api.Caller) (api.WorkerList, error) { return s.Workers(ctx) })
	if err != nil {
		return err
	}
	return c.print(p.stdout, list, func(w *tabwriter.Writer) {
		some := slices.ContainsFunc(list.Workers, func(m api.Worker) bool { return len(m.Resources) > 0 })
		head := []any{"NAME", "ADDR", "SLOTS", "BUSY", "QUEUED", "DISCIPLINE", "STATE", "APPS", "LABELS"}
		if some {
			head = append(head, "RESOURCES")
		}
		row(w, head...)
		for _, m := range list.Workers {
			cells := []any{m.Name, m.Addr, m.Slots, m.Busy, m.Queued, m.Discipline, workerState(&m), strings.Join(m.Apps, " "), labels(m.Labels)}
			if some {
				cells = append(cells, amounts(m.Resources))
			}
			row(w, cells...)
		}
	})
}

func workerState(w *api.Worker) string {
	if !w.Connected {
		return w.State + ", not connected"
	}
	return w.State
}

// amounts writes resources as flags do.
func amounts(m map[string]uint32) string {
	pairs := make([]string, 0, len(m))
	for name, n := range m {
		pairs = append(pairs, printable(name)+"="+strconv.FormatUint(uint64(n), 10))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

func labels(m map[string]string) string {
	pairs := make([]string, 0, len(m))
	for k, v := range m {
		pairs = append(pairs, printable(k+"="+v))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

type statusCmd struct {
	schedulerFlags `embed:""`
	formatFlag     `embed:""`
}

// Help is shown above the flags.
func (*statusCmd) Help() string {
	return `The fleet in sums, and each scheduler with the workers it is connected to and its unfinished jobs.

Examples:

    dunnock status
    dunnock status --format json`
}

// fleetStatus is the fleet in sums.
type fleetStatus struct {
	Fleet      string            `json:"fleet"`
	Policy     string            `json:"policy"`
	Workers    int               `json:"workers"`
	Draining   int               `json:"draining"` // of the workers
	Slots      int               `json:"slots"`
	Busy       int               `json:"busy"`
	Queued     int               `json:"queued"` // reservations
	Jobs       int               `json:"jobs"`
	Waiting    int               `json:"waiting"`
	Running    int               `json:"running"`
	Schedulers []schedulerStatus `json:"schedulers"`
}

type schedulerStatus struct {
	Name      string `json:"name"`
	Addr      string `json:"addr"`
	State     string `json:"state"`
	Connected int    `json:"connected"` // workers
	Jobs      int    `json:"jobs"`
	Waiting   int    `json:"waiting"`
	Running   int    `json:"running"`
	Error     string `json:"error,omitempty"` // why there is no answer
}

// Run sums up the fleet.
func (c *statusCmd) Run(p *process) error {
	list, _, err := ask(p.ctx, &c.schedulerFlags, func(ctx context.Context, s *api.Caller) (api.WorkerList, error) { return s.Workers(ctx) })
	if err != nil {
		return err
	}
	answers, err := askAll(p.ctx, &c.schedulerFlags, func(ctx context.Context, s *api.Caller) (api.Fleet, error) { return s.Fleet(ctx) })
	if err != nil {
		return err
	}
	st := summarise(list.Workers, answers)
	return c.print(p.stdout, st, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "fleet %s, policy %s\n", st.Fleet, st.Policy)
		fmt.Fprintf(w, "%s (%d draining), %s: %d busy, %s queued\n",
			count(st.Workers, "worker"), st.Draining, count(st.Slots, "slot"), st.Busy, count(st.Queued, "reservation"))
		fmt.Fprintf(w, "%s: %s waiting, %d running\n\n", count(st.Jobs, "unfinished job"), count(st.Waiting, "task"), st.Running)
		_ = w.Flush() // its error comes again at the end
		row(w, "SCHEDULER", "ADDR", "STATE", "WORKERS", "JOBS", "WAITING", "RUNNING")
		for _, s := range st.Schedulers {
			if s.Error != "" {
				row(w, s.Name, s.Addr, s.Error)
				continue
			}
			row(w, s.Name, s.Addr, s.State, s.Connected, s.Jobs, s.Waiting, s.Running)
		}
	})
}

// summarise adds up what the schedulers said.
func summarise(workers []api.Worker, answers []answered[api.Fleet]) fleetStatus {
	st := fleetStatus{Workers: len(workers), Schedulers: []schedulerStatus{}}
	for _, w := range workers {
		st.Slots += w.Slots
		st.Busy += w.Busy
		st.Queued += w.Queued
		if w.State == "draining" {
			st.Draining++
		}
	}
	for _, a := range answers {
		s := schedulerStatus{
			Name: a.scheduler.Name, Addr: a.scheduler.Addr, State: a.scheduler.State,
			Connected: a.answer.Connected, Jobs: a.answer.Jobs, Waiting: a.answer.Waiting, Running: a.answer.Running,
		}
		if a.err != nil {
			s.Error = oneLine(a.err)
		} else {
			st.Fleet, st.Policy = a.answer.Fleet, a.answer.Policy
		}
		st.Jobs += s.Jobs
		st.Waiting += s.Waiting
		st.Running += s.Running
		st.Schedulers = append(st.Schedulers, s)
	}
	return st
}

type drainCmd struct {
	URL        string `arg:"" help:"The node to drain, a scheduler or a worker: http://host:port."`
	formatFlag `embed:""`
}

// Help is shown above the flags.
func (*drainCmd) Help() string {
	return `The node takes nothing new, finishes what it has within its --drain-timeout, leaves the fleet and ends. The command does not wait for that.

Example:

    dunnock drain http://127.0.0.1:7171`
}

// Run drains a node.
func (c *drainCmd) Run(p *process) error {
	node, err := api.NewCaller(c.URL)
	if err != nil {
		return usage(err)
	}
	h, err := node.Drain(p.ctx)
	if err != nil {
		return given(p.ctx, err)
	}
	return c.print(p.stdout, h, func(w *tabwriter.Writer) { fmt.Fprintf(w, "%s %s is %s\n", h.Role, h.Name, h.Status) })
}
