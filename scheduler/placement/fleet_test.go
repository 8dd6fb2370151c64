package placement_test

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// fleet is a core among simulated workers whose connections are ordered streams: what is under way arrives in order
// or, when the worker goes down, not at all.
type fleet struct {
	*model
	nodes map[probe.WorkerID]*node
	next  probe.WorkerID
	rt    *rapid.T
}

// node is what one worker knows and has under way.
type node struct {
	leaving bool
	forgot  bool               // something that it may never ask about again
	queue   []placement.Effect // Reserves
	slots   []nodeSlot
	in      []placement.Effect // from the core
	out     []any              // to the core
	sent    []any              // that has arrived there: what may be repeated
}

type nodeSlot struct {
	call    uint32
	asking  bool
	running *placement.Effect // a Launch
}

// tell hands the core one event and carries its effects to the workers.
func (f *fleet) tell(ev event, effects []placement.Effect) {
	f.rt.Helper()
	f.event = ev
	f.judge(effects)
	for _, e := range effects {
		switch e.Kind {
		case placement.EffectReserve, placement.EffectCancel, placement.EffectLaunch, placement.EffectNoTask, placement.EffectKill:
			n := f.nodes[e.Worker]
			if n == nil {
				f.failf("message for worker %d, which is gone: %+v", e.Worker, e)
				continue
			}
			n.in = append(n.in, e)
		case placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone:
		}
	}
	if len(f.errs) > 0 {
		f.rt.Fatalf("%s", strings.Join(f.errs, "\n"))
	}
}

func (f *fleet) submit(s placement.Spec) {
	ref, effects, err := f.core.Submit(f.now, s, nil)
	eligible := false
	for _, w := range f.workers {
		eligible = eligible || !w.draining && w.matches(&s)
	}
	if (err == nil) != eligible {
		f.rt.Fatalf("submit to eligible workers (%v): %v", eligible, err)
	}
	if err != nil {
		return
	}
	j := &modelJob{spec: s, since: f.now, tasks: make([]modelTask, s.Tasks), res: map[uint32]*modelRes{}}
	for i := range j.tasks {
		if i/8 < len(s.Finished) && s.Finished[i/8]>>(i%8)&1 == 1 {
			j.tasks[i].done, j.tasks[i].skipped = true, true
		}
	}
	if f.jobs[ref] != nil || f.ended[ref] {
		f.rt.Fatalf("Ref %#x is not new", ref)
	}
	f.jobs[ref] = j
	f.tell(event{kind: "Submit", ref: ref}, effects)
}

func (f *fleet) up(slots int, apps []string, labels []probe.Label) {
	id := f.next
	f.next++
	f.workers[id] = &modelWorker{life: int(id), apps: apps, labels: labels, slots: make([]modelSlot, slots)}
	f.nodes[id] = &node{slots: make([]nodeSlot, slots)}
	f.tell(event{kind: "WorkerUp", worker: id},
		f.core.WorkerUp(f.now, id, placement.Worker{Slots: slots, Apps: apps, Labels: labels}, nil))
}

func (f *fleet) down(id probe.WorkerID) {
	w := f.workers[id]
	effects := f.core.WorkerDown(f.now, id, nil)
	for i := range w.slots {
		if w.slots[i].bound {
			f.unbind(&w.slots[i])
		}
	}
	for _, j := range f.jobs {
		for res, r := range j.res {
			if r.worker == id {
				delete(j.res, res)
			}
		}
	}
	delete(f.workers, id)
	delete(f.nodes, id)
	f.tell(event{kind: "WorkerDown", worker: id}, effects)
}

// receive has the core take a message of a worker.
func (f *fleet) receive(id probe.WorkerID, msg any) {
	switch m := msg.(type) {
	case probe.GetTask:
		f.getTask(id, m)
	case probe.Finished:
		effects := f.core.Finished(f.now, id, m, nil)
		if s, ok := f.boundAt(id, m.Slot, m.Call, m.Ref, m.Task); ok && f.jobs[m.Ref].tasks[m.Task].attempt == m.Attempt {
			f.unbind(s)
		} else {
			if len(effects) > 0 {
				f.rt.Fatalf("a stale Finished has effects: %+v", effects)
			}
			m = probe.Finished{} // the effects are judged as those of no report
		}
		f.tell(event{kind: "Finished", worker: id, finished: m}, effects)
	case probe.Refuse:
		if w := f.workers[id]; w != nil && m.Reason == probe.RefusedDraining {
			w.draining, w.leaving = true, true
		}
		f.take(id, m.Ref, m.Res, m.Count)
		f.tell(event{kind: "Refuse", worker: id}, f.core.Refuse(f.now, id, m, nil))
	case probe.Decline:
		f.decline(id, m)
	case probe.Drain:
		f.workers[id].draining = true
		f.tell(event{kind: "Drain", worker: id}, f.core.WorkerDrain(f.now, id, nil))
	}
}

