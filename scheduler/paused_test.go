package scheduler

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/stream"
	"dunnock/probe"
)

// A draining worker that hangs up has left if that is what it said last. It may as well have stood still, and be back.
func TestHungUpWhileDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, left := range []bool{false, true} {
			c, _ := heldFleet(t)
			l := c.links[0]
			for _, m := range []probe.Drain{{}, {Left: left}} {
				if err := l.Message(uint8(probe.KindDrain), probe.AppendDrain(nil, m)); err != nil {
					t.Fatal(err)
				}
			}
			if l.down(t.Context(), io.EOF); l.isSevered() == left {
				t.Errorf("its last word: %v, and it may be back: %v", left, !left)
			}
			l.void()
			l.overdue.Stop()
		}
	})
}

// A scheduler that stood still finds its connections ended by workers that have not heard it. Its own silence is no
// reason to give up what runs there before it has dialled once.
func TestPauseVoidsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChatter(t, Config{}, 1)
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
