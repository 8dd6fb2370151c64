package queue

import (
	"fmt"
	"testing"
	"time"

	"dunnock/probe"
)

// field is a worker all of whose slots are always wanted: users with their backlog and the service times of their
// tasks.
type field struct {
	core *Core
	now  time.Duration
	ends map[uint16]time.Duration
	user map[uint16]string
	had  map[string]time.Duration // slot time, by user
	refs map[probe.Ref]string
	out  []Effect
}

func newField(cfg Config) *field {
	cfg.Forget = true
	f := &field{
		core: New(cfg), ends: map[uint16]time.Duration{}, user: map[uint16]string{}, had: map[string]time.Duration{}, refs: map[probe.Ref]string{},
	}
	f.core.SchedulerUp(0, 1, 0, nil)
	return f
}

// want queues reservations of a user, who is the number of the job too.
func (f *field) want(user string, ref probe.Ref, n uint32) {
	f.refs[ref] = user
	f.out = f.core.ReserveClass(f.now, 1, probe.Reserve{Ref: ref, Res: 1, Count: n}, &probe.Class{User: []byte(user)}, f.out)
}

// run answers every call with a task that takes what service says, until the time.
func (f *field) run(until time.Duration, service func(user string) time.Duration) {
	for {
		for len(f.out) > 0 {
			e := f.out[0]
			f.out = f.out[1:]
			if e.Kind != EffectGetTask {
				continue
			}
			m := probe.Launch{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Attempt: 1, Deadline: time.Hour}
			f.core.Launch(f.now, 1, &m, nil)
			f.user[e.Slot] = f.refs[e.Ref]
			f.ends[e.Slot] = f.now + service(f.refs[e.Ref])
			f.had[f.user[e.Slot]] += service(f.refs[e.Ref])
		}
		next := ^uint16(0)
		for slot := range uint16(f.core.Load().Slots) {
			if at, taken := f.ends[slot]; taken && (next == ^uint16(0) || at < f.ends[next]) {
				next = slot
			}
		}
		if at, due := f.core.NextWake(); due && at <= until && (next == ^uint16(0) || at < f.ends[next]) {
			f.now = max(f.now, at)
			f.out = f.core.Tick(f.now, f.out)
			continue
		}
		if next == ^uint16(0) || f.ends[next] > until {
			f.now = until
			return
		}
		f.now = f.ends[next]
		delete(f.ends, next)
		f.out = f.core.Done(f.now, next, f.core.Slot(int(next)).Call, End{Status: probe.StatusOK}, f.out)
	}
}

// share is what part of the slots' time a user had.
func (f *field) share(user string) float64 {
	var all time.Duration
	for _, d := range f.had {
		all += d
	}
	return float64(f.had[user]) / float64(all)
}

func (f *field) wantShares(t *testing.T, want map[string]float64) {
	t.Helper()
	if err := f.core.CheckInvariants(); err != nil {
		t.Fatal(err)
	}
	for user, share := range want {
		if got := f.share(user); got < share-0.01 || got > share+0.01 {
			t.Errorf("%s had %.3f of the slots' time, want %.3f", user, got, share)
		}
	}
}

func tasksOf(d time.Duration) func(string) time.Duration {
	return func(string) time.Duration { return d }
}

// TestFairShares floods a worker: slot time goes by weight at each level, also where some users' tasks are ten times as
// long.
func TestFairShares(t *testing.T) {
	for _, slots := range []int{1, 4} {
		f := newField(Config{Slots: slots, Discipline: Fair, Weights: map[string]int{"a": 3, "org": 2, "org/x": 3}})
		for i, user := range []string{"a", "b", "org/x", "org/y", "org"} {
			f.want(user, probe.Ref(1+i), 1_000_000)
		}
		f.run(50*time.Second, func(user string) time.Duration {
			if user == "b" {
				return 100 * time.Millisecond
			}
			return 10 * time.Millisecond
		})
		// a:b:org = 3:1:2, and within org x:y:org itself = 3:1:1
		f.wantShares(t, map[string]float64{"a": 3. / 6, "b": 1. / 6, "org/x": 2. / 6 * 3 / 5, "org/y": 2. / 6 / 5, "org": 2. / 6 / 5})
	}
}

// TestFairHasNoPast lets one user have the worker alone for long: who comes then has its share from there on, and
// neither less because of the time before nor more.
func TestFairHasNoPast(t *testing.T) {
	f := newField(Config{Slots: 4, Discipline: Fair})
	f.want("early", 1, 1_000_000)
	f.run(20*time.Second, tasksOf(10*time.Millisecond))
	f.want("late", 2, 1_000_000)
	clear(f.had)
	f.run(40*time.Second, tasksOf(10*time.Millisecond))
	f.wantShares(t, map[string]float64{"early": 0.5, "late": 0.5})
}

