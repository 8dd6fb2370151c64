package placement_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// More calls cross launches than are put by: what they were for is given other reservations.
func TestCallsBeyondBound(t *testing.T) {
	const slots = 300
	c := placement.New(placement.Config{Policy: placement.IdleOffer}, rand.New(rand.NewPCG(1, 1)))
	apps := []string{"app"}
	c.WorkerUp(0, 1, placement.Worker{Slots: slots, Apps: apps}, nil)
	for i := range uint16(slots) {
		c.Offer(0, 1, probe.Offer{Slot: i, Call: 1}, nil)
	}
	if _, out, err := c.Submit(0, placement.Spec{App: "app", Tasks: slots}, nil); err != nil || len(out) != slots {
		t.Fatalf("%d effects: %v", len(out), err)
	}
	c.WorkerUp(0, 2, placement.Worker{Slots: 1, Apps: apps, Sorts: true}, nil) // so that what comes is sampled for
	_, out, err := c.Submit(0, placement.Spec{App: "app", Tasks: 2 * slots, ProbeRatio: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out {
		if e.Kind != placement.EffectReserve || e.Worker != 1 {
			continue
		}
		for i := range uint16(slots) {
			c.GetTask(time.Millisecond, 1, probe.GetTask{Slot: i, Call: 2, Ref: e.Ref, Res: e.Res}, nil)
			if err := c.CheckInvariants(); err != nil {
				t.Fatalf("after call %d: %v", i, err)
			}
		}
		return
	}
	t.Error("no reservations")
}
