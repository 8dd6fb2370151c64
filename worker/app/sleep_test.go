package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/task"
	"dunnock/worker"
)

func TestSleepNeverWakesEarly(t *testing.T) {
	s := NewSleeper()
	defer s.Close()
	// Thousands at once, of many lengths, again and again: a wake-up left
	// over from one sleep would end the next one early.
	const sleepers, sleeps = 2000, 10
	var wg sync.WaitGroup
	for i := range sleepers {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for range sleeps {
				d := time.Duration(rng.Int64N(int64(3 * time.Millisecond)))
				start := time.Now()
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				cancelled := rng.IntN(4) == 0
				if cancelled {
					ctx, cancel = context.WithTimeout(ctx, d/2)
				}
				err := s.Sleep(ctx, d)
				slept := time.Since(start)
				cancel()
				switch {
				case err == nil && slept < d:
					t.Errorf("slept %v of %v", slept, d)
				case err != nil && (!cancelled || !errors.Is(err, context.DeadlineExceeded) || slept < d/2):
					t.Errorf("slept %v of %v, cancelled %v: %v", slept, d, cancelled, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.waiters); n != 0 {
		t.Errorf("%d waiters left behind", n)
	}
}

// alarmWaiter is a sleep that only the alarm can end in time.
func alarmWaiter() *waiter {
	return &waiter{index: -1, woken: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
}

func TestSleepAlarm(t *testing.T) {
	s := NewSleeper()
	defer s.Close()
	start := time.Now()
	hour, ms := alarmWaiter(), alarmWaiter()
	s.add(hour, time.Hour)
	if s.alarm == nil {
		t.Skip("no alarm on this system")
	}
	s.add(ms, time.Millisecond) // an earlier deadline sets the alarm anew
	<-ms.woken
	if slept := time.Since(start); slept < time.Millisecond {
		t.Errorf("the alarm rang after %v", slept)
	}
	if ms.index != -1 || hour.index != 0 || len(s.waiters) != 1 {
		t.Errorf("indexes %d and %d, %d waiting", ms.index, hour.index, len(s.waiters))
	}
	// After a ring the alarm is set to the next deadline.
	s.remove(hour)
	s.add(ms, time.Millisecond)
	s.add(hour, 2*time.Millisecond)
	<-ms.woken
	<-hour.woken
	if len(s.waiters) != 0 {
		t.Errorf("%d waiting", len(s.waiters))
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	s := NewSleeper()
	defer s.Close()
	cause := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	const sleepers = 100
	errs := make(chan error, sleepers)
	for range sleepers {
		go func() {
			_, err := s.Handle(ctx, worker.Task{Payload: []byte("24h")})
			errs <- err
		}()
	}
	cancel(cause)
	for range sleepers {
		if err := <-errs; !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
	}
	if err := s.Sleep(ctx, 0); !errors.Is(err, cause) {
		t.Errorf("error %v from a sleep that began too late", err)
	}
}

func TestSleepGoesOnAfterClose(t *testing.T) {
	s := NewSleeper()
	ended := make(chan error, 1)
	go func() { ended <- s.Sleep(t.Context(), 20*time.Millisecond) }()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sleep(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestZeroSleeperWorksInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Sleeper
		start := time.Now()
		if _, err := s.Handle(t.Context(), worker.Task{Payload: []byte("1h30m")}); err != nil {
			t.Fatal(err)
		}
		if slept := time.Since(start); slept != 90*time.Minute {
			t.Errorf("slept %v", slept)
		}
	})
}

func TestSleepPayload(t *testing.T) {
	var s Sleeper
	for _, good := range []string{"0", "0s", "1ns", " 1us\n", "-0s"} {
		if got, err := s.Handle(t.Context(), worker.Task{Payload: []byte(good)}); err != nil || len(got) != 0 {
			t.Errorf("sleep %q = %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{"", "10", "ms", "-1ns", "1 s", "99999999h", "\xff", string(make([]byte, 1<<20))} {
		_, err := s.Handle(t.Context(), worker.Task{Payload: []byte(bad)})
		if e := wantError(t, err, task.CodePermanent, true); !strings.Contains(e.Message, "want a duration") || len(e.Message) > 400 {
			t.Errorf("message %q", e.Message)
		}
	}
}

func TestSleepDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations cannot be counted under the race detector")
	}
	s := NewSleeper()
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if n := testing.AllocsPerRun(200, func() {
		if err := s.Sleep(ctx, 10*time.Microsecond); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per sleep", n)
	}
	tk := worker.Task{Payload: []byte("10us")}
	if n := testing.AllocsPerRun(200, func() {
		if _, err := s.Handle(ctx, tk); err != nil {
			t.Error(err)
		}
	}); n > 1 { // the payload as a string, which time.ParseDuration keeps for its error
		t.Errorf("%v allocations per task", n)
	}
}

func TestLater(t *testing.T) {
	if got := later(5, 1<<63-1); got != 1<<63-1 {
		t.Errorf("later overflowed to %d", got)
	}
	if got := later(5, 2); got != 7 {
		t.Errorf("5 + 2 = %d", got)
	}
}
