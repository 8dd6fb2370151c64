package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// mine is a core among workers of some slots, of which one task kills each that runs it, and which are started anew at
// once. Its time passes by a millisecond with every round.
type mine struct {
	t      *testing.T
	core   *placement.Core
	offers bool
	now    time.Duration
	fuse   time.Duration // for how long the poisonous task runs
	length time.Duration // for how long the others do
	slots  int

	calls  [][]uint32            // by worker and slot
	asking [][]bool              // an offer is out
	runs   [][]*placement.Effect // Launches
	since  [][]time.Duration
	queue  [][]placement.Effect // Reserves, by worker
	starts map[uint32]int       // by task
	ends   map[uint32]placement.Effect
	deaths int
}

func newMine(t *testing.T, policy placement.Policy, workers, slots int, seed uint64) *mine {
	t.Helper()
	m := &mine{
		t: t, core: placement.New(placement.Config{Policy: policy}, rand.New(rand.NewPCG(seed, 2))), offers: policy == placement.IdleOffer, slots: slots,
		calls: make([][]uint32, workers), asking: make([][]bool, workers), runs: make([][]*placement.Effect, workers), since: make([][]time.Duration, workers),
		queue: make([][]placement.Effect, workers), starts: map[uint32]int{}, ends: map[uint32]placement.Effect{},
		fuse: 20 * time.Millisecond, length: 50 * time.Millisecond,
	}
	for w := range workers {
		m.start(w)
	}
	return m
}

// start begins another life of a worker.
func (m *mine) start(w int) {
	m.t.Helper()
	m.calls[w], m.asking[w], m.runs[w] = make([]uint32, m.slots), make([]bool, m.slots), make([]*placement.Effect, m.slots)
	m.since[w], m.queue[w] = make([]time.Duration, m.slots), nil
	m.take(m.core.WorkerUp(m.now, probe.WorkerID(w), placement.Worker{Slots: m.slots, Apps: []string{"app"}}, nil))
}

func (m *mine) take(effects []placement.Effect) {
	m.t.Helper()
	for _, e := range effects {
		switch e.Kind {
		case placement.EffectReserve:
			m.queue[e.Worker] = append(m.queue[e.Worker], e)
		case placement.EffectCancel:
			for i := range m.queue[e.Worker] {
				if r := &m.queue[e.Worker][i]; r.Ref == e.Ref && r.Res == e.Res {
					r.Count -= min(r.Count, e.Count)
				}
			}
		case placement.EffectLaunch:
			m.runs[e.Worker][e.Slot], m.since[e.Worker][e.Slot], m.asking[e.Worker][e.Slot] = &e, m.now, false
			m.starts[e.Task]++
		case placement.EffectTaskDone:
			m.ends[e.Task] = e
		case placement.EffectNoTask, placement.EffectKill, placement.EffectRetry, placement.EffectClaim, placement.EffectJobDone, placement.EffectQuarantine,
			placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
		}
	}
}

