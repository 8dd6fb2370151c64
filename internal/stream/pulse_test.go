package stream

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// beatWatch reads a connection raw and notes when frames of which kind came.
type beatWatch struct {
	nc    *fakeConn
	began time.Time
	at    []time.Duration
	last  []byte
}

func (w *beatWatch) read(t *testing.T) {
	t.Helper()
	buf := make([]byte, beatLen)
	for {
		if _, err := io.ReadFull(w.nc, buf); err != nil {
			return
		}
		if buf[3] != kindBeat {
			t.Errorf("frame of kind %#x, want a beat", buf[3])
		}
		w.at = append(w.at, time.Since(w.began))
		w.last = bytes.Clone(buf)
	}
}

// A connection with nothing to say is never silent for longer than
// BeatInterval, and says how many messages it has processed.
func TestBeats(t *testing.T) {
	for _, direct := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			fa, fb := fakePair(1<<20, 0)
			a := New(fa, nil, Config{Lease: -1})
			if direct {
				a = newDirect(fa, Config{Lease: -1})
			}
			_, _ = fb.Write(slices.Concat(frame(1), first(1, 0), frame(1)))
			w := &beatWatch{nc: fb, began: time.Now()}
			go w.read(t)
			end := run(t.Context(), a, &recorder{})
			time.Sleep(10*DefaultBeatInterval + time.Millisecond)
			synctest.Wait()
			if len(w.at) != 10 && len(w.at) != 11 {
				t.Fatalf("direct %v: %d beats in 10 intervals", direct, len(w.at))
			}
			for i, at := range w.at {
				if i > 0 && at-w.at[i-1] != DefaultBeatInterval || at > DefaultBeatInterval*time.Duration(i+1) {
					t.Errorf("direct %v: beat %d at %v", direct, i, at)
				}
			}
			if want := beat(2, 1); !bytes.Equal(w.last, want) {
				t.Errorf("direct %v: beat % x, want % x", direct, w.last, want)
			}
			a.Close(io.EOF)
			<-end
		})
	}
}

// Two connections keep each other alive, in every kind of transport, and each learns how far the other has come.
func TestBeatsKeepAlive(t *testing.T) {
	inBubbles(t, Config{}, func(t *testing.T, a, b *Conn) {
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, &recorder{})
		mark := a.Send(1, nil, []byte("x"))
		a.Flush()
		time.Sleep(time.Hour)
		if a.Silence() > DefaultBeatInterval {
			t.Errorf("silence of %v although the peer beats", a.Silence())
		}
		if !a.Passed(mark) {
			t.Error("the peer has not processed the message")
		}
		a.Close(nil)
		wantEnd(t, "a", endA, nil)
		wantEnd(t, "b", endB, io.EOF)
	})
}

// Beats do not pile up behind output that does not move.
func TestBeatsDoNotPileUp(t *testing.T) {
	inBubbles(t, Config{Lease: -1}, func(t *testing.T, a, _ *Conn) {
		end := run(t.Context(), a, &recorder{})
		a.Send(1, nil, make([]byte, 1<<20))
		a.Flush()
		time.Sleep(time.Minute)
		before := a.Stats()
		time.Sleep(time.Hour)
		if after := a.Stats(); after != before {
			t.Errorf("a stuck connection had %+v, an hour later %+v", before, after)
		}
		a.Close(io.EOF)
		<-end
	})
}

// Output that does not move has the latest beat in front of what else will move, so that a side that never stops
// sending tells what it has processed all the same.
func TestBeatOvertakesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<10, 0)
		a := newDirect(fa, Config{Lease: -1})
		end := run(t.Context(), a, &recorder{})
		a.Send(1, nil, make([]byte, 1<<20))
		a.Flush()
		for range 3 {
			_, _ = fb.Write(frame(1))
			time.Sleep(2 * DefaultBeatInterval)
		}
		s := &scanner{maxMessage: DefaultMaxMessageBytes}
		wire := make([]byte, 2*chunkFrame)
		if _, err := io.ReadFull(fb, wire); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.scan(wire, &recorder{}); err != nil || s.peerProcessed != (counts{3, 0}) {
			t.Errorf("the first two chunks tell of %d messages, %v, want 3", s.peerProcessed, err)
		}
		a.Close(io.EOF)
		<-end
	})
}

