package owner

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"dunnock/internal/submission"
	"dunnock/task"
)

// machine drives a core as a shell would, with schedulers that do whatever the protocol allows and some of what it does
// not, and keeps books of its own about what the core has promised. The books are plain lists and maps, and never
// forget.
type machine struct {
	core *Core
	cfg  Config
	now  time.Duration
	pick func(n int) int // one of 0…n-1

	state    []link // of the schedulers, as the shell sees them
	drains   []bool
	jobs     []*modelJob
	byRef    map[Ref]*modelJob
	all      []*modelSubmission // by number, from 1
	handling *modelSubmission   // that the message being handled is about
	told     submission.TaskDone
	out      []Effect
}

type modelJob struct {
	spec      Spec
	ref       Ref
	came      time.Duration
	accepted  time.Duration // the first time; -1: not yet
	outcomes  map[uint32]task.Outcome
	attempts  map[uint32]int
	epoch     int64 // of the last submission that may have been accepted; -1: none
	last      *modelSubmission
	rejected  bool                        // for now, at least once
	notBefore map[Scheduler]time.Duration // when those who have refused it want to see it again
	cancels   bool
	failed    bool // and its spec wants it to end then
	over      bool
	usurped   int
}

type modelSubmission struct {
	seq   uint32
	job   *modelJob
	at    Scheduler
	epoch uint32
	state state // 0: over
}

func newMachine(seed uint64, schedulers int, pick func(int) int) *machine {
	m := &machine{pick: pick, state: make([]link, schedulers), drains: make([]bool, schedulers), byRef: make(map[Ref]*modelJob)}
	for i := range schedulers {
		m.cfg.Schedulers = append(m.cfg.Schedulers, fmt.Sprintf("10.0.0.%d:7070", i))
	}
	m.cfg = m.cfg.withDefaults()
	m.core = New(m.cfg, rand.New(rand.NewPCG(seed, 1)))
	return m
}

// step lets one thing happen.
func (m *machine) step() error {
	m.now += time.Duration(m.pick(20)) * time.Millisecond
	switch m.pick(16) {
	case 0, 1:
		return m.submit()
	case 2:
		return m.up(m.someScheduler())
	case 3:
		return m.down(m.someScheduler())
	case 4:
		if len(m.jobs) > 0 {
			j := m.jobs[m.pick(len(m.jobs))]
			if m.pick(4) == 0 {
				j.cancels = j.cancels || !j.over
				return m.check(m.core.Cancel(j.ref, m.out[:0]))
			}
		}
	case 5:
		return m.tick()
	case 6:
		s := m.someScheduler()
		return m.check(m.core.Ask(s, submission.Ask{}, m.out[:0]))
	case 7:
		if m.pick(4) == 0 {
			return m.leave(m.someScheduler())
		}
	default:
		return m.message()
	}
	return nil
}

func (m *machine) someScheduler() Scheduler { return Scheduler(m.pick(len(m.state))) }

func (m *machine) submit() error {
	spec := Spec{Tasks: 1 + m.pick(10), Deadline: time.Duration(1+m.pick(40)) * 100 * time.Millisecond, CancelOnFailure: m.pick(4) == 0, MaxAttempts: 3}
	spec.ID[0], spec.ID[1] = byte(len(m.jobs)), byte(len(m.jobs)>>8)
	j := &modelJob{came: m.now, accepted: -1, outcomes: make(map[uint32]task.Outcome), attempts: make(map[uint32]int), notBefore: make(map[Scheduler]time.Duration), epoch: -1}
	if m.pick(8) == 0 {
		spec.Epoch, spec.Finished, spec.Attempts = 3, []byte{byte(m.pick(256))}, []task.Attempts{{Task: 0, Failed: 2}}
		for t := range uint32(min(spec.Tasks, 8)) {
			if spec.Finished[0]&(1<<t) != 0 {
				j.outcomes[t] = task.OK
			}
		}
		j.attempts[0] = 2
	}
	j.spec = spec
	ref, out, err := m.core.Submit(m.now, &spec, m.out[:0])
	if err != nil {
		return err
	}
	if m.byRef[ref] != nil {
		return fmt.Errorf("ref %#x is used again", uint64(ref))
	}
	j.ref, m.byRef[ref] = ref, j
	m.jobs = append(m.jobs, j)
	return m.check(out)
}