// round has each free slot ask for a task, or offer itself, and each attempt end whose time is over.
func (m *mine) round() {
	m.t.Helper()
	m.now += time.Millisecond
	m.take(m.core.Tick(m.now, nil))
	for w := range m.runs {
		id := probe.WorkerID(w)
		for s := range m.slots {
			e := m.runs[w][s]
			switch {
			case e == nil:
				m.ask(id, uint16(s))
			case e.Task == 0 && m.now-m.since[w][s] >= m.fuse:
				m.deaths++
				m.take(m.core.WorkerDown(m.now, id, nil))
				m.start(w)
			case e.Task != 0 && m.now-m.since[w][s] >= m.length:
				m.runs[w][s] = nil
				m.take(m.core.Finished(m.now, id, probe.Finished{
					Slot: e.Slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Attempt: e.Attempt, Status: probe.StatusOK, Service: m.length,
				}, nil))
			}
		}
	}
	if m.now%(7*time.Millisecond) == 0 {
		if err := m.core.CheckInvariants(); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *mine) ask(w probe.WorkerID, s uint16) {
	m.t.Helper()
	for len(m.queue[w]) > 0 && m.queue[w][0].Count == 0 {
		m.queue[w] = m.queue[w][1:]
	}
	if len(m.queue[w]) > 0 {
		r := &m.queue[w][0]
		r.Count--
		m.calls[w][s]++
		m.asking[w][s] = false
		m.take(m.core.GetTask(m.now, w, probe.GetTask{Slot: s, Call: m.calls[w][s], Ref: r.Ref, Res: r.Res}, nil))
		return
	}
	if m.offers && !m.asking[w][s] {
		m.calls[w][s]++
		m.asking[w][s] = true
		m.take(m.core.Offer(m.now, w, probe.Offer{Slot: s, Call: m.calls[w][s]}, nil))
	}
}

// A task that kills its worker fails after its attempts, and no other does that ran beside it, however often they met:
// all others end well, within their attempts.
func TestPoisonTakesNobodyAlong(t *testing.T) {
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		for _, fleet := range []struct{ workers, slots int }{{1, 4}, {2, 4}, {3, 16}, {20, 2}} {
			for _, attempts := range []int{2, 3, 5} {
				t.Run(fmt.Sprint(policy, fleet, attempts), func(t *testing.T) {
					for seed := range uint64(2) {
						m := newMine(t, policy, fleet.workers, fleet.slots, seed)
						tasks := 2 * fleet.workers * fleet.slots
						_, out, err := m.core.Submit(m.now, placement.Spec{App: "app", Tasks: tasks, MaxAttempts: attempts, ProbeRatio: 2}, nil)
						if err != nil {
							t.Fatal(err)
						}
						m.take(out)
						for rounds := 0; len(m.ends) < tasks; rounds++ {
							if m.round(); rounds > 20_000 {
								t.Fatalf("after %d rounds %d of %d tasks have ended", rounds, len(m.ends), tasks)
							}
						}
						for i := range uint32(tasks) {
							want := task.OK
							if i == 0 {
								want = task.Failed
							}
							if e := m.ends[i]; e.Outcome != want || m.starts[i] > attempts {
								t.Errorf("seed %d: task %d started %d times and ended %v, %s", seed, i, m.starts[i], e.Outcome, e.Code)
							}
						}
						if n := m.core.Stats().GetTasks; n > uint64(20*tasks) {
							t.Errorf("seed %d: %d calls for %d tasks", seed, n, tasks)
						}
						if m.deaths != attempts {
							t.Errorf("seed %d: %d workers died", seed, m.deaths)
						}
					}
				})
			}
		}
	}
}

// What a lost worker ran is run again at once, side by side, while it may be run again after that.
func TestSuspectsRunTogether(t *testing.T) {
	m := newMine(t, placement.LateBinding, 2, 16, 1)
	_, out, err := m.core.Submit(m.now, placement.Spec{App: "app", Tasks: 20, ProbeRatio: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.take(out)
	m.fuse = time.Hour // nothing kills a worker but this
	m.round()
	m.take(m.core.WorkerDown(m.now, 0, nil))
	lost := 0
	for _, e := range m.runs[0] {
		if e != nil {
			lost++
		}
	}
	m.start(0)
	for range 3 {
		m.round()
	}
	running := 0
	for _, slots := range m.runs {
		for _, e := range slots {
			if e != nil {
				running++
			}
		}
	}
	if lost == 0 || running != 20 || m.core.Stats().KeptApart != 0 {
		t.Errorf("%d were lost; %d of 20 run again, and %d times one was kept apart", lost, running, m.core.Stats().KeptApart)
	}
}

// keptApart reports whether a waiting task may not be launched at a worker because of a suspect that runs there.
func (m *model) keptApart(j *modelJob, index int, id probe.WorkerID) bool {
	t := &j.tasks[index]
	if !t.suspect {
		return false
	}
	for _, s := range m.workers[id].slots {
		if other := m.jobs[s.ref]; s.bound && other != nil {
			o := &other.tasks[s.task]
			if o.suspect && (int(t.attempt)+1 >= j.spec.MaxAttempts || int(o.attempt) >= other.spec.MaxAttempts) {
				return true
			}
		}
	}
	return false
}
