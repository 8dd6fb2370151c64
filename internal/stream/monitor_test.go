package stream

import (
	"testing"
	"testing/synctest"
	"time"
)

// A timer is due soon for as long as Wake is called, so that the runtime's monitor sleeps no longer than that, and none
// when it is not.
func TestMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMonitor()
		defer m.Stop()
		want := func(what string, running bool) {
			t.Helper()
			synctest.Wait()
			if m.running.Load() != running {
				t.Errorf("%s: the timer is set: %v, want %v", what, !running, running)
			}
		}
		want("at first", false)
		for range 3 {
			for range 20 {
				m.Wake()
				want("while it is called", true)
				time.Sleep(monitorTime / 3)
			}
			time.Sleep(2 * monitorTime)
			want("when it is not called any more", false)
		}
		m.Wake()
		m.Stop()
		m.Wake()
		time.Sleep(time.Minute)
		m = NewMonitor()
		m.Stop()
		m.Wake()
		want("when it has been stopped", false)
	})
}
