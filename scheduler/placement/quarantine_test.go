package placement_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// ward is a core among workers of one slot each that serve at once what they get, some of them badly. Its time passes
// by a millisecond with every round.
type ward struct {
	t     *testing.T
	core  *placement.Core
	now   time.Duration
	calls []uint32
	queue [][]placement.Effect           // Reserves, by worker
	fails func(w int, app string) bool   // how an attempt ends
	slow  map[int]time.Duration          // how long a worker takes; the others take a millisecond
	busy  []*placement.Effect            // the Launch that a worker runs
	until []time.Duration                // and until when
	apps  map[probe.Ref]string           // what the jobs' tasks are
	out   map[int]bool                   // quarantined now
	times map[int]int                    // that a worker was quarantined
	ran   map[int]int                    // attempts
	done  map[probe.Ref]placement.Effect // ended jobs
}

func newWard(t *testing.T, cfg placement.Config, workers int) *ward {
	t.Helper()
	w := &ward{
		t: t, core: placement.New(cfg, rand.New(rand.NewPCG(1, 2))), calls: make([]uint32, workers), queue: make([][]placement.Effect, workers),
		busy: make([]*placement.Effect, workers), until: make([]time.Duration, workers), apps: map[probe.Ref]string{},
		out: map[int]bool{}, times: map[int]int{}, ran: map[int]int{}, done: map[probe.Ref]placement.Effect{},
		fails: func(int, string) bool { return false },
	}
	for i := range workers {
		w.take(w.core.WorkerUp(0, probe.WorkerID(i), placement.Worker{Slots: 1, Apps: []string{"good", "broken"}}, nil))
	}
	return w
}

