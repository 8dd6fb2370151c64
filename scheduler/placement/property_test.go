package placement_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// TestFleet drives a core with everything that workers and users can do to it, and judges each step by the model.
// In the end it heals the fleet and demands that every job ends.
func TestFleet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		policies := []placement.Policy{placement.LateBinding, placement.LateBindingNoCancel}
		cfg := placement.Config{Policy: rapid.SampledFrom(policies).Draw(rt, "policy"), MaxSets: 2}
		core := placement.New(cfg, rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)))
		f := &fleet{model: newModel(core), nodes: map[probe.WorkerID]*node{}, rt: rt}
		f.up(2, []string{"x", "y"}, nil)
		actions := map[string]func(*rapid.T){
			"nonsense": f.doNonsense, "repeat": f.doRepeat, "forget": f.doForget, "misbehave": f.doMisbehave,
			"down": rare(f.doDown), "drain": rare(f.doDrain), "resume": rare(f.doResume), "cancel": rare(f.doCancel), "tick": rare(f.doTick),
			"late": rare(func(rt *rapid.T) { f.now += milliseconds(rt, 10) }), // the time passes, and Tick is late
			"up":   f.doUp, "submit": f.doSubmit,
			"lost": rare(f.doLost), "back": f.doBack, "void": rare(f.doVoid), "return": f.doReturn, "fence": rare(rare(f.doFence)),
			"suspend": rare(f.doSuspend),
		}
		for _, often := range []string{"", " more", " most"} { // rapid draws each name alike
			actions["ask"+often], actions["finish"+often] = f.doAsk, f.doFinish
			actions["handle"+often], actions["arrive"+often] = f.doHandle, f.doArrive
			actions["serve"+often] = f.doServe
		}
		for range 4 { // 30 steps each on average
			rt.Repeat(actions)
		}
		f.heal()
	})
}

// rare makes an action do nothing most of the time, so that others get somewhere.
func rare(do func(*rapid.T)) func(*rapid.T) {
	return func(rt *rapid.T) {
		if rapid.IntRange(0, 5).Draw(rt, "rare") == 0 {
			do(rt)
		}
	}
}

func milliseconds(rt *rapid.T, limit int) time.Duration {
	return time.Duration(rapid.IntRange(0, limit).Draw(rt, "ms")) * time.Millisecond
}

// pick draws one of the workers that fit.
func (f *fleet) pick(rt *rapid.T, fits func(n *node) bool) (probe.WorkerID, *node) {
	ids := slices.DeleteFunc(f.ids(), func(id probe.WorkerID) bool { return !fits(f.nodes[id]) })
	if len(ids) == 0 {
		rt.Skip("no such worker")
	}
	id := rapid.SampledFrom(ids).Draw(rt, "worker")
	return id, f.nodes[id]
}

func anyone(*node) bool { return true }

// slot draws one of a worker's slots that fit.
func (n *node) slot(rt *rapid.T, fits func(s *nodeSlot) bool) uint16 {
	var slots []uint16
	for i := range n.slots {
		if fits(&n.slots[i]) {
			slots = append(slots, uint16(i))
		}
	}
	if len(slots) == 0 {
		rt.Skip("no such slot")
	}
	return rapid.SampledFrom(slots).Draw(rt, "slot")
}

func (s *nodeSlot) free() bool { return !s.asking && s.running == nil }
func (s *nodeSlot) busy() bool { return s.running != nil }

func (f *fleet) doSubmit(rt *rapid.T) {
	if len(f.jobs) >= 4 {
		rt.Skip("enough jobs")
	}
	f.submit(drawSpec(rt))
}

func (f *fleet) doUp(rt *rapid.T) {
	if len(f.nodes) >= 5 {
		rt.Skip("enough workers")
	}
	apps := rapid.SampledFrom([][]string{{"x"}, {"x", "y"}, {"y"}}).Draw(rt, "apps")
	labels := rapid.SampledFrom([][]probe.Label{
		nil, {{Key: "zone", Value: "a"}}, {{Key: "zone", Value: "b"}}, {{Key: "ssd", Value: "yes"}}, {{Key: "zone", Value: "a"}, {Key: "ssd", Value: "yes"}},
	}).Draw(rt, "labels")
	f.up(rapid.IntRange(1, 3).Draw(rt, "slots"), apps, labels)
}

func (f *fleet) doDown(rt *rapid.T) {
	id, _ := f.pick(rt, anyone)
	f.down(id)
}

// doDrain has a worker drain. The core hears it by the announcement, or by the first refusal.
func (f *fleet) doDrain(rt *rapid.T) {
	_, n := f.pick(rt, connected)
	if rapid.Bool().Draw(rt, "announced") {
		n.out = append(n.out, probe.Drain{})
	}
	f.refuseQueue(n)
}

// doResume takes a worker out of sampling and back, as a shell does that hears no gossip of it for a while.
func (f *fleet) doResume(rt *rapid.T) {
	id, _ := f.pick(rt, connected)
	f.receive(id, probe.Drain{})
	f.workers[id].draining = f.workers[id].leaving
	f.tell(event{kind: "Resume", worker: id}, f.core.WorkerResume(f.now, id, nil))
}

func (f *fleet) doAsk(rt *rapid.T) {
	_, n := f.pick(rt, func(n *node) bool { return len(n.queue) > 0 })
	f.ask(n, n.slot(rt, (*nodeSlot).free))
}

