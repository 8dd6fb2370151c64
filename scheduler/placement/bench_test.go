package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// mill is a fleet that answers at once, made to cost little beside the core itself. It keeps a ring of live jobs at
// three ages: just sampled, bound, and finished before the place is used again.
type mill struct {
	core    *placement.Core
	spec    placement.Spec
	out     []placement.Effect
	slots   [][]uint16 // free ones of each worker
	calls   [][]uint32 // last call of each slot
	ring    []batch
	at      int
	now     time.Duration
	events  int  // calls of the core
	trouble bool // some attempts fail, are declined, and some reservations are refused
}

type batch struct{ reserved, running []placement.Effect }

func newMill(cfg placement.Config, workers, slots, tasks, live int) *mill {
	m := &mill{
		core: placement.New(cfg, rand.New(rand.NewPCG(1, 2))), spec: placement.Spec{App: "app", Tasks: tasks, MaxAttempts: 100},
		slots: make([][]uint16, workers), calls: make([][]uint32, workers), ring: make([]batch, live),
	}
	for w := range workers {
		m.core.WorkerUp(0, probe.WorkerID(w), placement.Worker{Slots: slots, Apps: []string{"app"}}, nil)
		m.calls[w] = make([]uint32, slots)
		for s := range slots {
			m.slots[w] = append(m.slots[w], uint16(s))
		}
	}
	return m
}

// turn finishes the oldest job, submits a new one, and binds the one halfway between.
func (m *mill) turn(tb testing.TB) {
	tb.Helper()
	m.now += time.Microsecond
	b := &m.ring[m.at%len(m.ring)]
	m.finish(b)
	_, out, err := m.core.Submit(m.now, m.spec, m.out[:0])
	m.events++
	if err != nil {
		tb.Fatal(err)
	}
	m.take(out, b)
	m.ask(&m.ring[(m.at+len(m.ring)/2)%len(m.ring)], m.at%5 == 0)
	m.at++
}

// ask uses every reservation of a job. In trouble some are refused, or all.
func (m *mill) ask(b *batch, refuse bool) {
	for i := 0; i < len(b.reserved); i++ {
		r := b.reserved[i]
		if m.trouble && (i%7 == 3 || refuse) {
			m.events++
			m.take(m.core.Refuse(m.now, r.Worker, probe.Refuse{Ref: r.Ref, Res: r.Res, Count: r.Count, Reason: probe.RefusedFull}, m.out[:0]), b)
			continue
		}
		free := m.slots[r.Worker]
		slot := free[len(free)-1]
		m.slots[r.Worker] = free[:len(free)-1]
		m.calls[r.Worker][slot]++
		m.events++
		g := probe.GetTask{Slot: slot, Call: m.calls[r.Worker][slot], Ref: r.Ref, Res: r.Res}
		m.take(m.core.GetTask(m.now, r.Worker, g, m.out[:0]), b)
		if r.Count > 1 {
			b.reserved[i].Count--
			i--
		}
	}
	b.reserved = b.reserved[:0]
}

// finish ends all that a job runs, and the retries of it.
func (m *mill) finish(b *batch) {
	for round := 0; len(b.running) > 0 || m.trouble && round == 0; round++ {
		for i, l := range b.running {
			m.slots[l.Worker] = append(m.slots[l.Worker], l.Slot)
			m.events++
			if m.trouble && round == 0 && i%11 == 5 {
				d := probe.Decline{Slot: l.Slot, Call: l.Call, Ref: l.Ref, Task: l.Task, Reason: probe.RefusedApp}
				m.take(m.core.Decline(m.now, l.Worker, d, m.out[:0]), b)
				continue
			}
			f := probe.Finished{Slot: l.Slot, Call: l.Call, Ref: l.Ref, Task: l.Task, Attempt: l.Attempt, Status: probe.StatusOK}
			if m.trouble && round == 0 && i%5 == 2 {
				f.Status = probe.StatusFailed
			}
			m.take(m.core.Finished(m.now, l.Worker, f, m.out[:0]), b)
		}
		b.running = b.running[:0]
		if m.trouble {
			m.now += 2 * time.Second
			m.events++
			m.take(m.core.Tick(m.now, m.out[:0]), b)
			m.ask(b, false)
		}
	}
}

