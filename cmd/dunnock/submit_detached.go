package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"

	"dunnock/internal/api"
	"dunnock/task"
)

// detach hands a job to a scheduler and leaves.
func (c *submitCmd) detach(p *process, job *task.Job) error {
	callers, err := c.callers()
	if err != nil {
		return err
	}
	_, _ = crand.Read(job.ID[:]) // never fails
	accepted, from, err := handOver(p.ctx, callers, job)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(p.stdout, accepted)
	}
	fmt.Fprintln(p.stdout, accepted.Job)
	fmt.Fprintf(p.stderr, "%s accepted by %s; 'dunnock job %s' shows them\n", count(accepted.Tasks, "task"), from.URL(), accepted.Job)
	return nil
}

// handOver submits a job to the first scheduler that takes it. One whose answer was lost may have it. So it is asked
// again, and then the next one, under a later epoch each time: if it is the same scheduler, the job goes on there;
// another takes from the workers what they hold of the job, and they start nothing more for the first.
func handOver(ctx context.Context, callers []*api.Caller, job *task.Job) (accepted api.Accepted, by *api.Caller, _ error) {
	var faults []error
	doubt := false // whether somebody may have it who has not said so
	for _, c := range callers {
		for range 2 {
			answer, err := c.Submit(ctx, api.NewJob(job))
			var unreachable *api.UnreachableError
			switch {
			case err == nil:
				return answer, c, nil
			case errors.As(err, &unreachable) && unreachable.Sent:
				doubt = true
				job.Epoch++
			case unreachable == nil && !doubt:
				return answer, nil, given(ctx, err) // a refusal
			}
			faults = append(faults, err)
			if ctx.Err() != nil {
				return answer, nil, inDoubt(interrupted(), job.ID, doubt)
			}
			if unreachable == nil || !unreachable.Sent || unreachable.Timeout() {
				break // asking it again is of no use
			}
		}
	}
	return accepted, nil, inDoubt(errors.Join(faults...), job.ID, doubt)
}

// inDoubt says of a job that nobody is known to have who may have it.
func inDoubt(err error, id task.JobID, doubt bool) error {
	if !doubt {
		return err
	}
	return fmt.Errorf("job %s may run all the same, since an answer was lost (see 'dunnock job %s'): %w", id, id, err)
}
