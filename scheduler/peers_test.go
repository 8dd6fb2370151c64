package scheduler_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/api"
	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
)

// idleOffer is the configuration of a scheduler in a fleet that makes idle offers.
func idleOffer(c *scheduler.Config) { c.Policy = placement.IdleOffer }

func lateBinding(c *scheduler.Config) { c.Policy = placement.LateBinding }

// connections are how a scheduler says that it stands with the others, by their names, and what it says is wrong with
// them.
func connections(t *testing.T, f *fleettest.Fleet, s *fleettest.Node) (states, faults map[string]string) {
	t.Helper()
	var list api.SchedulerList
	newCaller(t, f, s).do("GET", "/v1/schedulers", "", 200, &list)
	states, faults = make(map[string]string), make(map[string]string)
	for _, row := range list.Schedulers {
		if row.Self == (row.Name != s.Name) {
			t.Errorf("%s says that %s is itself", s.Name, row.Name)
		}
		if !row.Self {
			states[row.Name], faults[row.Name] = row.Connection, row.Fault
		}
	}
	return states, faults
}

// linked fails the test unless a scheduler is connected with those others and nobody else.
func linked(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, others ...string) {
	t.Helper()
	states, _ := connections(t, f, s)
	var with []string
	for name, state := range states {
		if state == "connected" {
			with = append(with, name)
		}
	}
	slices.Sort(with)
	if !slices.Equal(with, others) || s.Metric("dunnock_peer_connections") != float64(len(others)) {
		t.Errorf("%s is connected with %v (%v in all), not %v", s.Name, with, s.Metric("dunnock_peer_connections"), others)
	}
}

// Every two schedulers of a fleet that makes idle offers are connected, and are again after the connection has ended,
// or one of them.
func TestSchedulersConnect(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s1, s3 := f.Scheduler("s1", idleOffer), f.Scheduler("s3", idleOffer)
		synctest.Wait()
		s2 := f.Scheduler("s2", idleOffer) // between the two
		all := func(s2 *fleettest.Node) {
			t.Helper()
			linked(t, f, s1, "s2", "s3")
			linked(t, f, s2, "s1", "s3")
			linked(t, f, s3, "s1", "s2")
		}
		time.Sleep(time.Second)
		all(s2)
		f.Break(s3)
		time.Sleep(time.Second)
		all(s2)

		s2.Kill()
		time.Sleep(time.Second)
		linked(t, f, s1, "s3")
		linked(t, f, s3, "s1")
		if states, faults := connections(t, f, s1); states["s2"] != "dialled" || !strings.Contains(faults["s2"], "refused") {
			t.Errorf("the connection of s1 with a dead s2 is %s: %s", states["s2"], faults["s2"])
		}
		if states, _ := connections(t, f, s3); states["s2"] != "awaited" {
			t.Errorf("the connection of s3 with a dead s2, which would dial, is %s", states["s2"])
		}
		all2 := f.Scheduler("s2", idleOffer)
		time.Sleep(3 * time.Second)
		all(all2)
		all2.Kill()
	})
}

// A scheduler that nothing is heard of any more is no peer after its lease; the one that dials again is, at once.
func TestSilentPeer(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s1, s2 := f.Scheduler("s1", idleOffer), f.Scheduler("s2", idleOffer)
		time.Sleep(time.Second)
		f.Drop(s2, true)
		time.Sleep(2 * time.Second)
		if n := s1.Metric("dunnock_peer_connections"); n != 0 {
			t.Errorf("s1 has %v peers while nothing arrives", n)
		}
		f.Drop(s2, false)
		time.Sleep(5 * time.Second)
		linked(t, f, s1, "s2")
		linked(t, f, s2, "s1")
	})
}

// Schedulers of different policies are no peers, and the one that makes idle offers says so. Under late binding
// schedulers do not talk.
func TestPeersOfOnePolicy(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s1, s2, s3 := f.Scheduler("s1", idleOffer), f.Scheduler("s2", lateBinding), f.Scheduler("s3", lateBinding)
		time.Sleep(10 * time.Second)
		states, faults := connections(t, f, s1)
		for _, name := range []string{"s2", "s3"} {
			if states[name] != "refused" || !strings.Contains(faults[name], `"late-binding"`) || !strings.Contains(faults[name], `"idle-offer"`) {
				t.Errorf("the connection of s1 with %s is %s: %s", name, states[name], faults[name])
			}
		}
		for _, s := range []*fleettest.Node{s2, s3} {
			linked(t, f, s)
			if states, _ := connections(t, f, s); states["s1"] != "" || states["s2"]+states["s3"] != "" {
				t.Errorf("%s, which has no use for peers, has %v", s.Name, states)
			}
		}
	})
}
