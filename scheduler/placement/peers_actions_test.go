package placement_test

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

func (f *peerFleet) drawWorker(rt *rapid.T) (int, *peerWorker) {
	w := rapid.IntRange(0, peerWorkers-1).Draw(rt, "worker")
	return w, f.workers[w]
}

func (f *peerFleet) drawScheduler(rt *rapid.T) int {
	return rapid.IntRange(0, peerSchedulers-1).Draw(rt, "scheduler")
}

func (f *peerFleet) doSubmit(rt *rapid.T) {
	if len(f.jobs) >= 5 {
		rt.Skip("enough jobs")
	}
	s, tasks := f.drawScheduler(rt), rapid.IntRange(1, 5).Draw(rt, "tasks")
	spec := placement.Spec{App: "app", Tasks: tasks, MaxAttempts: 100, Deadline: 24 * time.Hour}
	switch gpu := []probe.Label{{Key: "gpu", Value: "yes"}}; rapid.IntRange(0, 9).Draw(rt, "constraint") {
	case 0, 1:
		spec.Require = gpu
	case 2:
		spec.Exclude = gpu
	case 3:
		spec.Prefer = gpu
	case 4:
		spec.Groups = []placement.Group{{Tasks: []uint32{0}, Require: gpu}}
	}
	if rapid.IntRange(0, 2).Draw(rt, "keyed") == 0 {
		spec.Keys = rapid.SliceOfN(rapid.SampledFrom([]probe.Key{0, 1, 1, 2, 3}), tasks, tasks).Draw(rt, "keys")
	}
	ref, out, err := f.cores[s].Submit(f.now, spec, nil)
	if err != nil {
		return // the only worker that has a GPU may drain
	}
	f.jobs[peerJob{s, ref}] = &peerTasks{running: make([]int, tasks), ended: make([]bool, tasks)}
	f.carryOut(s, out)
}

func (f *peerFleet) doDeliver(rt *rapid.T) {
	if len(f.wires) == 0 {
		rt.Skip("all is quiet")
	}
	f.now += time.Duration(rapid.IntRange(0, 600).Draw(rt, "µs")) * time.Microsecond
	f.deliver(rapid.IntRange(0, len(f.wires)-1).Draw(rt, "wire"))
}

// doTwice has a message between schedulers come again.
func (f *peerFleet) doTwice(rt *rapid.T) {
	for i := range f.wires {
		if w := &f.wires[i]; w.from < peerSchedulers && w.to < peerSchedulers {
			at := rapid.IntRange(0, len(w.what)-1).Draw(rt, "message")
			w.what = append(w.what, w.what[at])
			return
		}
	}
	rt.Skip("nothing between schedulers")
}

func (f *peerFleet) doOffer(rt *rapid.T) {
	w, k := f.drawWorker(rt)
	if len(k.queue) > 0 || k.draining || k.taken()+k.open() >= peerSlots {
		rt.Skip("nothing to offer")
	}
	f.offer(w, k.lane(), f.drawScheduler(rt), 0)
}

func (f *peerFleet) doAhead(rt *rapid.T) {
	w, k := f.drawWorker(rt)
	i := slices.IndexFunc(k.lanes[:], func(l peerLane) bool { return l.runs && !l.ahead })
	if i < 0 || k.lane() < 0 || k.open()+k.taken() >= 2*peerSlots {
		rt.Skip("nothing ends soon")
	}
	k.lanes[i].ahead = true
	f.offer(w, k.lane(), f.drawScheduler(rt), time.Duration(rapid.IntRange(1, 9).Draw(rt, "ms"))*time.Millisecond)
}

func (f *peerFleet) doRenew(rt *rapid.T) {
	w, k := f.drawWorker(rt)
	i := slices.IndexFunc(k.lanes[:], func(l peerLane) bool { return l.offered })
	if i < 0 {
		rt.Skip("nothing is offered")
	}
	f.offer(w, i, f.drawScheduler(rt), 0)
}

func (f *peerFleet) doAsk(rt *rapid.T) {
	w, k := f.drawWorker(rt)
	if len(k.queue) == 0 || k.taken() >= peerSlots || k.lane() < 0 {
		rt.Skip("nothing to ask with")
	}
	f.ask(w)
}

func (f *peerFleet) ask(w int) {
	k := f.workers[w]
	i, r := k.lane(), k.queue[0]
	k.queue = k.queue[1:]
	l := &k.lanes[i]
	l.call++
	l.asks = r.scheduler + 1
	m := probe.GetTask{Slot: uint16(i), Call: l.call, Ref: r.ref, Res: r.res}
	f.toScheduler(w, r.scheduler, func(c *placement.Core) []placement.Effect { return c.GetTask(f.now, probe.WorkerID(w), m, nil) })
}

