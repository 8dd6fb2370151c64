package scheduler

import (
	"testing"

	"dunnock/scheduler/lease"
)

// What was found out about a waiting request is worth nothing when this process has stood still since: it is found out
// once more.
func TestProofFromBeforeAPause(t *testing.T) {
	_, es := waitingFleet(t, 1)
	s := es.s
	pause := func() {
		var turn turn
		s.mu.Lock()
		s.ask(s.clock.Now(), &turn)
		s.mu.Unlock()
	}
	held := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return es.job.lease.Held()&lease.Asked != 0
	}
	pause()
	<-es.doubt // it begins to find out
	pause()
	if es.still(); !held() {
		t.Error("the job goes on by what was found out before the second pause")
	}
	<-es.doubt
	if es.still(); held() {
		t.Error("the job is held, and its client is there")
	}
}
