package placement_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// fleet is a core among simulated workers whose connections are ordered streams: what is under way arrives in order
// or, when the worker goes down, not at all.
type fleet struct {
	*model
	nodes map[probe.WorkerID]*node
	gone  []*node // given up by the core, and alive all the same
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
	sent    []any              // that has arrived there on this connection: what may be repeated

	apps    []string
	labels  []probe.Label
	severed bool
	results []probe.Finished // that have not arrived there
	foreign []probe.Finished // ends of attempts of another scheduler's, by the Ref that their job has by now
}

type nodeSlot struct {
	call    uint32
	asking  bool
	running *placement.Effect // a Launch
	foreign bool              // by another scheduler, which nobody has claimed yet
}

// tell hands the core one event and carries its effects to the workers.
func (f *fleet) tell(ev event, effects []placement.Effect) {
	f.rt.Helper()
	f.event = ev
	f.judge(effects)
	for _, e := range effects {
		switch e.Kind {
		case placement.EffectReserve, placement.EffectCancel, placement.EffectLaunch, placement.EffectNoTask, placement.EffectKill,
			placement.EffectClaim:
			n := f.nodes[e.Worker]
			if n == nil || n.severed {
				f.failf("message for worker %d, which is gone: %+v", e.Worker, e)
				continue
			}
			n.in = append(n.in, e)
		case placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone, placement.EffectQuarantine,
			placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
		}
	}
	if len(f.errs) > 0 {
		f.rt.Fatalf("%s", strings.Join(f.errs, "\n"))
	}
}

