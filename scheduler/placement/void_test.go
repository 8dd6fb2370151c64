package placement

import (
	"math/rand/v2"
	"testing"

	"dunnock/probe"
)

// Offers that their workers have replaced by reservations' calls are void, and lie behind one of a slot that is free for long: they do not pile up there.
func TestVoidOffersDoNotPileUp(t *testing.T) {
	c := New(Config{Policy: IdleOffer}, rand.New(rand.NewPCG(1, 1)))
	c.WorkerUp(0, 1, Worker{Slots: 2, Apps: []string{"app"}}, nil)
	c.Offer(0, 1, probe.Offer{Slot: 0, Call: 1, Renewed: probe.MaxRenewed}, nil)
	for call := uint32(1); call < 2000; call += 2 {
		c.Offer(0, 1, probe.Offer{Slot: 1, Call: call}, nil)
		c.GetTask(0, 1, probe.GetTask{Slot: 1, Call: call + 1, Ref: 1}, nil)
	}
	if free, soon := c.Offers(); free != 1 || soon != 0 {
		t.Fatalf("%d free and %d soon, want one", free, soon)
	}
	if n := c.idle.held.len(); n > voidLeast+voidShare+1 {
		t.Errorf("%d offers are kept for one that is good", n)
	}
}
