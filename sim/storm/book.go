package storm

import (
	"time"

	"dunnock/client/owner"
	"dunnock/probe"
	"dunnock/task"
)

// book is what the checkers know, from watching handlers and clients only: no core is asked.
type book struct {
	w      *world
	jobs   []*job
	byID   map[task.JobID]*job
	fences map[fenceKey]fence
	starts int
	open   int // jobs that their clients' users wait for
	again  int // second starts of a task that a failure or a fault explains
	last   time.Duration
	wide   *job // of a flood
}

// job is one job of a client's user.
type job struct {
	index       int
	id          task.JobID
	tasks       []*jobTask
	ratio       float64
	deadline    time.Duration
	timeout     time.Duration
	cancelAfter time.Duration
	maxAttempts int
	once        bool
	rest        bool
	drain       bool
	require     []probe.Label
	keys        []probe.Key // by task; nil: it has none
	crowd       crowd
	late        bool // it comes long after the wide job of a flood

	client     *client
	twin       *job           // the same job, of another client
	outcomes   []task.Outcome // by task, at its owner
	failures   []uint16       // by task: attempts that its owner was told were in vain
	sent       map[uint32]sent
	at         []int // nodes of the schedulers that it was submitted to
	last       submitting
	ref        owner.Ref
	since      time.Duration // its user has submitted it
	taken      time.Duration // first accepted
	isTaken    bool
	over       bool // done or refused
	cancelled  bool
	orphaned   bool // its client has died
	orphanedAt time.Duration
}

// jobTask is one task.
type jobTask struct {
	job      *job
	index    uint32
	service  time.Duration
	bytes    int    // of its result
	odd      oddity // or -1
	failures int    // of a flaky one
	takes    takes
	starts   []*start
}

// start is one start of a task.
type start struct {
	task    *jobTask
	at      time.Duration
	k       *worker
	life    uint32 // of the worker
	s       *scheduler
	epoch   uint32
	attempt uint16
	stopped probe.Status // why it was told to stop; 0: it was not
	over    bool
	ended   time.Duration
	status  probe.Status
}

// started notes the start of an attempt, and judges whether it may be.
func (b *book) started(k *worker, p *caller, m *probe.Launch) *start {
	w, s := b.w, p.s
	j := b.byID[m.Job]
	if j == nil || int(m.Task) >= len(j.tasks) {
		w.fail("a start of job %v, task %d, which there is not", m.Job, m.Task)
		return nil
	}
	t := j.tasks[m.Task]
	x := &start{task: t, at: w.now, k: k, life: k.life, s: s, epoch: m.Epoch, attempt: m.Attempt}
	b.starts++
	b.judgeRoom(k, x)
	b.judgeTurn(x)
	if !k.mayRun(j) {
		w.fail("job %d, task %d: starts on %s, which has not what it needs", j.index, t.index, w.name(k.node))
	}
	b.judgeFence(k, p, t, m.Epoch)
	t.starts = append(t.starts, x)
	w.log("job %d, task %d: starts on %s for %s, epoch %d attempt %d", j.index, t.index, w.name(k.node), w.name(s.node), m.Epoch, m.Attempt)
	b.judgeStarts(j, t)
	b.judgeSubmission(j, x)
	b.judgeOrphan(j, x, "starts")
	return x
}

// stopped notes that a handler is told to stop, and judges whether it may be: what runs is not killed because of a
// rumour.
func (b *book) stopped(x *start, why probe.Status) {
	w, j := b.w, x.task.job
	x.stopped = why
	w.log("job %d, task %d: is told to stop on %s, %d", j.index, x.task.index, w.name(x.k.node), why)
	if why != probe.StatusKilled || j.twin != nil || j.cancelled || j.rest || len(x.task.starts) > 1 || w.now >= j.since+j.deadline {
		return
	}
	if !b.touched(j, x) {
		w.fail("job %d, task %d: stopped on %s, and nothing explains that", j.index, x.task.index, w.name(x.k.node))
	}
}

// ended notes that a handler has returned, or died.
func (b *book) ended(x *start, status probe.Status) {
	if x.stopped == 0 && !x.task.job.drain {
		b.judgeOrphan(x.task.job, x, "runs on")
	}
	x.over, x.ended, x.status = true, b.w.now, status
	if x.stopped != 0 {
		x.status = x.stopped // whatever the handler makes of it
	}
	b.w.log("job %d, task %d: ends on %s with %d", x.task.job.index, x.task.index, b.w.name(x.k.node), x.status)
}

// orphan takes note that nobody waits for a job any more.
func (b *book) orphan(j *job) {
	b.open--
	j.orphaned, j.orphanedAt = true, b.w.now
}
