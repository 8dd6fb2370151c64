package scheduler

import (
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/valyala/fasthttp/fasthttputil"
)

// Results are acknowledged when they have reached their owners, many with one message, and none before all that came before it.
func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Name: "s1", Listener: fasthttputil.NewInmemoryListener(), Members: nobody{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.ctx = t.Context()
	c := &chatter{s: s, rng: rand.New(rand.NewPCG(1, 1))}
	if err := c.connectWorker(); err != nil {
		t.Fatal(err)
	}
	l := c.links[0]
	settle := func(from, to uint64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for n := from; n <= to; n++ {
			s.settle(&l.turn, receipt{link: l, seq: n})
		}
	}
	for n := range uint64(1000) {
		l.taken.add(n + 1) // they are here, which is not enough
	}
	for _, step := range []struct{ from, to, acked uint64 }{
		{1, ackEvery - 1, 0},
		{ackEvery, ackEvery, ackEvery},
		{ackEvery + 2, 5 * ackEvery, ackEvery}, // one is missing
		{ackEvery + 1, ackEvery + 1, 5 * ackEvery},
	} {
		if settle(step.from, step.to); l.acked != step.acked {
			t.Errorf("%d to %d: acknowledged up to %d, want %d", step.from, step.to, l.acked, step.acked)
		}
	}
	l.severed = true
	if settle(5*ackEvery+1, 9*ackEvery); l.acked != 5*ackEvery {
		t.Errorf("acknowledged up to %d without a connection", l.acked)
	}
}
