package scheduler

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/api"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/lease"
	"dunnock/task"
)

// heldFleet is a scheduler with one worker, and one client that has submitted one job of three tasks.
func heldFleet(t *testing.T) (*chatter, *job) {
	t.Helper()
	c := newChatter(t, Config{MaxUnreadBytes: 100}, 1)
	s := c.s
	for _, connect := range []func() error{c.connectWorker, c.connectClient} {
		if err := connect(); err != nil {
			t.Fatal(err)
		}
	}
	j := task.Job{ID: task.JobID{1}, App: "a", Tasks: make([]task.Task, 3)}.WithDefaults()
	c.say(t, submission.KindSubmit, submission.AppendSubmit(nil, 1, &j))
	return c, s.byID[j.ID]
}

func (c *chatter) say(t *testing.T, kind submission.Kind, body []byte) {
	t.Helper()
	if err := c.clients[0].Message(uint8(kind), body); err != nil {
		t.Fatal(err)
	}
}

// A client that is asked and does not own a job any more does not keep it from those who do.
func TestAskedForOthers(t *testing.T) {
	c, j := heldFleet(t)
	s := c.s
	var other turn
	again := task.Job{ID: task.JobID{1}, App: "a", Tasks: make([]task.Task, 3)}
	es := newEventStream(s, nil)
	if err := s.submit(&other, again, func(j *job, _ bool) { j.readable = true; es.own(j) }); err != nil { // as a waiting request does
		t.Fatal(err)
	}
	now := s.enter()
	s.afterPause(now)
	s.exit(now, &other)
	if j.lease.Held() != lease.Asked || s.leases.Held() != (lease.Counts{Asked: 1}) {
		t.Fatalf("held for %b, counted %+v", j.lease.Held(), s.leases.Held())
	}
	c.say(t, submission.KindStill, submission.AppendStill(nil, submission.Still{}))
	if j.lease.Held() != lease.Asked {
		t.Errorf("nobody knows whether the other owner is there, and the job is held for %b", j.lease.Held())
	}
	<-es.doubt // it has proven what it was asked for
	es.still()
	if j.lease.Held() != 0 || j.lease.Owners() != 1 || s.leases.Held() != (lease.Counts{}) {
		t.Errorf("with %d owners the job is held for %b; counted %+v", j.lease.Owners(), j.lease.Held(), s.leases.Held())
	}
}

// What a held job waits for is said and counted.
func TestHeldIsSaid(t *testing.T) {
	c, j := heldFleet(t)
	s := c.s
	check := func(reason string, want lease.Counts) {
		t.Helper()
		if why := s.detail(j).Why; !strings.Contains(why, reason) || s.leases.Held() != want {
			t.Errorf("%q does not say %q, or %+v is not counted as %+v", why, reason, s.leases.Held(), want)
		}
	}
	check("wait for a free slot", lease.Counts{})
	now := s.enter()
	s.afterPause(now)
	s.exit(now, &c.clients[0].turn)
	check("has not said yet", lease.Counts{Asked: 1})
	c.say(t, submission.KindStill, submission.AppendStill(nil, submission.Still{Seqs: []uint32{1}}))
	check("wait for a free slot", lease.Counts{})
	j.unread.Send(1000, 100)
	s.slow = append(s.slow, j)
	now = s.enter()
	s.holdSlow(now, &c.clients[0].turn)
	s.exit(now, &c.clients[0].turn)
	check("1000 bytes of results to read; it goes on below 50", lease.Counts{Unread: 1})
	c.clients[0].leave(nil)
	check("no owner is connected; the job is given up in ", lease.Counts{NoOwner: 1, Unread: 1})
	s.cancelJob(j)
	if why := s.detail(j).Why; why != "" || s.leases.Held() != (lease.Counts{}) {
		t.Errorf("over, and says %q; counted %+v", why, s.leases.Held())
	}

	c.clients = nil
	if err := c.connectClient(); err != nil {
		t.Fatal(err)
	}
	later := task.Job{ID: task.JobID{2}, App: "a", Tasks: make([]task.Task, 3), Epoch: 1, Finished: []byte{0b11111010}}.WithDefaults()
	c.say(t, submission.KindSubmit, submission.AppendSubmit(nil, 2, &later))
	j = s.byID[later.ID]
	check("workers are asked", lease.Counts{})
	if d := s.detail(j); d.Finished != 1 || d.Waiting != 2 {
		t.Errorf("%d finished, %d waiting of 3 tasks of which one had finished before", d.Finished, d.Waiting)
	}
}

