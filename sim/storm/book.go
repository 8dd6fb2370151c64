package storm

import (
	"slices"
	"time"

	"dunnock/client/owner"
	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker/queue"
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
	forsaken   bool // its client has died
	forsakenAt time.Duration
}

// sent is what an owner knew when it submitted a job under an epoch.
type sent struct {
	finished []bool   // by task: it had its outcome
	failures []uint16 // by task
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

type fenceKey struct {
	worker int
	life   uint32
	job    int
}

type fence struct {
	epoch     uint32
	scheduler int
	life      uint32
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
	if f, ok := b.fences[fenceKey{k.node, k.life, j.index}]; ok {
		if m.Epoch < f.epoch || (m.Epoch == f.epoch && (f.scheduler != s.node || f.life != p.life)) {
			w.fail("job %d, task %d: started on %s under epoch %d of %s, behind the fence of epoch %d", j.index, t.index, w.name(k.node), m.Epoch, w.name(s.node), f.epoch)
		}
	}
	t.starts = append(t.starts, x)
	w.log("job %d, task %d: starts on %s for %s, epoch %d attempt %d", j.index, t.index, w.name(k.node), w.name(s.node), m.Epoch, m.Attempt)
	b.judgeStarts(j, t)
	b.judgeSubmission(j, x)
	b.judgeOrphan(j, x, "starts")
	return x
}

// judgeStarts judges the last start of a task by those before.
func (b *book) judgeStarts(j *job, t *jobTask) {
	w, n := b.w, len(t.starts)
	if n == 1 {
		return
	}
	x := t.starts[n-1]
	if j.once {
		w.fail("job %d, task %d: started %d times, and may once", j.index, t.index, n)
	}
	prev := t.starts[n-2]
	if !b.explains(j, prev) && !b.stale(j, prev, x) {
		w.fail("job %d, task %d: started at %v on %s by %s (epoch %d, attempt %d) and again at %v on %s by %s (epoch %d, attempt %d), and nothing explains that",
			j.index, t.index, prev.at, w.name(prev.k.node), w.name(prev.s.node), prev.epoch, prev.attempt,
			x.at, w.name(x.k.node), w.name(x.s.node), x.epoch, x.attempt)
	}
	b.again++
	uncounted := 0 // starts whose end nobody may have lived to count, and those of a scheduler that did not know that it had lost the job
	for i, p := range t.starts {
		if (i < n-1 && b.touched(j, p)) || (i > 0 && b.stale(j, t.starts[i-1], p)) {
			uncounted++
		}
	}
	if n-uncounted > j.maxAttempts && j.twin == nil {
		w.fail("job %d, task %d: started %d times, of which faults hid %d; may %d times", j.index, t.index, n, uncounted, j.maxAttempts)
	}
}

// submitted notes what an owner knows when it submits a job.
func (b *book) submitted(j *job, epoch uint32, s int) {
	b.judgeEpoch(j, epoch)
	if j.last = (submitting{to: s, epoch: epoch, at: b.w.now}); !slices.Contains(j.at, s) {
		j.at = append(j.at, s)
	}
	x := sent{finished: make([]bool, len(j.tasks)), failures: slices.Clone(j.failures)}
	for i, o := range j.outcomes {
		x.finished[i] = o != 0
	}
	if _, again := j.sent[epoch]; again {
		return // it was refused before: nobody has had it in between
	}
	j.sent[epoch] = x
}

// submitting is what became of handing a job to a scheduler.
type submitting struct {
	to    int // its node
	epoch uint32
	at    time.Duration
	had   bool // it took the job, or said that somebody else has it
}

// had notes that a scheduler has a job that was submitted to it, or says that it is another's.
func (j *job) had(s int, epoch uint32) {
	if j.last.to == s && j.last.epoch == epoch {
		j.last.had = true
	}
}

// judgeEpoch judges that a job is submitted under a later epoch: the scheduler before must have it, or a fault have
// kept it from saying that it has not. One that leaves when it is told to says so.
func (b *book) judgeEpoch(j *job, epoch uint32) {
	w, x := b.w, j.last
	if epoch == x.epoch || x.had || j.twin != nil {
		return
	}
	if max(j.client.touched, w.processes[x.to].touched, w.pair[j.client.node][x.to]) < x.at {
		w.fail("job %d: submitted under epoch %d, though %s, which got it under epoch %d at %v, has not taken it, and no fault has kept it from saying so",
			j.index, epoch, w.name(x.to), x.epoch, x.at)
	}
}

// inVain notes that an owner is told of an attempt that has failed.
func (b *book) inVain(j *job, i uint32, attempt uint16) { j.failures[i] = max(j.failures[i], attempt) }

// judgeSubmission judges a start by what its job's owner knew.
func (b *book) judgeSubmission(j *job, x *start) {
	w, t := b.w, x.task
	known := j.sent[x.epoch]
	switch {
	case j.twin != nil:
	case known.finished[t.index]:
		w.fail("job %d, task %d: started under epoch %d, and its owner had its outcome before", j.index, t.index, x.epoch)
	case x.attempt <= known.failures[t.index]:
		w.fail("job %d, task %d: attempt %d started under epoch %d, and its owner knew of %d before", j.index, t.index, x.attempt, x.epoch, known.failures[t.index])
	case len(t.starts) > 1 && b.keptResult(t.starts[len(t.starts)-2], x):
		prev := t.starts[len(t.starts)-2]
		w.fail("job %d, task %d: done again at %s, though %s has had its result since %v", j.index, t.index, w.name(x.k.node), w.name(prev.k.node), prev.ended)
	}
}

// keptResult reports whether a scheduler that starts a task again must have heard from the worker that has done it:
// both live and are well, and so is what connects them. For a while a worker keeps what its owner does not have, also
// of a job that was given up. Who has the job under its first epoch claims nothing, and hears of nothing: a fault may
// have held the submission up until others had done it all.
func (b *book) keptResult(prev, x *start) bool {
	w, k, s := b.w, prev.k, x.s
	p := &w.plan
	if !prev.over || prev.status != probe.StatusOK || w.now-prev.ended > p.ack.KeepFor || p.ack.MaxKept+uint64(p.ack.MaxKeptBytes) > 0 || p.Wild > 0 || p.Spikes > 0 || p.placement.ClaimWait < p.answers() {
		return false
	}
	if x.epoch == 0 && b.stale(x.task.job, prev, x) {
		return false
	}
	well := prev.at - p.Rumour - 10*(p.Delay+p.Jitter) // both knew each other by then
	return k.life == prev.life && k.up && k.woke < well && s.woke < well && k.touched < prev.at && s.touched < prev.at &&
		w.pair[k.node][s.node] < prev.at && k.core.Stats().ResultsDropped == 0
}

// answers is for how long a scheduler that asks a worker may wait for all that it says.
func (p *Plan) answers() time.Duration {
	wait := 4*(p.Delay+p.Jitter) + time.Millisecond
	if p.LargeFrom > 0 {
		wait += 2 * slowest
	}
	return wait
}

// explains reports whether a task may start again after a start.
func (b *book) explains(j *job, x *start) bool {
	if j.twin != nil {
		return true // two owners may be at two schedulers, which know nothing of each other
	}
	if x.stopped == probe.StatusTimeout || (x.over && (x.status == probe.StatusFailed || x.status == probe.StatusTimeout)) {
		return true // it failed
	}
	if b.touched(j, x) {
		return true
	}
	// It was stopped in favour of an earlier one, and that has failed since, or its result was lost.
	for _, p := range x.task.starts {
		if p != x && x.stopped != 0 && (p.over && p.status != probe.StatusOK || b.touched(j, p)) {
			return true
		}
	}
	return false
}

// stale reports whether a start is one of a scheduler that has lost the job to another, and was kept by a fault from
// learning that.
func (b *book) stale(j *job, prev, x *start) bool {
	w := b.w
	return x.epoch < prev.epoch && max(x.s.touched, x.k.touched, w.pair[x.k.node][x.s.node], w.pair[j.client.node][x.s.node]) >= prev.at
}

// touched reports whether a fault has touched the start's worker, scheduler or client, or the connections between them,
// since it was.
func (b *book) touched(j *job, x *start) bool {
	w := b.w
	return max(x.k.touched, x.s.touched, j.client.touched, w.pair[x.k.node][x.s.node], w.pair[j.client.node][x.s.node]) >= x.at-w.plan.underway()
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

// claimed notes that a worker has taken a claim: from here on nothing may start there under an earlier epoch, or for
// another scheduler.
func (b *book) claimed(k *worker, p *caller, m probe.Claim, out []queue.Effect) {
	for i := range out {
		if out[i].Kind == queue.EffectDecline && out[i].Ref == m.Ref && out[i].Call == 0 {
			return
		}
	}
	if len(out) == 0 {
		return
	}
	if b.fences == nil {
		b.fences = make(map[fenceKey]fence)
	}
	s := p.s
	key := fenceKey{k.node, k.life, b.byID[m.Job].index}
	if f, ok := b.fences[key]; ok && (m.Epoch < f.epoch || m.Epoch == f.epoch && (f.scheduler != s.node || f.life != p.life)) {
		b.w.fail("job %d: %s grants epoch %d to %s behind the fence of epoch %d", key.job, b.w.name(k.node), m.Epoch, b.w.name(s.node), f.epoch)
	}
	b.fences[key] = fence{m.Epoch, s.node, p.life}
}

// result is one that a scheduler has sent to a client.
type result struct {
	of    *heldJob
	bytes int
	read  bool // the client has it, or is gone
}

// sentTo notes that a client has one more result to read.
func (b *book) sentTo(r *result) {
	h := r.of
	if h.unread += r.bytes; h.unread > int(b.w.plan.Unread) && h.unreadOver == 0 {
		h.unreadOver = b.w.now
	}
}

// hasRead notes that a client has a result, or is gone.
func (b *book) hasRead(r *result) {
	if r.read {
		return
	}
	r.read = true
	h := r.of
	if h.unread -= r.bytes; h.unread <= int(b.w.plan.Unread) {
		h.unreadOver = 0
	}
}

// launch is one launch of a task.
type launch struct {
	k       *worker
	at      time.Duration
	attempt uint16
}

// launched judges a launch by what the clients of its job have to read. The answer to a call may be repeated at any
// time.
func (b *book) launched(s *scheduler, k *worker, h *heldJob, i uint32, attempt uint16) {
	repeated := h.launched[i].attempt == attempt
	h.launched[i] = launch{k, b.w.now, attempt}
	if over := h.unreadOver; over > 0 && b.w.now > over && !repeated {
		b.w.fail("job %d, task %d: %s launches it, though its clients have %d bytes to read since %v, and %d are the limit",
			h.job.index, i, b.w.name(s.node), h.unread, over, b.w.plan.Unread)
	}
}

// lost judges that a scheduler takes an attempt for lost with its worker. That a worker leaves when it is told to is no
// fault.
func (b *book) lost(s *scheduler, h *heldJob, f *placement.Effect) {
	w, x := b.w, h.launched[f.Task]
	if f.Code != task.CodeWorkerLost || x.attempt != f.Attempt || w.plan.Wild > 0 || w.plan.Spikes > 0 {
		return
	}
	if max(x.k.touched, s.touched, w.pair[x.k.node][s.node]) < x.at {
		w.fail("job %d, task %d: %s takes its attempt %d for lost with %s, and no fault has touched them since its launch at %v",
			h.job.index, f.Task, w.name(s.node), f.Attempt, w.name(x.k.node), x.at)
	}
}

// told judges an outcome as a scheduler tells it.
func (b *book) told(j *job, t taskEnd) {
	if t.outcome == task.OK && !b.ranOK(j.tasks[t.task]) {
		b.w.fail("job %d, task %d: a scheduler says that it ended ok, and it never did", j.index, t.task)
	}
}

func (b *book) ranOK(t *jobTask) bool {
	for _, x := range t.starts {
		if x.over && x.status == probe.StatusOK {
			return true
		}
	}
	return false
}

func (b *book) accepted(j *job) {
	if !j.isTaken {
		j.isTaken, j.taken = true, b.w.now
	}
}

// refused takes the end of a job that nobody has accepted.
func (b *book) refused(j *job, code task.Code) {
	w := b.w
	w.refused++
	j.over = true
	if j.isTaken {
		w.fail("job %d: refused (%s) after it was accepted", j.index, code)
	}
	for _, t := range j.tasks {
		if j.outcomes[t.index] != 0 {
			w.fail("job %d: refused, and task %d has an outcome", j.index, t.index)
		}
	}
}

// outcome takes the outcome of a task at its owner.
func (b *book) outcome(j *job, i uint32, outcome task.Outcome, code task.Code) {
	w, t := b.w, j.tasks[i]
	switch {
	case j.outcomes[i] != 0:
		w.fail("job %d, task %d: a second outcome, %v after %v", j.index, i, outcome, j.outcomes[i])
	case !j.isTaken:
		w.fail("job %d, task %d: an outcome before it was accepted", j.index, i)
	case outcome == task.OK && !b.ranOK(t):
		w.fail("job %d, task %d: ok at its owner, and it never ended so", j.index, i)
	case outcome == task.Timeout && w.now < j.taken+j.deadline-w.slack() && code != task.CodeTaskTimeout && j.timeout == 0:
		w.fail("job %d, task %d: timed out at %v, %v before its deadline", j.index, i, w.now, j.taken+j.deadline-w.now)
	case outcome == task.Unknown && j.once && !b.inDoubt(j):
		w.fail("job %d, task %d: unknown (%s), and no fault has touched those who know", j.index, i, code)
	case outcome == task.Unknown && !j.once && j.twin == nil:
		w.fail("job %d, task %d: unknown (%s), and it may start again", j.index, i, code)
	case outcome == task.Cancelled && !j.cancelled && !j.rest && (j.twin == nil || !j.twin.cancelled):
		w.fail("job %d, task %d: cancelled (%s), and nobody did", j.index, i, code)
	}
	w.log("job %d, task %d: %v %s at its owner %s", j.index, i, outcome, code, w.name(j.client.node))
	j.outcomes[i] = outcome
	b.last = w.now
	w.outcomes[outcome]++
}

// inDoubt reports whether a fault has touched a job since it was handed in: its client, a scheduler that it was
// submitted to, a worker, or what connects them. That a scheduler or a worker leaves when it is told to is none.
func (b *book) inDoubt(j *job) bool {
	w := b.w
	if w.plan.Wild > 0 || w.plan.Spikes > 0 || j.client.touched >= j.since {
		return true
	}
	for _, s := range j.at {
		if max(w.processes[s].touched, w.pair[j.client.node][s]) >= j.since {
			return true
		}
		for _, k := range w.workers {
			if max(k.touched, w.pair[k.node][s]) >= j.since {
				return true
			}
		}
	}
	return false
}

// done takes the end of a job at its owner.
func (b *book) done(j *job, outcome task.Outcome, failed uint32) {
	w := b.w
	bad := uint32(0)
	for _, t := range j.tasks {
		if j.outcomes[t.index] == 0 {
			w.fail("job %d: done without an outcome of task %d", j.index, t.index)
		}
		if j.outcomes[t.index] != task.OK {
			bad++
		}
	}
	if j.over {
		w.fail("job %d: over twice", j.index)
	}
	if bad != failed || (outcome == task.OK) != (bad == 0) {
		w.fail("job %d: done as %v with %d failed, counted %d", j.index, outcome, failed, bad)
	}
	if late := w.now - (j.taken + j.deadline + ownerGrace); late > 0 && j.client.touched < j.taken+j.deadline {
		w.fail("job %d: done %v after its deadline and its grace", j.index, late)
	}
	j.over = true
	b.last = w.now
}

// forsake takes note that nobody waits for a job any more.
func (b *book) forsake(j *job) {
	b.open--
	j.forsaken, j.forsakenAt = true, b.w.now
}

// judgeOrphan judges a start, or the end of an attempt that was not told to stop, by whether the client of its job
// lives. When it is dead for longer than its scheduler takes to learn that, and holds the job for it, nothing of it
// starts and nothing runs on, unless a fault is between those who have to know.
func (b *book) judgeOrphan(j *job, x *start, what string) {
	w := b.w
	if !j.forsaken || j.twin != nil || w.now <= j.forsakenAt+w.slack()+w.plan.grace+w.plan.underway() {
		return
	}
	if max(x.k.touched, x.s.touched, w.pair[x.k.node][x.s.node], w.pair[j.client.node][x.s.node]) < j.forsakenAt {
		w.fail("job %d, task %d: %s on %s, %v after its client died", j.index, x.task.index, what, w.name(x.k.node), w.now-j.forsakenAt)
	}
}

// atRest judges what is left when nothing happens any more.
func (b *book) atRest() {
	w := b.w
	for _, j := range b.jobs {
		if !j.over && !j.forsaken && j.ref != 0 {
			w.fail("job %d has no end", j.index)
		}
		for _, t := range j.tasks {
			for _, x := range t.starts {
				if !x.over {
					w.fail("job %d, task %d: its start on %s has no end", j.index, t.index, w.name(x.k.node))
				}
			}
		}
	}
	for _, s := range w.schedulers {
		if l := s.core.Load(); l.Jobs+l.Waiting+l.Running+l.Reservations > 0 {
			w.fail("%s is at rest with %+v", w.name(s.node), l)
		}
	}
	for _, k := range w.workers {
		if l := k.core.Load(); l.Free != l.Slots || l.Reservations > 0 || l.Results > 0 {
			w.fail("%s is at rest with %+v", w.name(k.node), l)
		}
	}
	for _, c := range w.clients {
		if l := c.core.Load(); l.Jobs > 0 {
			w.fail("%s is at rest with %+v", w.name(c.node), l)
		}
	}
	if w.plan.offers() {
		b.offersAtRest()
	}
}
