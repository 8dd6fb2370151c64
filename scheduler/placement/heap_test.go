package placement

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dunnock/probe"
)

// wideCore is a core under which jobs are wide, with peers, a hop of 1 ms, and a worker of 9 slots. Nothing waits.
func wideCore(t *testing.T, peers PeerID) *Core {
	t.Helper()
	c := newCore(Config{Policy: IdleOffer, Hop: time.Millisecond})
	c.WorkerUp(0, 0, Worker{Slots: 9, Apps: []string{"app"}}, nil)
	ref, _, err := c.Submit(0, Spec{App: "app", Tasks: 300}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Cancel(0, ref, nil)
	for p := range peers {
		c.PeerUp(0, p, nil)
	}
	return c
}

// asked is what each peer is asked for at once by some effects.
func asked(out []Effect) map[PeerID]uint32 {
	m := make(map[PeerID]uint32)
	for i := range out {
		if e := &out[i]; e.Kind == EffectWant && e.Count > 0 {
			m[e.Peer] = e.Res
		}
	}
	return m
}

// What waits is asked for first where a hand said that there is more, as much as there is, and the rest of others; but
// not if that was long ago, or if who said it wants something itself since.
func TestHeapsAreAskedFirst(t *testing.T) {
	const hop = time.Millisecond
	for name, tt := range map[string]struct {
		at    time.Duration // of the job
		wants bool
		heap  bool
	}{
		"at once":            {hop, false, true},
		"when it is old":     {(heapLife + 2) * hop, false, false},
		"when it wants some": {hop, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := wideCore(t, 3)
			c.Hand(hop, 2, 0, probe.Hand{Call: 1, Left: time.Second, Hops: 1, More: 14}, nil)
			if tt.wants {
				c.SetDef(2, probe.SetDef{Set: 1, App: "other"})
				c.Want(hop, 2, probe.Want{Set: 1, Quota: 1}, nil)
			}
			_, out, err := c.Submit(tt.at, Spec{App: "app", Tasks: 21}, nil) // and one is launched on what came
			if err != nil {
				t.Fatal(err)
			}
			got := asked(out)
			if all := got[0] + got[1] + got[2]; int(all) != enough(20) || (got[2] == 14) != tt.heap || got[2] < 9 {
				t.Errorf("asked for %v", got)
			}
			if err := c.CheckInvariants(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who gave all that it was asked for and has more is asked again after a round trip, for that; who has nothing left is
// not.
func TestHeapsAreAskedAgain(t *testing.T) {
	t.Parallel()
	c := wideCore(t, 10)
	_, out, err := c.Submit(0, Spec{App: "app", Tasks: 21}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := asked(out); m[0] != 3 || m[1] != 3 {
		t.Fatalf("asked for %v at once", m)
	}
	lane := uint16(0)
	give := func(p PeerID, more ...uint8) {
		for _, n := range more {
			c.Hand(time.Millisecond, p, 0, probe.Hand{Slot: lane, Call: 1, Left: time.Second, Hops: 1, More: n}, nil)
			lane++
		}
	}
	give(0, 7, 6, 5)
	give(1, 2, 1, 0)
	give(2, 12, 11, 10)
	if diff := cmp.Diff(map[PeerID]uint32{0: 2, 2: 10}, asked(c.Tick(4*time.Millisecond, nil))); diff != "" {
		t.Errorf("the second round: %s", diff)
	}
}
