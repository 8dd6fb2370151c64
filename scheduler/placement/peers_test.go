package placement_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// TestPeers drives three cores that hand offers on to each other, and workers that are as simple as can be. Messages
// between schedulers may come twice, or are lost with their connection; workers die. No task may start while it runs or
// when it has ended. In the end all is healed, and every job has to end.
func TestPeers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newPeerFleet(rt)
		actions := map[string]func(*rapid.T){
			"submit": f.doSubmit, "offer": f.doOffer, "offer more": f.doOffer, "ahead": rare(f.doAhead), "renew": rare(f.doRenew), "end": f.doEnd, "end more": f.doEnd,
			"ask": f.doAsk, "die": rare(f.doDie), "part": rare(f.doPart), "join": f.doJoin, "twice": rare(f.doTwice), "drain": rare(f.doDrain),
			"cancel": rare(rare(f.doCancel)), "suspend": rare(f.doSuspend),
			"pass": func(rt *rapid.T) { f.wait(time.Duration(rapid.IntRange(0, 400).Draw(rt, "ms")) * time.Millisecond) },
		}
		for _, often := range []string{"", " more", " most"} {
			actions["deliver"+often] = f.doDeliver
		}
		for range 4 {
			rt.Repeat(actions)
		}
		f.heal()
	})
}

const (
	peerSchedulers = 3
	peerWorkers    = 3
	peerSlots      = 2
)

// peerFleet is the cores, and all else.
type peerFleet struct {
	rt      *rapid.T
	now     time.Duration
	cores   [peerSchedulers]*placement.Core
	links   [peerSchedulers][peerSchedulers]bool
	workers [peerWorkers]*peerWorker
	wires   []wire
	jobs    map[peerJob]*peerTasks
	handOf  peerHand // the last one that was delivered, which may have to go back
}

// peerHand is a hand under way.
type peerHand struct {
	worker, life int
	m            probe.Hand
}

type peerJob struct {
	scheduler int
	ref       probe.Ref
}

// peerTasks is what is known of a job: by task, how often it runs now, and whether it has ended.
type peerTasks struct {
	running   []int
	ended     []bool
	suspended bool
}

// wire is what is on its way between two nodes, in order; workers are numbered behind the schedulers.
type wire struct {
	from, to int
	what     []func()
}

type peerWorker struct {
	life     int
	draining bool
	lanes    [2 * peerSlots]peerLane
	queue    []peerReserve
}

type peerReserve struct {
	scheduler int
	ref       probe.Ref
	res       uint32
}

type peerLane struct {
	call      uint32
	offered   bool
	asks      int // scheduler + 1
	runs      bool
	ahead     bool
	scheduler int
	launch    placement.Effect
}

func newPeerFleet(rt *rapid.T) *peerFleet {
	f := &peerFleet{rt: rt, jobs: map[peerJob]*peerTasks{}}
	seed := rapid.Uint64().Draw(rt, "seed")
	for i := range f.cores {
		f.cores[i] = placement.New(placement.Config{Policy: placement.IdleOffer, NoQuarantine: true, MaxSets: 2}, rand.New(rand.NewPCG(seed, uint64(i))))
		f.cores[i].Peers(i, peerSchedulers)
	}
	for w := range f.workers {
		f.workers[w] = &peerWorker{}
		f.up(w)
	}
	for a := range f.cores {
		for b := range a {
			f.connect(a, b)
		}
	}
	return f
}

func (f *peerFleet) offers(w int) placement.Worker {
	labels := []probe.Label(nil)
	if w == 0 {
		labels = []probe.Label{{Key: "gpu", Value: "yes"}}
	}
	return placement.Worker{Slots: peerSlots, Apps: []string{"app"}, Labels: labels, Name: uint64(w)}
}

func (f *peerFleet) up(w int) {
	for s, c := range f.cores {
		f.carryOut(s, c.WorkerUp(f.now, probe.WorkerID(w), f.offers(w), nil))
	}
}

func (f *peerFleet) connect(a, b int) {
	f.links[a][b], f.links[b][a] = true, true
	f.carryOut(a, f.cores[a].PeerUp(f.now, placement.PeerID(b), nil))
	f.carryOut(b, f.cores[b].PeerUp(f.now, placement.PeerID(a), nil))
}

