package scheduler

import (
	"io"
	"testing"

	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler/lease"
	"dunnock/task"
)

// After a pause of the scheduler's process nothing of a job starts before its client has said that it still owns it,
// and what it does not own any more is given up.
func TestAfterPause(t *testing.T) {
	c := newChatter(t, Config{}, 1)
	s := c.s
	say := func(kind submission.Kind, body []byte) {
		t.Helper()
		if err := c.clients[0].Message(uint8(kind), body); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(call uint32, ref probe.Ref) {
		t.Helper()
		m := probe.GetTask{Slot: 0, Call: call, Ref: ref}
		if err := c.links[0].Message(uint8(probe.KindGetTask), probe.AppendGetTask(nil, m)); err != nil {
			t.Fatal(err)
		}
	}
	for _, connect := range []func() error{c.connectWorker, c.connectClient} {
		if err := connect(); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range uint32(2) {
		j := task.Job{ID: task.JobID{byte(seq + 1)}, App: "a", Tasks: make([]task.Task, 3)}.WithDefaults()
		say(submission.KindSubmit, submission.AppendSubmit(nil, seq, &j))
	}
	kept, lost := s.byID[task.JobID{1}], s.byID[task.JobID{2}]
	now := s.enter()
	s.afterPause(now)
	s.exit(now, &c.clients[0].turn)
	if kept.lease.Held() != lease.Asked || lost.lease.Held() != lease.Asked || !c.clients[0].jobs.Asked() {
		t.Fatalf("after a pause the jobs are held for %b and %b", kept.lease.Held(), lost.lease.Held())
	}
	ask(1, kept.ref)
	if n := s.meters.launches.Get(); n != 0 {
		t.Errorf("%d launches before the client has answered", n)
	}
	say(submission.KindStill, submission.AppendStill(nil, submission.Still{Seqs: []uint32{0}}))
	if ask(2, kept.ref); s.meters.launches.Get() != 1 {
		t.Error("no launch after the client has answered")
	}
	if kept.lease.Held() != 0 || lost.outcome != task.Cancelled || len(s.jobs) != 1 {
		t.Errorf("held for %b; the other ended as %v; %d jobs", kept.lease.Held(), lost.outcome, len(s.jobs))
	}

	// A client that is asked and comes back instead of answering has answered.
	now = s.enter()
	s.afterPause(now)
	s.exit(now, &c.clients[0].turn)
	c.clients[0].leave(io.EOF)
	if kept.lease.Held() != lease.NoOwner {
		t.Errorf("without a client the job is held for %b", kept.lease.Held())
	}
	c.clients = nil
	if err := c.connectClient(); err != nil {
		t.Fatal(err)
	}
	again := task.Job{ID: task.JobID{1}, App: "a", Tasks: make([]task.Task, 3), Epoch: 1}.WithDefaults()
	say(submission.KindSubmit, submission.AppendSubmit(nil, 1, &again))
	if kept.lease.Held() != 0 || kept.lease.Owners() != 1 || kept.spec.Epoch != 1 {
		t.Errorf("joined again: held for %b, %d owners, epoch %d", kept.lease.Held(), kept.lease.Owners(), kept.spec.Epoch)
	}
}

// A small job overtakes the answer to whether its client owns what it did, since that waits for a large job before it.
// The answer cannot name it.
func TestSubmittedBeforeTheAnswer(t *testing.T) {
	c, asked := heldFleet(t)
	s := c.s
	now := s.enter()
	s.afterPause(now)
	s.exit(now, &c.clients[0].turn)
	since := task.Job{ID: task.JobID{2}, App: "a", Tasks: make([]task.Task, 3)}.WithDefaults()
	c.say(t, submission.KindSubmit, submission.AppendSubmit(nil, 2, &since))
	j := s.byID[since.ID]
	c.say(t, submission.KindStill, submission.AppendStill(nil, submission.Still{}))
	if asked.outcome != task.Cancelled || j.outcome != 0 || j.lease.Held() != 0 || j.lease.Owners() != 1 {
		t.Errorf("the one it was asked about: %v; the one since: %v, held for %b, %d owners", asked.outcome, j.outcome, j.lease.Held(), j.lease.Owners())
	}
	c.say(t, submission.KindStill, submission.AppendStill(nil, submission.Still{}))
	if j.outcome != task.Cancelled {
		t.Error("a client that gives up all its jobs without being asked still has one")
	}
}
