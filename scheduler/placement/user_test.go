package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

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

// TestSharesGoByPath floods workers that are fair with three users of one group, while one of another group has more than a quarter of what runs and less than half: its next job
// gets more reservations than it asks for, and one of theirs does not.
func TestSharesGoByPath(t *testing.T) {
	c := placement.New(placement.Config{}, rand.New(rand.NewPCG(1, 1)))
	for w := range probe.WorkerID(100) {
		c.WorkerUp(0, w, placement.Worker{Slots: 2, Apps: []string{"app"}, Fair: true}, nil)
	}
	slots := map[probe.WorkerID]uint16{}
	calls := uint32(0)
	submit := func(user string, tasks, run int) (reserved int) {
		t.Helper()
		_, out, err := c.Submit(0, placement.Spec{App: "app", User: user, Tasks: tasks}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out {
			reserved += int(e.Count)
			if run > 0 && slots[e.Worker] < 2 {
				calls++
				c.GetTask(0, e.Worker, probe.GetTask{Slot: slots[e.Worker], Call: calls, Ref: e.Ref, Res: e.Res}, nil)
				slots[e.Worker]++
				run--
			}
		}
		if run > 0 {
			t.Fatalf("%d tasks of %s found no slot", run, user)
		}
		return reserved
	}
	submit("big/x", 40, 30)
	submit("big/y", 40, 30)
	submit("big/z/deep", 40, 30)
	submit("small/quiet", 40, 40)
	if err := c.CheckInvariants(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		user string
		want int
	}{{"big/x", 20}, {"big/new", 160}, {"small/quiet", 160}, {"third", 160}, {"small/quiet/too", 160}} {
		if got := submit(tt.user, 10, 0); got != tt.want {
			t.Errorf("%s got %d reservations for 10 tasks, want %d", tt.user, got, tt.want)
		}
	}
}

// TestCallsOfSortersAreForTheirJob has a worker under idle offers that says whose turn it is: a call on a reservation of a job of which nothing waits any more gets
// no task of another user, whose turn it is not.
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
