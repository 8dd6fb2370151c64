package storm

import (
	"strings"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker/queue"
)

// scene is a world in which nothing happens but what a test says: two workers of one slot, a scheduler and a client
// with one job of two tasks.
type scene struct {
	*world
	j *job
}

func newScene() scene {
	w := newWorld(Plan{Workers: 2, Slots: 1, Schedulers: 2, Clients: 1, Lease: time.Second, Unread: 100, CheckEvery: 1, placement: placement.Config{}, queue: queue.Config{Slots: 1}}, nil)
	for _, p := range w.processes {
		p.owner.begin()
	}
	j := &job{id: task.JobID{1}, client: w.clients[0], deadline: time.Hour, maxAttempts: 2, isTaken: true, since: time.Second, outcomes: make([]task.Outcome, 2)}
	j.tasks = []*jobTask{{job: j, takes: takes{slots: 1}}, {job: j, index: 1, takes: takes{slots: 1}}}
	j.failures, j.sent = make([]uint16, 2), make(map[uint32]sent)
	w.now = time.Minute
	w.book.submitted(j, 0, w.schedulers[0].node)
	j.had(w.schedulers[0].node, 0)
	w.book.jobs, w.book.byID[j.id] = []*job{j}, j
	return scene{w, j}
}

// start has a worker start a task for a scheduler, and lets its handler be in the slot.
func (s scene) start(k, from int, m probe.Launch) *start {
	m.Job = s.j.id
	m.Attempt = max(m.Attempt, 1)
	sch := s.schedulers[from]
	x := s.book.started(s.workers[k], &caller{s: sch, life: sch.life}, &m)
	s.workers[k].handlers[0] = x
	return x
}

// keepsResults has workers keep what they have done for a minute, and schedulers wait for what they say of it.
func (s scene) keepsResults() {
	s.plan.ack.KeepFor, s.plan.placement.ClaimWait = time.Minute, s.plan.answers()
}

// held is the job at a scheduler, where a client may have 100 bytes to read.
func (s scene) held(tasks int) *heldJob { return &heldJob{job: s.j, launched: make([]launch, tasks)} }

func (s scene) end(x *start, status probe.Status) {
	x.k.handlers[0] = nil
	s.book.ended(x, status)
}

