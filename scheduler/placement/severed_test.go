package placement_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// scatter has workers hold what another scheduler has launched of a job before.
func (f *fleet) scatter(ref probe.Ref, s *placement.Spec) {
	for t := range s.Tasks {
		for copies := rapid.SampledFrom([]int{0, 0, 1, 1, 2}).Draw(f.rt, "copies"); copies > 0; copies-- {
			ids := f.ids()
			n := f.nodes[rapid.SampledFrom(ids).Draw(f.rt, "holder")]
			slot := rapid.IntRange(0, len(n.slots)-1).Draw(f.rt, "slot")
			sl := &n.slots[slot]
			if !sl.free() {
				continue
			}
			sl.call++
			sl.running, sl.foreign = &placement.Effect{
				Ref: ref, Task: uint32(t), Attempt: uint16(rapid.IntRange(1, s.MaxAttempts).Draw(f.rt, "attempt")), Call: sl.call, Slot: uint16(slot),
			}, true
			if rapid.Bool().Draw(f.rt, "over") {
				f.finish(n, uint16(slot), drawStatus(f.rt))
			}
			if s.AtMostOnce {
				break
			}
		}
	}
}

// lost breaks a worker's connection: what is under way either way is gone.
func (f *fleet) lost(id probe.WorkerID) {
	w, n := f.workers[id], f.nodes[id]
	effects := f.core.WorkerLost(f.now, id, nil)
	w.severed, w.draining = true, true
	for i := range w.slots {
		w.slots[i].doubted, w.slots[i].killed = true, false
	}
	f.forfeit(id)
	n.cut()
	f.tell(event{kind: "WorkerLost", worker: id}, effects)
}

// cut ends what a connection carried.
func (n *node) cut() {
	n.severed, n.queue, n.in, n.out, n.sent = true, nil, nil, nil, nil
	for i := range n.slots {
		n.slots[i].asking = false
	}
}

// back connects a worker again, in the same life as the core sees it or as another one.
func (f *fleet) back(id probe.WorkerID, dropped bool) {
	w, n := f.workers[id], f.nodes[id]
	w.severed, w.draining, w.leaving, n.severed = false, false, false, false
	f.connect(id, n)
	for i := range n.slots {
		if s := &n.slots[i]; s.running != nil && !s.foreign {
			n.adopts(uint16(i), f.now)
		}
	}
	if dropped {
		n.results = nil
	}
	for _, r := range n.results {
		n.out = append(n.out, found(r))
	}
	n.out = append(n.out, probe.Told{Dropped: dropped})
	if n.leaving {
		f.receive(id, probe.Drain{})
	}
}

type found probe.Finished

func (n *node) adopts(slot uint16, now time.Duration) {
	e := n.slots[slot].running
	n.out = append(n.out, probe.Adopt{Slot: slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Attempt: e.Attempt, Elapsed: now / 2})
}

// void has the core give a severed worker up. It lives on all the same.
func (f *fleet) void(id probe.WorkerID) {
	n := f.nodes[id]
	f.down(id)
	f.gone = append(f.gone, n)
}

// found has the core hear of an end that may be of no attempt that is bound.
func (f *fleet) found(id probe.WorkerID, m probe.Finished, tell func(time.Duration, probe.WorkerID, probe.Finished, []placement.Effect) []placement.Effect) {
	effects := tell(f.now, id, m, nil)
	ev := event{kind: "Found", worker: id, finished: m}
	final := m.Status == probe.StatusOK || m.Status == probe.StatusPermanent
	s, bound := f.boundAt(id, m.Slot, m.Call, m.Ref, m.Task)
	j := f.jobs[m.Ref]
	switch {
	case f.workers[id] == nil || f.workers[id].severed || j == nil || j.tasks[m.Task].done:
		ev.finished = probe.Finished{}
		f.nothing(effects)
	case bound && s.attempt == m.Attempt:
		f.unbind(s)
		s.ended = m.Call
		f.workers[id].ended(m.Status)
	case bound:
		ev.finished = probe.Finished{}
		f.nothing(effects)
	default:
		t := &j.tasks[m.Task]
		if final {
			f.give(t)
		}
		switch {
		case t.running && final:
			t.attempt = min(max(t.attempt, m.Attempt), uint16(j.spec.MaxAttempts))
		case t.running || m.Attempt <= t.attempt && !final:
			if t.running {
				j.counts(t, m.Attempt)
			}
			f.nothing(effects)
		default:
			j.counts(t, m.Attempt)
			t.worker = id
		}
	}
	f.tell(ev, effects)
}