func (f *fleet) getTask(id probe.WorkerID, m probe.GetTask) {
	effects := f.core.GetTask(f.now, id, m, nil)
	w, ev, want := f.workers[id], event{kind: "GetTask", worker: id, get: m}, 1
	if w == nil || int(m.Slot) >= len(w.slots) {
		want = 0
	} else {
		s := &w.slots[m.Slot]
		switch {
		case s.asked && int32(m.Call-s.call) < 0:
			want = 0
		case s.asked && m.Call == s.call:
			ev.ref = ^probe.Ref(0)
		default:
			if s.bound {
				f.unbind(s)
			}
			s.asked, s.call, s.killed = true, m.Call, false
			// A job that ends by its deadline, or by what the slot has forgotten, does so before its reservation is used.
			if _, live := f.core.Job(m.Ref); live {
				f.take(id, m.Ref, m.Res, 1)
			}
		}
	}
	f.tell(ev, effects)
	if f.event.answered != want {
		f.rt.Fatalf("call %+v of worker %d got %d answers, want %d", m, id, f.event.answered, want)
	}
}

func (f *fleet) decline(id probe.WorkerID, m probe.Decline) {
	effects := f.core.Decline(f.now, id, m, nil)
	if s, ok := f.boundAt(id, m.Slot, m.Call, m.Ref, m.Task); ok {
		t, w := f.unbind(s), f.workers[id]
		t.attempt--
		t.starts--
		switch m.Reason {
		case probe.RefusedDraining:
			w.draining, w.leaving = true, true
		case probe.RefusedFull, probe.RefusedApp:
			t.failedOn = append(t.failedOn, failure{id, w.life})
		case probe.RefusedStale:
		}
	}
	f.tell(event{kind: "Decline", worker: id, decline: m}, effects)
}

// handle has a worker take the oldest message under way to it. With a mood it may refuse or decline.
func (f *fleet) handle(n *node, mood probe.Refusal) {
	e := n.in[0]
	n.in = n.in[1:]
	switch e.Kind {
	case placement.EffectReserve:
		if n.leaving {
			mood = probe.RefusedDraining
		}
		if mood != 0 {
			n.out = append(n.out, probe.Refuse{Ref: e.Ref, Res: e.Res, Count: e.Count, Reason: mood})
			return
		}
		n.queue = append(n.queue, e)
	case placement.EffectCancel:
		n.queue = slices.DeleteFunc(n.queue, func(r placement.Effect) bool { return r.Ref == e.Ref && r.Res == e.Res })
	case placement.EffectLaunch:
		s := &n.slots[e.Slot]
		if !s.asking || s.call != e.Call {
			return // a repeated answer
		}
		s.asking = false
		if mood != 0 {
			n.out = append(n.out, probe.Decline{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Reason: mood})
			return
		}
		s.running = &e
	case placement.EffectNoTask:
		if s := &n.slots[e.Slot]; s.asking && s.call == e.Call {
			s.asking = false
		}
	case placement.EffectKill:
		if s := &n.slots[e.Slot]; s.running != nil && s.running.Call == e.Call {
			f.finish(n, e.Slot, probe.StatusKilled)
		}
	case placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone:
	}
}

func (f *fleet) finish(n *node, slot uint16, status probe.Status) {
	e := n.slots[slot].running
	n.slots[slot].running = nil
	n.out = append(n.out, probe.Finished{
		Slot: slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Attempt: e.Attempt, Status: status, Service: time.Millisecond,
	})
}