// A silent peer is given up when its lease ends, no earlier and no later.
// Whatever it says starts the lease anew, be it part of a frame.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a := newDirect(fa, Config{})
		began := time.Now()
		end := run(t.Context(), a, &recorder{})
		time.Sleep(1400 * time.Millisecond)
		_, _ = fb.Write([]byte{9})
		synctest.Wait()
		if a.Silence() != 0 {
			t.Errorf("silence of %v when the peer just spoke", a.Silence())
		}
		time.Sleep(1400 * time.Millisecond)
		if a.Silence() != 1400*time.Millisecond {
			t.Errorf("silence of %v, want 1.4s", a.Silence())
		}
		wantEnd(t, "a", end, ErrSilent)
		if took := time.Since(began); took != 2900*time.Millisecond {
			t.Errorf("given up after %v, want 2.9s", took)
		}
	})
}

// While the reader handles a message the peer is not silent: we are slow.
func TestSilenceOfASlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a := newDirect(fa, Config{})
		h := &handlerFuncs{message: func(uint8, []byte) error { time.Sleep(time.Minute); return nil }}
		_, _ = fb.Write(frame(1))
		end := run(t.Context(), a, h)
		time.Sleep(time.Minute + time.Second)
		select {
		case err := <-end:
			t.Fatalf("ended with %v because its own handler was slow", err)
		default:
		}
		wantEnd(t, "a", end, ErrSilent)
	})
}

// tickAt returns a running connection whose pulse the test drives, with the peer unheard for
// longer than its lease.
func tickAt(t *testing.T, cfg Config) (*pulser, int64) {
	t.Helper()
	c := newDirect(newFakeConn(), cfg)
	c.running = true
	now := int64(time.Hour)
	c.heard.Store(now - int64(2*DefaultLease))
	t.Cleanup(func() { c.Close(io.EOF) })
	return &pulser{c: c, beatDue: now}, now
}

// A timer more than one beat late means that we were paused: nobody is
// judged, the peer's lease begins anew.
func TestPausedJudgesNobody(t *testing.T) {
	for _, tc := range []struct {
		late   time.Duration
		paused bool
	}{
		{0, false},
		{DefaultBeatInterval, false},
		{DefaultBeatInterval + 1, true},
		{time.Hour, true},
	} {
		p, now := tickAt(t, Config{})
		p.tick(now, int64(tc.late))
		if gaveUp := p.c.closed; gaveUp == tc.paused {
			t.Errorf("late by %v: gave the peer up: %v", tc.late, gaveUp)
		}
		if !tc.paused {
			continue
		}
		// The new lease is a whole one, and it ends.
		later := now + int64(DefaultLease) - 1
		p.tick(later, 0)
		if p.c.closed {
			t.Errorf("late by %v: gave the peer up before the new lease ended", tc.late)
		}
		p.tick(later+1, 0)
		if !errors.Is(p.c.err, ErrSilent) {
			t.Errorf("late by %v: after the new lease %v, want ErrSilent", tc.late, p.c.err)
		}
	}
}

// An idle connection gives back the buffers of a burst.
func TestTrim(t *testing.T) {
	buffers := func(idle time.Duration) (size int) {
		synctest.Test(t, func(t *testing.T) {
			fa, fb := fakePair(1<<20, 0)
			a, b := newDirect(fa, Config{}), newDirect(fb, Config{})
			endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, &recorder{})
			synctest.Wait()
			for range 50 {
				for range 20 {
					a.Send(1, nil, make([]byte, 1000))
				}
				a.Flush()
				synctest.Wait()
			}
			time.Sleep(idle)
			a.Close(nil)
			<-endA
			<-endB
			size = cap(a.wire) + len(b.in.buf)
		})
		return size
	}
	if busy, idle := buffers(0), buffers(time.Minute); busy < 32<<10 || idle > idleBytes+inboxMin {
		t.Errorf("buffers of %d bytes under load, %d idle", busy, idle)
	}
}