// speaks returns what says a worker's messages on its link.
func speaks(t *testing.T, l *link) func(probe.Kind, []byte) {
	t.Helper()
	return func(kind probe.Kind, body []byte) {
		t.Helper()
		if err := l.Message(uint8(kind), body); err != nil {
			t.Fatal(err)
		}
	}
}

// A failed attempt is acknowledged when the client has heard of it, and not before: it counts the attempts.
func TestFailureIsAcknowledgedLast(t *testing.T) {
	c, j := heldFleet(t)
	l := c.links[0]
	say := speaks(t, l)
	say(probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Slot: 0, Call: 1, Ref: j.ref, Res: 0}))
	if n := c.s.meters.launches.Get(); n != 1 {
		t.Fatalf("%d launches", n)
	}
	m := probe.Finished{Seq: 1, Slot: 0, Call: 1, Ref: j.ref, Task: 0, Attempt: 1, Status: probe.StatusFailed}
	say(probe.KindFinished, append(probe.AppendFinishedHead(nil, &m), probe.AppendFault(nil, task.Errorf(task.CodeAppFailed, "no"))...))
	if c.s.meters.retries.Get() != 1 || l.results.Settled() != 0 {
		t.Errorf("%d retries; settled up to %d though the client cannot have heard", c.s.meters.retries.Get(), l.results.Settled())
	}
}

// An attempt that fails while its job's owner is away is kept for it: it counts the attempts.
func TestFailureIsKept(t *testing.T) {
	c, j := heldFleet(t)
	l := c.links[0]
	say := speaks(t, l)
	say(probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Slot: 0, Call: 1, Ref: j.ref, Res: 0}))
	c.clients[0].leave(io.EOF)
	m := probe.Finished{Seq: 1, Slot: 0, Call: 1, Ref: j.ref, Task: 0, Attempt: 1, Status: probe.StatusFailed}
	say(probe.KindFinished, append(probe.AppendFinishedHead(nil, &m), probe.AppendFault(nil, task.Errorf(task.CodeAppFailed, "no"))...))
	if c.s.meters.retries.Get() != 1 || l.results.Settled() != 0 || l.results.Kept() != 1 {
		t.Errorf("%d retries; settled up to %d, %d kept", c.s.meters.retries.Get(), l.results.Settled(), l.results.Kept())
	}
}

// What comes in of a job is kept after its end if somebody may come for it: not if its user has cancelled it, and not
// what was stopped.
func TestKeptAfterTheEnd(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(c *chatter, j *job)
		status probe.Status
		kept   int
	}{
		"its owner is away":                {func(c *chatter, _ *job) { c.clients[0].leave(io.EOF); c.s.abandonAll() }, probe.StatusOK, 1},
		"its owner is away, and it failed": {func(c *chatter, _ *job) { c.clients[0].leave(io.EOF); c.s.abandonAll() }, probe.StatusFailed, 1},
		"its owner is away, it was killed": {func(c *chatter, _ *job) { c.clients[0].leave(io.EOF); c.s.abandonAll() }, probe.StatusKilled, 0},
		"its user has cancelled it":        {func(c *chatter, j *job) { c.s.cancelJob(j) }, probe.StatusOK, 0},
		"another scheduler has it": {func(c *chatter, j *job) {
			m := probe.Decline{Slot: 0, Call: 1, Ref: j.ref, Task: 0, Reason: probe.RefusedFenced}
			_ = c.links[0].Message(uint8(probe.KindDecline), probe.AppendDecline(nil, m))
		}, probe.StatusOK, 1},
	} {
		c, j := heldFleet(t)
		l := c.links[0]
		if err := l.Message(uint8(probe.KindGetTask), probe.AppendGetTask(nil, probe.GetTask{Slot: 0, Call: 1, Ref: j.ref, Res: 0})); err != nil {
			t.Fatal(err)
		}
		if test.end(c, j); j.outcome == 0 {
			t.Fatalf("%s: the job goes on", name)
		}
		m := probe.Finished{Seq: 1, Slot: 0, Call: 1, Ref: j.ref, Task: 0, Attempt: 1, Status: test.status}
		if err := l.Message(uint8(probe.KindFinished), probe.AppendFinishedHead(nil, &m)); err != nil {
			t.Fatal(err)
		}
		if l.results.Kept() != test.kept || l.results.Settled() != uint64(1-test.kept) {
			t.Errorf("%s: %d kept, settled up to %d", name, l.results.Kept(), l.results.Settled())
		}
	}
}