func (m *machine) up(s Scheduler) error {
	if m.state[s] == up && m.pick(10) > 0 {
		return nil // the shell says it once
	}
	m.drains[s] = m.drains[s] && m.state[s] == up
	if m.state[s] != up {
		for _, j := range m.jobs {
			delete(j.notBefore, s)
		}
	}
	m.state[s] = up
	return m.check(m.core.SchedulerUp(m.now, s, m.out[:0]))
}

func (m *machine) down(s Scheduler) error {
	m.state[s] = closed
	for _, sub := range m.all {
		if sub.at == s {
			sub.state = 0
		}
	}
	return m.check(m.core.SchedulerDown(m.now, s, m.out[:0]))
}

// leave has a scheduler say its last word and hang up.
func (m *machine) leave(s Scheduler) error {
	if m.state[s] != up {
		return m.stale(m.core.Leave(m.now, s, submission.Leave{}, m.out[:0]), false)
	}
	m.drains[s] = true
	for _, sub := range m.all {
		if sub.at == s && sub.state == submitted {
			sub.state = 0
			sub.job.epoch = int64(sub.epoch) - 1 // it is used again: under a later one it would be in doubt
			sub.job.rejected = true
			sub.job.notBefore[s] = m.now
		}
	}
	if err := m.check(m.core.Leave(m.now, s, submission.Leave{}, m.out[:0])); err != nil {
		return err
	}
	return m.down(s)
}

func (m *machine) tick() error { return m.check(m.core.Tick(m.now, m.out[:0])) }

// message lets a scheduler say something: mostly about a submission that it has, sometimes about any, or another one's.
func (m *machine) message() error {
	if len(m.all) == 0 {
		return nil
	}
	sub := m.all[len(m.all)-1-m.pick(min(len(m.all), 8))]
	s := sub.at
	if m.pick(10) == 0 {
		s = m.someScheduler()
	}
	if m.state[s] != up {
		return nil // it has no way to say it
	}
	m.handling = nil
	if sub.state != 0 && sub.at == s {
		m.handling = sub
	}
	defer func() { m.handling = nil }()
	what := m.pick(12)
	if sub.state == submitted && m.pick(4) > 0 {
		what = m.pick(3) // a fitting answer
	}
	return m.say(s, sub, what)
}

func (m *machine) say(s Scheduler, sub *modelSubmission, what int) error {
	live, seq, j := m.handling != nil, sub.seq, sub.job
	index := uint32(m.pick(j.spec.Tasks + 1))
	switch what {
	case 0, 1:
		live = live && sub.state == submitted
		if live {
			sub.state = accepted
			clear(j.notBefore)
			if j.accepted < 0 {
				j.accepted = m.now
			}
		}
		out := m.core.Accepted(m.now, s, submission.Accepted{Seq: seq}, m.out[:0])
		if live != (len(out) == 1 && out[0].Kind == EffectAccepted) {
			return fmt.Errorf("accepted, live %v: %+v", live, out)
		}
		return m.check(out)
	case 2:
		return m.reject(s, sub, live)
	case 3:
		if live && sub.state == accepted {
			return m.finish(s, sub)
		}
		return m.stale(m.core.JobDone(s, submission.JobDone{Seq: seq, Outcome: task.OK}, m.out[:0]), live && sub.state == accepted)
	case 4:
		attempt := uint16(1 + m.pick(3))
		var want []Effect
		if live && sub.state == accepted && int(index) < j.spec.Tasks && j.outcomes[index] == 0 && int(attempt) > j.attempts[index] {
			j.attempts[index] = int(attempt)
			want = []Effect{{Kind: EffectRetry, Ref: j.ref, Task: index}}
		}
		out := m.core.TaskRetry(s, &submission.TaskRetry{Seq: seq, Task: index, Attempt: attempt, Code: task.CodeWorkerLost}, m.out[:0])
		if !slices.Equal(out, want) {
			return fmt.Errorf("attempt %d in vain: %+v, want %+v", attempt, out, want)
		}
		return nil
	case 5:
		if m.pick(4) > 0 {
			return nil
		}
		live = live && sub.state == accepted
		if live {
			sub.state = 0
			j.usurped++
		}
		done := submission.TaskDone{Seq: seq, Task: index, Outcome: task.Unknown, Code: task.CodeSuperseded}
		out := m.core.TaskDone(m.now, s, &done, m.out[:0])
		if len(out) > 0 && out[0].Kind == EffectOutcome && out[0].Code == "" {
			return fmt.Errorf("being superseded is no outcome: %+v", out)
		}
		if !live {
			return m.stale(out, false)
		}
		return m.check(out)
	default:
		return m.taskDone(s, sub, index)
	}
}

