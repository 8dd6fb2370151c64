package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// A silence ends after its time, counted from when something was heard last.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, ended := time.Now(), make(chan time.Duration, 1)
		s := newSilence(3*time.Second, func() { ended <- time.Since(began) })
		defer s.stop()
		time.Sleep(2100 * time.Millisecond)
		s.heard()
		if took := <-ended; took < 5*time.Second || took > 5250*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
	})
}

// Who has stood still for however long has napped once.
func TestSilenceOfWhoStoodStill(t *testing.T) {
	ended := 0
	s := newSilence(time.Hour, func() { ended++ })
	defer s.stop()
	for range silentNaps - 1 {
		s.napped()
	}
	if ended != 0 {
		t.Error("it ended too early")
	}
	if s.napped(); ended != 1 {
		t.Error("it did not end")
	}
}
