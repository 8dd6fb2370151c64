package queue

import (
	"testing"
	"time"

	"dunnock/probe"
)

// A slot whose large result is on its way is asked for the next task only when no other is free: its call would have to
// wait for that. After a small result it is the first, since it is warm.
func TestLargeResultComesLast(t *testing.T) {
	for _, d := range []Discipline{FIFO, Fair} {
		for _, size := range []int{10, largeResult + 1} {
			c := New(Config{Slots: 3, Discipline: d})
			out := c.SchedulerUp(0, 1, 0, nil)
			reserve := func(now time.Duration, ref probe.Ref) uint16 {
				out = c.ReserveClass(now, 1, probe.Reserve{Ref: ref, Res: 1, Count: 1}, &probe.Class{User: []byte("a")}, out[:0])
				if len(out) != 1 || out[0].Kind != EffectGetTask {
					t.Fatalf("%v", out)
				}
				return out[0].Slot
			}
			for i := range probe.Ref(5) { // twice the large one, so that slots behind it are found as well
				now := time.Duration(i+1) * time.Second
				slot := reserve(now, i+1)
				call := out[0].Call
				out = c.Launch(now, 1, &probe.Launch{Slot: slot, Call: call, Ref: i + 1, Attempt: 1, Deadline: time.Hour}, out[:0])
				out = c.Done(now, slot, call, End{Status: probe.StatusOK, Body: make([]byte, size)}, out[:0])
				if err := c.CheckInvariants(); err != nil {
					t.Fatal(err)
				}
				if d == Fair && c.fair().holds(slot) {
					t.Errorf("after %d bytes the user is still charged for slot %d", size, slot)
				}
				next := reserve(now, 100+i)
				if same := next == slot; same != (size <= largeResult) {
					t.Errorf("%v: after %d bytes of slot %d the next to ask is %d", d, size, slot, next)
				}
				out = c.NoTask(now, 1, probe.NoTask{Slot: next, Call: out[0].Call}, out[:0])
			}
		}
	}
}

// Where it is the only one it asks all the same, and an idle offer goes out in a lane that has nothing on its way.
func TestLargeResultOfOneSlot(t *testing.T) {
	for _, offers := range []bool{false, true} {
		c := New(Config{Slots: 1, Offers: offers})
		out := c.SchedulerUp(0, 1, 0, nil)
		if offers {
			out = c.OffersTo(0, 1, out)
		} else {
			out = c.Reserve(0, 1, probe.Reserve{Ref: 1, Res: 1, Count: 2}, out)
		}
		slot, call := out[len(out)-1].Slot, out[len(out)-1].Call
		out = c.Launch(1, 1, &probe.Launch{Slot: slot, Call: call, Ref: 1, Attempt: 1, Deadline: time.Hour}, out[:0])
		out = c.Done(2, slot, call, End{Status: probe.StatusOK, Body: make([]byte, largeResult+1)}, out[:0])
		last := out[len(out)-1]
		want := EffectGetTask
		if offers {
			want = EffectOffer
		}
		if last.Kind != want || (last.Slot == slot) == offers {
			t.Errorf("offers %v: after slot %d: %+v", offers, slot, last)
		}
	}
}