func (m *machine) reject(s Scheduler, sub *modelSubmission, live bool) error {
	codes := []task.Code{task.CodeOverloaded, task.CodeOverloaded, task.CodeNoWorkers, task.CodeDraining, task.CodeConflict}
	code := codes[m.pick(len(codes))]
	live = live && sub.state == submitted
	if live {
		sub.state = 0
		sub.job.epoch = int64(sub.epoch) - 1 // it is used again
		if code == task.CodeConflict && sub.job.accepted >= 0 {
			sub.job.epoch++
		}
		sub.job.rejected = true
		m.drains[s] = m.drains[s] || code == task.CodeDraining
	}
	e := &task.Error{Code: code, RetryAfterMS: int64(m.pick(3) * 50)}
	if live {
		sub.job.notBefore[s] = m.now + max(m.cfg.MinBackoff/2, time.Duration(e.RetryAfterMS)*time.Millisecond)
	}
	out := m.core.Rejected(m.now, s, submission.Rejected{Seq: sub.seq, Err: e}, m.out[:0])
	if !live {
		return m.stale(out, false)
	}
	return m.check(out)
}

func (m *machine) taskDone(s Scheduler, sub *modelSubmission, index uint32) error {
	j := sub.job
	m.told = submission.TaskDone{Seq: sub.seq, Task: index, Outcome: task.OK}
	if m.pick(6) == 0 {
		m.told.Outcome, m.told.Code = task.Failed, task.CodeAppFailed
	}
	live := m.handling != nil && sub.state == accepted && int(index) < j.spec.Tasks && j.outcomes[index] == 0
	out := m.core.TaskDone(m.now, s, &m.told, m.out[:0])
	if want := (Effect{Kind: EffectOutcome, Ref: j.ref, Task: index, Outcome: m.told.Outcome}); live && !slices.Equal(out, []Effect{want}) {
		return fmt.Errorf("an outcome was told: %+v", out)
	}
	if !live {
		return m.stale(out, false)
	}
	j.failed = j.failed || (j.spec.CancelOnFailure && m.told.Outcome != task.OK)
	return m.check(out)
}

// finish has a scheduler tell all outcomes and the job's end.
func (m *machine) finish(s Scheduler, sub *modelSubmission) error {
	for t := range uint32(sub.job.spec.Tasks) {
		if sub.job.outcomes[t] != 0 {
			continue
		}
		if err := m.taskDone(s, sub, t); err != nil {
			return err
		}
	}
	sub.state = 0
	return m.check(m.core.JobDone(s, submission.JobDone{Seq: sub.seq, Outcome: task.OK}, m.out[:0]))
}

// stale checks the effects of what means nothing.
func (m *machine) stale(out []Effect, live bool) error {
	if len(out) > 0 && !live {
		return fmt.Errorf("%+v follows from a message that means nothing", out)
	}
	return m.check(out)
}

// check enters effects in the books.
func (m *machine) check(out []Effect) error {
	m.out = out
	for i := range out {
		if err := m.effect(&out[i]); err != nil {
			return fmt.Errorf("%v: %w", m.now, err)
		}
	}
	if err := m.core.CheckInvariants(); err != nil {
		return fmt.Errorf("%v: %w", m.now, err)
	}
	if at, ok := m.core.NextWake(); !ok && m.core.Load().Jobs > 0 {
		return fmt.Errorf("%v: %d jobs and no next wake (%v)", m.now, m.core.Load().Jobs, at)
	}
	return nil
}

