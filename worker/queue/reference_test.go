package queue

import (
	"slices"
	"time"

	"dunnock/probe"
)

// reference is what a Core must do, written for being obviously right: plain slices, every search
// from the start, nothing kept that can be found out, all calls remembered for ever. It shares with
// the core only the words for states and effects.
type reference struct {
	slots    []refSlot
	freed    []int // free slots in the order in which they were freed
	queue    []entry
	up       []probe.SchedulerID
	draining bool
	cfg      Config
	now      time.Duration
	out      []Effect
}

type refSlot struct {
	state    SlotState
	started  []bool // by call, from 1: was a Launch started for it?
	s        probe.SchedulerID
	m        probe.Launch // running, stopping, stuck
	launched time.Duration
	due      time.Duration // running, stopping: when its time is up
	status   probe.Status
	orphan   bool
}

// message is any event that a core takes, with the fields that its kind needs.
type message struct {
	kind   messageKind
	s      probe.SchedulerID
	count  uint32
	res    uint32
	launch probe.Launch // also slot, call and ref of the others
}

type messageKind int

const (
	msgUp messageKind = iota
	msgDown
	msgReserve
	msgCancel
	msgLaunch
	msgNoTask
	msgKill
	msgDone
	msgDrain
	msgTick
)

func newReference(cfg Config) *reference {
	r := &reference{cfg: cfg, slots: make([]refSlot, cfg.Slots)}
	for i := range r.slots {
		r.slots[i].state = Free
		r.freed = append(r.freed, cfg.Slots-1-i)
	}
	return r
}

// handle returns the effects of m.
func (r *reference) handle(now time.Duration, m message) []Effect {
	r.now, r.out = now, nil
	switch m.kind {
	case msgUp:
		if !slices.Contains(r.up, m.s) {
			r.up = append(r.up, m.s)
		}
	case msgDown:
		r.down(m.s)
	case msgReserve:
		r.reserve(m)
	case msgCancel:
		for i, e := range r.queue {
			if e.scheduler == m.s && e.ref == m.launch.Ref && e.res == m.res {
				r.queue = slices.Delete(r.queue, i, i+1)
				break
			}
		}
	case msgLaunch:
		r.launch(m)
	case msgNoTask:
		if r.asks(m) {
			r.free(int(m.launch.Slot))
		}
	case msgKill:
		if sl := r.runs(m); sl != nil && sl.state == Running && sl.s == m.s {
			r.stop(sl, probe.StatusKilled)
		}
	case msgDone:
		r.done(m)
	case msgDrain:
		r.draining = true
		for _, e := range r.queue {
			r.refuse(e, probe.RefusedDraining)
		}
		r.queue = nil
	case msgTick:
		r.tick()
	}
	r.ask()
	return r.out
}

func (r *reference) ask() {
	for len(r.freed) > 0 && len(r.queue) > 0 {
		i := r.freed[len(r.freed)-1]
		r.freed = r.freed[:len(r.freed)-1]
		e := &r.queue[0]
		sl := &r.slots[i]
		sl.state, sl.s, sl.started = Asking, e.scheduler, append(sl.started, false)
		r.out = append(r.out, Effect{
			Kind: EffectGetTask, Scheduler: e.scheduler, Slot: uint16(i), Call: uint32(len(sl.started)), Ref: e.ref, Res: e.res,
		})
		if e.count--; e.count == 0 {
			r.queue = r.queue[1:]
		}
	}
}

func (r *reference) free(i int) {
	r.slots[i].state = Free
	r.freed = append(r.freed, i)
}

func (r *reference) down(s probe.SchedulerID) {
	r.up = slices.DeleteFunc(r.up, func(u probe.SchedulerID) bool { return u == s })
	r.queue = slices.DeleteFunc(r.queue, func(e entry) bool { return e.scheduler == s })
	for i := range r.slots {
		sl := &r.slots[i]
		if sl.state == Free || sl.s != s {
			continue
		}
		if sl.state == Asking {
			r.free(i)
			continue
		}
		sl.orphan = true
		if sl.state == Running {
			r.stop(sl, probe.StatusKilled)
		}
	}
}

func (r *reference) reserve(m message) {
	e := entry{scheduler: m.s, ref: m.launch.Ref, res: m.res, count: m.count}
	switch {
	case !slices.Contains(r.up, m.s) || m.count == 0:
	case r.draining:
		r.refuse(e, probe.RefusedDraining)
	case len(r.queue) == r.cfg.MaxReservations:
		r.refuse(e, probe.RefusedFull)
	default:
		r.queue = append(r.queue, e)
	}
}

