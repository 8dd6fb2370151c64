package queue

import (
	"strconv"
	"time"

	"dunnock/probe"
)

// SlotState says what a slot does.
type SlotState uint8

// The states of a slot, or of a lane. The package comment shows what leads from one to another.
const (
	Free     SlotState = iota + 1
	Asking             // its GetTask is out
	Running            // an attempt runs
	Stopping           // the attempt was told to stop and has StopGrace to return
	Stuck              // StopGrace has passed and the attempt's end is reported, but its handler has not returned

	// Those of lanes that have no slot, with idle offers only.

	Offered // a slot is offered in it
	Held    // a Launch is here, and no slot is free for it

	Joined // a wide task's, beside its first, or kept for one

	Coming // as Held, of a Launch that is on its way
)

// String returns the word used in listings and as a metric's label.
func (s SlotState) String() string {
	switch s {
	case Free:
		return "free"
	case Asking:
		return "asking"
	case Running:
		return "running"
	case Stopping:
		return "stopping"
	case Stuck:
		return "stuck"
	case Offered:
		return "offered"
	case Held:
		return "held"
	case Joined:
		return "joined"
	case Coming:
		return "coming"
	default:
		return "SlotState(" + strconv.Itoa(int(s)) + ")"
	}
}

// holdsAttempt reports whether a handler has the slot.
func (s SlotState) holdsAttempt() bool { return s == Running || s == Stopping || s == Stuck }

// noSlot ends the list of free slots.
const noSlot = ^uint16(0)

// slot is 64 bytes, a cache line.
type slot struct {
	ref       probe.Ref     // of the reservation while asking, of the attempt from the launch on
	since     time.Duration // when it entered its state
	launched  time.Duration // when the attempt was launched
	alarm     time.Duration // running: the end of its time; stopping: of the grace; never otherwise
	started   uint64        // bit i: call number call - i was answered by a Launch that was started
	scheduler probe.SchedulerID
	call      uint32 // the latest GetTask; 0: none yet
	res       uint32
	task      uint32
	attempt   uint16
	next      uint16 // while free: the next free slot, or noSlot; else, with idle offers, its seat
	state     SlotState
	verdict   probe.Status // running: why its alarm will stop it; later: the status it ends with
	orphan    bool         // its end is reported to nobody
}

// newCall numbers the next GetTask of the slot. After 2³²−1 the numbers start again at 1: 0 is
// never a call. Since calls are only compared with the slot's latest 64, that is harmless unless a
// message arrives four billion calls late.
func (s *slot) newCall() {
	s.call++
	if s.call == 0 {
		s.call = 1
	}
	s.started <<= 1
}

// fate is what is known about a call that a Launch names and the slot does not wait for.
type fate uint8

const (
	notStarted fate = iota + 1 // no Launch was started for it: never made, answered with NoTask, or given up
	started                    // one was
	forgotten                  // too long ago to know
)

// fate decides whether a stale Launch can be declined. To decline says "this attempt never began",
// and the scheduler then puts the task back, so it must be the truth: said about a duplicate of a
// Launch that was started, it would start the task twice. The slot's number alone cannot tell a
// duplicate from an answer that came too late, so each slot remembers for its latest 64 calls
// whether they were started. Of an older one it says nothing.
func (s *slot) fate(call uint32) fate {
	age := s.call - call
	if call > s.call {
		age-- // from before the numbers started again, where they skip 0
	}
	switch {
	case call == 0 || age >= 1<<31:
		return notStarted // a number that was never given
	case age >= 64:
		return forgotten
	case s.started>>age&1 == 1:
		return started
	default:
		return notStarted
	}
}

// SlotView is one slot as listings show it.
type SlotView struct {
	State     SlotState
	Since     time.Duration     // when it entered State, on the caller's clock; 0 for a slot never used
	Call      uint32            // its latest call; 0: none yet
	Scheduler probe.SchedulerID // unless free; offered: to whom
	Ref       probe.Ref         // unless free, offered or coming: the job it asks for or runs; 0: asking, by an offer
	Res       uint32            // asking: the reservation it asks with
	Task      uint32            // running, stopping, stuck, held
	Attempt   uint16            // running, stopping, stuck, held; from 1
	Launched  time.Duration     // running, stopping, stuck: when the attempt started
	Status    probe.Status      // stopping, stuck: what the attempt ends with
	Orphan    bool              // stopping, stuck: its scheduler was gone before it ended
	Need      probe.Need        // asking, running, stopping, stuck: what is set aside for it, this slot included
}

// Slot shows slot i, 0 ≤ i < Config.Slots; with Config.Offers lane i, of which there are up to [probe.Lanes].
func (c *Core) Slot(i int) SlotView {
	if i >= len(c.slots) {
		return SlotView{State: Free} // a lane that was never needed
	}
	s := &c.slots[i]
	v := SlotView{State: s.state, Since: s.since, Call: s.call}
	if s.state == Free {
		return v
	}
	if s.state == Joined {
		return SlotView{State: Joined}
	}
	v.Scheduler, v.Ref = s.scheduler, s.ref
	if c.wide != nil {
		v.Need = c.wide.needs[c.wide.lanes[i].need].Need
	}
	if s.state == Offered || s.state == Coming {
		v.Ref = 0
		return v
	}
	if s.state == Asking {
		v.Res = s.res
		return v
	}
	v.Task, v.Attempt = s.task, s.attempt
	if s.state == Held {
		return v
	}
	v.Launched = s.launched
	if s.state != Running {
		v.Status, v.Orphan = s.verdict, s.orphan
	}
	return v
}