func (w *ward) submit(app string, tasks int) probe.Ref {
	w.t.Helper()
	ref, effects, err := w.core.Submit(w.now, placement.Spec{App: app, Tasks: tasks, MaxAttempts: 5, ProbeRatio: 2}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.apps[ref] = app
	w.take(effects)
	return ref
}

func (w *ward) take(effects []placement.Effect) {
	w.t.Helper()
	for _, e := range effects {
		i := int(e.Worker)
		switch e.Kind {
		case placement.EffectReserve:
			w.queue[i] = append(w.queue[i], e)
		case placement.EffectCancel:
			for k, r := range w.queue[i] {
				if r.Ref == e.Ref && r.Res == e.Res {
					w.queue[i] = append(w.queue[i][:k:k], w.queue[i][k+1:]...)
					break
				}
			}
		case placement.EffectLaunch:
			w.busy[i], w.until[i] = &e, w.now+max(w.slow[i], time.Millisecond)
			w.ran[i]++
		case placement.EffectQuarantine:
			if w.out[i] = e.Count == 1; w.out[i] {
				w.times[i]++
			}
			if v, _ := w.core.Worker(e.Worker); v.Quarantined != w.out[i] {
				w.t.Errorf("worker %d is %+v after %+v", i, v, e)
			}
		case placement.EffectJobDone:
			w.done[e.Ref] = e
		case placement.EffectNoTask, placement.EffectKill, placement.EffectRetry, placement.EffectTaskDone, placement.EffectClaim,
			placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
		}
	}
	if out := len(w.quarantined()); uint64(out) > w.core.Stats().Quarantined || out != w.core.Load().Quarantined {
		w.t.Fatalf("%d workers are quarantined: %+v", out, w.core.Load())
	}
}

func (w *ward) quarantined() (ids []int) {
	for i := range w.busy {
		if w.out[i] {
			ids = append(ids, i)
		}
	}
	return ids
}

// round passes a millisecond.
func (w *ward) round() {
	w.t.Helper()
	w.now += time.Millisecond
	w.take(w.core.Tick(w.now, nil))
	if w.now/time.Millisecond%50 == 0 { // looking at everything takes its time
		if err := w.core.CheckInvariants(); err != nil {
			w.t.Fatal(err)
		}
	}
	for i := range w.busy {
		id := probe.WorkerID(i)
		if e := w.busy[i]; e != nil && w.now >= w.until[i] {
			w.busy[i] = nil
			status := probe.StatusOK
			if w.fails(i, w.apps[e.Ref]) {
				status = probe.StatusFailed
			}
			w.take(w.core.Finished(w.now, id, probe.Finished{Call: e.Call, Ref: e.Ref, Task: e.Task, Attempt: e.Attempt, Status: status}, nil))
		}
		for w.busy[i] == nil && len(w.queue[i]) > 0 {
			r := &w.queue[i][0]
			m := probe.GetTask{Call: w.calls[i] + 1, Ref: r.Ref, Res: r.Res}
			if r.Count--; r.Count == 0 {
				w.queue[i] = w.queue[i][1:]
			}
			w.calls[i]++
			w.take(w.core.GetTask(w.now, id, m, nil))
		}
	}
}

func (w *ward) run(rounds int) {
	w.t.Helper()
	for range rounds {
		w.round()
	}
}

// finish runs until all jobs are done.
func (w *ward) finish() {
	w.t.Helper()
	for n := 0; w.core.Load().Jobs > 0; n++ {
		if n > 100_000 {
			w.t.Fatalf("jobs hang: %+v", w.core.Load())
		}
		w.round()
	}
}

func bad(workers ...int) func(int, string) bool {
	return func(w int, app string) bool {
		return app == "broken" || slices.Contains(workers, w)
	}
}

// A user's broken job fails everywhere. That is nobody's fault but its own, with or without others beside it.
func TestBrokenJobQuarantinesNobody(t *testing.T) {
	for _, others := range []int{0, 3, 500} {
		for _, jobs := range []int{1, 100} {
			t.Run(fmt.Sprintf("%d jobs beside %d good tasks", jobs, others), func(t *testing.T) {
				w := newWard(t, placement.Config{}, 50)
				w.fails = bad()
				for range jobs {
					w.submit("broken", 1000/jobs)
					if others > 0 {
						w.submit("good", max(1, others/jobs))
					}
				}
				w.finish()
				if n := w.core.Stats().Quarantined; n != 0 {
					t.Errorf("quarantined %d times: %v", n, w.times)
				}
			})
		}
	}
}

// Of twenty workers one fails everything at once. It is out after a few failures, everything succeeds elsewhere, and
// when it is mended it is back.
func TestBlackHole(t *testing.T) {
	w := newWard(t, placement.Config{}, 20)
	w.fails = bad(7)
	w.slow = map[int]time.Duration{}
	for i := range 20 {
		if i != 7 {
			w.slow[i] = 5 * time.Millisecond
		}
	}
	var refs []probe.Ref
	for range 20 {
		refs = append(refs, w.submit("good", 50))
		w.run(10)
	}
	w.finish()
	for _, ref := range refs {
		if e := w.done[ref]; e.Count != 0 {
			t.Errorf("of a job %d tasks failed: %+v", e.Count, e)
		}
	}
	if w.times[7] == 0 || len(w.times) != 1 || w.ran[7] > 30 {
		t.Errorf("quarantined %v; the bad worker ran %d attempts", w.times, w.ran[7])
	}
	// Tried again while it is bad it is out for longer each time.
	before, times := w.ran[7], w.times[7]
	for range 200 {
		w.submit("good", 40)
		w.run(50)
	}
	if more := w.times[7] - times; more < 1 || more > 4 || w.ran[7]-before > 8*more {
		t.Errorf("in 10 s it was quarantined %d times more and ran %d attempts more", more, w.ran[7]-before)
	}
	w.fails = bad()
	before = w.ran[7]
	for range 400 {
		w.submit("good", 40)
		w.run(50)
	}
	if w.out[7] || w.ran[7]-before < 200 {
		t.Errorf("mended it ran %d attempts in 20 s, and is out: %v", w.ran[7]-before, w.out[7])
	}
}

// The last worker is never quarantined, nor of two both, nor of ten more than one, and all of them go on when nobody
// else can.
func TestFewAreQuarantined(t *testing.T) {
	for _, c := range []struct{ workers, bad, most int }{{1, 1, 0}, {2, 1, 1}, {2, 2, 1}, {10, 2, 1}, {20, 5, 2}} {
		t.Run(fmt.Sprintf("%d of %d bad", c.bad, c.workers), func(t *testing.T) {
			w := newWard(t, placement.Config{}, c.workers)
			ids := make([]int, c.bad)
			for i := range ids {
				ids[i] = i
			}
			w.fails = bad(ids...)
			most := 0
			for range 100 {
				w.submit("good", 20)
				for range 20 {
					w.round()
					most = max(most, len(w.quarantined()))
				}
			}
			if most > c.most || (c.bad < c.workers && most == 0) {
				t.Errorf("%d were quarantined at a time, want %d", most, c.most)
			}
			w.finish()
		})
	}
}

// A worker that a job cannot do without is taken back on trial at once: when the others leave, or when the job comes.
func TestQuarantineYields(t *testing.T) {
	w := newWard(t, placement.Config{}, 2)
	w.fails = bad(0)
	for range 20 {
		w.submit("good", 20)
		w.run(20)
	}
	w.finish()
	if !w.out[0] {
		t.Fatal("the bad worker is not quarantined")
	}
	w.fails = bad()
	first := w.submit("good", 3)
	w.queue[1], w.busy[1] = nil, nil
	w.take(w.core.WorkerDown(w.now, 1, nil))
	w.run(20)
	if e, ended := w.done[first]; !ended || e.Count > 0 || w.out[0] {
		t.Errorf("the job that lost all other workers: %+v", w.core.Load())
	}
}

// The same for a job that comes when there is no other worker.
func TestQuarantineYieldsToSubmit(t *testing.T) {
	w := newWard(t, placement.Config{}, 2)
	w.fails = bad(0)
	for range 20 {
		w.submit("good", 20)
		w.run(20)
	}
	w.finish()
	w.fails = bad()
	w.queue[1], w.busy[1] = nil, nil
	w.take(w.core.WorkerDown(w.now, 1, nil))
	if !w.out[0] {
		t.Fatal("the bad worker is not quarantined")
	}
	ref := w.submit("good", 3)
	w.run(20)
	if e, ended := w.done[ref]; !ended || e.Count > 0 || w.out[0] {
		t.Errorf("the job with the quarantined worker alone: %+v", w.core.Load())
	}
}

// A broken job that only two of the workers can run fails at both of them and nothing fails elsewhere: still one job is
// not enough.
func TestBrokenJobOfFewWorkers(t *testing.T) {
	w := newWard(t, placement.Config{}, 20)
	w.fails = bad()
	for id := range 2 {
		w.take(w.core.WorkerDown(w.now, probe.WorkerID(id), nil))
		w.queue[id] = nil
	}
	for id := range 2 {
		w.take(w.core.WorkerUp(w.now, probe.WorkerID(id), placement.Worker{Slots: 1, Apps: []string{"rare"}}, nil))
	}
	w.fails = func(_ int, app string) bool { return app == "rare" }
	w.submit("rare", 100)
	for range 20 {
		w.submit("good", 50)
		w.run(10)
	}
	w.finish()
	if len(w.times) > 0 {
		t.Errorf("quarantined: %v", w.times)
	}
}

// Without the breaker everything goes to the black hole.
func TestNoQuarantine(t *testing.T) {
	w := newWard(t, placement.Config{NoQuarantine: true}, 20)
	w.fails = bad(7)
	for range 50 {
		w.submit("good", 50)
		w.run(10)
	}
	w.finish()
	if len(w.times) > 0 || w.ran[7] < 50 {
		t.Errorf("quarantined %v; the bad worker ran %d attempts", w.times, w.ran[7])
	}
}
