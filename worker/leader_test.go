package worker

import (
	"context"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/probe"
)

// withLeader runs a test against a worker whose tasks do what their payload says, and say themselves whether a reader
// runs them.
func withLeader(t *testing.T, slots int, test func(t *testing.T, b *offerBench, k *taker)) {
	t.Helper()
	h := func(_ *offerBench, ctx context.Context, k Task) ([]byte, error) {
		where := "runner"
		if strings.Contains(string(debug.Stack()), "stream.(*Conn).read") {
			where = "reader"
		}
		switch string(k.Payload) {
		case "stay":
			<-ctx.Done()
			return nil, ctx.Err()
		case "deaf": // to its context
			time.Sleep(time.Minute)
		case "exit":
			runtime.Goexit()
		}
		return []byte(where), nil
	}
	withHandler(t, slots, h, func(t *testing.T, b *offerBench) { test(t, b, b.connect("s1", probe.PolicyIdleOffer)) })
}

// teach has brief tasks run until the next is believed to be brief.
func (k *taker) teach() {
	k.t.Helper()
	for range briefAfter + 1 {
		k.launch(k.lastOffer(), probe.Launch{})
	}
	k.wantEnds(briefAfter + 1)
	if where := k.lastEnd(); where != "reader" {
		k.t.Fatalf("after %d brief attempts the next ran on a %s", briefAfter, where)
	}
}

func (k *taker) wantEnds(n int) {
	k.t.Helper()
	if ends := k.heard().ends; len(ends) != n {
		k.t.Fatalf("%d attempts have ended, want %d", len(ends), n)
	}
}

func (k *taker) lastEnd() string {
	ends := k.heard().ends
	return string(ends[len(ends)-1].Body)
}

// Attempts of an app that is brief run on the reader, and what they bring leaves in one write: an offer and an end for
// each. Others run on runners.
func TestBriefAttempts(t *testing.T) {
	const slots = 4
	withLeader(t, slots, func(t *testing.T, b *offerBench, k *taker) {
		for i := range briefAfter {
			k.launch(k.lastOffer(), probe.Launch{})
			if where := k.lastEnd(); where != "runner" {
				t.Fatalf("attempt %d ran on a %s", i+1, where)
			}
		}
		ends, writes := len(k.heard().ends), k.writes(b)
		for i, o := range k.openOffers() {
			m := probe.Launch{Slot: o.Slot, Call: o.Call, Ref: 1, Task: uint32(i), Attempt: 1, Deadline: time.Minute}
			k.conn.Send(uint8(probe.KindLaunch), probe.AppendLaunchHead(nil, &m), nil)
		}
		k.conn.Flush()
		synctest.Wait()
		k.wantEnds(ends + slots)
		for _, e := range k.heard().ends[ends:] {
			if string(e.Body) != "reader" {
				t.Errorf("task %d ran on a %s", e.Task, e.Body)
			}
		}
		if n := k.writes(b) - writes; n != 1 || len(k.openOffers()) != slots {
			t.Errorf("%d writes, %d offers are open", n, len(k.openOffers()))
		}
	})
}

// openOffers are the latest of each of the slots.
func (k *taker) openOffers() (open []probe.Offer) {
	ended := make(map[[2]uint32]bool)
	said := k.heard()
	for _, e := range said.ends {
		ended[[2]uint32{uint32(e.Slot), e.Call}] = true
	}
	for _, o := range said.offers {
		if !ended[[2]uint32{uint32(o.Slot), o.Call}] {
			open = append(open, o)
		}
	}
	return open
}

// writes is how often the worker has written to a scheduler.
func (k *taker) writes(b *offerBench) uint64 {
	b.worker.mu.Lock()
	defer b.worker.mu.Unlock()
	for _, p := range b.worker.peers {
		return p.conn.Stats().Writes
	}
	return 0
}

// An attempt that was believed to be brief and is not keeps nobody waiting for long: what is in line behind it starts,
// and what its scheduler says is heard. After that its app is not believed for a while.
func TestLeaderIsRelieved(t *testing.T) {
	withLeader(t, 2, func(t *testing.T, _ *offerBench, k *taker) {
		k.teach()
		ends, offers := len(k.heard().ends), k.openOffers()
		for i, what := range []string{"stay", ""} {
			m := probe.Launch{Slot: offers[i].Slot, Call: offers[i].Call, Ref: 1, Task: uint32(i), Attempt: 1, Deadline: time.Minute}
			k.conn.Send(uint8(probe.KindLaunch), probe.AppendLaunchHead(nil, &m), []byte(what))
		}
		k.conn.Flush()
		sleep(2 * guardTime)
		k.wantEnds(ends + 1)
		if where := k.lastEnd(); where != "runner" {
			t.Errorf("what was behind it ran on a %s", where)
		}
		k.conn.Send(uint8(probe.KindKill), nil, probe.AppendKill(nil, probe.Kill{Slot: offers[0].Slot, Call: offers[0].Call}))
		k.conn.Flush()
		synctest.Wait()
		k.wantEnds(ends + 2)
		if last := k.heard().ends[ends+1]; last.Status != probe.StatusKilled {
			t.Errorf("it ended with %v", last.Status)
		}
		k.launch(k.lastOffer(), probe.Launch{})
		if where := k.lastEnd(); where != "runner" {
			t.Errorf("the next ran on a %s", where)
		}
	})
}

