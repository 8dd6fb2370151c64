package alarm

import (
	"context"
	"testing"
	"time"
)

func newClock(t *testing.T) *Clock {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestSleepUntilIsNeverEarly also with an alarm that rang before and that nobody waited for.
func TestSleepUntilIsNeverEarly(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	for i := range 50 {
		c.Set(0) // has rung by now
		until := c.Now() + time.Duration(i)*20*time.Microsecond
		c.SleepUntil(t.Context(), until)
		if now := c.Now(); now < until {
			t.Fatalf("woken %v early", until-now)
		}
	}
}

// TestSleepUntilEndsByTheAlarmAlone: the Go timer beside it is not what wakes.
func TestSleepUntilEndsByTheAlarmAlone(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	c.Set(c.Now() + time.Millisecond)
	if !c.Wait() { // without a read deadline
		t.Error("the clock was closed")
	}
}

func TestSleepUntilEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	until := c.Now() + time.Hour
	c.SleepUntil(ctx, until)
	c.SleepUntil(ctx, until) // and at once with one that is over
	if c.Now() >= until {
		t.Error("slept to the end")
	}
	other := c.Now() + time.Millisecond
	c.SleepUntil(t.Context(), other) // the clock is as good as new
	if now := c.Now(); now < other {
		t.Errorf("then woken %v early", other-now)
	}
}

func TestCloseEndsAWait(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	done := make(chan bool)
	go func() { done <- c.Wait() }()
	c.Close()
	if <-done {
		t.Error("a closed clock rang")
	}
	c.SleepUntil(t.Context(), c.Now()+time.Hour)
}
