package worker_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/worker"
)

// liar is a scheduler that answers calls rightly, wrongly, twice or not at all, and says much that nobody asked for.
type liar struct {
	conn *stream.Conn
	rng  *rand.Rand
}

func (l *liar) say(kind probe.Kind, body []byte) { l.conn.Send(uint8(kind), nil, body) }

func (l *liar) launch(slot uint16, call uint32) {
	m := probe.Launch{
		Slot: slot, Call: call, Ref: probe.Ref(l.rng.IntN(4)), Task: uint32(l.rng.IntN(4)), Attempt: 1, App: uint16(l.rng.IntN(4)),
		Deadline: time.Duration(l.rng.Int64() >> l.rng.IntN(63)), Timeout: time.Duration(l.rng.Int64() >> l.rng.IntN(63)),
	}
	if l.rng.IntN(4) > 0 {
		m.App = 0
	}
	m.Expect, m.More = time.Duration(l.rng.IntN(20)-5)*time.Millisecond, l.rng.IntN(2) == 0
	l.say(probe.KindLaunch, append(probe.AppendLaunchHead(nil, &m), make([]byte, l.rng.IntN(100_000))...))
}

func (l *liar) Message(kind uint8, body []byte) error {
	var m probe.GetTask
	var err error
	switch probe.Kind(kind) { //nolint:exhaustive // what else a worker says, a liar does not listen to
	case probe.KindGetTask:
		m, err = probe.DecodeGetTask(body)
	case probe.KindOffer: // which it takes for a call
		var o probe.Offer
		o, err = probe.DecodeOffer(body)
		m.Slot, m.Call = o.Slot, o.Call
	default:
		return nil
	}
	if err != nil {
		return err
	}
	switch l.rng.IntN(10) {
	case 0:
		l.say(probe.KindNoTask, probe.AppendNoTask(nil, probe.NoTask{Slot: m.Slot, Call: m.Call}))
	case 1: // nothing
	case 2:
		l.launch(m.Slot, m.Call)
		l.launch(m.Slot, m.Call)
		l.say(probe.KindKill, probe.AppendKill(nil, probe.Kill{Slot: m.Slot, Call: m.Call}))
	case 3:
		l.launch(m.Slot, m.Call+uint32(l.rng.IntN(3))-1)
		l.launch(uint16(l.rng.IntN(7)), uint32(l.rng.IntN(50)))
	case 4:
		l.launch(uint16(l.rng.IntN(5000)), m.Call) // mostly no such slot, which ends the connection
	default:
		l.launch(m.Slot, m.Call)
	}
	return nil
}

func (l *liar) Flush() { l.conn.Flush() }

func (l *liar) chat() {
	ref, res := probe.Ref(l.rng.IntN(4)), uint32(l.rng.IntN(6))
	switch l.rng.IntN(6) {
	case 0, 1, 2:
		l.say(probe.KindReserve, probe.AppendReserve(nil, probe.Reserve{Ref: ref, Res: res, Count: uint32(1 + l.rng.IntN(50))}))
	case 3:
		l.say(probe.KindCancel, probe.AppendCancel(nil, probe.Cancel{Ref: ref, Res: res}))
	case 4:
		l.say(probe.KindKill, probe.AppendKill(nil, probe.Kill{Slot: uint16(l.rng.IntN(4)), Call: uint32(l.rng.IntN(50))}))
	case 5:
		l.say(probe.KindNoTask, probe.AppendNoTask(nil, probe.NoTask{Slot: uint16(l.rng.IntN(4)), Call: uint32(l.rng.IntN(50))}))
	}
	l.conn.Flush()
}

// Schedulers that lie, come twice and go at any moment neither stop a worker nor leave a slot taken: when they have
// gone, an honest one gets all of them, and a drain ends.
func TestLyingSchedulers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		var running, most atomic.Int32
		work := func(ctx context.Context, t worker.Task) ([]byte, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Duration(len(t.Payload)) * time.Microsecond):
			}
			return t.Payload, nil
		}
		const slots = 3
		w := f.Worker("w1", slots, map[string]worker.Handler{"a": work, "echo": fleettest.Echo}, nil)
		synctest.Wait()
		rng := rand.New(rand.NewPCG(1, 2))
		for life := range probe.Incarnation(60) {
			conn, err := stream.Dial(t.Context(), f.Dial, w.Addr, probe.StreamPath, nil, stream.Config{})
			if err != nil {
				t.Fatal(err)
			}
			l := &liar{conn, rng}
			name := [2]string{"liar", "other"}[rng.IntN(2)]
			hello := probe.Hello{Version: probe.Version, Role: probe.RoleScheduler, Name: name, Incarnation: life / 2, Fleet: "dunnock"}
			if rng.IntN(2) == 0 {
				hello.Policy = probe.PolicyIdleOffer
			}
			l.say(probe.KindHello, probe.AppendHello(nil, &hello))
			ended := make(chan struct{})
			go func() { _ = conn.Run(t.Context(), l); close(ended) }()
			for range 50 {
				synctest.Wait() // the liar's generator is used by one goroutine at a time
				l.chat()
				synctest.Wait()
				time.Sleep(5 * time.Millisecond)
			}
			if life%3 > 0 { // else it stays, until one of its name comes
				conn.Close(errors.New("gone"))
				<-ended
			}
		}
		if most.Load() != slots {
			t.Errorf("%d tasks ran at once, the worker has %d slots", most.Load(), slots)
		}
		for _, name := range []string{"liar", "other"} { // the last of either name goes
			conn, err := stream.Dial(t.Context(), f.Dial, w.Addr, probe.StreamPath, nil, stream.Config{})
			if err != nil {
				t.Fatal(err)
			}
			hello := probe.Hello{Version: probe.Version, Role: probe.RoleScheduler, Name: name, Incarnation: 99, Fleet: "dunnock"}
			conn.Send(uint8(probe.KindHello), nil, probe.AppendHello(nil, &hello))
			ended := make(chan struct{})
			go func() { _ = conn.Run(t.Context(), deaf{}); close(ended) }()
			time.Sleep(time.Second)
			conn.Close(errors.New("gone"))
			<-ended
		}
		s := f.Scheduler("s1", nil)
		time.Sleep(time.Second)
		h := fleettest.Submit(t, f.Client(s), echoJob(slots, "1s"))
		began := time.Now()
		if _, err := h.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 1100*time.Millisecond {
			t.Errorf("%d tasks of 1 s took %v on %d slots", slots, took, slots)
		}
		w.Drain()
		if err := w.Wait(); err != nil {
			t.Error(err)
		}
	})
}
