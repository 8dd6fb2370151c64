package sim

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"dunnock/internal/stat"
	"dunnock/worker/queue"
)

// Result is what a run showed. Its JSON form is what `dunnock sim run --json` prints. Statistics leave the warm-up out;
// counts are of the whole run.
type Result struct {
	Policy     string  `json:"policy"`
	Load       float64 `json:"load"` // offered, as a fraction of all slots
	Workers    int     `json:"workers"`
	Slots      int     `json:"slots"` // of a worker
	Schedulers int     `json:"schedulers"`
	Seed       uint64  `json:"seed"`
	Jobs       uint64  `json:"jobs"`  // the warm-up included
	Tasks      uint64  `json:"tasks"` // the warm-up included

	ResponseMS Response `json:"response_ms"` // of jobs
	WaitMS     Wait     `json:"wait_ms"`     // of tasks: submit to launch

	// MessagesPerTask counts reservations, calls, launches, refusals, results, cancellations, probes and answers over
	// all tasks.
	MessagesPerTask float64 `json:"messages_per_task"`
	// Utilization is the fraction of all slots that ran a task, from the first arrival after the warm-up to the last
	// one.
	Utilization float64 `json:"utilization"`
	FailedTasks uint64  `json:"failed_tasks"` // that did not end OK
	FailedJobs  uint64  `json:"failed_jobs"`  // of which there is such a task
	Events      uint64  `json:"events"`
	WallS       float64 `json:"wall_s"`
	TasksPerS   float64 `json:"tasks_per_s"` // simulated tasks per second of real time
	RSSBytes    int64   `json:"rss_bytes"`   // of the whole process, at the end
	Digest      string  `json:"digest"`      // of all decisions and outcomes: 16 hexadecimal digits

	Discipline string                `json:"discipline,omitempty"` // of the workers' queues, if it is not fifo
	Users      map[string]UserResult `json:"users,omitempty"`      // of jobs that have one: the first 256 that come
	Affinity   *Affinity             `json:"affinity,omitempty"`   // of tasks with affinity keys, if there were any
	TaskSlots  map[string]UserResult `json:"task_slots,omitempty"` // of jobs by how many slots their tasks take, if that is not one for all
}

// UserResult is what one user's jobs met.
type UserResult struct {
	Jobs       uint64   `json:"jobs"`        // without the warm-up
	Tasks      uint64   `json:"tasks"`       // of them
	FailedJobs uint64   `json:"failed_jobs"` // of which a task did not end OK
	ResponseMS Response `json:"response_ms"`
	WaitMS     Wait     `json:"wait_ms"`
	// Shares are which fraction of all slots and of each resource of the fleet the user's tasks had, from the first
	// arrival after the warm-up to the last one. The largest is its dominant share. Only of users, where workers have
	// resources.
	Shares map[string]float64 `json:"shares,omitempty"`
}

// Response is the distribution of the response of jobs, in milliseconds: from the arrival at the scheduler to the last
// result there, and two client delays. Quantiles are of nearest rank, within 0.1 %.
type Response struct {
	Mean float64    `json:"mean"`
	P50  float64    `json:"p50"`
	P90  float64    `json:"p90"`
	P95  float64    `json:"p95"`
	P99  float64    `json:"p99"`
	P999 float64    `json:"p999"`
	Max  float64    `json:"max"`
	CI95 [2]float64 `json:"ci95"` // of the mean, by batch means; both ends are the mean if there was only one job
}

// Wait is the distribution of the wait of tasks, in milliseconds, as [Response] is.
type Wait struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
}

func (e *Engine) result(wall time.Duration) *Result {
	t, c := &e.tally, &e.cfg
	t.flush()
	r := &Result{
		Policy: c.Policy, Load: c.Load, Workers: c.Workers, Slots: c.Slots, Schedulers: c.Schedulers, Seed: c.Seed,
		Jobs: t.jobs, Tasks: t.tasks, FailedTasks: t.failed, FailedJobs: t.failedJobs, Events: t.events,
		WallS: wall.Seconds(), RSSBytes: rss(), Digest: fmt.Sprintf("%016x", t.digest.Sum64()),
	}
	if r.WallS > 0 {
		r.TasksPerS = float64(r.Tasks) / r.WallS
	}
	if t.tasks > 0 {
		r.MessagesPerTask = float64(t.messages) / float64(t.tasks)
	}
	if capacity := float64(t.last-t.first) * float64(c.Workers*c.Slots); capacity > 0 {
		r.Utilization = t.lastArea.float() / capacity
		if r.Load == 0 {
			r.Load = t.demand.float() / capacity
		}
	}
	r.ResponseMS, r.WaitMS = response(&t.responses, &t.means), wait(&t.waits)
	if d := c.queue().WithDefaults().Discipline; d != queue.FIFO {
		r.Discipline = d.String()
	}
	r.Users, r.TaskSlots = e.userResults(), e.widthResults()
	r.Affinity = e.affinityResult()
	return r
}

func quantileMS(h *histogram, q float64) float64 { return inMS(float64(h.quantile(q))) }

func response(h *histogram, means *stat.Batches) Response {
	mean, half := h.mean(), means.HalfWidth()
	return Response{
		Mean: inMS(mean), P50: quantileMS(h, 0.5), P90: quantileMS(h, 0.9), P95: quantileMS(h, 0.95),
		P99: quantileMS(h, 0.99), P999: quantileMS(h, 0.999), Max: inMS(float64(h.max)),
		CI95: [2]float64{inMS(mean - half), inMS(mean + half)},
	}
}

func wait(h *histogram) Wait {
	return Wait{
		Mean: inMS(h.mean()), P50: quantileMS(h, 0.5), P95: quantileMS(h, 0.95), P99: quantileMS(h, 0.99), P999: quantileMS(h, 0.999),
	}
}

func inMS(ns float64) float64 { return ns / float64(time.Millisecond) }

// rss returns the memory that the process has in use, in bytes: as the kernel says where it does, else as the Go
// runtime does.
func rss() int64 {
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(statm)); len(fields) > 1 {
			if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return pages * int64(os.Getpagesize())
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}
