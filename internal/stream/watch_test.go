package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const watchLimit = time.Second

// pausedFor returns a Watch whose process has just stood still for d: the time of the bubble goes on, nothing ticks.
func pausedFor(d time.Duration) *Watch {
	w := NewWatch(watchLimit)
	w.tick()
	time.Sleep(d)
	return w
}

// A pause is known to whoever asks first, before the timer has fired, and to all who ask later. It counts once.
func TestWatch(t *testing.T) {
	for _, tc := range []struct{ pause, want time.Duration }{
		{0, 0},
		{watchLimit, 0},
		{watchLimit + 1, watchLimit + 1},
		{time.Hour, time.Hour},
	} {
		for _, tickFirst := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := pausedFor(tc.pause)
				if tickFirst {
					w.tick()
				}
				for range 2 {
					if got := w.StoodStill(time.Now()); got != tc.want {
						t.Errorf("paused for %v, tick first %v: stood still for %v, want %v", tc.pause, tickFirst, got, tc.want)
					}
				}
				w.tick()
				time.Sleep(watchLimit)
				w.tick()
				if got := w.StoodStill(time.Now()); got != tc.want {
					t.Errorf("paused for %v, running since: stood still for %v, want %v", tc.pause, got, tc.want)
				}
				time.Sleep(2 * watchLimit)
				if got := w.StoodStill(time.Now()); got != tc.want+2*watchLimit {
					t.Errorf("paused for %v and again: stood still for %v, want %v", tc.pause, got, tc.want+2*watchLimit)
				}
			})
		}
	}
}

// Whoever has asked with a time from behind the pause knows of it, however many find it out at once.
func TestWatchByMany(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			w := pausedFor(time.Minute)
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					if i == 0 {
						w.tick()
					}
					if got := w.StoodStill(time.Now()); got != time.Minute {
						t.Errorf("stood still for %v, want 1m", got)
					}
				})
			}
			wg.Wait()
		})
	}
}

// Nobody finds a pause counted by another in one half only: gone from seen, and not yet in stood.
func TestWatchCountsAtOnce(t *testing.T) {
	w := NewWatch(watchLimit)
	var behind atomic.Int64 // a time behind the last of many pauses, one after the other
	w.seen.Store(0)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for at := int64(0); at < int64(300_000*time.Minute); {
				if at = behind.Load(); w.StoodStill(w.origin.Add(time.Duration(at))) < time.Duration(at) {
					t.Error("a pause that is over is not known")
					return
				}
				behind.CompareAndSwap(at, at+int64(time.Minute))
			}
		})
	}
	wg.Wait()
}

// A process that runs does not stand still, busy or idle, and a Watch that does not run says nothing.
func TestWatchRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch(watchLimit)
		want := func(when string) {
			t.Helper()
			for range 100 {
				time.Sleep(watchLimit * 7 / 5)
				if got := w.StoodStill(time.Now()); got != 0 {
					t.Fatalf("%s: stood still for %v", when, got)
				}
			}
		}
		want("before Run")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			w.Run(ctx)
			close(ended)
		}()
		want("during Run")
		cancel()
		<-ended
		want("after Run")
	})
}

func TestWatchAllocs(t *testing.T) {
	w := NewWatch(watchLimit)
	w.tick()
	now := time.Now()
	wantNoAllocs(t, "StoodStill", func() { _ = w.StoodStill(now) })
}

func BenchmarkWatch(b *testing.B) {
	w := NewWatch(watchLimit)
	w.tick()
	now := time.Now()
	b.ReportAllocs()
	for range b.N {
		_ = w.StoodStill(now)
	}
}
