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

// Idle offers: a slot that is free is held until a job comes, which is then launched on it at once. What else waits is
// told to another scheduler, which hands on what it holds.
func ExampleCore_Offer() {
	config := placement.Config{Policy: placement.IdleOffer}
	core, peer := placement.New(config, rand.New(rand.NewPCG(1, 2))), placement.New(config, rand.New(rand.NewPCG(3, 4)))
	worker := placement.Worker{Slots: 1, Apps: []string{"grep"}}
	for _, c := range []*placement.Core{core, peer} {
		c.PeerUp(0, 0, nil) // each knows the other as 0
		c.WorkerUp(0, 1, worker, nil)
		c.WorkerUp(0, 2, worker, nil)
	}
	core.Offer(0, 1, probe.Offer{Slot: 0, Call: 1}, nil) // worker 1's slot is offered here, worker 2's to the other one
	peer.Offer(0, 2, probe.Offer{Slot: 0, Call: 1}, nil)

	_, effects, err := core.Submit(time.Millisecond, placement.Spec{App: "grep", Tasks: 2}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range effects {
		if e.Kind == placement.EffectLaunch {
			fmt.Println("launch on what is held: worker", e.Worker)
		}
		if e.Kind == placement.EffectSetDef { // which tasks are meant
			app, require, _ := core.Set(e.Task)
			peer.SetDef(0, probe.SetDef{Set: e.Task, App: app, Labels: require})
		}
		if e.Kind == placement.EffectWant {
			fmt.Println("ask the other scheduler for", e.Res)
			for _, h := range peer.Want(2*time.Millisecond, 0, probe.Want{Set: e.Task, Age: e.Wait, Quota: e.Count, Now: e.Res}, nil) {
				fmt.Println(h.Kind, "of worker", h.Worker)
				m := probe.Hand{Slot: h.Slot, Call: h.Call, Ready: h.Wait, Left: h.Deadline, Hops: uint8(h.Attempt)}
				for _, l := range core.Hand(3*time.Millisecond, 0, h.Worker, m, nil) {
					if l.Kind == placement.EffectLaunch {
						fmt.Println("launch on what was handed on: worker", l.Worker)
					}
				}
			}
		}
	}
	// Output:
	// launch on what is held: worker 1
	// ask the other scheduler for 2
	// Hand of worker 2
	// launch on what was handed on: worker 2
}