// send puts something on the wire.
func (f *peerFleet) send(from, to int, what func()) {
	i := slices.IndexFunc(f.wires, func(w wire) bool { return w.from == from && w.to == to })
	if i < 0 {
		i = len(f.wires)
		f.wires = append(f.wires, wire{from: from, to: to})
	}
	f.wires[i].what = append(f.wires[i].what, what)
}

// cut loses what is on its way between two nodes.
func (f *peerFleet) cut(a, b int) {
	f.wires = slices.DeleteFunc(f.wires, func(w wire) bool { return w.from == a && w.to == b || w.from == b && w.to == a })
}

func (f *peerFleet) deliver(i int) {
	what := f.wires[i].what[0]
	if f.wires[i].what = f.wires[i].what[1:]; len(f.wires[i].what) == 0 {
		f.wires = slices.Delete(f.wires, i, i+1)
	}
	what()
}

// wait lets time pass.
func (f *peerFleet) wait(d time.Duration) {
	f.now += d
	for s, c := range f.cores {
		if at, due := c.NextWake(); due && at <= f.now {
			f.carryOut(s, c.Tick(f.now, nil))
		}
		if at, due := c.NextWake(); due && at <= f.now {
			f.rt.Fatalf("scheduler %d wants to be woken at %v, and it is %v", s, at, f.now)
		}
	}
}

// carryOut does what a core says, and checks it.
func (f *peerFleet) carryOut(s int, out []placement.Effect) {
	if err := f.cores[s].CheckInvariants(); err != nil {
		f.rt.Fatalf("scheduler %d: %v", s, err)
	}
	for _, e := range out {
		switch w, p := int(e.Worker), int(e.Peer); e.Kind {
		case placement.EffectLaunch:
			f.toWorker(s, w, func(k *peerWorker) { f.launch(s, w, k, e) })
		case placement.EffectNoTask:
			f.toWorker(s, w, func(k *peerWorker) {
				if l := &k.lanes[e.Slot]; l.call == e.Call && l.asks == s+1 {
					l.asks = 0
				}
			})
		case placement.EffectReserve:
			f.toWorker(s, w, func(k *peerWorker) {
				for range e.Count {
					k.queue = append(k.queue, peerReserve{s, e.Ref, e.Res})
				}
			})
		case placement.EffectCancel:
			f.toWorker(s, w, func(k *peerWorker) {
				k.queue = slices.DeleteFunc(k.queue, func(r peerReserve) bool { return r == peerReserve{s, e.Ref, e.Res} })
			})
		case placement.EffectKill:
			f.toWorker(s, w, func(k *peerWorker) {
				if l := &k.lanes[e.Slot]; l.runs && l.call == e.Call && l.scheduler == s {
					f.end(w, int(e.Slot), probe.StatusKilled)
				}
			})
		case placement.EffectTaskDone:
			t := f.jobs[peerJob{s, e.Ref}]
			if t != nil {
				t.ended[e.Task] = true
			}
		case placement.EffectJobDone:
			delete(f.jobs, peerJob{s, e.Ref})
		case placement.EffectSetDef, placement.EffectWant, placement.EffectSpare, placement.EffectHand:
			f.toPeer(s, p, e)
		case placement.EffectRetry, placement.EffectClaim, placement.EffectQuarantine:
		}
	}
}

func (f *peerFleet) toWorker(s, w int, do func(*peerWorker)) {
	f.send(s, peerSchedulers+w, func() { do(f.workers[w]) })
}

func (f *peerFleet) toPeer(s, p int, e placement.Effect) {
	c, from := f.cores[p], placement.PeerID(s)
	if e.Kind == placement.EffectSetDef {
		app, require, _ := f.cores[s].Set(e.Task)
		f.send(s, p, func() { c.SetDef(from, probe.SetDef{Set: e.Task, App: app, Labels: require}) })
		return
	}
	if e.Kind == placement.EffectWant {
		m := probe.Want{Set: e.Task, Age: e.Wait, Quota: e.Count, Now: e.Res}
		f.send(s, p, func() { f.carryOut(p, c.Want(f.now, from, m, nil)) })
		return
	}
	if e.Kind == placement.EffectSpare {
		m := probe.Spare{Set: e.Task, Lack: e.Count, Floor: e.Res}
		f.send(s, p, func() { f.carryOut(p, c.Spare(f.now, from, m, nil)) })
		return
	}
	h := f.handOf
	if e.HasWorker {
		h = peerHand{int(e.Worker), f.workers[e.Worker].life, probe.Hand{Slot: e.Slot, Call: e.Call, Ready: e.Wait, Left: e.Deadline, Hops: uint8(e.Attempt), More: uint8(e.Count)}}
	} else {
		h.m.Hops++
		h.m.More = uint8(e.Count)
	}
	f.send(s, p, func() { f.hand(s, p, h) })
}