// A result that comes again, because one before it was lost with the connection, is not acknowledged before its client
// has it.
func TestResultComesAgain(t *testing.T) {
	c, j := heldFleet(t)
	l := c.links[0]
	say := speaks(t, l)
	say(probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Slot: 0, Call: 1, Ref: j.ref}))
	m := probe.Finished{Seq: 2, Slot: 0, Call: 1, Ref: j.ref, Task: 0, Attempt: 1, Status: probe.StatusOK}
	say(probe.KindFinished, probe.AppendFinishedHead(nil, &m)) // it has overtaken a large one
	l.down(t.Context(), io.EOF)
	if err := c.greet(l); err != nil {
		t.Fatal(err)
	}
	for m.Seq = 1; m.Seq <= 2; m.Seq++ {
		say(probe.KindFound, probe.AppendFinishedHead(nil, &m))
	}
	if l.results.Taken() != 2 || l.results.Settled() != 1 {
		t.Errorf("of 2 results %d have come, and %d count as delivered; nobody knows that of the second", l.results.Taken(), l.results.Settled())
	}
	c.clients[0].leave(io.EOF)
	if l.results.Kept() != 1 {
		t.Errorf("%d results are kept for the client", l.results.Kept())
	}
}

// A worker that is given up while it is being connected says only what was not known before that. So it is connected
// once more.
func TestGivenUpWhileConnecting(t *testing.T) {
	c, _ := heldFleet(t)
	l := c.links[0]
	m := probe.Finished{Seq: 1, Slot: 0, Call: 1, Status: probe.StatusOK}
	if err := l.Message(uint8(probe.KindFinished), probe.AppendFinishedHead(nil, &m)); err != nil {
		t.Fatal(err)
	}
	l.down(t.Context(), io.EOF)
	if h := l.hello(); h.Results != 1 {
		t.Fatalf("told that %d results are here", h.Results)
	}
	l.void()
	if err := c.greet(l); !errors.Is(err, errGivenUp) || l.greeted || l.id != 0 {
		t.Errorf("connected as worker %d: %v", l.id, err)
	}
	if h := l.hello(); h.Results != 0 {
		t.Errorf("told that %d results are here, after it was given up", h.Results)
	}
	if err := c.greet(l); err != nil || l.id == 0 {
		t.Errorf("not connected: %v", err)
	}
}

// abandonAll gives up the jobs whose owners are away, as if their time were over.
func (s *Scheduler) abandonAll() {
	var t turn
	now := s.enter()
	for l, ok := s.leases.Due(now + s.cfg.ClientGrace); ok; l, ok = s.leases.Due(now + s.cfg.ClientGrace) {
		j := s.jobs[l.Ref]
		t.effects = s.do(now, j, s.leases.Abandon(l, s.running(j)), t.effects)
	}
	s.exit(now, &t)
}

// What a worker that was given up says again is kept for whoever may come for it, for as long as if its owner had left
// when the worker was given up: nobody knows any more whether the owner has it.
func TestKeptThoughGivenUp(t *testing.T) {
	for name, leave := range map[string]func(c *chatter){
		"its client has not read it": func(*chatter) {},
		"its client has left":        func(c *chatter) { c.clients[0].leave(io.EOF) },
	} {
		c, j := heldFleet(t)
		s, l := c.s, c.links[0]
		say := speaks(t, l)
		ok := probe.Finished{Status: probe.StatusOK, Ref: j.ref, Attempt: 1}
		for i := range 3 { // the job ends with its third task
			ok.Call, ok.Task, ok.Seq = uint32(i+1), uint32(i), uint64(i+1)
			say(probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Call: ok.Call, Ref: j.ref}))
			say(probe.KindFinished, probe.AppendFinishedHead(nil, &ok))
		}
		if leave(c); j.outcome != task.OK || l.results.Settled() != 0 {
			t.Fatalf("%s: the job's outcome is %v; settled up to %d", name, j.outcome, l.results.Settled())
		}
		l.down(t.Context(), io.EOF)
		l.void()
		l.hello()
		if err := c.greet(l); err != nil {
			t.Fatal(err)
		}
		for ok.Seq = 1; ok.Seq <= 3; ok.Seq++ {
			ok.Call, ok.Task = uint32(ok.Seq), uint32(ok.Seq-1)
			say(probe.KindFound, probe.AppendFinishedHead(nil, &ok))
		}
		if l.results.Settled() != 0 || l.results.Kept() != 3 {
			t.Errorf("%s: settled up to %d, %d kept", name, l.results.Settled(), l.results.Kept())
		}
		var other turn
		now := s.enter()
		if s.expireKept(s.givenUp[l.member.Incarnation]+ack.DefaultKeepFor, &other); l.results.Kept() != 3 {
			t.Errorf("%s: %d kept shortly before the time is over", name, l.results.Kept())
		}
		if s.expireKept(s.givenUp[l.member.Incarnation]+ack.DefaultKeepFor+1, &other); l.results.Kept() != 0 || l.results.Settled() != 3 {
			t.Errorf("%s: when the time is over %d are kept, and it is settled up to %d", name, l.results.Kept(), l.results.Settled())
		}
		if s.forgetGivenUp(now + ack.DefaultKeepFor + time.Second); len(s.givenUp) != 0 {
			t.Errorf("%s: %d workers are remembered", name, len(s.givenUp))
		}
		s.exit(now, &other)
	}
}

