package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

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
