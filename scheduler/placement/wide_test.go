package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// slowFleet runs attempts that take a fixed time on each worker, in steps of 1 ms. Answers are immediate.
type slowFleet struct {
	core    *placement.Core
	now     time.Duration
	takes   []time.Duration // by worker
	queues  [][]placement.Effect
	running [][]*placement.Effect // by worker and slot: a Launch
	ends    [][]time.Duration
	calls   [][]uint32
	ran     []int
	done    bool
}

func (f *slowFleet) up(slots int, takes time.Duration) {
	id := probe.WorkerID(len(f.takes))
	f.takes, f.queues, f.ran = append(f.takes, takes), append(f.queues, nil), append(f.ran, 0)
	f.running, f.ends = append(f.running, make([]*placement.Effect, slots)), append(f.ends, make([]time.Duration, slots))
	f.calls = append(f.calls, make([]uint32, slots))
	f.carry(f.core.WorkerUp(f.now, id, placement.Worker{Slots: slots, Apps: []string{"app"}}, nil))
}

func (f *slowFleet) carry(effects []placement.Effect) {
	for _, e := range effects {
		q := f.queues[e.Worker]
		switch e.Kind {
		case placement.EffectReserve:
			f.queues[e.Worker] = append(q, e)
		case placement.EffectCancel:
			for i := range q {
				if q[i].Res == e.Res {
					q[i].Count = 0
				}
			}
		case placement.EffectLaunch:
			f.running[e.Worker][e.Slot] = &e
			f.ends[e.Worker][e.Slot] = f.now + f.takes[e.Worker]
			f.ran[e.Worker]++
		case placement.EffectJobDone:
			f.done = true
		case placement.EffectNoTask, placement.EffectKill, placement.EffectRetry, placement.EffectTaskDone, placement.EffectClaim, placement.EffectQuarantine,
			placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
		}
	}
}

// step lets 1 ms pass: slots whose attempt is over report it, and free ones ask.
func (f *slowFleet) step() {
	f.now += time.Millisecond
	for w := range f.takes {
		id := probe.WorkerID(w)
		for slot := range f.running[w] {
			if l := f.running[w][slot]; l != nil && f.ends[w][slot] <= f.now {
				f.running[w][slot] = nil
				f.carry(f.core.Finished(f.now, id, probe.Finished{
					Slot: l.Slot, Call: l.Call, Ref: l.Ref, Task: l.Task, Attempt: l.Attempt, Status: probe.StatusOK,
				}, nil))
			}
			for f.running[w][slot] == nil && len(f.queues[w]) > 0 {
				r := &f.queues[w][0]
				if r.Count == 0 {
					f.queues[w] = f.queues[w][1:]
					continue
				}
				r.Count--
				f.calls[w][slot]++
				f.carry(f.core.GetTask(f.now, id, probe.GetTask{Slot: uint16(slot), Call: f.calls[w][slot], Ref: r.Ref, Res: r.Res}, nil))
			}
		}
	}
}

// A job far wider than the fleet keeps every worker busy to its last waiting task: one that joined in the middle, also
// if it is many times as fast as the others, and whatever the probe ratio.
func TestWideJobUsesAllWorkersToTheEnd(t *testing.T) {
	for _, ratio := range []float64{1, 1.5, 2, 4} {
		for _, fast := range []time.Duration{10 * time.Millisecond, time.Millisecond} {
			t.Run(fmt.Sprintf("ratio=%v/takes=%v", ratio, fast), func(t *testing.T) {
				f := &slowFleet{core: placement.New(placement.Config{}, rand.New(rand.NewPCG(5, 5)))}
				for range 3 {
					f.up(2, 10*time.Millisecond)
				}
				_, effects, err := f.core.Submit(0, placement.Spec{App: "app", Tasks: 1000, ProbeRatio: ratio}, nil)
				if err != nil {
					t.Fatal(err)
				}
				f.carry(effects)
				for !f.done {
					if f.now == 500*time.Millisecond {
						f.up(2, fast)
					}
					f.step()
					for w := range f.takes {
						for slot, l := range f.running[w] {
							if l == nil && f.core.Load().Waiting > 0 {
								t.Fatalf("at %v slot %d of worker %d is idle while %d tasks wait", f.now, slot, w, f.core.Load().Waiting)
							}
						}
					}
				}
				st := f.core.Stats()
				t.Logf("%d ms; tasks per worker %v; %d reservations, %d of them renewed, for %d tasks", f.now.Milliseconds(), f.ran, st.Reservations, st.Renewed, st.TasksDone)
				if st.Reservations > uint64(1000*ratio)*2+100 {
					t.Errorf("%d reservations", st.Reservations)
				}
			})
		}
	}
}
