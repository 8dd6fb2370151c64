package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"dunnock/task"
)

// queuedJob is how many tasks each of the jobs has that fill the scheduler.
const queuedJob = 1000

// measureQueued fills the scheduler with tasks that wait behind others that do not end, and measures, as it fills up,
// how long it takes until a further job is accepted.
func (o *options) measureQueued(ctx context.Context) error {
	f, err := o.start(ctx)
	if err != nil {
		return err
	}
	defer f.stop()
	fmt.Printf("jobs of 1 task submitted one at a time, %d at each step; workers: %d of %d slots, all taken\n", queuedSubmits, o.workers, o.slots)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "queued\tp50\tp99\tlongest\tfilled in\t")
	for step, queued := 1, 0; step <= queuedSteps; step++ {
		began := time.Now()
		for ; queued+queuedJob+queuedSubmits <= o.queued/queuedSteps*step; queued += queuedJob {
			if _, err := f.client.Submit(ctx, holdJob(queuedJob)); err != nil {
				return err
			}
		}
		filled := time.Since(began)
		h := newHistogram()
		for range queuedSubmits {
			start := time.Now()
			if _, err := f.client.Submit(ctx, holdJob(1)); err != nil {
				return err
			}
			if err := h.RecordValue(int64(time.Since(start))); err != nil {
				return err
			}
		}
		queued += queuedSubmits
		fmt.Fprintf(t, "%d\t%v\t%v\t%v\t%v\t\n", queued, time.Duration(h.ValueAtQuantile(50)).Round(time.Microsecond),
			time.Duration(h.ValueAtQuantile(99)).Round(time.Microsecond), time.Duration(h.Max()).Round(time.Microsecond), filled.Round(time.Millisecond))
	}
	return t.Flush()
}

const (
	queuedSteps   = 4
	queuedSubmits = 1000
)

func holdJob(tasks int) task.Job {
	return task.Job{App: "hold", Tasks: make([]task.Task, tasks), Deadline: time.Hour}
}