func (m *machine) effect(e *Effect) error {
	j := m.byRef[e.Ref]
	if j == nil && e.Ref != 0 && len(m.jobs) > 0 && e.Kind != EffectSubmit {
		return fmt.Errorf("%v about an unknown job", e.Kind)
	}
	switch e.Kind {
	case EffectConnect:
		if m.state[e.Scheduler] != closed {
			return fmt.Errorf("scheduler %d is connected to twice", e.Scheduler)
		}
		m.state[e.Scheduler] = dialling
	case EffectSubmit:
		return m.submitted(e)
	case EffectCancel:
		if int(e.Seq) > len(m.all) || m.all[e.Seq-1].at != e.Scheduler {
			return fmt.Errorf("a cancel of %d at %d", e.Seq, e.Scheduler)
		}
	case EffectStill:
		var want []uint32
		for _, sub := range m.all {
			if sub.at == e.Scheduler && sub.state != 0 && !sub.job.over && sub.job.last == sub {
				want = append(want, sub.seq)
			}
		}
		if got := m.core.AppendSeqs(e.Scheduler, nil); !slices.Equal(got, want) {
			return fmt.Errorf("still %v, want %v", got, want)
		}
	case EffectAccepted:
		if j.accepted < 0 || j.last.at != e.Scheduler || j.last.epoch != e.Epoch {
			return fmt.Errorf("accepted: %+v", *e)
		}
	case EffectRefused:
		if j.accepted >= 0 || j.over {
			return fmt.Errorf("job %#x was accepted and is refused with %s", uint64(e.Ref), string(e.Code))
		}
		j.over = true
		if j.last != nil {
			j.last.state = 0
		}
	case EffectRetry:
		return fmt.Errorf("an attempt in vain that nobody has told of: %+v", *e)
	case EffectOutcome:
		return m.outcome(j, e)
	case EffectDone:
		return m.done(j, e)
	}
	return nil
}

func (m *machine) submitted(e *Effect) error {
	j := m.byRef[e.Ref]
	if j == nil { // out of Submit itself, which has not returned the Ref yet
		j = m.jobs[len(m.jobs)-1]
	}
	switch {
	case m.state[e.Scheduler] != up:
		return fmt.Errorf("a job goes to scheduler %d, which is not connected", e.Scheduler)
	case int(e.Seq) != len(m.all)+1:
		return fmt.Errorf("submission %d has number %d", len(m.all)+1, e.Seq)
	case j.last != nil && j.last.state != 0:
		return fmt.Errorf("job %#x is submitted twice at a time", uint64(e.Ref))
	case int64(e.Epoch) <= j.epoch || e.Epoch < j.spec.Epoch:
		return fmt.Errorf("job %#x goes out with epoch %d, after %d", uint64(e.Ref), e.Epoch, j.epoch)
	case int64(e.Epoch) > max(j.epoch+1, int64(j.spec.Epoch)):
		return fmt.Errorf("job %#x goes out with epoch %d, and nobody can have it under one later than %d", uint64(e.Ref), e.Epoch, j.epoch)
	case m.now < j.notBefore[e.Scheduler]:
		return fmt.Errorf("job %#x comes back at %v to who has refused it until %v", uint64(e.Ref), m.now, j.notBefore[e.Scheduler])
	case j.cancels:
		return errors.New("a cancelled job is handed on")
	case j.over:
		return errors.New("a job that is over goes out")
	case j.failed:
		return errors.New("a job that a failure has ended is handed on")
	}
	left := j.spec.Deadline
	if j.accepted >= 0 {
		left -= m.now - j.accepted
	}
	if e.Deadline != left || left <= 0 {
		return fmt.Errorf("%v is left of the deadline, not %v", left, e.Deadline)
	}
	if err := m.whatIsLeft(j); err != nil {
		return err
	}
	if best := m.favourite(j); !j.rejected && best != e.Scheduler {
		return fmt.Errorf("job %#x goes to %d and prefers %d", uint64(e.Ref), e.Scheduler, best)
	}
	j.epoch = int64(e.Epoch)
	j.last = &modelSubmission{seq: e.Seq, job: j, at: e.Scheduler, epoch: e.Epoch, state: submitted}
	m.all = append(m.all, j.last)
	return nil
}

// whatIsLeft checks what a submission says of the tasks.
func (m *machine) whatIsLeft(j *modelJob) error {
	finished := make([]byte, (j.spec.Tasks+7)/8)
	for t := range j.outcomes {
		finished[t/8] |= 1 << (t % 8)
	}
	if got := m.core.Finished(j.ref); !bytes.Equal(got, finished) {
		return fmt.Errorf("finished: %x, want %x", got, finished)
	}
	var attempts []task.Attempts
	for t := range uint32(j.spec.Tasks) {
		if n := j.attempts[t]; n > 0 && j.outcomes[t] == 0 {
			attempts = append(attempts, task.Attempts{Task: int(t), Failed: n})
		}
	}
	if got := m.core.AppendAttempts(j.ref, nil); !slices.Equal(got, attempts) {
		return fmt.Errorf("attempts: %v, want %v", got, attempts)
	}
	return nil
}

