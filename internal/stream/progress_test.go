package stream

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// loadCase is how TestBeatsUnderLoad loads a connection.
type loadCase struct {
	rounds, burst int  // writes, and messages in each
	size          int  // of a message
	answers       bool // each is answered
}

// Under load marks pass without the pulse. What that takes is 20 bytes for 128 messages, or half a MiB, without a write
// where there are answers, and a write for 256, or a MiB, where there are none.
func TestBeatsUnderLoad(t *testing.T) {
	for _, lc := range []loadCase{
		{rounds: 1, burst: beatMessages - 1, size: 50},
		{rounds: 1, burst: 3 * beatMessages, size: 50},
		{rounds: 800, burst: 64, size: 50},
		{rounds: 800, burst: 64, size: 50, answers: true},
		{rounds: 100, burst: 1000, size: 50},
		{rounds: 100, burst: 1000, size: 50, answers: true},
		{rounds: 10, burst: 1, size: 1 << 20},
		{rounds: 10, burst: 1, size: 1 << 20, answers: true},
		{rounds: 64, burst: 1, size: 100_000},
	} {
		t.Run(fmt.Sprintf("%+v", lc), func(t *testing.T) {
			synctest.Test(t, lc.run)
		})
	}
}

func (lc *loadCase) run(t *testing.T) {
	t.Helper()
	fa, fb := fakePair(4<<20, 0)
	a, b := newDirect(fa, quiet), newDirect(fb, quiet)
	answers, unflushed, turns := uint64(0), false, uint64(0)
	h := &handlerFuncs{}
	h.message = func(uint8, []byte) error {
		if lc.answers {
			b.Send(2, nil, nil)
			answers, unflushed = answers+1, true
		}
		return nil
	}
	h.flush = func() {
		if unflushed {
			b.Flush()
			turns, unflushed = turns+1, false
		}
	}
	end, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, h)
	synctest.Wait()
	var marks []Mark // not passed
	due := 2         // beats, until one goes
	if lc.answers {
		due = 1
	}
	body := make([]byte, lc.size)
	for range lc.rounds {
		for range lc.burst {
			marks = append(marks, a.Send(1, nil, body))
		}
		a.Flush()
		synctest.Wait()
		waits := 0
		for _, m := range marks {
			if !a.Passed(m) {
				waits++
			}
		}
		// Of the oldest, a part may have been read before the last beat.
		if waits >= due*beatMessages || (waits-due)*lc.size >= due*beatBytes {
			t.Fatalf("all have been processed, and %d of the last %d have not passed", waits, len(marks))
		}
		marks = marks[len(marks)-waits:]
	}
	s := b.Stats()
	beats := (s.BytesOut - answers*HeaderLen) / beatLen
	if s.BytesOut != answers*HeaderLen+beats*beatLen || beats > s.MessagesIn/beatMessages+s.BytesIn/beatBytes {
		t.Errorf("%d bytes of answers, %d of beats, for %d messages of %d bytes", answers*HeaderLen, s.BytesOut-answers*HeaderLen, s.MessagesIn, s.BytesIn)
	}
	if most := s.MessagesIn/(2*beatMessages) + s.BytesIn/(2*beatBytes); !lc.answers && (s.Writes != beats || s.Writes > most) {
		t.Errorf("%d writes for %d beats, want at most %d", s.Writes, beats, most)
	}
	if lc.answers && s.Writes != turns {
		t.Errorf("%d writes for what %d turns of the reader answered", s.Writes, turns)
	}
	a.Close(nil)
	<-end
	<-endB
}

// A beat is no message: two connections that have nothing more to say fall silent.
func TestBeatsAreNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a := newDirect(fa, quiet)
		end := run(t.Context(), a, &recorder{})
		for range 10 * beatMessages {
			_, _ = fb.Write(beat(0, 0))
		}
		synctest.Wait()
		if s := a.Stats(); s.Writes != 0 || s.BytesIn == 0 {
			t.Errorf("%+v, want no writes", s)
		}
		a.Close(errFakeClosed)
		<-end
	})
}

// A beat that falls due in a connection that has ended is not left behind.
func TestBeatOfAClosedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a := newDirect(fa, quiet)
		boom := errors.New("boom")
		n := 0
		h := &handlerFuncs{message: func(uint8, []byte) error {
			if n++; n == beatMessages {
				a.Close(boom)
			}
			return nil
		}}
		var in []byte
		for range 2 * beatMessages {
			in = append(in, frame(1)...)
		}
		_, _ = fb.Write(in)
		wantEnd(t, "a", run(t.Context(), a, h), boom)
		if s := a.Stats(); s.Waiting != 0 || n != beatMessages {
			t.Errorf("%d bytes wait, after %d messages", s.Waiting, n)
		}
	})
}
