package stream

import (
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Who flushes alone, time after time, writes by itself, without the writer goroutine; as soon as another one comes
// close behind, that gathers again.
func TestFlushSoonAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a, b := newDirect(fa, quiet), New(fb, nil, quiet)
		endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, &recorder{})
		say := func() (byItself bool) {
			a.Send(1, nil, nil)
			a.FlushSoon()
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.company.alone >= aloneAfter && a.company.at == a.now()
		}
		alone := func(what string) {
			t.Helper()
			for i := range aloneAfter {
				synctest.Wait()
				time.Sleep(time.Millisecond)
				if say() {
					t.Fatalf("%s: wrote by itself after %d times alone", what, i)
				}
			}
			synctest.Wait()
			for range 3 {
				time.Sleep(time.Millisecond)
				if !say() {
					t.Fatalf("%s: the writer goroutine was woken for one that is always alone", what)
				}
			}
		}
		alone("at first")
		if say() { // no time has passed
			t.Error("two close to each other had a write each")
		}
		a.Send(1, nil, nil)
		a.FlushSoon() // with the one before
		alone("again")

		// Another one that comes while the first one writes is company too.
		a.mu.Lock()
		a.owner = flusher
		a.mu.Unlock()
		time.Sleep(time.Millisecond)
		if say() {
			t.Error("two wrote at once")
		}
		synctest.Wait()
		a.mu.Lock()
		a.owner = nobody
		a.flush()
		a.mu.Unlock()
		alone("in the end")

		synctest.Wait()
		if in, out := b.Stats().MessagesIn, a.Stats().MessagesOut; in != out {
			t.Errorf("%d messages arrived of %d", in, out)
		}
		a.Close(nil)
		wantEnd(t, "a", endA, nil)
		wantEnd(t, "b", endB, io.EOF)
	})
}

// Whether they write by themselves or gather, nothing that some say now and then is left lying.
func TestNoLostWakeUpInCompany(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			fa, fb := fakePair(300, seed) // so small that writes are cut short
			a, b := newDirect(fa, quiet), New(fb, nil, quiet)
			endA, endB := run(t.Context(), a, &recorder{}), run(t.Context(), b, &recorder{})
			var wg sync.WaitGroup
			for g := range 3 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(seed, uint64(g)))
					for range 300 {
						a.Send(1, make([]byte, rng.IntN(200)), nil)
						a.FlushSoon()
						if pause := 1 + rng.IntN(3); pause > 1 {
							time.Sleep(time.Duration(rng.IntN(pause*100)) * time.Microsecond)
						}
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			if in, out := b.Stats().MessagesIn, a.Stats().MessagesOut; in != out {
				t.Errorf("seed %d: %d messages arrived of %d", seed, in, out)
			}
			a.Close(nil)
			wantEnd(t, "a", endA, nil)
			wantEnd(t, "b", endB, io.EOF)
		})
	}
}