// ask has a free slot of a worker use up its oldest reservation.
func (f *fleet) ask(n *node, slot uint16) {
	r, s := &n.queue[0], &n.slots[slot]
	s.call++
	s.asking = true
	n.out = append(n.out, probe.GetTask{Slot: slot, Call: s.call, Ref: r.Ref, Res: r.Res})
	if r.Count--; r.Count == 0 {
		n.queue = n.queue[1:]
	}
}

func (f *fleet) refuseQueue(n *node) {
	n.leaving = true
	for _, r := range n.queue {
		n.out = append(n.out, probe.Refuse{Ref: r.Ref, Res: r.Res, Count: r.Count, Reason: probe.RefusedDraining})
	}
	n.queue = nil
}

// arrive has the core take the oldest message under way from a worker.
func (f *fleet) arrive(id probe.WorkerID, n *node) {
	msg := n.out[0]
	n.out = n.out[1:]
	n.sent = append(n.sent, msg)
	f.receive(id, msg)
}

// tick lets the time pass.
func (f *fleet) tick(to time.Duration) {
	f.now = max(f.now, to)
	f.tell(event{kind: "Tick"}, f.core.Tick(f.now, nil))
	for ref, j := range f.jobs {
		if f.now >= j.since+j.spec.Deadline {
			f.rt.Fatalf("job %#x has outlived its deadline", ref)
		}
	}
	if at, due := f.core.NextWake(); due && at <= f.now {
		f.rt.Fatalf("at %v the core wants to be woken at %v", f.now, at)
	}
}

func (f *fleet) ids() []probe.WorkerID {
	ids := make([]probe.WorkerID, 0, len(f.nodes))
	for id := range f.nodes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// heal ends all trouble: draining and forgetful workers go, one able worker comes, and everybody does
// what he is asked. All jobs must then end well within their deadlines.
func (f *fleet) heal() {
	for _, id := range f.ids() {
		if f.workers[id].draining || f.nodes[id].leaving || f.nodes[id].forgot {
			f.down(id)
		}
	}
	f.up(2, []string{"x", "y"}, []probe.Label{{Key: "zone", Value: "a"}})
	until := f.now + time.Minute
	for len(f.jobs) > 0 {
		moved := false
		for _, id := range f.ids() {
			n := f.nodes[id]
			for len(n.in) > 0 || len(n.out) > 0 {
				moved = true
				if len(n.in) > 0 {
					f.handle(n, 0)
				} else {
					f.arrive(id, n)
				}
			}
			for slot := range n.slots {
				s := &n.slots[slot]
				switch {
				case s.running != nil:
					moved = true
					f.finish(n, uint16(slot), probe.StatusOK)
				case !s.asking && len(n.queue) > 0:
					moved = true
					f.ask(n, uint16(slot))
				}
			}
		}
		if moved {
			continue
		}
		at, due := f.core.NextWake()
		if !due || at > until {
			f.rt.Fatalf("%d jobs hang: nothing is under way and nothing is to happen before %v", len(f.jobs), at)
		}
		f.tick(at)
	}
	if l := f.core.Load(); l.Waiting+l.Running+l.Reservations+l.Jobs != 0 {
		f.rt.Fatalf("all jobs have ended, and the load is %+v", l)
	}
}

func drawSpec(t *rapid.T) placement.Spec {
	s := placement.Spec{
		App: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "app"), Tasks: rapid.IntRange(1, 8).Draw(t, "tasks"),
		ProbeRatio: rapid.SampledFrom([]float64{1, 1.1, 2, 4}).Draw(t, "ratio"), MaxAttempts: rapid.IntRange(1, 4).Draw(t, "attempts"),
		Deadline:   rapid.SampledFrom([]time.Duration{20 * time.Millisecond, time.Hour, time.Hour, time.Hour}).Draw(t, "deadline"),
		AtMostOnce: rapid.IntRange(0, 3).Draw(t, "once") == 0, CancelOnFailure: rapid.IntRange(0, 3).Draw(t, "rest") == 0,
	}
	if rapid.IntRange(0, 2).Draw(t, "constrained") == 0 {
		s.Require = []probe.Label{{Key: "zone", Value: "a"}}
	}
	if rapid.IntRange(0, 4).Draw(t, "resubmitted") == 0 {
		s.Finished = []byte{rapid.Byte().Draw(t, "finished")}
	}
	return s
}
