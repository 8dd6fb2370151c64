package placement

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"dunnock/probe"
)

// TestSizes pins what a message to a scheduler of ten thousand workers fetches from memory.
func TestSizes(t *testing.T) {
	if w, s := unsafe.Sizeof(worker{}), unsafe.Sizeof(slot{}); w != 32 || s != 16 {
		t.Errorf("a worker is %d bytes, a slot %d", w, s)
	}
}

// TestTouch looks at workers, slots, jobs and tasks that there are and are not: nothing changes.
func TestTouch(t *testing.T) {
	c := New(Config{}, rand.New(rand.NewPCG(1, 1)))
	c.WorkerUp(0, 1, Worker{Slots: 2, Apps: []string{"a"}}, nil)
	ref, out, err := c.Submit(0, Spec{App: "a", Tasks: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.GetTask(0, 1, probe.GetTask{Slot: 0, Call: 1, Ref: ref, Res: out[0].Res}, nil)
	load, stats := c.Load(), c.Stats()
	for _, w := range []probe.WorkerID{0, 1, 2, math.MaxUint32} {
		for _, slot := range []uint16{0, 1, 2, math.MaxUint16} {
			for _, r := range []probe.Ref{0, ref, ref + 1, ref + 1<<32, math.MaxUint64} {
				for _, task := range []uint32{0, 2, 3, math.MaxUint32} {
					c.Touch(w, slot, r, task)
				}
			}
		}
	}
	if err := c.CheckInvariants(); err != nil || c.Load() != load || c.Stats() != stats {
		t.Errorf("%+v, %+v, %v", c.Load(), c.Stats(), err)
	}
}

// TestIndexIsDense numbers live jobs, and uses the number of one that is done again.
func TestIndexIsDense(t *testing.T) {
	c := New(Config{}, rand.New(rand.NewPCG(1, 1)))
	c.WorkerUp(0, 1, Worker{Slots: 1, Apps: []string{"a"}}, nil)
	submit := func() probe.Ref {
		ref, _, err := c.Submit(0, Spec{App: "a", Tasks: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	first, second := submit(), submit()
	c.Cancel(time.Second, first, nil)
	third := submit()
	if Index(first) != 0 || Index(second) != 1 || Index(third) != 0 || first == third {
		t.Errorf("refs %#x, %#x, %#x", first, second, third)
	}
}
