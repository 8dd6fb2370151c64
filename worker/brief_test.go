package worker

import (
	"testing"
	"testing/synctest"
	"time"

	"dunnock/probe"
	"dunnock/worker/queue"
)

// rush launches what a payload says on an offer, of an app of which more waits, and does not wait.
func (k *taker) rush(o probe.Offer, n uint32, payload string) {
	k.t.Helper()
	m := probe.Launch{Slot: o.Slot, Call: o.Call, Ref: 1, Task: n, Attempt: 1, Deadline: time.Minute, More: true, Payload: []byte(payload)}
	k.conn.Send(uint8(probe.KindLaunch), probe.AppendLaunchHead(nil, &m), m.Payload)
}

// invite has brief tasks run until the worker of one slot that is busy with "stay" has made offers for their app, and
// returns those.
func (k *taker) invite() []probe.Offer {
	k.t.Helper()
	for range 2 * queue.DefaultBriefProof {
		k.launch(k.lastOffer(), probe.Launch{})
	}
	k.wantEnds(2 * queue.DefaultBriefProof)
	made := len(k.heard().offers)
	k.rush(k.lastOffer(), 1, "")
	k.conn.Flush()
	synctest.Wait()
	offers := k.heard().offers[made:]
	if len(offers) != 3 || offers[0].Brief != 1 || offers[1].Brief != 1 || offers[2].Brief != 0 {
		k.t.Fatalf("offers %+v, want two for the app and that of the slot", offers)
	}
	return offers
}

// What is launched beyond the slots runs there one after another, and all that comes of it leaves in one write.
func TestInvited(t *testing.T) {
	withLeader(t, 1, func(t *testing.T, b *offerBench, k *taker) {
		offers := k.invite()
		made, ends, writes := len(k.heard().offers), len(k.heard().ends), k.writes(b)
		for i, o := range offers {
			k.rush(o, uint32(i), "")
		}
		k.conn.Flush()
		synctest.Wait()
		k.wantEnds(ends + 3)
		if n := k.writes(b) - writes; n != 1 {
			t.Errorf("%d writes for what came in one", n)
		}
		if more := k.heard().offers[made:]; len(more) < 4 {
			t.Errorf("offers %+v: fewer than two for each start", more)
		}
		if len(k.heard().declines) > 0 {
			t.Errorf("declined %+v", k.heard().declines)
		}
	})
}

// One that stays, against all habit, has what waits behind it given back after two milliseconds, and its app is invited
// no more.
func TestInvitedBehindLong(t *testing.T) {
	withLeader(t, 1, func(t *testing.T, _ *offerBench, k *taker) {
		offers := k.invite()
		began := time.Now()
		k.rush(offers[2], 1, "stay")
		k.rush(offers[0], 2, "")
		k.conn.Flush()
		for len(k.heard().declines) == 0 && time.Since(began) < time.Second {
			sleep(10 * time.Microsecond)
		}
		// The reader is in the handler for up to two looks at it, and the launch behind it is read when it is relieved.
		if waited := time.Since(began); waited > 5*time.Millisecond {
			t.Errorf("a task was given back after %v", waited)
		}
		sleep(time.Millisecond)
		declines := k.heard().declines
		if d := declines[0]; d.Task != 2 || d.Reason != probe.RefusedEarly {
			t.Errorf("declined %+v first", d)
		}
		for _, d := range declines[1:] {
			if d.Ref != 0 || d.Reason != probe.RefusedStale {
				t.Errorf("declined %+v, want offers only", d)
			}
		}
		k.conn.Send(uint8(probe.KindKill), probe.AppendKill(nil, probe.Kill{Slot: offers[2].Slot, Call: offers[2].Call}), nil)
		k.conn.Flush()
		sleep(time.Millisecond)
		made := len(k.heard().offers)
		k.rush(k.lastOffer(), 3, "")
		k.conn.Flush()
		synctest.Wait()
		for _, o := range k.heard().offers[made:] {
			if o.Brief > 0 {
				t.Errorf("invited by %+v", o)
			}
		}
	})
}
