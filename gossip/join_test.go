package gossip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/gossip/view"
)

func TestPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		var nodes []*running
		for i := range 6 {
			nodes = append(nodes, f.start(f.config(fmt.Sprintf("w%d", i), "10.0.0.1:1", "10.0.0.1:2")))
		}
		for _, n := range nodes {
			n.until(t, hasLen(6))
		}
		f.net.setCut(func(a, b netip.AddrPort) bool { return a.Port()%2 != b.Port()%2 })
		for _, n := range nodes {
			n.until(t, hasLen(3))
		}
		time.Sleep(10 * time.Minute) // memberlist itself remembers the dead for 30 s
		f.net.setCut(nil)
		began := time.Now()
		for _, n := range nodes {
			n.until(t, hasLen(6))
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %v until the halves were one", took)
		}
		f.end(nodes...)
	})
}

func TestLastOneRejoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		first := f.config("w1")
		seed := f.start(first)
		n := f.start(f.config("w2", first.Bind))
		n.until(t, hasLen(2))
		seed.Close()
		n.until(t, hasLen(1))
		time.Sleep(10 * time.Minute)
		if got := f.logs.count("every other node is gone, joining anew"); got != 1 {
			t.Errorf("%d lines say that the fleet is gone", got)
		}
		if got := f.logs.count("cannot join the fleet yet, trying on"); got < 9 || got > 11 {
			t.Errorf("%d warnings in ten minutes, want one a minute", got)
		}
		again := f.start(first)
		took := n.until(t, hasLen(2))
		if took > 2*maxJoinPause {
			t.Errorf("it took %v to find the fleet again", took)
		}
		again.Close()
		n.until(t, hasLen(1))
		again = f.start(first) // n looks at once, and not after what is left of a RejoinInterval
		if took := n.until(t, hasLen(2)); took > maxJoinPause {
			t.Errorf("it took %v to find the fleet that was gone for a moment", took)
		}
		f.end(n, seed, again)
	})
}

// A fleet that ends has a last node, and that is no trouble.
func TestDrainingNodeIsLastWithoutAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		first := f.config("w1")
		seed := f.start(first)
		n := f.start(f.config("w2", first.Bind))
		n.until(t, hasLen(2))
		if err := n.SetState(view.Draining); err != nil {
			t.Fatal(err)
		}
		seed.Close()
		n.until(t, hasLen(1))
		time.Sleep(10 * time.Minute)
		for _, text := range []string{"every other node is gone, joining anew", "cannot join the fleet yet, trying on"} {
			if got := f.logs.count(text); got != 0 {
				t.Errorf("%d lines say: %s", got, text)
			}
		}
		f.end(n, seed)
	})
}

func TestCompanyQuickensJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		a, b := f.config("a"), f.config("b")
		n := f.start(f.config("n", a.Bind, b.Bind))
		time.Sleep(time.Hour)
		first := f.start(a)
		n.until(t, hasLen(2))
		time.Sleep(300 * time.Millisecond)
		second := f.start(b)
		if took := n.until(t, hasLen(3)); took > 1500*time.Millisecond {
			t.Errorf("it took %v to find the second", took)
		}
		f.end(n, first, second)
	})
}

func TestLeavingIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		seed := f.config("s")
		s, n := f.start(seed), f.start(f.config("n", seed.Bind))
		s.until(t, hasLen(2))
		if err := n.Leave(0); err != nil {
			t.Error(err)
		}
		if err := n.ended(t); err != nil {
			t.Error(err)
		}
		s.until(t, hasLen(1))
		f.end(s)
		if lines := f.logs.all(); len(lines) != 1 || lines[0] != "joined the fleet" {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestUnreachableFleetIsToldAtOnceAndThenRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		n := f.start(f.config("w1", "10.0.0.1:999"))
		n.until(t, hasLen(1)) // it is a fleet of its own until then
		synctest.Wait()
		if got := f.logs.count("cannot join the fleet yet, trying on"); got != 1 {
			t.Errorf("%d warnings at the start", got)
		}
		time.Sleep(time.Hour)
		if got := f.logs.count("cannot join the fleet yet, trying on"); got < 58 || got > 62 {
			t.Errorf("%d warnings in an hour, want one a minute", got)
		}
		f.end(n)
	})
}

func TestSilentSeedDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		silent, err := f.net.listen(netip.MustParseAddrPort("10.0.0.2:1"))
		if err != nil {
			t.Fatal(err)
		}
		seed := f.config("s")
		s := f.start(seed)
		w := f.start(f.config("w1", "10.0.0.2:1", seed.Bind))
		if took := s.until(t, hasLen(2)); took > time.Second {
			t.Errorf("with a silent seed beside a live one it took %v", took)
		}
		lonely := f.config("w2", "10.0.0.2:1")
		l := f.start(lonely)
		j := f.start(f.config("w3", lonely.Bind))
		if took := j.until(t, hasLen(2)); took > time.Second {
			t.Errorf("with a silent seed a node that others joined took %v", took)
		}
		f.end(s, w, l, j)
		if err := silent.Shutdown(); err != nil {
			t.Error(err)
		}
	})
}

func TestEndWhileJoiningIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		silent, err := f.net.listen(netip.MustParseAddrPort("10.0.0.2:1"))
		if err != nil {
			t.Fatal(err)
		}
		n := f.start(f.config("w1", "10.0.0.2:1"))
		time.Sleep(time.Second)
		began := time.Now()
		f.end(n)
		if took := time.Since(began); took > 4*time.Second { // which f.end sleeps
			t.Errorf("Run took %v to end", took-4*time.Second)
		}
		if lines := f.logs.all(); len(lines) > 0 {
			t.Errorf("logged %q", lines)
		}
		if err := silent.Shutdown(); err != nil {
			t.Error(err)
		}
	})
}

func TestOutside(t *testing.T) {
	f := newFleet(t)
	cfg := f.config("w1")
	cfg.Join = []string{cfg.Bind, "10.0.0.1:7", "10.0.0.1:8", "dns+10.0.0.1:8", "10.0.0.1:9", "file+/nowhere"}
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	n.fold(func(t *view.Table) bool { return t.Join("undecodable, but there", "10.0.0.1:7", nil) })
	addrs, err := n.outside(t.Context())
	if fmt.Sprint(addrs) != "[10.0.0.1:8 10.0.0.1:9]" || err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("outside are %v, %v", addrs, err)
	}
}

func TestJoiningOneselfIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		cfg := f.config("w1")
		cfg.Join = []string{cfg.Bind, "dns+" + cfg.Bind}
		n := f.start(cfg)
		n.until(t, hasLen(1))
		time.Sleep(time.Minute)
		if lines := f.logs.all(); len(lines) > 0 {
			t.Errorf("logged %q", lines)
		}
		f.end(n)
	})
}