func (f *peerFleet) doEnd(rt *rapid.T) {
	w, k := f.drawWorker(rt)
	i := slices.IndexFunc(k.lanes[:], func(l peerLane) bool { return l.runs })
	if i < 0 {
		rt.Skip("nothing runs")
	}
	status := rapid.SampledFrom([]probe.Status{probe.StatusOK, probe.StatusOK, probe.StatusOK, probe.StatusFailed}).Draw(rt, "status")
	f.end(w, i, status)
}

func (f *peerFleet) doDie(rt *rapid.T) {
	w, k := f.drawWorker(rt)
	for i := range k.lanes {
		if l := &k.lanes[i]; l.runs {
			if t := f.jobs[peerJob{l.scheduler, l.launch.Ref}]; t != nil {
				t.running[l.launch.Task]--
			}
		}
	}
	f.workers[w] = &peerWorker{life: k.life + 1}
	for s, c := range f.cores {
		f.cut(s, peerSchedulers+w)
		f.carryOut(s, c.WorkerDown(f.now, probe.WorkerID(w), nil))
		f.cut(s, peerSchedulers+w)
	}
	f.up(w)
}

// doDrain takes a worker out of sampling for a scheduler, or back.
func (f *peerFleet) doDrain(rt *rapid.T) {
	w, k := f.drawWorker(rt)
	k.draining = !k.draining
	for s, c := range f.cores {
		if k.draining {
			f.carryOut(s, c.WorkerDrain(f.now, probe.WorkerID(w), nil))
		} else {
			f.carryOut(s, c.WorkerResume(f.now, probe.WorkerID(w), nil))
		}
	}
}

func (f *peerFleet) doPart(rt *rapid.T) {
	a, b := f.drawScheduler(rt), f.drawScheduler(rt)
	if !f.links[a][b] {
		rt.Skip("they are not connected")
	}
	f.links[a][b], f.links[b][a] = false, false
	f.cut(a, b)
	f.carryOut(a, f.cores[a].PeerDown(f.now, placement.PeerID(b), nil))
	f.carryOut(b, f.cores[b].PeerDown(f.now, placement.PeerID(a), nil))
	f.cut(a, b)
}

func (f *peerFleet) doJoin(rt *rapid.T) {
	a, b := f.drawScheduler(rt), f.drawScheduler(rt)
	if a == b || f.links[a][b] {
		rt.Skip("they are connected")
	}
	f.connect(a, b)
}

func (f *peerFleet) ids() []peerJob {
	return slices.SortedFunc(maps.Keys(f.jobs), func(a, b peerJob) int {
		return cmp.Or(cmp.Compare(a.scheduler, b.scheduler), cmp.Compare(a.ref, b.ref))
	})
}

// drawJob returns the oldest job of the first scheduler that has one.
func (f *peerFleet) drawJob(rt *rapid.T) (peerJob, *peerTasks) {
	ids := f.ids()
	if len(ids) == 0 {
		rt.Skip("no job")
	}
	return ids[0], f.jobs[ids[0]]
}

func (f *peerFleet) doCancel(rt *rapid.T) {
	id, _ := f.drawJob(rt)
	f.carryOut(id.scheduler, f.cores[id.scheduler].Cancel(f.now, id.ref, nil))
}

func (f *peerFleet) doSuspend(rt *rapid.T) {
	id, t := f.drawJob(rt)
	if t.suspended = !t.suspended; t.suspended {
		f.carryOut(id.scheduler, f.cores[id.scheduler].Suspend(f.now, id.ref, nil))
	} else {
		f.carryOut(id.scheduler, f.cores[id.scheduler].Resume(f.now, id.ref, nil))
	}
}

// heal makes all go well, and demands that every job ends. Slots are offered once more only when their offers are old.
func (f *peerFleet) heal() {
	for _, id := range f.ids() {
		if f.jobs[id].suspended {
			f.carryOut(id.scheduler, f.cores[id.scheduler].Resume(f.now, id.ref, nil))
		}
	}
	for w, k := range f.workers {
		if k.draining {
			k.draining = false
			for s, c := range f.cores {
				f.carryOut(s, c.WorkerResume(f.now, probe.WorkerID(w), nil))
			}
		}
	}
	for round := 0; len(f.jobs) > 0; round++ {
		if round > 200 {
			f.rt.Fatalf("%d jobs do not end", len(f.jobs))
		}
		for len(f.wires) > 0 {
			f.deliver(0)
		}
		for w, k := range f.workers {
			for i := range k.lanes {
				if k.lanes[i].runs {
					f.end(w, i, probe.StatusOK)
				}
			}
			for len(k.queue) > 0 && k.taken() < peerSlots && k.lane() >= 0 {
				f.ask(w)
			}
			for len(k.queue) == 0 && k.taken()+k.open() < peerSlots {
				f.offer(w, k.lane(), w, 0)
			}
			for i := range k.lanes {
				if round%50 == 49 && k.lanes[i].offered {
					f.offer(w, i, w, 0)
				}
			}
		}
		f.wait(100 * time.Millisecond)
	}
}
