package scheduler_test

import (
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/probe"
)

// fakePeer is another scheduler's end of a connection: it notes what is handed to it.
type fakePeer struct {
	t     *testing.T
	conn  *stream.Conn
	hello probe.Hello
	hands []probe.Hand
	ended chan struct{}
}

// dialAs connects to a scheduler as another one of that name.
func dialAs(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, name string, life probe.Incarnation) *fakePeer {
	t.Helper()
	conn, err := stream.Dial(t.Context(), f.Dial, s.Addr, probe.StreamPath, nil, stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePeer{t: t, conn: conn, ended: make(chan struct{})}
	hello := probe.Hello{Version: probe.Version, Role: probe.RoleScheduler, Name: name, Incarnation: life, Fleet: "dunnock", Policy: probe.PolicyIdleOffer}
	go func() {
		defer close(p.ended)
		_ = conn.Run(t.Context(), p)
	}()
	p.say(probe.KindHello, probe.AppendHello(nil, &hello))
	return p
}

func (p *fakePeer) say(kind probe.Kind, body []byte) {
	p.conn.Send(uint8(kind), nil, body)
	p.conn.Flush()
	synctest.Wait()
}

func (p *fakePeer) Flush() {}

func (p *fakePeer) Message(kind uint8, body []byte) (err error) {
	switch probe.Kind(kind) { //nolint:exhaustive // what else a scheduler says is not looked at
	case probe.KindHello:
		p.hello, err = probe.DecodeHello(body)
	case probe.KindHand:
		var m probe.Hand
		m, err = probe.DecodeHand(body)
		p.hands = append(p.hands, m)
	}
	return err
}

func (p *fakePeer) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// What a peer wants is handed on under the worker's own name, and an offer of a worker that is not known goes back.
func TestHands(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s2", idleOffer)
		f.Worker("w1", 1, apps(nil), nil)
		time.Sleep(time.Second)
		p := dialAs(t, f, s, "s1", 99)
		defer p.conn.Close(stream.ErrClosed)
		p.say(probe.KindHand, probe.AppendHand(nil, probe.Hand{Worker: 1234, Slot: 1, Call: 5, Left: time.Second, Hops: 2}))
		if want := (probe.Hand{Worker: 1234, Slot: 1, Call: 5, Left: time.Second, Hops: 3, More: 1}); len(p.hands) != 1 || p.hands[0] != want {
			t.Fatalf("hands %+v, want back %+v", p.hands, want)
		}
		p.say(probe.KindSetDef, probe.AppendSetDef(nil, &probe.SetDef{Set: 1, App: "echo"}))
		p.say(probe.KindWant, probe.AppendWant(nil, probe.Want{Set: 1, Quota: 1, Now: 1}))
		if len(p.hands) != 2 || p.hands[1].Worker != 2 || p.hands[1].Hops != 1 || p.hands[1].More != 0 || p.hands[1].Left == 0 { // the second life in this fleet
			t.Errorf("hands %+v", p.hands)
		}
	})
}

// A newer connection of a peer ends the older one, one of an earlier life is refused, and so is a peer that should have
// been dialled.
func TestPeerDialsAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s2", idleOffer)
		time.Sleep(time.Second)
		first := dialAs(t, f, s, "s1", 99)
		second := dialAs(t, f, s, "s1", 99)
		earlier, other := dialAs(t, f, s, "s1", 98), dialAs(t, f, s, "s3", 97)
		defer second.conn.Close(stream.ErrClosed)
		time.Sleep(time.Second)
		if !first.gone() || second.gone() || !earlier.gone() || !other.gone() {
			t.Errorf("ended: the first %v, the second %v, of an earlier life %v, of a higher name %v", first.gone(), second.gone(), earlier.gone(), other.gone())
		}
		if other.hello.Name != "s2" {
			t.Errorf("who is refused is answered by %q", other.hello.Name)
		}
		if n := s.Metric("dunnock_peer_connections"); n != 1 {
			t.Errorf("%v peers", n)
		}
	})
}