func (f *fleet) doHandle(rt *rapid.T) {
	_, n := f.pick(rt, func(n *node) bool { return len(n.in) > 0 })
	f.handle(n, 0)
}

func (f *fleet) doMisbehave(rt *rapid.T) {
	_, n := f.pick(rt, func(n *node) bool { return len(n.in) > 0 })
	f.handle(n, rapid.SampledFrom([]probe.Refusal{probe.RefusedFull, probe.RefusedStale, probe.RefusedApp}).Draw(rt, "reason"))
}

func (f *fleet) doArrive(rt *rapid.T) {
	f.arrive(f.pick(rt, func(n *node) bool { return len(n.out) > 0 }))
}

func (f *fleet) doFinish(rt *rapid.T) {
	_, n := f.pick(rt, func(n *node) bool {
		return slices.ContainsFunc(n.slots, func(s nodeSlot) bool { return s.busy() })
	})
	f.finish(n, n.slot(rt, (*nodeSlot).busy), drawStatus(rt))
}

func connected(n *node) bool { return !n.severed }
func severed(n *node) bool   { return n.severed }

func (f *fleet) doLost(rt *rapid.T) {
	id, _ := f.pick(rt, connected)
	f.lost(id)
}

// doBack connects a severed worker again, which may have dropped results.
func (f *fleet) doBack(rt *rapid.T) {
	id, _ := f.pick(rt, severed)
	f.back(id, rapid.IntRange(0, 3).Draw(rt, "dropped") == 0)
}

func (f *fleet) doVoid(rt *rapid.T) {
	id, _ := f.pick(rt, severed)
	f.void(id)
}

func (f *fleet) doReturn(rt *rapid.T) {
	if len(f.gone) == 0 {
		rt.Skip("nobody is gone")
	}
	f.returns()
}

// doFence has a worker say that the job of something that it is asked or told about is another scheduler's.
func (f *fleet) doFence(rt *rapid.T) {
	_, n := f.pick(rt, func(n *node) bool { return len(n.in) > 0 })
	f.handle(n, probe.RefusedFenced)
}

func (f *fleet) doSuspend(rt *rapid.T) {
	refs := slices.Sorted(maps.Keys(f.jobs))
	if len(refs) == 0 {
		rt.Skip("no job")
	}
	ref := rapid.SampledFrom(refs).Draw(rt, "job")
	f.suspend(ref, !f.jobs[ref].suspended)
}

// doServe has one worker handle all that it has got, ask with every slot, and the core take all that it has sent.
func (f *fleet) doServe(rt *rapid.T) {
	id, n := f.pick(rt, connected)
	for len(n.in) > 0 {
		f.handle(n, 0)
	}
	for slot := range n.slots {
		if n.slots[slot].free() && len(n.queue) > 0 {
			f.ask(n, uint16(slot))
		}
	}
	for len(n.out) > 0 {
		f.arrive(id, n)
	}
}

// doForget has a slot forget what it was asking for or running.
func (f *fleet) doForget(rt *rapid.T) {
	_, n := f.pick(rt, anyone)
	s := &n.slots[n.slot(rt, func(s *nodeSlot) bool { return !s.free() })]
	s.asking, s.running, s.foreign, n.forgot = false, nil, false, true
}

// doRepeat has a message arrive that has arrived before.
func (f *fleet) doRepeat(rt *rapid.T) {
	id, n := f.pick(rt, func(n *node) bool { return len(n.sent) > 0 })
	f.receive(id, n.sent[rapid.IntRange(0, len(n.sent)-1).Draw(rt, "message")])
}

// doNonsense has messages arrive from workers and slots that are not there, about jobs that may not be there.
func (f *fleet) doNonsense(rt *rapid.T) {
	const nobody = 1000
	id := probe.WorkerID(rapid.IntRange(0, 20).Draw(rt, "worker"))
	ref := probe.Ref(rapid.IntRange(0, 2).Draw(rt, "generation"))<<32 | probe.Ref(rapid.IntRange(0, 9).Draw(rt, "index"))
	f.receive(id+nobody, probe.GetTask{Call: 1, Ref: ref})
	f.receive(id, probe.GetTask{Slot: 9, Call: 1, Ref: ref})
	f.receive(id, probe.Finished{Slot: 9, Call: 1, Ref: ref, Attempt: 1, Status: probe.StatusOK})
	f.receive(id, probe.Decline{Slot: 9, Ref: ref, Reason: probe.RefusedStale})
	f.receive(id+nobody, probe.Refuse{Ref: ref, Count: 1, Reason: probe.RefusedFull})
	f.receive(id+nobody, probe.Adopt{Ref: ref, Call: 1, Attempt: 1})
	f.receive(id, probe.Adopt{Slot: 9, Ref: ref, Call: 1, Attempt: 1})
	f.receive(id+nobody, found{Ref: ref, Call: 1, Attempt: 1, Status: probe.StatusOK})
	f.receive(id+nobody, probe.Told{})
}

func (f *fleet) doCancel(rt *rapid.T) {
	refs := slices.Sorted(maps.Keys(f.jobs))
	if len(refs) == 0 {
		rt.Skip("no job")
	}
	ref := rapid.SampledFrom(refs).Draw(rt, "job")
	f.tell(event{kind: "Cancel", ref: ref}, f.core.Cancel(f.now, ref, nil))
}

func (f *fleet) doTick(rt *rapid.T) { f.tick(f.now + milliseconds(rt, 30)) }
