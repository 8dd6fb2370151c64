package scheduler

import (
	"testing"

	"dunnock/scheduler/ack"
)

// A worker is told of many results with one message, of the last few when somebody comes by, and of none while it is
// not connected: then it is told later.
func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	c := newChatter(t, Config{}, 1)
	s := c.s
	if err := c.connectWorker(); err != nil {
		t.Fatal(err)
	}
	l := c.links[0]
	for _, step := range []struct {
		upTo    uint64 // settled
		severed bool
		rest    bool // somebody comes by
		told    uint64
	}{
		{upTo: ack.DefaultEvery - 1},
		{upTo: ack.DefaultEvery, told: ack.DefaultEvery},
		{upTo: ack.DefaultEvery + 1, told: ack.DefaultEvery},
		{upTo: ack.DefaultEvery + 1, rest: true, told: ack.DefaultEvery + 1},
		{upTo: 5 * ack.DefaultEvery, severed: true, told: ack.DefaultEvery + 1},
		{upTo: 5 * ack.DefaultEvery, severed: true, rest: true, told: ack.DefaultEvery + 1},
		{upTo: 5 * ack.DefaultEvery, rest: true, told: 5 * ack.DefaultEvery},
	} {
		s.mu.Lock()
		l.severed = step.severed
		for n := l.results.Settled() + 1; n <= step.upTo; n++ {
			s.settle(&l.turn, receipt{link: l, seq: n})
		}
		if step.rest {
			s.ackRest(&l.turn)
		}
		s.mu.Unlock()
		if told := l.results.Acknowledged(); told != step.told {
			t.Errorf("%+v: told up to %d", step, told)
		}
	}
}