// Leaders are looked at less often the longer none of them has kept anybody waiting, up to a bound, and often again
// when one has.
func TestLeadersAreTrusted(t *testing.T) {
	withLeader(t, 2, func(t *testing.T, b *offerBench, k *taker) {
		keeps := func(what string, for_ time.Duration) {
			t.Helper()
			for k.launch(k.lastOffer(), probe.Launch{}); k.lastEnd() != "reader"; {
				k.launch(k.lastOffer(), probe.Launch{})
			}
			sleep(time.Second) // nobody is looked at any more
			ends, offers := len(k.heard().ends), k.openOffers()
			for i, payload := range []string{"stay", ""} {
				m := probe.Launch{Slot: offers[i].Slot, Call: offers[i].Call, Ref: 1, Task: uint32(i), Attempt: 1, Deadline: time.Minute}
				k.conn.Send(uint8(probe.KindLaunch), probe.AppendLaunchHead(nil, &m), []byte(payload))
			}
			k.conn.Flush()
			sleep(for_ - guardTime/2)
			k.wantEnds(ends)
			sleep(for_ + guardTime)
			if got := len(k.heard().ends); got != ends+1 {
				t.Errorf("%s: after twice %v the one behind it has not ended", what, for_)
			}
			k.conn.Send(uint8(probe.KindKill), nil, probe.AppendKill(nil, probe.Kill{Slot: offers[0].Slot, Call: offers[0].Call}))
			k.conn.Flush()
			sleep(time.Second)
		}
		prove := func(attempts int) {
			b.worker.mu.Lock()
			defer b.worker.mu.Unlock()
			b.worker.crew.proven += attempts
		}
		keeps("at first", guardTime)
		prove(2 * guardProven)
		keeps("proven", 3*guardTime)
		keeps("after a mistake", guardTime)
		prove(1000 * guardProven)
		keeps("well proven", guardMost)
	})
}

// A leader whose handler does not return in spite of everything holds up neither the end of its connection nor the next
// one.
func TestDeafLeader(t *testing.T) {
	withLeader(t, 1, func(t *testing.T, b *offerBench, k *taker) {
		k.teach()
		k.launch(k.lastOffer(), probe.Launch{Payload: []byte("deaf")})
		sleep(2 * guardTime)
		k.conn.Close(nil)
		sleep(time.Second)
		if !strings.Contains(b.logged(), "scheduler disconnected") {
			t.Errorf("the connection has not ended: %s", b.logged())
		}
		again := b.connect("s1", probe.PolicyIdleOffer)
		sleep(time.Minute)
		again.launch(again.lastOffer(), probe.Launch{})
		if ends := again.heard().ends; len(ends) != 2 {
			t.Errorf("on the new connection: %+v", ends)
		}
	})
}

// A handler that ends its goroutine has failed its attempt, and somebody else reads on.
func TestLeaderExits(t *testing.T) {
	withLeader(t, 1, func(t *testing.T, _ *offerBench, k *taker) {
		k.teach()
		ends := len(k.heard().ends)
		k.launch(k.lastOffer(), probe.Launch{Payload: []byte("exit")})
		k.wantEnds(ends + 1)
		if last := k.heard().ends[ends]; last.Status != probe.StatusFailed || !strings.Contains(string(last.Body), "ended its goroutine") {
			t.Errorf("it ended with %v, %s", last.Status, last.Body)
		}
		k.launch(k.lastOffer(), probe.Launch{})
		k.wantEnds(ends + 2)
	})
}

// One attempt that takes longer than a brief one does not make its app long, many do.
func TestHabit(t *testing.T) {
	var h habit
	for i := range briefAfter {
		if h.brief() {
			t.Fatalf("brief after %d attempts", i)
		}
		h.took(briefTime)
	}
	for range 10 * briefAfter {
		h.took(briefTime)
	}
	for _, long := range []bool{true, false, true, false} {
		if !h.brief() {
			t.Fatal("not brief after a long attempt among brief ones")
		}
		h.took(map[bool]time.Duration{true: time.Second, false: 0}[long])
	}
	for range briefMost / longBack {
		h.took(briefTime + 1)
	}
	if h.brief() {
		t.Fatal("brief after long attempts")
	}
	for range briefAfter {
		h.took(0)
	}
	if !h.brief() {
		t.Fatal("long for ever")
	}
	h.mistaken()
	h.took(time.Second)
	for range briefMost {
		h.took(0)
	}
	if h.brief() {
		t.Error("a mistake is forgotten as fast as a long attempt")
	}
}

// Whether an attempt was brief goes by what its handler took, however long it took to get there and to report it.
func TestHandlersAloneAreBrief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots = 3
		w := crewOf(t, slots)
		defer w.end(t)
		w.habits[0].score = briefMost
		w.mu.Lock()
		for _, i := range upTo(slots) {
			s := w.slots[i]
			s.current = &attempt{
				attemptContext: &attemptContext{}, slot: s, habit: &w.habits[0],
				handler: func(context.Context, Task) ([]byte, error) { time.Sleep(briefTime); return nil, nil },
			}
			w.crew.add(s.current)
		}
		w.mu.Unlock()
		l := &leader{runner: runner{w: w}}
		n := 0
		for a := l.begin(); a != nil; n++ {
			time.Sleep(2 * briefTime)
			a = l.do(a)
		}
		if n != slots || w.habits[0].score != briefMost {
			t.Errorf("after %d attempts of %v in their handler the score is %d of %d", n, briefTime, w.habits[0].score, briefMost)
		}
	})
}
