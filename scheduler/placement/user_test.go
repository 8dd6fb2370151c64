package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// TestUsersAreForgotten has many users come and go: nothing is left of them.
func TestUsersAreForgotten(t *testing.T) {
	c := placement.New(placement.Config{}, rand.New(rand.NewPCG(1, 1)))
	c.WorkerUp(0, 1, placement.Worker{Slots: 1, Apps: []string{"app"}, Fair: true}, nil)
	for i := range 300 {
		ref, _, err := c.Submit(0, placement.Spec{App: "app", User: fmt.Sprint("user", i), Tasks: 2}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			continue
		}
		c.Cancel(0, ref, nil)
		if err := c.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Load().Jobs; n != 3 {
		t.Errorf("%d jobs are live", n)
	}
}

// shared is a core with a hundred workers of two slots each that are fair.
type shared struct {
	t     *testing.T
	core  *placement.Core
	slots map[probe.WorkerID]uint16
	calls uint32
}

func newShared(t *testing.T, weights map[string]int) *shared {
	t.Helper()
	s := &shared{t: t, core: placement.New(placement.Config{MaxQueueTime: 10 * time.Hour}, rand.New(rand.NewPCG(1, 1))), slots: map[probe.WorkerID]uint16{}}
	for w := range probe.WorkerID(100) {
		s.core.WorkerUp(0, w, placement.Worker{Slots: 2, Apps: []string{"app"}, Fair: true, Weights: weights, Resources: []probe.Amount{{Name: "gpu", N: 2}}}, nil)
	}
	return s
}

// submit submits a job, has so many of its tasks run, and returns how many reservations it got.
func (s *shared) submit(now time.Duration, spec placement.Spec, run int) (reserved int) {
	s.t.Helper()
	spec.App, spec.Deadline = "app", 20*time.Hour
	_, out, err := s.core.Submit(now, spec, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range out {
		reserved += int(e.Count)
		if run > 0 && s.slots[e.Worker] < 2 {
			s.calls++
			s.core.GetTask(now, e.Worker, probe.GetTask{Slot: s.slots[e.Worker], Call: s.calls, Ref: e.Ref, Res: e.Res}, nil)
			s.slots[e.Worker]++
			run--
		}
	}
	if run > 0 {
		s.t.Fatalf("%d tasks of %s found no slot", run, spec.User)
	}
	if err := s.core.CheckInvariants(); err != nil {
		s.t.Fatal(err)
	}
	return reserved
}

func (s *shared) want(now time.Duration, user string, want int) {
	s.t.Helper()
	if got := s.submit(now, placement.Spec{User: user, Tasks: 10}, 0); got != want {
		s.t.Errorf("%s got %d reservations for 10 tasks, want %d", user, got, want)
	}
}

// TestSharesGoByPath floods workers that are fair with three users of one group, while one of another group has more
// than a quarter of what runs and less than half: its next job gets more reservations than it asks for, and one of
// theirs does not.
func TestSharesGoByPath(t *testing.T) {
	s := newShared(t, nil)
	s.submit(0, placement.Spec{User: "big/x", Tasks: 160}, 30)
	s.submit(0, placement.Spec{User: "big/y", Tasks: 160}, 30)
	s.submit(0, placement.Spec{User: "big/z/deep", Tasks: 160}, 30)
	s.submit(0, placement.Spec{User: "small/quiet", Tasks: 40}, 40)
	s.want(time.Minute, "big/x", 20)
	s.want(time.Minute, "big/new", 160)
	s.want(time.Minute, "small/quiet", 160)
	s.want(time.Minute, "third", 160)
	s.want(time.Minute, "small/quiet/too", 160)
}

// TestSharesOfEquals has two users wait for about as much: neither gets more reservations, though one has less of what
// runs. A third who comes does.
func TestSharesOfEquals(t *testing.T) {
	s := newShared(t, nil)
	s.submit(0, placement.Spec{User: "a", Tasks: 150}, 70)
	s.submit(0, placement.Spec{User: "b", Tasks: 200}, 80)
	s.want(time.Minute, "a", 20)
	s.want(time.Minute, "b", 20)
	s.want(time.Minute, "c", 160)
}

// TestSharesOfManyTasks has a user wait for more than twice its part of what runs: it is no quiet one, however much
// others wait for.
func TestSharesOfManyTasks(t *testing.T) {
	s := newShared(t, nil)
	s.submit(0, placement.Spec{User: "a", Tasks: 140}, 20)
	s.submit(0, placement.Spec{User: "flood", Tasks: 1000}, 100)
	s.want(time.Minute, "a", 20)
	s.want(time.Minute, "b", 160)
}

// TestSharesGoByWeight gives a user who has 60 of 100 slots that are taken a weight of three, at its own level and at
// its group's: it is under its share then, and not without.
func TestSharesGoByWeight(t *testing.T) {
	for _, tt := range []struct {
		weights map[string]int
		want    int
	}{{nil, 20}, {map[string]int{"a": 3}, 160}, {map[string]int{"a/quiet": 3}, 20}, {map[string]int{"a": 3, "flood": 3}, 20}} {
		s := newShared(t, tt.weights)
		s.submit(0, placement.Spec{User: "a/quiet", Tasks: 60}, 60)
		s.submit(0, placement.Spec{User: "flood", Tasks: 200}, 40)
		s.want(time.Minute, "a/quiet", tt.want)
	}
	// A worker that comes with other weights brings them for all that are here.
	s := newShared(t, nil)
	s.submit(0, placement.Spec{User: "a/quiet", Tasks: 60}, 60)
	s.submit(0, placement.Spec{User: "flood", Tasks: 200}, 40)
	s.core.WorkerUp(0, 1000, placement.Worker{Slots: 1, Apps: []string{"app"}, Fair: true, Weights: map[string]int{"a": 3}}, nil)
	s.want(time.Minute, "a/quiet", 160)
}

// TestSharesGoBySlots counts what tasks take: ten of both GPUs of a worker are as much as twenty plain ones.
func TestSharesGoBySlots(t *testing.T) {
	gpus := placement.Need{Resources: []probe.Amount{{Name: "gpu", N: 2}}}
	for _, tt := range []struct {
		need placement.Need
		want int
	}{{placement.Need{}, 160}, {placement.Need{Slots: 2}, 20}, {gpus, 20}} {
		s := newShared(t, nil)
		s.submit(0, placement.Spec{User: "quiet", Tasks: 12, Need: tt.need}, 12)
		s.submit(0, placement.Spec{User: "flood", Tasks: 200}, 20)
		s.want(time.Minute, "quiet", tt.want)
	}
}

// TestShareIsOfAFlood lets others have a little waiting, and then as much as half of what runs: only then does a user
// under its share get more reservations than it asks for.
func TestShareIsOfAFlood(t *testing.T) {
	s := newShared(t, nil)
	s.submit(0, placement.Spec{User: "busy", Tasks: 124}, 100)
	s.want(0, "quiet", 20)
	s.submit(0, placement.Spec{User: "busy", Tasks: 40}, 0)
	s.want(0, "other", 160)
}

// TestShareIsOverTime has one user run just what is above its share: it is under its share on the whole as long as it
// has not been for long.
func TestShareIsOverTime(t *testing.T) {
	s := newShared(t, nil)
	s.submit(0, placement.Spec{User: "flood", Tasks: 200}, 40)
	s.want(0, "quiet", 160)
	s.submit(time.Second, placement.Spec{User: "quiet", Tasks: 50}, 50)
	s.want(1100*time.Millisecond, "other", 160) // a third user, of whom nothing runs
	s.want(time.Minute, "quiet", 20)
}

// TestCallsOfSortersAreForTheirJob has a worker under idle offers that says whose turn it is: a call on a reservation
// of a job of which nothing waits any more gets no task of another user, whose turn it is not.
func TestCallsOfSortersAreForTheirJob(t *testing.T) {
	c := placement.New(placement.Config{Policy: placement.IdleOffer}, rand.New(rand.NewPCG(1, 1)))
	for w := range probe.WorkerID(4) {
		c.WorkerUp(0, w, placement.Worker{Slots: 4, Apps: []string{"app"}, Fair: true, Sorts: true}, nil)
	}
	submit := func(user string) []placement.Effect {
		_, out, err := c.Submit(0, placement.Spec{App: "app", User: user, Tasks: 1}, nil)
		if err != nil || len(out) != 2 {
			t.Fatalf("%+v, %v", out, err)
		}
		return out
	}
	quiet := submit("quiet")
	submit("flood")
	call := func(e placement.Effect, n uint32) placement.EffectKind {
		return c.GetTask(0, e.Worker, probe.GetTask{Slot: 0, Call: n, Ref: e.Ref, Res: e.Res}, nil)[0].Kind
	}
	if got := call(quiet[0], 1); got != placement.EffectLaunch {
		t.Errorf("the first call got a %v", got)
	}
	if got := call(quiet[1], 1); got != placement.EffectNoTask {
		t.Errorf("the second call got a %v", got)
	}
}
