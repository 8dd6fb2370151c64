package queue_test

import (
	"fmt"
	"time"

	"dunnock/probe"
	"dunnock/worker/queue"
)

// A worker with one slot and two reservations: the slot asks with the first,
// runs what it is given, and reports the end together with its next question.
func Example() {
	core := queue.New(queue.Config{Slots: 1})
	var out []queue.Effect
	carryOut := func() {
		for i := range out {
			switch e := &out[i]; e.Kind {
			case queue.EffectGetTask:
				fmt.Printf("to scheduler %d: %+v\n", e.Scheduler, e.GetTask())
			case queue.EffectStart:
				fmt.Printf("run task %d in slot %d\n", e.Task, e.Slot)
			case queue.EffectStop:
				fmt.Printf("cancel the context of slot %d\n", e.Slot)
			case queue.EffectFinished:
				m := e.Finished()
				if m.Status == 0 { // not stopped: what the handler returned counts
					m.Status, m.Body = probe.StatusOK, []byte("4 lines")
				}
				fmt.Printf("to scheduler %d: task %d ended after %v: %s\n", e.Scheduler, m.Task, m.Service, m.Body)
			case queue.EffectRefuse:
				fmt.Printf("to scheduler %d: %+v\n", e.Scheduler, e.Refuse())
			case queue.EffectDecline:
				fmt.Printf("to scheduler %d: %+v\n", e.Scheduler, e.Decline())
			case queue.EffectAdopt:
				fmt.Printf("to scheduler %d: %+v\n", e.Scheduler, e.Adopt())
			case queue.EffectFound:
				fmt.Printf("to scheduler %d: %+v with %q\n", e.Scheduler, e.Finished(), core.Body(e))
			case queue.EffectTold:
				fmt.Printf("to scheduler %d: %+v\n", e.Scheduler, e.Told())
			case queue.EffectOffer:
				fmt.Printf("to scheduler %d: %+v\n", e.Scheduler, e.Offer())
			case queue.EffectHold:
				fmt.Printf("keep task %d for slot %d\n", e.Task, e.Slot)
			}
		}
		out = out[:0]
	}

	core.SchedulerUp(0, 1, 0, nil)
	out = core.Reserve(1*time.Millisecond, 1, probe.Reserve{Ref: 7, Res: 1, Count: 2}, out)
	carryOut()
	out = core.Launch(2*time.Millisecond, 1, &probe.Launch{Slot: 0, Call: 1, Ref: 7, Task: 4, Attempt: 1, Deadline: time.Second}, out)
	carryOut()
	at, _ := core.NextWake()
	fmt.Println("tick at", at)
	out = core.Done(102*time.Millisecond, 0, 1, queue.End{Status: probe.StatusOK}, out)
	carryOut()

	// Output:
	// to scheduler 1: {Slot:0 Call:1 Ref:7 Res:1}
	// run task 4 in slot 0
	// tick at 1.002s
	// to scheduler 1: task 4 ended after 100ms: 4 lines
	// to scheduler 1: {Slot:0 Call:2 Ref:7 Res:1}
}