func (r *reference) launch(m message) {
	l := m.launch
	if r.asks(m) {
		sl := &r.slots[l.Slot]
		if int(l.App) >= r.cfg.Apps {
			r.decline(m, probe.RefusedApp)
			r.free(int(l.Slot))
			return
		}
		sl.state, sl.m, sl.launched, sl.orphan = Running, l, r.now, false
		sl.started[l.Call-1] = true
		sl.due, sl.status = r.now+l.Deadline, probe.StatusKilled
		if l.Timeout > 0 && l.Timeout < l.Deadline {
			sl.due, sl.status = r.now+l.Timeout, probe.StatusTimeout
		}
		r.out = append(r.out, sl.effect(EffectStart, 0))
		return
	}
	if !slices.Contains(r.up, m.s) {
		return
	}
	if int(l.Slot) < len(r.slots) {
		calls := r.slots[l.Slot].started
		made := l.Call >= 1 && int(l.Call) <= len(calls)
		if made && (calls[l.Call-1] || int(l.Call) <= len(calls)-64) {
			return
		}
	}
	r.decline(m, probe.RefusedStale)
}

func (r *reference) done(m message) {
	sl := r.runs(m)
	if sl == nil {
		return
	}
	if !sl.orphan && sl.state != Stuck {
		status := sl.status
		if sl.state == Running {
			status = 0
		}
		r.finish(sl, status)
	}
	r.free(int(m.launch.Slot))
}

func (r *reference) tick() {
	for i := range r.slots {
		sl := &r.slots[i]
		if (sl.state != Running && sl.state != Stopping) || sl.due > r.now {
			continue
		}
		if sl.state == Running {
			r.stop(sl, sl.status)
			continue
		}
		if !sl.orphan {
			r.finish(sl, sl.status)
		}
		sl.state = Stuck
	}
}

// asks reports whether the slot waits for exactly this answer.
func (r *reference) asks(m message) bool {
	if int(m.launch.Slot) >= len(r.slots) {
		return false
	}
	sl := &r.slots[m.launch.Slot]
	return sl.state == Asking && sl.s == m.s && int(m.launch.Call) == len(sl.started)
}

// runs returns the slot that holds exactly this attempt.
func (r *reference) runs(m message) *refSlot {
	if int(m.launch.Slot) >= len(r.slots) {
		return nil
	}
	sl := &r.slots[m.launch.Slot]
	if sl.state == Free || sl.state == Asking || int(m.launch.Call) != len(sl.started) {
		return nil
	}
	return sl
}

func (r *reference) stop(sl *refSlot, status probe.Status) {
	sl.state, sl.status, sl.due = Stopping, status, r.now+r.cfg.StopGrace
	r.out = append(r.out, sl.effect(EffectStop, status))
}

func (r *reference) finish(sl *refSlot, status probe.Status) {
	e := sl.effect(EffectFinished, status)
	e.Service = r.now - sl.launched
	r.out = append(r.out, e)
}

func (sl *refSlot) effect(kind EffectKind, status probe.Status) Effect {
	return Effect{
		Kind: kind, Scheduler: sl.s, Slot: sl.m.Slot, Call: sl.m.Call, Ref: sl.m.Ref,
		Task: sl.m.Task, Attempt: sl.m.Attempt, Status: status,
	}
}

func (r *reference) refuse(e entry, why probe.Refusal) {
	r.out = append(r.out, Effect{
		Kind: EffectRefuse, Scheduler: e.scheduler, Ref: e.ref, Res: e.res, Count: e.count, Reason: why,
	})
}

func (r *reference) decline(m message, why probe.Refusal) {
	l := m.launch
	r.out = append(r.out, Effect{
		Kind: EffectDecline, Scheduler: m.s, Slot: l.Slot, Call: l.Call, Ref: l.Ref, Task: l.Task, Reason: why,
	})
}

// load counts what a Core's Load must say.
func (r *reference) load() Load {
	var in [Stuck + 1]int
	for i := range r.slots {
		in[r.slots[i].state]++
	}
	l := Load{
		Slots: len(r.slots), Free: in[Free], Asking: in[Asking], Running: in[Running], Stopping: in[Stopping], Stuck: in[Stuck],
		Entries: len(r.queue),
	}
	for _, e := range r.queue {
		l.Reservations += uint64(e.count)
	}
	return l
}

// wake is the earliest alarm of a slot, or never.
func (r *reference) wake() time.Duration {
	first := never
	for i := range r.slots {
		if sl := &r.slots[i]; sl.state == Running || sl.state == Stopping {
			first = min(first, sl.due)
		}
	}
	return first
}
