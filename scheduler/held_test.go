package scheduler

import (
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/task"
)

// heldFleet is a scheduler with one worker, and one client that has submitted one job of three tasks.
func heldFleet(t *testing.T) (*chatter, *job) {
	t.Helper()
	s, err := New(Config{Name: "s1", Listener: fasthttputil.NewInmemoryListener(), Members: nobody{}, Logger: slog.New(slog.DiscardHandler), MaxUnreadBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	s.ctx = t.Context()
	c := &chatter{s: s, rng: rand.New(rand.NewPCG(1, 1))}
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
	if err := s.submit(&other, again, func(j *job, _ bool) { j.readable = true; j.owners++ }); err != nil { // as a waiting request does
		t.Fatal(err)
	}
	now := s.enter()
	s.afterPause(now)
	s.exit(now, &other)
	if j.held != heldAsked || s.held != (heldJobs{asked: 1}) {
		t.Fatalf("held for %b, counted %+v", j.held, s.held)
	}
	c.say(t, submission.KindStill, submission.AppendStill(nil, submission.Still{}))
	if j.held != 0 || j.owners != 1 || s.held != (heldJobs{}) {
		t.Errorf("with %d owners the job is held for %b; counted %+v", j.owners, j.held, s.held)
	}
}

// What a held job waits for is said and counted.
func TestHeldIsSaid(t *testing.T) {
	c, j := heldFleet(t)
	s := c.s
	check := func(reason string, want heldJobs) {
		t.Helper()
		if why := s.detail(j).Why; !strings.Contains(why, reason) || s.held != want {
			t.Errorf("%q does not say %q, or %+v is not counted as %+v", why, reason, s.held, want)
		}
	}
	check("wait for a free slot", heldJobs{})
	now := s.enter()
	s.afterPause(now)
	s.exit(now, &c.clients[0].turn)
	check("has not said yet", heldJobs{asked: 1})
	c.say(t, submission.KindStill, submission.AppendStill(nil, submission.Still{Seqs: []uint32{1}}))
	check("wait for a free slot", heldJobs{})
	j.unread.Send(1000, 100)
	s.slow = append(s.slow, j)
	now = s.enter()
	s.holdSlow(now, &c.clients[0].turn)
	s.exit(now, &c.clients[0].turn)
	check("1000 bytes of results to read; it goes on below 50", heldJobs{credit: 1})
	c.clients[0].leave(nil)
	check("no owner is connected; the job is given up in ", heldJobs{owner: 1, credit: 1})
	s.cancelJob(j)
	if why := s.detail(j).Why; why != "" || s.held != (heldJobs{}) {
		t.Errorf("over, and says %q; counted %+v", why, s.held)
	}

	c.clients = nil
	if err := c.connectClient(); err != nil {
		t.Fatal(err)
	}
	later := task.Job{ID: task.JobID{2}, App: "a", Tasks: make([]task.Task, 3), Epoch: 1, Finished: []byte{0b11111010}}.WithDefaults()
	c.say(t, submission.KindSubmit, submission.AppendSubmit(nil, 2, &later))
	j = s.byID[later.ID]
	check("workers are asked", heldJobs{})
	if d := s.detail(j); d.Finished != 1 || d.Waiting != 2 {
		t.Errorf("%d finished, %d waiting of 3 tasks of which one had finished before", d.Finished, d.Waiting)
	}
}

// A failed attempt is acknowledged when the client has heard of it, and not before: it counts the attempts.
func TestFailureIsAcknowledgedLast(t *testing.T) {
	c, j := heldFleet(t)
	l := c.links[0]
	say := func(kind probe.Kind, body []byte) {
		t.Helper()
		if err := l.Message(uint8(kind), body); err != nil {
			t.Fatal(err)
		}
	}
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