func (f *peerFleet) hand(s, p int, h peerHand) {
	w := probe.WorkerID(h.worker)
	if f.workers[h.worker].life != h.life {
		w = 99 // not known
	}
	f.handOf = h
	f.carryOut(p, f.cores[p].Hand(f.now, placement.PeerID(s), w, h.m, nil))
}

// launch is a Launch at its worker.
func (f *peerFleet) launch(s, w int, k *peerWorker, e placement.Effect) {
	l := &k.lanes[e.Slot]
	if l.call == e.Call && l.runs && l.scheduler == s && l.launch.Ref == e.Ref && l.launch.Task == e.Task {
		return
	}
	reason := probe.RefusedStale
	switch asked := l.call == e.Call && l.asks == s+1; {
	case !asked && (l.call != e.Call || !l.offered):
	case !asked && k.taken() == peerSlots:
		reason, l.offered = probe.RefusedEarly, false
	default:
		l.offered, l.asks, l.runs, l.ahead, l.scheduler, l.launch = false, 0, true, false, s, e
		if t := f.jobs[peerJob{s, e.Ref}]; t != nil {
			t.running[e.Task]++
			if t.running[e.Task] > 1 || t.ended[e.Task] {
				f.rt.Fatalf("task %d of %v starts: it runs %d times, ended %v", e.Task, e.Ref, t.running[e.Task], t.ended[e.Task])
			}
		}
		return
	}
	f.toScheduler(w, s, func(c *placement.Core) []placement.Effect {
		return c.Decline(f.now, probe.WorkerID(w), probe.Decline{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Reason: reason}, nil)
	})
}

func (f *peerFleet) toScheduler(w, s int, do func(*placement.Core) []placement.Effect) {
	f.send(peerSchedulers+w, s, func() { f.carryOut(s, do(f.cores[s])) })
}

// taken counts the slots that run or ask.
func (k *peerWorker) taken() int {
	n := 0
	for i := range k.lanes {
		if k.lanes[i].runs || k.lanes[i].asks > 0 {
			n++
		}
	}
	return n
}

// open counts the slots that are free and offered.
func (k *peerWorker) open() int {
	n := 0
	for i := range k.lanes {
		if k.lanes[i].offered {
			n++
		}
	}
	return n
}

func (k *peerWorker) lane() int {
	return slices.IndexFunc(k.lanes[:], func(l peerLane) bool { return !l.offered && !l.runs && l.asks == 0 })
}

func (f *peerFleet) end(w, i int, status probe.Status) {
	l := &f.workers[w].lanes[i]
	l.runs = false
	if t := f.jobs[peerJob{l.scheduler, l.launch.Ref}]; t != nil {
		t.running[l.launch.Task]--
	}
	m := probe.Finished{Slot: uint16(i), Call: l.call, Ref: l.launch.Ref, Task: l.launch.Task, Attempt: l.launch.Attempt, Status: status, Service: time.Millisecond}
	f.toScheduler(w, l.scheduler, func(c *placement.Core) []placement.Effect { return c.Finished(f.now, probe.WorkerID(w), m, nil) })
}

// offer has a worker offer a lane to a scheduler.
func (f *peerFleet) offer(w, i, s int, ready time.Duration) {
	l := &f.workers[w].lanes[i]
	l.call++
	l.offered = true
	m := probe.Offer{Slot: uint16(i), Call: l.call, Ready: ready}
	f.toScheduler(w, s, func(c *placement.Core) []placement.Effect { return c.Offer(f.now, probe.WorkerID(w), m, nil) })
}
