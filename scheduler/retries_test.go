package scheduler

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"dunnock/internal/api"
	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// written is a connection whose other side has read what was written to it.
type written struct {
	net.Conn
	said bytes.Buffer
}

func (w *written) Write(p []byte) (int, error)    { return w.said.Write(p) }
func (*written) SetWriteDeadline(time.Time) error { return nil }

// listenTo makes a stream of events write into memory; events returns those that it has written since the last time.
func listenTo(t *testing.T, es *eventStream) (events func() []string) {
	t.Helper()
	conn := &written{}
	es.out = eventWriter{conn: conn, w: bufio.NewWriter(conn)}
	return func() []string {
		t.Helper()
		var list []string
		for line := range strings.Lines(conn.said.String()) {
			var e api.RetryEvent
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			said := fmt.Sprint(e.Event, " ", e.Task)
			if e.Event == "retry" {
				said += fmt.Sprintf(".%d", e.Attempt)
			}
			if e.Error != nil {
				said += " " + string(e.Error.Code)
			}
			list = append(list, said)
		}
		conn.said.Reset()
		return list
	}
}

// waitingFleet is a scheduler with one worker, and one request that waits for one job.
func waitingFleet(t *testing.T, tasks int) (*chatter, *eventStream) {
	t.Helper()
	c, j := heldFleet(t)
	c.s.cancelJob(j)
	var other turn
	es := newEventStream(c.s, nil)
	spec := task.Job{ID: task.JobID{2}, App: "a", MaxAttempts: 3, Tasks: make([]task.Task, tasks)}
	if err := c.s.submit(&other, spec, func(j *job, _ bool) { j.readable = true; es.own(j) }); err != nil {
		t.Fatal(err)
	}
	return c, es
}

// attempt has an attempt of a job launched and fail.
func (c *chatter) attempt(t *testing.T, j *job, n uint64) {
	t.Helper()
	l := c.links[0]
	before := make([]uint16, j.tasks.len())
	for i := range j.tasks.len() {
		before[i] = j.tasks.read(i).attempt
	}
	say := speaks(t, l)
	call := uint32(n)
	say(probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Slot: 0, Call: call, Ref: j.ref}))
	for i := range j.tasks.len() {
		if j.tasks.read(i).attempt != before[i] {
			m := probe.Finished{Seq: n, Slot: 0, Call: call, Ref: j.ref, Task: uint32(i), Attempt: j.tasks.read(i).attempt, Status: probe.StatusFailed}
			say(probe.KindFinished, append(probe.AppendFinishedHead(nil, &m), probe.AppendFault(nil, task.Errorf(task.CodeAppFailed, "no"))...))
			return
		}
	}
	t.Fatal("nothing was launched")
}

func (es *eventStream) mustCatchUp(t *testing.T) {
	t.Helper()
	for {
		_, changed, err := es.catchUp()
		if err != nil {
			t.Fatal(err)
		}
		if changed != nil || es.job.outcome != 0 && es.sent == len(es.job.order) {
			break
		}
	}
	if err := es.flush(); err != nil {
		t.Fatal(err)
	}
}

// A request that waits hears of each attempt in vain, before its task's outcome, and only then is the attempt
// acknowledged: it counts.
func TestRetryIsTold(t *testing.T) {
	c, es := waitingFleet(t, 1)
	events := listenTo(t, es)
	l := c.links[0]
	c.attempt(t, es.job, 1)
	if l.results.Settled() != 0 {
		t.Error("acknowledged before the client was told")
	}
	es.mustCatchUp(t)
	if l.results.Settled() != 1 {
		t.Errorf("settled up to %d when the client was told", l.results.Settled())
	}
	c.attempt(t, es.job, 2)
	c.attempt(t, es.job, 3)
	if l.results.Settled() != 1 {
		t.Errorf("settled up to %d before the client was told", l.results.Settled())
	}
	es.mustCatchUp(t)
	want := "retry 0.1 app_failed|retry 0.2 app_failed|task 0 app_failed|done 0"
	if got := strings.Join(events(), "|"); got != want || l.results.Settled() != 3 {
		t.Errorf("settled up to %d; told\n%s\nwant %s", l.results.Settled(), got, want)
	}
	// Who comes later hears it from the beginning.
	late := newEventStream(c.s, nil)
	late.job = es.job
	events = listenTo(t, late)
	late.mustCatchUp(t)
	if got := strings.Join(events(), "|"); got != want {
		t.Errorf("a follower was told\n%s\nwant %s", got, want)
	}
}

// An attempt in vain that nobody was told of is kept for who may come for it.
func TestRetryIsKept(t *testing.T) {
	c, es := waitingFleet(t, 1)
	c.attempt(t, es.job, 1)
	es.leave()
	if l := c.links[0]; l.results.Settled() != 0 || l.results.Kept() != 1 {
		t.Errorf("settled up to %d, %d kept", l.results.Settled(), l.results.Kept())
	}
}

// Attempts in vain for which there is no room are told all the same, the last one of each task: who has read none of
// them looks at every task.
func TestRetriesAreBounded(t *testing.T) {
	c, es := waitingFleet(t, 3*tasksPerHold)
	events := listenTo(t, es)
	s, retained := c.s, c.s.retained
	inVain := make(map[string]bool)
	n := 0
	fail := func() {
		i, attempt := uint32(n/2*100), uint16(n%2+1)
		n++
		s.noteRetry(&turn{}, es.job, &placement.Effect{Task: i, Attempt: attempt, Code: task.CodeAppFailed})
		delete(inVain, fmt.Sprintf("retry %d.%d", i, attempt-1))
		inVain[fmt.Sprintf("retry %d.%d", i, attempt)] = true
	}
	for range 10 {
		fail()
	}
	if got := len(es.job.retries.log); got != 10 || s.retained == retained {
		t.Errorf("%d are remembered, at a cost of %d bytes", got, s.retained-retained)
	}
	limit := s.cfg.MaxRetainedBytes
	s.cfg.MaxRetainedBytes = 0
	fail()
	if got := len(es.job.retries.log); got != 0 || s.retained != retained || es.job.retries.count() != 11 {
		t.Errorf("%d of %d are remembered without room, at a cost of %d bytes", got, es.job.retries.count(), s.retained-retained)
	}
	s.cfg.MaxRetainedBytes = limit
	es.mustCatchUp(t)
	told := events()
	for _, e := range told {
		if !inVain[e] {
			t.Errorf("told %s", e)
		}
	}
	if len(told) != len(inVain) {
		t.Errorf("told %d of %d", len(told), len(inVain))
	}
	fail()
	es.mustCatchUp(t)
	if told := events(); len(told) != 1 || told[0] != "retry 500.2 app_failed" || es.heard != 12 || len(es.job.unsent) != 0 {
		t.Errorf("then told %q; %d heard, %d unsent", told, es.heard, len(es.job.unsent))
	}
	for range maxRetries {
		s.noteRetry(&turn{}, es.job, &placement.Effect{Task: 1, Attempt: 1, Code: task.CodeWorkerLost})
	}
	if got := len(es.job.retries.log); got > maxRetries || es.job.retries.count() != 12+maxRetries {
		t.Errorf("%d of %d are remembered", got, es.job.retries.count())
	}
}
