package queue

import (
	"strings"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// TestCheckInvariantsFinds breaks the state in every way that the check knows: a check that lets
// something through would make every test and simulation that relies on it pass for nothing.
func TestCheckInvariantsFinds(t *testing.T) {
	// Slot 0 runs, 1 asks, 2 stops, 3 is stuck, with a queue; in a spare core all slots are free.
	const running, asking, stopping, stuck = 0, 1, 2, 3
	for want, corrupt := range map[string]func(c, spare *Core){
		"schedulers not ascending from": func(c, _ *Core) { c.far = []probe.SchedulerID{65, 64} },
		"recorded 3":                    func(c, _ *Core) { c.waiting = 3 },
		"limit 1":                       func(c, _ *Core) { c.limit = 1 },
		"not empty while draining":      func(c, _ *Core) { c.draining = true },
		"queue: not empty while slot":   func(c, _ *Core) { c.release(0, asking) },
		"in the list of free slots":     func(_, s *Core) { s.slots[2].state = Asking },
		"is a circle":                   func(_, s *Core) { s.slots[3].next = 0 },
		"list of free slots has 3 of 4": func(_, s *Core) { s.free = s.slots[s.free].next },
		"slots by state":                func(c, _ *Core) { c.in[Asking]++ },
		"SlotState(0)":                  func(c, _ *Core) { c.slots[asking].state = 0 },
		"asking without a call":         func(c, _ *Core) { c.slots[asking].call = 0 },
		"asking with a call":            func(c, _ *Core) { c.slots[asking].started |= 1 },
		"running without a Launch":      func(c, _ *Core) { c.slots[running].started &^= 1 },
		"would end with status 1":       func(c, _ *Core) { c.slots[stopping].verdict = probe.StatusOK },
		"as an orphan of":               func(c, _ *Core) { c.slots[running].orphan = true },
		"of which nothing is known":     func(c, _ *Core) { c.keep.lives = c.keep.lives[1:] },
		"lives not ascending":           func(c, _ *Core) { c.keep.lives[1].id = 1 },
		"connected true, recorded":      func(c, _ *Core) { c.keep.lives[0].up = false },
		"1 results, up to number 0":     func(c, _ *Core) { c.keep.lives[0].last = 0 },
		"a result with status 0":        func(c, _ *Core) { c.keep.lives[0].ring[0].status = 0 },
		"and the first is due":          func(c, _ *Core) { c.keep.due = never },
		"results: counted":              func(c, _ *Core) { c.keep.bytes++ },
		"results: 1 with 0 bytes":       func(c, _ *Core) { c.keep.maxResults = 0 },
		"fences: 1 jobs":                func(c, _ *Core) { c.keep.fences.byJob = map[task.JobID]fence{{}: {}} },
		"asking for scheduler 9":        func(c, _ *Core) { c.slots[asking].scheduler = 9 },
		"stuck with an alarm":           func(c, _ *Core) { c.setAlarm(stuck, time.Hour) },
		"alarms: block 0":               func(c, _ *Core) { c.alarms[0] = never },
		"the whole of":                  func(c, _ *Core) { c.alarm = never },
		"reservations taken":            func(c, _ *Core) { c.stats.Cancelled++ },
		"calls made":                    func(c, _ *Core) { c.stats.NoTasks++ },
		"attempts started":              func(c, _ *Core) { c.stats.Finished++ },
		"no power of two":               func(c, _ *Core) { c.fifo().ring = make([]entry, 6) },
		"fifo: 2 entries, at most 0":    func(c, _ *Core) { c.fifo().peak = 0 },
		"nothing will shrink":           func(c, _ *Core) { c.fifo().resize(16) },
		"fifo: entry 1 is used up":      func(c, _ *Core) { c.fifo().at(1).count = 0 },
		"fifo: a reservation of":        func(c, _ *Core) { c.fifo().at(1).scheduler = 9 },
	} {
		c, spare := busyCore(t), New(Config{Slots: 4})
		corrupt(c, spare)
		err := c.CheckInvariants()
		if err == nil {
			err = spare.CheckInvariants()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func (c *Core) fifo() *fifo { return c.queue.(*fifo) }

func busyCore(t *testing.T) *Core {
	t.Helper()
	c := New(Config{Slots: 4})
	c.SchedulerUp(0, 1, 0, nil)
	c.SchedulerUp(0, 2, 0, nil)
	c.Reserve(0, 1, probe.Reserve{Ref: 1, Res: 1, Count: 4}, nil)
	c.Reserve(0, 1, probe.Reserve{Ref: 2, Res: 1, Count: 1}, nil)
	c.Reserve(0, 2, probe.Reserve{Ref: 3, Res: 1, Count: 1}, nil)
	for _, slot := range []uint16{0, 2, 3} {
		c.Launch(0, 1, &probe.Launch{Slot: slot, Call: 1, Ref: 1, Task: uint32(slot), Deadline: time.Minute}, nil)
	}
	c.Kill(0, 1, probe.Kill{Slot: 3, Call: 1}, nil)
	c.Tick(DefaultStopGrace, nil)
	c.Kill(DefaultStopGrace, 1, probe.Kill{Slot: 2, Call: 1}, nil)
	want := Load{Slots: 4, Asking: 1, Running: 1, Stopping: 1, Stuck: 1, Entries: 2, Reservations: 2, Results: 1}
	if err := c.CheckInvariants(); err != nil || c.Load() != want {
		t.Fatalf("%+v, %v", c.Load(), err)
	}
	return c
}