// favourite is the scheduler that a job prefers among those that are there.
func (m *machine) favourite(j *modelJob) Scheduler {
	best := None
	for i, state := range m.state {
		s := Scheduler(i)
		if state != up {
			continue
		}
		weight := func(s Scheduler) uint64 {
			return rank(xxhash.Sum64(j.spec.ID[:]), xxhash.Sum64String(m.cfg.Schedulers[s]))
		}
		if best == None || (m.drains[best] && !m.drains[s]) || (m.drains[best] == m.drains[s] && weight(s) > weight(best)) {
			best = s
		}
	}
	return best
}

func (m *machine) outcome(j *modelJob, e *Effect) error {
	switch {
	case j.accepted < 0 || j.over:
		return fmt.Errorf("an outcome of job %#x, accepted at %v, over %v", uint64(e.Ref), j.accepted, j.over)
	case j.outcomes[e.Task] != 0 || int(e.Task) >= j.spec.Tasks:
		return fmt.Errorf("task %d has a second outcome", e.Task)
	case e.Code == task.CodeDeadline && m.now < j.accepted+j.spec.Deadline,
		e.Code == task.CodeCancelled && !j.cancels && !j.failed, e.Code == task.CodeSuperseded && j.usurped <= m.cfg.Tries,
		e.Code != "" && e.Code != task.CodeDeadline && e.Code != task.CodeCancelled && e.Code != task.CodeSuperseded:
		return fmt.Errorf("the owner ends task %d with %s", e.Task, string(e.Code))
	case e.Code == "" && (m.handling == nil || m.handling.job != j || m.told.Task != e.Task || m.told.Outcome != e.Outcome):
		return fmt.Errorf("nobody told the outcome of task %d", e.Task)
	}
	if e.Code == "" {
		j.usurped = 0
	}
	j.outcomes[e.Task] = e.Outcome
	return nil
}

func (m *machine) done(j *modelJob, e *Effect) error {
	notOK := 0
	for _, o := range j.outcomes {
		if o != task.OK {
			notOK++
		}
	}
	if len(j.outcomes) != j.spec.Tasks || j.over || int(e.Count) != notOK || (e.Outcome == task.OK) != (notOK == 0) {
		return fmt.Errorf("job %#x is done as %v with %d of %d outcomes, %d of %d not ok, over %v", uint64(e.Ref), e.Outcome, len(j.outcomes), j.spec.Tasks, e.Count, notOK, j.over)
	}
	j.over = true
	if j.last != nil {
		j.last.state = 0
	}
	return nil
}

// heal makes every scheduler answer and do its work, and requires all jobs to end, those that were accepted before
// their deadlines.
func (m *machine) heal() error {
	for range 100_000 {
		if m.core.Load().Jobs == 0 {
			return m.books()
		}
		if worked, err := m.work(); worked || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		at, ok := m.core.NextWake()
		if !ok {
			return errors.New("jobs are left and nothing will happen")
		}
		m.now = max(m.now, at)
		if err := m.tick(); err != nil {
			return err
		}
		if at, ok := m.core.NextWake(); ok && at <= m.now {
			return fmt.Errorf("next wake at %v, right after a Tick at %v", at, m.now)
		}
	}
	return errors.New("it does not come to an end")
}

// work does one thing that schedulers owe. It reports whether there was one.
func (m *machine) work() (bool, error) {
	for i, state := range m.state {
		if state == dialling {
			return true, m.up(Scheduler(i))
		}
	}
	for _, sub := range m.all {
		if sub.state == 0 || sub.job.over || m.state[sub.at] != up {
			continue
		}
		m.handling = sub
		if sub.state == submitted {
			return true, m.say(sub.at, sub, 0)
		}
		return true, m.finish(sub.at, sub)
	}
	return false, nil
}

// books closes the books: every accepted job has all its outcomes, and none took longer than it may.
func (m *machine) books() error {
	for _, j := range m.jobs {
		if !j.over {
			return fmt.Errorf("job %#x is not over", uint64(j.ref))
		}
		if j.accepted >= 0 && len(j.outcomes) != j.spec.Tasks {
			return fmt.Errorf("job %#x has %d of %d outcomes", uint64(j.ref), len(j.outcomes), j.spec.Tasks)
		}
	}
	return nil
}

// late returns a job that is over its time.
func (m *machine) late() error {
	for _, j := range m.jobs {
		from := j.came
		if j.accepted >= 0 {
			from = j.accepted
		}
		if !j.over && m.now > from+j.spec.Deadline+m.cfg.Grace {
			return fmt.Errorf("job %#x is over its time", uint64(j.ref))
		}
	}
	return nil
}
