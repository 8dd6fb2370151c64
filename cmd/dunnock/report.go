package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dunnock/task"
)

// runReport adds up how a job went: where its tasks ran, how long they waited and ran.
type runReport struct {
	job       task.JobID
	scheduler string
	elapsed   time.Duration // submit to the last result, as the client saw it

	outcomes map[task.Outcome]int
	workers  map[string]int // tasks by worker, of those that started
	wait     []time.Duration
	service  []time.Duration
	response []time.Duration // wait and service, task by task
	attempts int
}

func (r *runReport) add(res *task.Result) {
	if r.outcomes == nil {
		r.outcomes, r.workers = make(map[task.Outcome]int), make(map[string]int)
	}
	r.outcomes[res.Outcome]++
	r.attempts += res.Attempt
	if res.Worker == "" {
		return
	}
	r.workers[res.Worker]++
	r.wait = append(r.wait, res.Wait)
	r.service = append(r.service, res.Service)
	r.response = append(r.response, res.Wait+res.Service)
}

func (r *runReport) tasks() int {
	n := 0
	for _, k := range r.outcomes {
		n += k
	}
	return n
}

// line is the report in one line.
func (r *runReport) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in %s on %s", r.job, r.outcomeWords(), duration(r.elapsed), r.scheduler)
	if len(r.wait) > 0 {
		fmt.Fprintf(&b, "; wait %s; service %s; %s", percentiles(r.wait), percentiles(r.service), r.workerWords())
	}
	return b.String()
}

// outcomeWords is "10 tasks ok" or "10 tasks: 8 ok, 2 failed".
func (r *runReport) outcomeWords() string {
	total := r.tasks()
	if r.outcomes[task.OK] == total {
		return count(total, "task") + " ok"
	}
	var parts []string
	for _, o := range []task.Outcome{task.OK, task.Failed, task.Timeout, task.Cancelled, task.Unknown} {
		if n := r.outcomes[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", thousands(int64(n)), o))
		}
	}
	return count(total, "task") + ": " + strings.Join(parts, ", ")
}

// workerWords is "w1 5, w2 5": which worker ran how many, those with the most first.
func (r *runReport) workerWords() string {
	const shown = 8
	names := sortedKeys(r.workers)
	slices.SortStableFunc(names, func(a, b string) int { return r.workers[b] - r.workers[a] })
	var parts []string
	for i, name := range names {
		if i == shown && len(names) > shown+1 {
			parts = append(parts, fmt.Sprintf("and %d more workers", len(names)-shown))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %s", name, thousands(int64(r.workers[name]))))
	}
	return strings.Join(parts, ", ")
}

// percentiles is "p50 1.20 ms p99 3.40 ms". It sorts the times.
func percentiles(times []time.Duration) string {
	return fmt.Sprintf("p50 %s p99 %s", duration(percentile(times, 50)), duration(percentile(times, 99)))
}

// percentile returns the nearest-rank percentile of at least one time. It sorts them.
func percentile(times []time.Duration, p int) time.Duration {
	slices.Sort(times)
	return times[max(0, (len(times)*p+99)/100-1)]
}

func sum(times []time.Duration) time.Duration {
	var total time.Duration
	for _, t := range times {
		total += t
	}
	return total
}