// Each promise that is broken is noticed, and what may happen is not.
func TestBook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		want string // of the error; empty: none
		do   func(s scene)
	}{
		{"one start, one outcome", "", func(s scene) {
			s.end(s.start(0, 0, probe.Launch{}), probe.StatusOK)
			s.book.outcome(s.j, 0, task.OK, "")
		}},
		{"a second outcome", "a second outcome", func(s scene) {
			s.end(s.start(0, 0, probe.Launch{}), probe.StatusOK)
			s.book.outcome(s.j, 0, task.OK, "")
			s.book.outcome(s.j, 0, task.OK, "")
		}},
		{"ok without a run", "never ended so", func(s scene) { s.book.outcome(s.j, 0, task.OK, "") }},
		{"two in one slot", "attempts of 2 slots in 1", func(s scene) {
			s.start(0, 0, probe.Launch{})
			s.start(0, 0, probe.Launch{Task: 1})
		}},
		{"more of a resource than there is", "take 2 of a resource of which it has 1", func(s scene) {
			s.plan.GPUs, s.plan.Slots = 1, 2
			for i := range s.j.tasks {
				s.j.tasks[i].takes.gpus = 1
				s.start(0, 0, probe.Launch{Task: uint32(i)})
			}
		}},
		{"a wide task beside another", "attempts of 3 slots in 2", func(s scene) {
			s.plan.Slots, s.j.tasks[1].takes.slots = 2, 2
			s.start(0, 0, probe.Launch{})
			s.start(0, 0, probe.Launch{Task: 1})
		}},
		{"a plain task of a flood before a wide one that came long before", "which came long before, has not", func(s scene) {
			s.book.wide, s.j.late = &job{isTaken: true, tasks: []*jobTask{{}}}, true
			s.start(0, 0, probe.Launch{})
		}},
		{"again without a reason", "nothing explains that", func(s scene) {
			s.end(s.start(0, 0, probe.Launch{}), probe.StatusOK)
			s.start(1, 0, probe.Launch{})
		}},
		{"again after a failure", "", func(s scene) {
			s.end(s.start(0, 0, probe.Launch{}), probe.StatusFailed)
			s.start(1, 0, probe.Launch{})
		}},
		{"again after a fault of the worker", "", func(s scene) {
			s.start(0, 0, probe.Launch{})
			s.touch(&s.workers[0].process, 0)
			s.start(1, 0, probe.Launch{})
		}},
		{"again after a fault of another worker", "nothing explains that", func(s scene) {
			s.start(0, 0, probe.Launch{})
			s.touch(&s.workers[1].process, 0)
			s.start(1, 0, probe.Launch{})
		}},
		{"again after a fault that was over long before", "nothing explains that", func(s scene) {
			s.touch(&s.workers[0].process, 0)
			s.now += time.Minute
			s.start(0, 0, probe.Launch{})
			s.start(1, 0, probe.Launch{})
		}},
		{"again by a scheduler that was cut off", "", func(s scene) {
			s.book.submitted(s.j, 1, s.schedulers[0].node)
			s.touchPair(&s.clients[0].process, &s.schedulers[0].process, 0)
			s.start(0, 1, probe.Launch{Epoch: 1})
			s.start(1, 0, probe.Launch{})
		}},
		{"again by a scheduler that should know", "nothing explains that", func(s scene) {
			s.book.submitted(s.j, 1, s.schedulers[0].node)
			s.start(0, 1, probe.Launch{Epoch: 1})
			s.start(1, 0, probe.Launch{})
		}},
		{"again after it was stopped for an earlier one whose worker a fault has touched", "", func(s scene) {
			s.book.submitted(s.j, 1, s.schedulers[0].node)
			s.end(s.start(0, 0, probe.Launch{}), probe.StatusOK)
			s.touch(&s.workers[0].process, 0)
			x := s.start(1, 1, probe.Launch{Epoch: 1})
			s.book.stopped(x, probe.StatusKilled)
			s.end(x, probe.StatusKilled)
			s.start(1, 1, probe.Launch{Epoch: 1, Attempt: 2})
		}},
		{"started where it may not", "which has not what it needs", func(s scene) {
			s.j.require = disk
			s.start(1, 0, probe.Launch{})
		}},
		{"again though it may once", "may once", func(s scene) {
			s.j.once = true
			s.end(s.start(0, 0, probe.Launch{}), probe.StatusFailed)
			s.start(1, 0, probe.Launch{})
		}},
		{"done again by a scheduler that has claimed the job", "done again at w1, though w0", func(s scene) {
			s.keepsResults()
			s.end(s.start(0, 0, probe.Launch{}), probe.StatusOK)
			s.touchPair(&s.clients[0].process, &s.schedulers[0].process, 0)
			s.book.submitted(s.j, 1, s.schedulers[1].node)
			s.start(1, 1, probe.Launch{Epoch: 1})
		}},
		{"done again by a scheduler that got the job first, but late", "", func(s scene) {
			s.keepsResults()
			s.touchPair(&s.clients[0].process, &s.schedulers[0].process, 0)
			s.book.submitted(s.j, 1, s.schedulers[1].node)
			s.end(s.start(0, 1, probe.Launch{Epoch: 1}), probe.StatusOK)
			s.start(1, 0, probe.Launch{})
		}},
		{"done again by a scheduler that got the job late, and has claimed it", "done again at w1, though w0", func(s scene) {
			s.keepsResults()
			s.touchPair(&s.clients[0].process, &s.schedulers[0].process, 0)
			s.book.submitted(s.j, 1, s.schedulers[0].node)
			s.book.submitted(s.j, 2, s.schedulers[1].node)
			s.end(s.start(0, 1, probe.Launch{Epoch: 2}), probe.StatusOK)
			s.start(1, 0, probe.Launch{Epoch: 1})
		}},
		{"more attempts than it may have", "may 2 times", func(s scene) {
			for range 3 {
				s.end(s.start(0, 0, probe.Launch{}), probe.StatusFailed)
			}
		}},
		{"more attempts than it may have, by a scheduler that was cut off", "", func(s scene) {
			s.j.maxAttempts = 1
			s.book.submitted(s.j, 1, s.schedulers[0].node)
			s.start(0, 1, probe.Launch{Epoch: 1})
			s.touchPair(&s.clients[0].process, &s.schedulers[0].process, 0)
			s.start(1, 0, probe.Launch{})
		}},
		{"an old epoch behind a fence", "behind the fence", func(s scene) {
			p := &caller{s: s.schedulers[1], life: 1}
			s.book.claimed(s.workers[0], p, probe.Claim{Job: s.j.id, Ref: 1, Epoch: 1}, []queue.Effect{{Kind: queue.EffectTold, Ref: 1}})
			s.start(0, 0, probe.Launch{})
		}},
		{"a claim that was refused is no fence", "", func(s scene) {
			p := &caller{s: s.schedulers[1], life: 1}
			s.book.claimed(s.workers[0], p, probe.Claim{Job: s.j.id, Ref: 1, Epoch: 1}, []queue.Effect{{Kind: queue.EffectDecline, Ref: 1}})
			s.start(0, 0, probe.Launch{})
		}},
		{"attempts that begin anew", "its owner knew of 1 before", func(s scene) {
			s.end(s.start(0, 0, probe.Launch{}), probe.StatusFailed)
			s.book.inVain(s.j, 0, 1)
			s.book.submitted(s.j, 1, s.schedulers[0].node)
			s.start(0, 0, probe.Launch{Epoch: 1})
		}},
		{"started though it has its outcome", "had its outcome before", func(s scene) {
			s.j.outcomes[0] = task.Failed
			s.book.submitted(s.j, 1, s.schedulers[0].node)
			s.start(0, 0, probe.Launch{Epoch: 1})
		}},
		{"unknown though it may start again", "may start again", func(s scene) { s.book.outcome(s.j, 0, task.Unknown, task.CodeSchedulerLost) }},
		{"unknown because of nothing", "no fault has touched those who know", func(s scene) {
			s.j.once = true
			s.book.outcome(s.j, 0, task.Unknown, task.CodeSchedulerLost)
		}},
		{"unknown after a fault", "", func(s scene) {
			s.j.once = true
			s.touch(&s.workers[1].process, 0)
			s.book.outcome(s.j, 0, task.Unknown, task.CodeSchedulerLost)
		}},
		{"handed on though it was not taken", "has not taken it", func(s scene) {
			s.j.last.had = false
			s.book.submitted(s.j, 1, s.schedulers[1].node)
		}},
		{"handed on because nobody knows whether it was taken", "", func(s scene) {
			s.j.last.had = false
			s.touchPair(&s.clients[0].process, &s.schedulers[0].process, 0)
			s.book.submitted(s.j, 1, s.schedulers[1].node)
		}},
		{"stopped because of nothing", "nothing explains that", func(s scene) { s.book.stopped(s.start(0, 0, probe.Launch{}), probe.StatusKilled) }},
		{"lost with a worker that was not lost", "takes its attempt 1 for lost", func(s scene) {
			h := s.held(1)
			s.book.launched(s.schedulers[0], s.workers[0], h, 0, 1)
			s.book.lost(s.schedulers[0], h, &placement.Effect{Kind: placement.EffectRetry, Code: task.CodeWorkerLost, Attempt: 1})
		}},
		{"lost with a worker that was", "", func(s scene) {
			h := s.held(1)
			s.book.launched(s.schedulers[0], s.workers[0], h, 0, 1)
			s.touch(&s.workers[0].process, 0)
			s.book.lost(s.schedulers[0], h, &placement.Effect{Kind: placement.EffectRetry, Code: task.CodeWorkerLost, Attempt: 1})
		}},
		{"lost before it came to this scheduler", "", func(s scene) {
			s.book.lost(s.schedulers[0], s.held(1), &placement.Effect{Kind: placement.EffectRetry, Code: task.CodeWorkerLost, Attempt: 1})
		}},
		{"cancelled by nobody", "nobody did", func(s scene) { s.book.outcome(s.j, 0, task.Cancelled, task.CodeCancelled) }},
		{"timed out early", "before its deadline", func(s scene) { s.book.outcome(s.j, 0, task.Timeout, task.CodeDeadline) }},
		{"done without an outcome", "done without an outcome of task 0", func(s scene) { s.book.done(s.j, task.OK, 0) }},
		{"launched though there is too much to read", "are the limit", func(s scene) {
			h := s.held(2)
			s.book.sentTo(&result{of: h, bytes: 60})
			s.book.sentTo(&result{of: h, bytes: 60})
			s.now++
			s.book.launched(s.schedulers[0], s.workers[0], h, 0, 1)
		}},
		{"launched before it was known that there is too much to read", "", func(s scene) {
			h := s.held(2)
			s.book.sentTo(&result{of: h, bytes: 120})
			s.book.launched(s.schedulers[0], s.workers[0], h, 0, 1)
			s.now++
			s.book.launched(s.schedulers[0], s.workers[0], h, 0, 1) // the answer again
		}},
		{"launched when enough was read", "", func(s scene) {
			h := s.held(2)
			r := &result{of: h, bytes: 90}
			s.book.sentTo(r)
			s.book.sentTo(&result{of: h, bytes: 90})
			s.now++
			s.book.hasRead(r)
			s.book.hasRead(r)
			s.book.launched(s.schedulers[0], s.workers[0], h, 0, 1)
		}},
		{"started though its client is long dead", "starts on w0, 1m0s after its client died", func(s scene) {
			s.book.orphan(s.j)
			s.now += time.Minute
			s.start(0, 0, probe.Launch{})
		}},
		{"running on though its client is long dead", "runs on on w0", func(s scene) {
			x := s.start(0, 0, probe.Launch{})
			s.book.orphan(s.j)
			s.now += time.Minute
			s.end(x, probe.StatusOK)
		}},
		{"draining though its client is long dead", "", func(s scene) {
			s.j.drain = true
			x := s.start(0, 0, probe.Launch{})
			s.book.orphan(s.j)
			s.now += time.Minute
			s.end(x, probe.StatusOK)
		}},
		{"started when its client has just died", "", func(s scene) {
			s.book.orphan(s.j)
			s.now += time.Second
			s.start(0, 0, probe.Launch{})
		}},
		{"started by who could not know that its client died", "", func(s scene) {
			s.book.orphan(s.j)
			s.now += time.Minute
			s.touchPair(&s.clients[0].process, &s.schedulers[0].process, 0)
			s.start(0, 0, probe.Launch{})
		}},
		{"left over", "has no end", func(s scene) { s.j.ref = 1; s.book.atRest() }},
		{"still running at rest", "its start on w0 has no end", func(s scene) { s.start(0, 0, probe.Launch{}); s.book.atRest() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene()
			c.do(s)
			switch {
			case c.want == "" && s.err != nil:
				t.Error(s.err)
			case c.want != "" && (s.err == nil || !strings.Contains(s.err.Error(), c.want)):
				t.Errorf("got %v, want %q", s.err, c.want)
			}
		})
	}
}
