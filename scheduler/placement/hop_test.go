package placement

import (
	"testing"
	"time"

	"dunnock/probe"
)

// A hop is half of what a launch and the word of its end take without the service: of launches whose slots were free.
// Where it is said, it is not measured.
func TestHopIsMeasured(t *testing.T) {
	const ms = time.Millisecond
	var now time.Duration
	var call uint32
	run := func(c *Core, ready, trip time.Duration) {
		call++
		now += time.Second
		out := c.Offer(now, 1, probe.Offer{Call: call, Ready: ready}, nil)
		_, more, err := c.Submit(now, Spec{App: "app", Tasks: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range append(out, more...) {
			if e.Kind == EffectLaunch {
				now += 10*ms + trip
				c.Finished(now, 1, probe.Finished{Call: e.Call, Ref: e.Ref, Attempt: e.Attempt, Status: probe.StatusOK, Service: 10 * ms}, nil)
				return
			}
		}
		t.Fatal("nothing was launched")
	}
	worker := Worker{Slots: 1, Apps: []string{"app"}}
	c := newCore(Config{Policy: IdleOffer})
	c.WorkerUp(0, 1, worker, nil)
	want := func(d time.Duration) {
		t.Helper()
		if got := c.Hop(); got != d {
			t.Errorf("a hop takes %v, want %v", got, d)
		}
	}
	for range firstTrip - 1 {
		run(c, 0, 4*ms)
	}
	want(usualHop)
	run(c, 0, 4*ms)
	want(2 * ms)
	for i := range trips { // some are late
		if i%4 == 0 {
			run(c, 0, 90*ms)
		} else {
			run(c, 0, ms)
		}
	}
	want(ms / 2)
	for range 2 * trips {
		run(c, ms, 6*ms) // perhaps it waited for its slot
	}
	want(ms / 2)
	for range trips {
		run(c, 0, 3*time.Second)
	}
	want(mostHop)

	c = newCore(Config{Policy: IdleOffer, Hop: 3 * ms})
	c.WorkerUp(0, 1, worker, nil)
	call = 0
	for range trips {
		run(c, 0, ms)
	}
	want(3 * ms)
}
