package placement_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// A job of one task on a fleet of two workers: both are probed, the first to have
// a free slot gets the task, and the other's reservation is taken back.
func Example() {
	core := placement.New(placement.Config{}, rand.New(rand.NewPCG(1, 2)))
	show := func(effects []placement.Effect) {
		for _, e := range effects {
			switch e.Kind {
			case placement.EffectReserve, placement.EffectCancel, placement.EffectLaunch:
				fmt.Println(e.Kind, "to worker", e.Worker)
			case placement.EffectTaskDone, placement.EffectJobDone:
				fmt.Println(e.Kind, e.Outcome)
			case placement.EffectNoTask, placement.EffectKill, placement.EffectRetry, placement.EffectClaim, placement.EffectQuarantine,
				placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
			}
		}
	}
	worker := placement.Worker{Slots: 4, Apps: []string{"grep"}}
	show(core.WorkerUp(0, 1, worker, nil))
	show(core.WorkerUp(0, 2, worker, nil))

	ref, effects, err := core.Submit(0, placement.Spec{App: "grep", Tasks: 1, Deadline: time.Second}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	show(effects)
	asked := effects[0] // the worker that is probed first has a free slot and asks
	show(core.GetTask(time.Millisecond, asked.Worker, probe.GetTask{Slot: 0, Call: 1, Ref: ref, Res: asked.Res}, nil))
	done := probe.Finished{Slot: 0, Call: 1, Ref: ref, Task: 0, Attempt: 1, Status: probe.StatusOK}
	show(core.Finished(3*time.Millisecond, asked.Worker, done, nil))
	// Output:
	// Reserve to worker 1
	// Reserve to worker 2
	// Launch to worker 1
	// Cancel to worker 2
	// TaskDone ok
	// JobDone ok
}