// TestFairWastesNothing lets a user want less than its share: the others have what it leaves.
func TestFairWastesNothing(t *testing.T) {
	f := newField(Config{Slots: 2, Discipline: Fair, Weights: map[string]int{"modest": 1000}})
	f.want("flood", 1, 1_000_000)
	for i := range 300 {
		f.want("modest", probe.Ref(2+i), 1)
		f.run(time.Duration(i+1)*100*time.Millisecond, tasksOf(10*time.Millisecond))
	}
	f.wantShares(t, map[string]float64{"modest": 0.05, "flood": 0.95})
	if idle := 60*time.Second - f.had["flood"] - f.had["modest"]; idle > 100*time.Millisecond {
		t.Errorf("slots were idle for %v", idle)
	}
}

// TestFairForgets has very many users come and go: what is kept of them is bounded, and those who want or have slots
// are not forgotten.
func TestFairForgets(t *testing.T) {
	f := newField(Config{Slots: 1, Discipline: Fair, MaxReservations: 1 << 20})
	f.want("stays", 1, 1000)
	q := f.core.fair()
	for i := range 5000 {
		f.want(fmt.Sprintf("org/%d/user", i), 2, 1)
		f.core.Cancel(f.now, 1, probe.Cancel{Ref: 2, Res: 1}, nil)
		if n := len(q.order); n > keepShares+3 { // a user's path may need three
			t.Fatalf("%d shares are kept of %d users who are gone", n, i+1)
		}
	}
	for i := range 3 * keepShares {
		f.want(fmt.Sprintf("waits/%d", i), probe.Ref(10+i), 1)
	}
	if err := f.core.CheckInvariants(); err != nil {
		t.Fatal(err)
	}
	if got := f.core.Load().Users; got != 1+3*keepShares {
		t.Errorf("%d users want slots, want %d", got, 1+3*keepShares)
	}
	f.refs[1] = "stays"
	f.run(time.Minute, tasksOf(time.Millisecond))
	if f.core.Load().Reservations > 0 {
		t.Errorf("left in the queue: %+v", f.core.Load())
	}
	// Each had been charged beyond the clock when it ended: these are forgotten too, once they are too many.
	for i := range 2 * keepShares {
		f.want(fmt.Sprintf("new/%d", i), probe.Ref(10+i), 1)
		f.run(f.now+time.Second, tasksOf(time.Millisecond))
	}
	if err := f.core.CheckInvariants(); err != nil || len(q.order) > 8*keepShares {
		t.Errorf("%d shares are kept, %v", len(q.order), err)
	}
}

// TestFairLendsBursts lets a user come with bursts, of which each is more than its half, and all together are less:
// each burst has the slots that free, one after the other. One who has been away for as long as it likes has them no
// longer than its credit, and long-run shares are what they are without.
func TestFairLendsBursts(t *testing.T) {
	const service = 10 * time.Millisecond
	f := newField(Config{Slots: 4, Discipline: Fair})
	f.want("flood", 1, 1_000_000)
	f.want("bursts", 2, 1)
	for range 100 {
		f.run(f.now+8*service, tasksOf(service))
		clear(f.had)
		f.want("bursts", 2, 12)
		f.run(f.now+3*service, tasksOf(service))
		if got := f.had["bursts"]; got < 11*service { // of 12 slots that were free; one may have been asked for another's
			t.Fatalf("at %v a burst of 12 had %v of the slots", f.now, got)
		}
	}
	f.run(f.now+time.Minute, tasksOf(service))
	f.want("bursts", 2, 1_000_000)
	clear(f.had)
	f.run(f.now+creditTurns*service, tasksOf(service))
	if share := f.share("bursts"); share < 0.9 {
		t.Errorf("who was away for long had %.3f of the slots at first", share)
	}
	clear(f.had)
	f.run(f.now+20*service, tasksOf(service))
	f.wantShares(t, map[string]float64{"bursts": 0.5, "flood": 0.5})
}

// TestFairForever sets clocks back before they overflow: nothing else changes.
func TestFairForever(t *testing.T) {
	f := newField(Config{Slots: 2, Discipline: Fair, Weights: map[string]int{"a": 3}})
	f.want("a", 1, 1_000_000)
	f.want("org/b", 2, 1_000_000)
	f.run(time.Second, tasksOf(10*time.Millisecond))
	q := f.core.fair()
	for _, s := range q.order {
		s.spent += rebaseAt
	}
	q.root.clock += rebaseAt
	for _, s := range q.order {
		s.clock += rebaseAt
	}
	clear(f.had)
	f.run(time.Minute, tasksOf(10*time.Millisecond))
	f.wantShares(t, map[string]float64{"a": 0.75, "org/b": 0.25})
	if q.root.clock > rebaseAt {
		t.Errorf("the clock is at %v", q.root.clock)
	}
}