// take sorts the effects on a job into its batch.
func (m *mill) take(out []placement.Effect, b *batch) {
	m.out = out
	for i := range out {
		switch e := &out[i]; e.Kind {
		case placement.EffectReserve:
			b.reserved = append(b.reserved, *e)
		case placement.EffectLaunch:
			b.running = append(b.running, *e)
		case placement.EffectNoTask:
			m.slots[e.Worker] = append(m.slots[e.Worker], e.Slot)
		case placement.EffectCancel: // the ones that follow in b.reserved ask all the same, as if they had crossed it
		case placement.EffectKill, placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone,
			placement.EffectClaim, placement.EffectQuarantine,
			placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
		}
	}
}

// BenchmarkJob runs whole late-bound jobs at d = 2: submit, a GetTask for every reservation (half of
// them too late), a Finished for every task. An event is one call of the core.
func BenchmarkJob(b *testing.B) {
	for _, bb := range []struct{ workers, slots, tasks, live int }{
		{1, 64, 10, 1}, {16, 32, 10, 4}, {1000, 4, 100, 1}, {1000, 100, 100, 200}, {10_000, 64, 100, 1000}, {100, 64, 1000, 2},
	} {
		for _, policy := range []placement.Policy{placement.LateBinding, placement.LateBindingNoCancel} {
			b.Run(fmt.Sprintf("workers=%d/tasks=%d/live=%d/%v", bb.workers, bb.tasks, bb.live, policy), func(b *testing.B) {
				m := newMill(placement.Config{Policy: policy}, bb.workers, bb.slots, bb.tasks, bb.live)
				for range 2 * bb.live {
					m.turn(b)
				}
				m.events = 0
				b.ReportAllocs()
				for b.Loop() {
					m.turn(b)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(m.events), "ns/event")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*bb.tasks), "ns/task")
				if err := m.core.CheckInvariants(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// From Submit to JobDone nothing is allocated, once there have been as many live jobs before, in fair weather or foul.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for _, trouble := range []bool{false, true} {
		for _, policy := range []placement.Policy{placement.LateBinding, placement.LateBindingNoCancel} {
			t.Run(fmt.Sprintf("%v trouble=%v", policy, trouble), func(t *testing.T) {
				m := newMill(placement.Config{Policy: policy, MaxQueueTime: time.Hour}, 50, 200, 40, 4)
				m.trouble = trouble
				m.spec.Require = []probe.Label{}
				m.spec.Deadline = time.Hour
				for range 200 {
					m.turn(t)
				}
				before := m.core.Stats()
				if n := testing.AllocsPerRun(200, func() { m.turn(t) }); n != 0 {
					t.Errorf("%v allocations a job", n)
				}
				st := m.core.Stats()
				if st.Done-before.Done < 200 {
					t.Errorf("only %d jobs were done", st.Done-before.Done)
				}
				if trouble && (st.Retries == before.Retries || st.Refused == before.Refused || st.Declined == before.Declined || st.Delayed == before.Delayed) {
					t.Errorf("there was no trouble: %+v", st)
				}
				if err := m.core.CheckInvariants(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A cancelled job, one that ran into its deadline, and a worker that drains and is back leave nothing behind either.
func TestEarlyEndsDoNotAllocate(t *testing.T) {
	m := newMill(placement.Config{}, 20, 8, 10, 1)
	out := make([]placement.Effect, 0, 1024)
	turn := func() {
		m.now += time.Second
		ref, effects, err := m.core.Submit(m.now, m.spec, out[:0])
		if err != nil {
			t.Fatal(err)
		}
		r := effects[0]
		m.calls[r.Worker][0]++
		g := probe.GetTask{Call: m.calls[r.Worker][0], Ref: ref, Res: r.Res}
		effects = m.core.GetTask(m.now, r.Worker, g, effects)
		effects = m.core.GetTask(m.now, r.Worker, g, effects)
		effects = m.core.WorkerDrain(m.now, 3, effects)
		effects = m.core.WorkerResume(m.now, 3, effects)
		effects = m.core.Cancel(m.now, ref, effects)
		s := m.spec
		s.Deadline = time.Millisecond
		if _, effects, err = m.core.Submit(m.now, s, effects); err != nil {
			t.Fatal(err)
		}
		if n := len(m.core.Tick(m.now+time.Millisecond, effects)); n > cap(out) {
			t.Fatalf("%d effects", n)
		}
	}
	for range 100 {
		turn()
	}
	if n := testing.AllocsPerRun(200, turn); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if l := m.core.Load(); l.Jobs != 0 {
		t.Errorf("left over: %+v", l)
	}
}
