package placement

import (
	"testing"
	"time"

	"dunnock/probe"
)

// What schedulers say to each other is paid for by launches. However many jobs come and go, and however many peers
// there are, one that launches nothing falls silent but for a word now and then, which is what finds an offer in the
// end.
func TestPeersAreAskedWithinABudget(t *testing.T) {
	c := newCore(Config{Policy: IdleOffer})
	const peers, jobs = 64, 500
	var out []Effect
	now := time.Duration(0)
	for p := range PeerID(peers) {
		out = c.PeerUp(now, p, out[:0])
	}
	out = c.WorkerUp(now, 0, Worker{Slots: 4, Apps: []string{"app"}}, out[:0])
	wants := 0
	count := func() {
		for i := range out {
			if out[i].Kind == EffectWant {
				wants++
			}
		}
	}
	var refs []probe.Ref
	for range jobs {
		now += time.Millisecond
		var ref probe.Ref
		var err error
		ref, out, err = c.Submit(now, Spec{App: "app", Tasks: 8}, out[:0])
		if err != nil {
			t.Fatal(err)
		}
		count()
		refs = append(refs, ref)
		if len(refs) > 4 { // what waits longest changes
			out = c.Cancel(now, refs[0], out[:0])
			count()
			refs = refs[1:]
		}
		if at, due := c.NextWake(); due && at <= now {
			out = c.Tick(now, out[:0])
			count()
		}
		if err := c.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	}
	if most := firstCredit - minCredit + jobs; wants > most {
		t.Errorf("%d wants in %v without a launch, the budget is %d", wants, now, most)
	}
}
