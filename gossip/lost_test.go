package gossip

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"dunnock/gossip/view"
	"dunnock/probe"
)

// Who was cut off, and is not alone because some that cannot be reached are not given up yet, is found again soon after
// the cut has healed, by everybody and without waiting for a turn of what only looks now and then.
func TestCutOffIsFoundAgainSoon(t *testing.T) {
	for i := range 20 {
		lasts := 6*time.Second + time.Duration(i)*time.Second
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t)
			f.net.setSilent(true)
			const size = 9
			var nodes []*running
			for i := range size {
				nodes = append(nodes, f.start(f.config(fmt.Sprintf("w%d", i), "10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3")))
			}
			for _, n := range nodes {
				n.until(t, hasLen(size))
			}
			off := nodes[size-1].advertised
			f.net.setCut(func(a, b netip.AddrPort) bool { return a == off || b == off })
			time.Sleep(lasts)
			f.net.setCut(nil)
			began := time.Now()
			for _, n := range nodes {
				n.until(t, hasLen(size))
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("cut off for %v, it took %v until all had it again, and it them", lasts, took)
			}
			f.end(nodes...)
		})
	}
}

// Who said that it leaves is not looked for, nor who is back in whatever life, nor anybody for ever.
func TestLost(t *testing.T) {
	now := time.Now()
	node := func(name, addr string, state view.State) *memberlist.Node {
		m := view.Member{Name: name, Role: probe.RoleWorker, Incarnation: 7, Addr: addr, Slots: 1, State: state, Version: probe.Version}
		meta, err := view.EncodeMeta(&m)
		if err != nil {
			t.Fatal(err)
		}
		at := netip.MustParseAddrPort(addr)
		return &memberlist.Node{Name: view.Identity(m.Key(), m.Incarnation), Addr: at.Addr().AsSlice(), Port: at.Port(), Meta: meta}
	}
	var l lost
	l.miss(node("w1", "10.0.0.1:1", view.Active), now)
	l.miss(node("w2", "10.0.0.1:2", view.Draining), now)
	l.miss(node("w3", "10.0.0.1:3", view.Active), now)
	l.miss(node("w4", "10.0.0.1:4", view.Active), now)
	l.found(node("w3", "10.0.0.1:3", view.Active))
	l.found(node("w5", "10.0.0.1:4", view.Active))
	picked := l.pick(now, 1)
	if len(picked) != 1 || picked[0].addr.Port() != 1 {
		t.Fatalf("looks for %v", picked)
	}
	if again := l.pick(now, 1); len(again) != 0 {
		t.Errorf("tries %v twice at once", again)
	}
	l.tried(picked[0])
	if n := len(l.pick(now.Add(lostFor+1), 1)); n != 0 || len(l.nodes) != 0 {
		t.Errorf("after %v still looks for %d", lostFor, n)
	}
	for i := range 2 * maxLost {
		l.miss(node(fmt.Sprintf("v%d", i), fmt.Sprintf("10.0.1.1:%d", i+1), view.Active), now)
	}
	if n := len(l.pick(now, 1)); n != lostParallel || len(l.nodes) != maxLost {
		t.Errorf("%d tries at once, for %d nodes", n, len(l.nodes))
	}
}

// All nodes of a fleet together try each lost one a few times in a pause, however many they are.
func TestLostAreNotFlooded(t *testing.T) {
	var l lost
	now, tries := time.Now(), 0
	l.miss(&memberlist.Node{Name: "x", Addr: netip.MustParseAddr("10.0.0.1").AsSlice(), Port: 1}, now)
	for range 10_000 { // pauses of 1,000 nodes: ten of each
		for _, n := range l.pick(now, 1000) {
			tries++
			l.tried(n)
		}
	}
	if tries < 5*lostTries || tries > 20*lostTries {
		t.Errorf("1,000 nodes try %d times in ten pauses, want about %d", tries, 10*lostTries)
	}
}
