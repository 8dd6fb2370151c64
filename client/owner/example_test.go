package owner_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dunnock/client/owner"
	"dunnock/internal/submission"
	"dunnock/task"
)

// The scheduler of a job is lost behind the first of two outcomes. The next one gets what is left.
func Example() {
	core := owner.New(owner.Config{Schedulers: []string{"10.0.0.1:7070", "10.0.0.2:7070"}}, rand.New(rand.NewPCG(1, 1)))
	var out []owner.Effect
	carryOut := func() {
		for i := range out {
			switch e := &out[i]; e.Kind {
			case owner.EffectConnect:
				fmt.Printf("dial scheduler %d\n", e.Scheduler)
			case owner.EffectSubmit:
				fmt.Printf("to scheduler %d: submission %d, epoch %d, finished %08b, %v left\n", e.Scheduler, e.Seq, e.Epoch, core.Finished(e.Ref), e.Deadline)
			case owner.EffectCancel, owner.EffectStill:
				fmt.Printf("to scheduler %d: %v\n", e.Scheduler, e.Kind)
			case owner.EffectAccepted:
				fmt.Printf("scheduler %d has the job\n", e.Scheduler)
			case owner.EffectOutcome:
				fmt.Printf("task %d: %v\n", e.Task, e.Outcome)
			case owner.EffectRetry:
				fmt.Printf("task %d: an attempt was in vain\n", e.Task)
			case owner.EffectDone, owner.EffectRefused:
				fmt.Printf("%v: %v\n", e.Kind, e.Outcome)
			}
		}
		out = out[:0]
	}

	_, out, _ = core.Submit(0, &owner.Spec{ID: task.JobID{1}, Tasks: 2, Deadline: 10 * time.Second}, out)
	carryOut()
	out = core.SchedulerUp(1*time.Millisecond, 1, out)
	out = core.SchedulerUp(2*time.Millisecond, 0, out)
	carryOut()
	out = core.Accepted(3*time.Millisecond, 0, submission.Accepted{Seq: 1}, out)
	out = core.TaskDone(time.Second, 0, &submission.TaskDone{Seq: 1, Task: 1, Outcome: task.OK}, out)
	carryOut()
	out = core.SchedulerDown(2*time.Second, 0, out)
	carryOut()
	out = core.Accepted(2*time.Second, 1, submission.Accepted{Seq: 2}, out)
	out = core.TaskDone(2*time.Second, 1, &submission.TaskDone{Seq: 2, Task: 0, Outcome: task.OK}, out)
	out = core.JobDone(1, submission.JobDone{Seq: 2, Outcome: task.OK}, out)
	carryOut()
	// Output:
	// dial scheduler 0
	// dial scheduler 1
	// to scheduler 0: submission 1, epoch 0, finished [00000000], 10s left
	// scheduler 0 has the job
	// task 1: ok
	// to scheduler 1: submission 2, epoch 1, finished [00000010], 8.003s left
	// scheduler 1 has the job
	// task 0: ok
	// Done: ok
}