func (f *fleet) submit(s placement.Spec) {
	ref, effects, err := f.core.Submit(f.now, s, nil)
	eligible := f.satisfiable(&s)
	if fault := (*task.Error)(nil); errors.As(err, &fault) && fault.Code == task.CodeOverloaded {
		return
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
	for _, had := range s.Attempts {
		if t := &j.tasks[had.Task]; !t.done {
			t.attempt = min(had.N, uint16(s.MaxAttempts))
			t.starts = int(t.attempt)
		}
	}
	if f.jobs[ref] != nil || f.ended[ref] {
		f.rt.Fatalf("Ref %#x is not new", ref)
	}
	f.jobs[ref] = j
	want := 0
	if _, live := f.core.Job(ref); live && s.Epoch > 0 {
		j.claiming, j.owing = true, f.asked(&s, false)
		want = len(f.asked(&s, true))
		f.scatter(ref, &s)
	}
	f.tell(event{kind: "Submit", ref: ref}, effects)
	if f.event.claims != want {
		f.rt.Fatalf("%d workers were asked, want %d", f.event.claims, want)
	}
}

// satisfiable reports whether a job is to be accepted: each task that is to be run has somebody who may run it; in a
// job that was accepted before, somebody who has its app is enough.
func (f *fleet) satisfiable(s *placement.Spec) bool {
	some := func(fits func(w *modelWorker) bool) bool {
		for _, w := range f.workers {
			if !w.draining && fits(w) {
				return true
			}
		}
		return false
	}
	if !some(func(w *modelWorker) bool { return slices.Contains(w.apps, s.App) }) {
		return false
	}
	for i := range s.Tasks {
		finished := i/8 < len(s.Finished) && s.Finished[i/8]>>(i%8)&1 == 1
		if s.Epoch == 0 && !finished && !some(func(w *modelWorker) bool { return w.runs(s, i) }) {
			return false
		}
	}
	return true
}

func (f *fleet) up(slots int, apps []string, labels []probe.Label) {
	id := f.next
	f.next++
	f.workers[id] = &modelWorker{life: int(id), apps: apps, labels: labels, slots: make([]modelSlot, slots)}
	f.nodes[id] = &node{slots: make([]nodeSlot, slots), apps: apps, labels: labels}
	f.connect(id, f.nodes[id])
}

// connect tells the core of a worker, which is asked for every job that was at another scheduler before.
func (f *fleet) connect(id probe.WorkerID, n *node) {
	want := 0
	for _, j := range f.jobs {
		if w := f.workers[id]; j.spec.Epoch > 0 && w.concerned(&j.spec) {
			want++
			if j.claiming {
				j.owing[id] = true
			}
		}
	}
	f.tell(event{kind: "WorkerUp", worker: id},
		f.core.WorkerUp(f.now, id, n.offer(id), nil))
	if f.event.claims != want {
		f.rt.Fatalf("worker %d was asked for %d jobs, want %d", id, f.event.claims, want)
	}
}

// offer is what a worker says of itself.
func (n *node) offer(id probe.WorkerID) placement.Worker {
	w := placement.Worker{Slots: len(n.slots), Apps: n.apps, Labels: n.labels, Name: uint64(id), Fair: len(n.slots) > 1}
	if n := gpus(n.labels); n > 0 {
		w.Resources = []probe.Amount{{Name: "gpu", N: n}}
	}
	return w
}

func (f *fleet) down(id probe.WorkerID) {
	w := f.workers[id]
	effects := f.core.WorkerDown(f.now, id, nil)
	for i := range w.slots {
		if w.slots[i].bound {
			f.unbind(&w.slots[i])
		}
	}
	f.forfeit(id)
	for _, j := range f.jobs {
		j.told(id)
	}
	delete(f.workers, id)
	delete(f.nodes, id)
	f.tell(event{kind: "WorkerDown", worker: id}, effects)
}

// forfeit takes a worker's reservations off the book.
func (f *fleet) forfeit(id probe.WorkerID) {
	for _, j := range f.jobs {
		for res, r := range j.res {
			if r.worker == id {
				delete(j.res, res)
			}
		}
	}
}

// receive has the core take a message of a worker.
func (f *fleet) receive(id probe.WorkerID, msg any) {
	switch m := msg.(type) {
	case probe.GetTask:
		f.getTask(id, m)
	case probe.Finished:
		w := f.workers[id]
		if w == nil || int(m.Slot) >= len(w.slots) {
			f.nothing(f.core.Finished(f.now, id, m, nil))
			return
		}
		s, bound := f.boundAt(id, m.Slot, m.Call, m.Ref, m.Task)
		late := s.asked && int32(m.Call-s.call) < 0
		killed := s.killed && s.call == m.Call && s.ref == m.Ref && s.task == m.Task && s.attempt == m.Attempt
		if killed {
			s.killed, s.ended = false, m.Call
		}
		if bound && s.attempt == m.Attempt || late || killed && m.Status == probe.StatusOK {
			f.found(id, m, f.core.Finished)
			return
		}
		effects := f.core.Finished(f.now, id, m, nil)
		f.nothing(effects)
		f.tell(event{kind: "Finished", worker: id}, effects)
	case found:
		f.found(id, probe.Finished(m), f.core.Found)
	case probe.Adopt:
		f.adopt(id, m)
	case probe.Told:
		f.told(id, m)
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
	if w == nil || w.severed || int(m.Slot) >= len(w.slots) {
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
			// A job that ends by its deadline, or by what the slot has forgotten, does so before its reservation is
			// used.
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
	ev := event{kind: "Decline", worker: id, decline: m}
	s, ok := f.boundAt(id, m.Slot, m.Call, m.Ref, m.Task)
	j, w := f.jobs[m.Ref], f.workers[id]
	switch {
	case w == nil || w.severed:
	case m.Reason == probe.RefusedFenced && j != nil && (ok || m.Call == 0 && j.spec.Epoch > 0):
		ev.fenced = m.Ref
		for _, w := range f.workers {
			for i := range w.slots {
				if s := &w.slots[i]; s.bound && s.ref == m.Ref {
					f.unbind(s)
				}
			}
		}
	case ok && s.started:
		f.unbind(s)
	case ok:
		t := f.unbind(s)
		t.attempt--
		t.starts--
		switch m.Reason {
		case probe.RefusedDraining:
			w.draining, w.leaving = true, true
		case probe.RefusedFull, probe.RefusedApp:
			t.failedOn = append(t.failedOn, failure{id, w.life})
		case probe.RefusedStale, probe.RefusedEarly, probe.RefusedFenced:
		}
	}
	f.tell(ev, effects)
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
	case placement.EffectClaim:
		f.claim(n, e.Ref, mood)
	case placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone, placement.EffectQuarantine,
		placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
	}
}

func (f *fleet) finish(n *node, slot uint16, status probe.Status) {
	s := &n.slots[slot]
	e := s.running
	m := probe.Finished{
		Slot: slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Attempt: e.Attempt, Status: status, Service: time.Millisecond,
	}
	s.running = nil
	if s.foreign {
		s.foreign = false
		n.foreign = append(n.foreign, m)
		return
	}
	n.results = append(n.results, m)
	if !n.severed {
		n.out = append(n.out, m)
	}
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
	result, isFound := msg.(found)
	if m, isFinished := msg.(probe.Finished); isFinished || isFound {
		if isFound {
			m = probe.Finished(result)
		}
		n.results = slices.DeleteFunc(n.results, func(r probe.Finished) bool { return r.Slot == m.Slot && r.Call == m.Call })
	}
	f.receive(id, msg)
}

// tick lets the time pass.
func (f *fleet) tick(to time.Duration) {
	f.now = max(f.now, to)
	for _, j := range f.jobs {
		wait := placement.DefaultClaimWait
		if j.spec.AtMostOnce {
			wait = placement.DefaultDoubtWait
		}
		if j.claiming && f.now >= j.since+wait {
			j.claiming, j.owing = false, nil
		}
	}
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
		switch n := f.nodes[id]; {
		case n.severed && !n.leaving && !n.forgot:
			f.back(id, false)
		case f.workers[id].draining || n.leaving || n.forgot:
			f.down(id)
		}
	}
	for len(f.gone) > 0 {
		f.returns()
	}
	for _, ref := range slices.Sorted(maps.Keys(f.jobs)) {
		f.suspend(ref, false)
	}
	for _, zone := range []string{"a", "b"} {
		f.up(3, []string{"x", "y"}, []probe.Label{{Key: "zone", Value: zone}, {Key: "ssd", Value: "yes"}})
	}
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

func drawStatus(t *rapid.T) probe.Status {
	return rapid.SampledFrom([]probe.Status{
		probe.StatusFailed, probe.StatusOK, probe.StatusFailed, probe.StatusOK, probe.StatusTimeout, probe.StatusPermanent, probe.StatusKilled,
	}).Draw(t, "status")
}

// drawConstraints draws what a worker of zone a or b with an ssd can satisfy.
func drawConstraints(t *rapid.T) (require, prefer, exclude []probe.Label) {
	a, b, ssd := probe.Label{Key: "zone", Value: "a"}, probe.Label{Key: "zone", Value: "b"}, probe.Label{Key: "ssd", Value: "yes"}
	require = rapid.SampledFrom([][]probe.Label{nil, {a}, {ssd}, {ssd, a}}).Draw(t, "require")
	prefer = rapid.SampledFrom([][]probe.Label{nil, nil, {b}, {ssd}}).Draw(t, "prefer")
	if exclude = [][]probe.Label{nil, {b}}[rapid.IntRange(0, 1).Draw(t, "exclude")]; len(require) == 0 && rapid.Bool().Draw(t, "exclude a") {
		exclude = []probe.Label{a}
	}
	return require, prefer, exclude
}

// drawNeed draws what a worker with an ssd and some slots has.
func drawNeed(t *rapid.T) placement.Need {
	gpu := func(n uint32) []probe.Amount { return []probe.Amount{{Name: "gpu", N: n}} }
	return rapid.SampledFrom([]placement.Need{{}, {}, {Slots: 2}, {Resources: gpu(1)}, {Slots: 3, Resources: gpu(2)}}).Draw(t, "need")
}

func drawSpec(t *rapid.T) placement.Spec {
	s := placement.Spec{
		App: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "app"), Tasks: rapid.IntRange(1, 8).Draw(t, "tasks"),
		ProbeRatio: rapid.SampledFrom([]float64{1, 1.1, 2, 4}).Draw(t, "ratio"), MaxAttempts: rapid.IntRange(1, 4).Draw(t, "attempts"),
		Deadline:   rapid.SampledFrom([]time.Duration{20 * time.Millisecond, time.Hour, time.Hour, time.Hour}).Draw(t, "deadline"),
		AtMostOnce: rapid.IntRange(0, 3).Draw(t, "once") == 0, CancelOnFailure: rapid.IntRange(0, 3).Draw(t, "rest") == 0,
	}
	s.User, s.Estimate = rapid.SampledFrom([]string{"", "ann"}).Draw(t, "user"), rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond, time.Hour}).Draw(t, "estimate")
	if rapid.IntRange(0, 1).Draw(t, "constrained") == 0 {
		s.Require, s.Prefer, s.Exclude = drawConstraints(t)
		s.Spread = rapid.SampledFrom([]string{"", "", "zone", "none"}).Draw(t, "spread")
		for range rapid.IntRange(0, 2).Draw(t, "groups") {
			s.Groups = append(s.Groups, placement.Group{})
		}
		for i := range s.Tasks {
			if g := rapid.IntRange(0, len(s.Groups)).Draw(t, "group"); g > 0 {
				s.Groups[g-1].Tasks = append(s.Groups[g-1].Tasks, uint32(i))
			}
		}
		for i := range s.Groups {
			g := &s.Groups[i]
			g.Require, g.Prefer, g.Exclude = drawConstraints(t)
			g.Need = drawNeed(t)
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "needs") == 0 {
		s.Need = drawNeed(t)
	}
	if rapid.IntRange(0, 2).Draw(t, "keyed") == 0 {
		s.Keys = rapid.SliceOfN(rapid.SampledFrom([]probe.Key{0, 1, 1, 2, 3, 4}), s.Tasks, s.Tasks).Draw(t, "keys")
	}
	if rapid.IntRange(0, 2).Draw(t, "resubmitted") == 0 {
		s.Epoch = uint32(rapid.IntRange(0, 2).Draw(t, "epoch"))
		s.Finished = []byte{rapid.Byte().Draw(t, "finished")}
		for i := range rapid.IntRange(0, s.Tasks).Draw(t, "had") {
			s.Attempts = append(s.Attempts, placement.Attempts{Task: uint32(i), N: uint16(rapid.IntRange(0, s.MaxAttempts).Draw(t, "attempts"))})
		}
	}
	return s
}
