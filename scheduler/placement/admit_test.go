package placement

import (
	"testing"
	"time"
)

// A meter is believed as soon as it has seen enough launches, and says nothing of a time in which none waited.
func TestMeterBelievesLaunches(t *testing.T) {
	m := meter{idle: true, fresh: true}
	now := 30 * time.Millisecond
	launch := func(n int, every time.Duration) {
		for range n {
			now += every
			m.count(now)
		}
	}
	known := func() float64 {
		m.advance(now)
		return m.perSecond(now)
	}
	launch(50, time.Millisecond)
	if rate := known(); rate != 0 {
		t.Errorf("%v a second after 50 ms", rate)
	}
	launch(51, time.Millisecond)
	if rate := known(); rate != 1000 {
		t.Errorf("%v a second, want 1000", rate)
	}
	m.empty()
	if rate := known(); rate != 0 {
		t.Errorf("%v a second when nothing has waited", rate)
	}
	launch(10, 20*time.Millisecond)
	if rate := known(); rate != 0 {
		t.Errorf("%v a second after ten launches in 200 ms", rate)
	}
	launch(20, 20*time.Millisecond)
	if rate := known(); rate < 49 || rate > 51 {
		t.Errorf("%v a second, want 50", rate)
	}
}