// An attempt of a job that a later submission has taken over is not in vain for those who wait, and is kept for who may
// come for it.
func TestReplacedIsKept(t *testing.T) {
	c, es := waitingFleet(t, 1)
	j, l := es.job, c.links[0]
	say := speaks(t, l)
	say(probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Call: 1, Ref: j.ref}))
	var other turn
	later := task.Job{ID: task.JobID{2}, Epoch: 5, App: "a", MaxAttempts: 3, Tasks: make([]task.Task, 1)}
	if err := c.s.submit(&other, later, func(*job, bool) {}); err != nil {
		t.Fatal(err)
	}
	m := probe.Finished{Seq: 1, Call: 1, Ref: j.ref, Attempt: 1, Status: probe.StatusFailed}
	say(probe.KindFinished, append(probe.AppendFinishedHead(nil, &m), probe.AppendFault(nil, task.Errorf(task.CodeAppFailed, "no"))...))
	if j.retries.count() != 0 || l.results.Settled() != 0 || l.results.Kept() != 1 {
		t.Errorf("%d told as in vain; settled up to %d, %d kept", j.retries.count(), l.results.Settled(), l.results.Kept())
	}
}

// A worker that was silent when its connection broke has what is left of the lease to come back, and not a whole one.
func TestLeaseCountsFromTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := heldFleet(t)
		l := c.links[0]
		time.Sleep(stream.DefaultLease * 4 / 5)
		l.down(t.Context(), io.EOF)
		if !l.isSevered() {
			t.Error("given up at once")
		}
		time.Sleep(stream.DefaultLease/4 + 1)
		if synctest.Wait(); l.isSevered() {
			t.Errorf("not given up %v after its last word", stream.DefaultLease*4/5+stream.DefaultLease/4)
		}
	})
}

// A job that was given up, and ends when what runs of it has ended, ends also when that has not begun: its launch is
// given back, which nobody is told.
func TestDrainsUntilNothingRuns(t *testing.T) {
	c, es := waitingFleet(t, 1)
	s, j, say := c.s, es.job, speaks(t, c.links[0])
	j.lease.Drains = true
	say(probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Call: 1, Ref: j.ref}))
	es.leave()
	giveUp := func() task.Outcome {
		var other turn
		now := s.enter()
		s.expireOrphans(now+time.Hour, &other)
		s.exit(now, &other)
		return j.outcome
	}
	if o := giveUp(); o != 0 {
		t.Fatalf("it ended %v while a task ran", o)
	}
	select {
	case <-s.orphaned:
	default:
	}
	say(probe.KindDecline, probe.AppendDecline(nil, probe.Decline{Call: 1, Ref: j.ref, Reason: probe.RefusedStale}))
	select {
	case <-s.orphaned:
	default:
		t.Error("nobody looks whether it still runs")
	}
	if o := giveUp(); o != task.Cancelled {
		t.Errorf("it ended %v when nothing ran any more", o)
	}
}

// A launch that is given back was no attempt: the task waits as before, and is listed so.
func TestGivenBackIsNoAttempt(t *testing.T) {
	c, es := waitingFleet(t, 1)
	s, j, say := c.s, es.job, speaks(t, c.links[0])
	listed := func() api.TaskState {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.taskState(j, 0)
	}
	say(probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Call: 1, Ref: j.ref}))
	if got := listed(); got.State != api.StateRunning || got.Attempt != 1 || got.Worker == "" {
		t.Fatalf("launched, it is listed as %+v", got)
	}
	say(probe.KindDecline, probe.AppendDecline(nil, probe.Decline{Call: 1, Ref: j.ref, Reason: probe.RefusedStale}))
	if got := listed(); got.State != api.StateWaiting || got.Attempt != 0 || got.Worker != "" {
		t.Errorf("given back, it is listed as %+v", got)
	}
}
