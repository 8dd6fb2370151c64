package scheduler

import (
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/internal/stream"
)

// A scheduler that stood still finds its connections ended by workers that have not heard it. Its own silence is no reason to give up what
// runs there before it has dialled once.
func TestPauseVoidsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
		time.Sleep(10 * time.Second)
		l.down(t.Context(), io.EOF)
		time.Sleep(2 * minRedial)
		if !l.isSevered() {
			t.Error("given up before it could be dialled")
		}
		time.Sleep(stream.DefaultLease)
		if l.isSevered() {
			t.Error("never given up")
		}
		l.overdue.Stop()
	})
}