func (f *fleet) nothing(effects []placement.Effect) {
	f.rt.Helper()
	if len(effects) > 0 {
		f.rt.Fatalf("what should be ignored has effects: %+v", effects)
	}
}

// adopt has the core hear of an attempt that runs.
func (f *fleet) adopt(id probe.WorkerID, m probe.Adopt) {
	w := f.workers[id]
	effects := f.core.Adopt(f.now, id, m, nil)
	ev := event{kind: "Adopt", worker: id, adopt: m}
	if w == nil || w.severed || int(m.Slot) >= len(w.slots) {
		f.nothing(effects)
		f.tell(ev, effects)
		return
	}
	s, bound := f.boundAt(id, m.Slot, m.Call, m.Ref, m.Task)
	switch {
	case bound:
		s.doubted, s.started = false, true
		f.nothing(effects)
	case s.asked && (int32(m.Call-s.call) < 0 || m.Call == s.call && (s.killed || s.ended == m.Call && s.ref == m.Ref && s.task == m.Task)):
		f.nothing(effects)
	default:
		if s.bound {
			f.unbind(s)
		}
		s.asked, s.call, s.killed = true, m.Call, false
		killed := slices.ContainsFunc(effects, func(e placement.Effect) bool {
			return e.Kind == placement.EffectKill && e.Worker == id && e.Slot == m.Slot && e.Call == m.Call
		})
		ev.settle = func() {
			j := f.jobs[m.Ref]
			if j == nil || j.tasks[m.Task].done {
				if !killed {
					f.failf("an attempt runs on that is of no use")
				}
				return
			}
			t := &j.tasks[m.Task]
			if !killed {
				f.give(t)
			}
			if t.running != killed {
				f.failf("of %#x.%d two attempts run, or none", m.Ref, m.Task)
			}
			if killed {
				return
			}
			t.running, t.worker, t.slot = true, id, m.Slot
			s.bound, s.ref, s.task, s.attempt, s.doubted, s.started = true, m.Ref, m.Task, m.Attempt, false, true
		}
		if j := f.jobs[m.Ref]; j != nil && !j.tasks[m.Task].done {
			j.counts(&j.tasks[m.Task], m.Attempt)
		}
	}
	f.tell(ev, effects)
}

// told has the core hear that a worker has said all.
func (f *fleet) told(id probe.WorkerID, m probe.Told) {
	w := f.workers[id]
	effects := f.core.Told(f.now, id, m, nil)
	switch j := f.jobs[m.Ref]; {
	case w == nil || w.severed:
	case m.Ref != 0 && j != nil:
		j.told(id)
	case m.Ref == 0:
		for i := range w.slots {
			s := &w.slots[i]
			if !s.bound || !s.doubted || slices.ContainsFunc(effects, func(e placement.Effect) bool {
				return e.Kind == placement.EffectKill && e.Worker == id && int(e.Slot) == i
			}) {
				continue // one that is killed because another of its job was lost
			}
			t := f.unbind(s)
			if !m.Dropped && !s.started {
				t.attempt--
				t.starts--
			}
		}
	}
	f.tell(event{kind: "Told", worker: id}, effects)
}

// claim has a worker say what it holds of a job, or that another scheduler has a better right to it.
func (f *fleet) claim(n *node, ref probe.Ref, mood probe.Refusal) {
	if mood != 0 {
		n.out = append(n.out, probe.Decline{Ref: ref, Reason: probe.RefusedFenced})
		return
	}
	for i := range n.slots {
		if s := &n.slots[i]; s.running != nil && s.running.Ref == ref {
			s.foreign = false
			n.adopts(uint16(i), f.now)
		}
	}
	for _, r := range n.foreign {
		if r.Ref == ref {
			n.out = append(n.out, found(r))
		}
	}
	n.out = append(n.out, probe.Told{Ref: ref})
}

// returns connects a worker that the core has given up, as one that it does not know.
func (f *fleet) returns() {
	n := f.gone[0]
	f.gone = f.gone[1:]
	id := f.next
	f.next++
	f.workers[id] = &modelWorker{life: int(id), apps: n.apps, labels: n.labels, slots: make([]modelSlot, len(n.slots))}
	f.nodes[id] = n
	f.back(id, false)
}

// suspend suspends a job or lets it go on.
func (f *fleet) suspend(ref probe.Ref, on bool) {
	j := f.jobs[ref]
	j.suspended = on
	if on {
		f.tell(event{kind: "Suspend", ref: ref}, f.core.Suspend(f.now, ref, nil))
		return
	}
	f.tell(event{kind: "Resume", ref: ref}, f.core.Resume(f.now, ref, nil))
}
