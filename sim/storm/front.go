package storm

import (
	"slices"
	"time"

	"dunnock/internal/bitmap"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// front is a scheduler's half that faces clients, around scheduler/lease. It is a model of what the live shell does,
// without payloads, HTTP and limits.
type front struct {
	jobs     []*heldJob // unfinished
	byID     map[task.JobID]*heldJob
	sessions []*session
	leases   *lease.Book
	woken    time.Duration  // when it is looked next whether jobs are to be given up
	receipt  receipt        // of the result that the core is being told
	told     probe.Finished // that result
	draining bool
	closed   bool // it has said its last word, and takes nothing more
}

// heldJob is a job at a scheduler.
type heldJob struct {
	job      *job
	ref      probe.Ref
	deadline time.Duration
	skipped  []byte // tasks that had finished before this submission

	ends    []taskEnd // in their order
	credit  ack.Credit
	outcome task.Outcome

	followers []follower
	lease     lease.Job

	large      time.Duration // when its last large result arrives at who follows it
	unread     int           // the book's: bytes of results that clients were sent and do not have
	launched   []launch      // the book's: by task, the last one
	unreadOver time.Duration // since when that is more than it may be; 0: it is not
}

// taskEnd is the outcome of a task at a scheduler.
type taskEnd struct {
	task    uint32
	outcome task.Outcome
	code    task.Code
	bytes   int // of its result
}

// follower is a client that follows a job under its own number.
type follower struct {
	session *session
	seq     uint32
}

// session is the connection from a client.
type session struct {
	s      *scheduler
	end    *end
	jobs   lease.Client[*heldJob]
	unread []sentResult // in their order
}

// sentResult is what a client was told and has not said that it has.
type sentResult struct {
	receipt receipt
	result  *result
	passed  bool
}

func (s *scheduler) open() {
	s.front = front{
		byID: make(map[task.JobID]*heldJob), woken: never,
		leases: lease.New(lease.Config{Grace: s.w.plan.grace, PartedFor: s.w.plan.ack.KeepFor}),
	}
}

// held returns the unfinished job that a core knows by a Ref.
func (s *scheduler) held(ref probe.Ref) *heldJob {
	for _, h := range s.jobs {
		if h.ref == ref {
			return h
		}
	}
	return nil
}

// greetClient takes a client's Hello.
func (s *scheduler) greetClient(e *end) bool {
	if s.closed {
		return false
	}
	n := &session{s: s, end: e}
	e.user = n
	e.lost = func(cause) { n.leave() }
	s.sessions = append(s.sessions, n)
	e.answer()
	return true
}

// leave takes their owner from the jobs that the client still had.
func (n *session) leave() {
	s := n.s
	s.sessions = slices.DeleteFunc(s.sessions, func(x *session) bool { return x == n })
	jobs := n.jobs.Leave()
	for _, o := range jobs {
		o.Job.unfollow(n, o.Seq)
	}
	for _, o := range jobs {
		s.disown(o.Job, o.Asked)
	}
	lost := n.unread
	n.unread = nil
	for _, r := range lost {
		s.w.book.hasRead(r.result)
		s.creditBack(r.result)
		s.keepResult(r.receipt)
	}
	s.exitIfAlone()
}

func (h *heldJob) unfollow(n *session, seq uint32) {
	h.followers = slices.DeleteFunc(h.followers, func(f follower) bool { return f.session == n && f.seq == seq })
}

// submit takes a job, or what is left of one.
func (n *session) submit(seq uint32, j *job, epoch uint32, deadline time.Duration, finished []byte, attempts []task.Attempts) {
	s := n.s
	if s.closed { // also of a job that is known: its client has heard that nothing more is taken
		n.reject(seq, &task.Error{Code: task.CodeDraining, RetryAfterMS: 50})
		return
	}
	old := s.byID[j.id]
	s.w.log("%s gets job %d from %s under epoch %d, had it: %v", s.w.name(s.node), j.index, s.w.name(n.end.peer.p.node), epoch, old != nil)
	if old != nil {
		switch s.rejoin(old, epoch, finished) {
		case lease.Join:
			s.w.count("rejoined job")
			n.follow(seq, old, epoch, true, finished)
			s.do(old, s.leases.Joined(&old.lease, epoch))
			return
		case lease.Anew:
		case lease.OtherSpec, lease.Narrower, lease.Elsewhere, lease.Delivered, lease.Crowded:
			j.had(s.node, epoch)
			n.reject(seq, task.Errorf(task.CodeConflict, "rejoin"))
			return
		}
		s.w.count("replaced job")
	}
	if s.draining {
		n.reject(seq, &task.Error{Code: task.CodeDraining, RetryAfterMS: 50})
		return
	}
	spec := placement.Spec{
		App: s.w.apps[0], Tasks: len(j.tasks), ProbeRatio: j.ratio, Deadline: deadline, MaxAttempts: j.maxAttempts,
		Require: j.require, AtMostOnce: j.once, CancelOnFailure: j.rest, Epoch: epoch, Finished: finished,
		User: j.crowd.user, Estimate: j.crowd.estimate, Need: j.tasks[0].takes.spec(), Groups: j.groups(), Keys: j.keys,
	}
	for _, a := range attempts {
		spec.Attempts = append(spec.Attempts, placement.Attempts{Task: uint32(a.Task), N: uint16(a.Failed)})
	}
	ref, out, err := s.core.Submit(s.w.now, spec, s.out[:0])
	if err != nil {
		n.reject(seq, err.(*task.Error)) //nolint:errorlint,forcetypeassert // what Submit returns
		return
	}
	h := &heldJob{
		job: j, ref: ref, deadline: s.w.now + deadline, skipped: slices.Clone(finished), launched: make([]launch, len(j.tasks)),
		lease: lease.Job{Ref: ref, Epoch: epoch, Drains: j.drain},
	}
	s.jobs, s.byID[j.id] = append(s.jobs, h), h
	n.follow(seq, h, epoch, false, nil)
	s.carryOut(out)
	if old != nil {
		s.replace(old)
	}
}

// rejoin answers a job id that is known here. Nobody reads what is over.
func (s *scheduler) rejoin(old *heldJob, epoch uint32, finished []byte) lease.Answer {
	return s.leases.Rejoin(&old.lease, lease.Return{Epoch: epoch, Covers: bitmap.Covers(finished, old.skipped), Lacks: old.outcome != 0})
}

// follow makes the client hear of a job. One that was here before is told from its beginning, but for what the client
// has.
func (n *session) follow(seq uint32, h *heldJob, epoch uint32, again bool, has []byte) {
	n.tell(func(c *client, i schedulerIndex) { c.accepted(i, submission.Accepted{Seq: seq}) })
	if again {
		for _, t := range h.ends {
			if !bitmap.Has(has, t.task) {
				n.sendTask(seq, h, t, receipt{})
			}
		}
	}
	h.job.had(n.s.node, epoch)
	n.jobs.Follow(seq, h)
	h.followers = append(h.followers, follower{n, seq})
	n.s.leases.Own(&h.lease)
}

func (n *session) reject(seq uint32, e *task.Error) {
	n.s.w.count("refused job")
	n.s.w.log("%s refuses a job of %s: %v", n.s.w.name(n.s.node), n.s.w.name(n.end.peer.p.node), e)
	n.tell(func(c *client, i schedulerIndex) { c.rejected(i, submission.Rejected{Seq: seq, Err: e}) })
}

// replace lets go of a job that was submitted again under so late an epoch that somebody else may have had it in
// between.
func (s *scheduler) replace(h *heldJob) {
	if h.outcome != 0 {
		return
	}
	for _, f := range h.followers {
		f.session.jobs.Forget(f.seq)
		f.session.sendTask(f.seq, h, taskEnd{outcome: task.Unknown, code: task.CodeSuperseded}, receipt{})
	}
	followers := len(h.followers)
	h.followers = nil
	s.do(h, s.leases.Replace(&h.lease, followers))
}

// do does with a job what package lease says.
func (s *scheduler) do(h *heldJob, what lease.Do) {
	if what&lease.Suspend != 0 {
		s.w.log("%s holds job %d for %b", s.w.name(s.node), h.job.index, h.lease.Held())
		s.carryOut(s.core.Suspend(s.w.now, h.ref, s.out[:0]))
	}
	if what&lease.Resume != 0 {
		s.carryOut(s.core.Resume(s.w.now, h.ref, s.out[:0]))
	}
	if what&lease.Cancel != 0 {
		s.w.count("abandoned job")
		s.carryOut(s.core.Cancel(s.w.now, h.ref, s.out[:0]))
	}
	if what&lease.Supersede != 0 {
		s.carryOut(s.core.Supersede(s.w.now, h.ref, s.out[:0]))
	}
}

// disown takes from a job an owner whose connection has ended.
func (s *scheduler) disown(h *heldJob, asked bool) {
	s.do(h, s.leases.Disown(s.w.now, &h.lease))
	if asked {
		s.do(h, s.leases.Unanswered(&h.lease))
	}
	s.wakeOwners()
}

// abandon gives a job up.
func (s *scheduler) abandon(j *lease.Job) {
	h := s.held(j.Ref)
	s.do(h, s.leases.Abandon(j, s.running(h)))
}

// running is how many tasks of a job run.
func (s *scheduler) running(h *heldJob) int {
	v, _ := s.core.Job(h.ref)
	return v.Running
}

// wakeOwners has it looked when jobs without an owner are to be given up.
func (s *scheduler) wakeOwners() {
	at, ok := s.leases.NextDue()
	if !ok || at >= s.woken {
		return
	}
	s.woken = at
	s.after(at-s.w.now, func() {
		s.woken = never
		for j, ok := s.leases.Due(s.w.now); ok; j, ok = s.leases.Due(s.w.now) {
			s.abandon(j)
		}
		s.wakeOwners()
	})
}

// wakeDraining has it looked at them.
func (s *scheduler) wakeDraining() {
	if s.leases.Drains() {
		s.after(0, s.drainJobs)
	}
}

// drainJobs ends the jobs that were given up, and of which nothing runs any more.
func (s *scheduler) drainJobs() {
	for _, j := range s.leases.Draining() {
		s.abandon(j)
	}
}

// ask asks every client what it still owns, after a pause of this process. Until it has answered nothing of its jobs is
// started.
func (s *scheduler) ask() {
	for _, n := range slices.Clone(s.sessions) {
		jobs := n.jobs.Ask()
		if len(jobs) == 0 {
			continue
		}
		s.w.count("asked client")
		for _, o := range jobs {
			if o.Asked {
				s.w.count("asked again")
				s.do(o.Job, s.leases.Hold(&o.Job.lease, lease.Asked))
			} else {
				s.do(o.Job, s.leases.Ask(&o.Job.lease))
			}
		}
		n.tell(func(c *client, i schedulerIndex) { c.ask(i) })
	}
}

// still takes a client's word on which of its jobs it still owns. The others are given up: nobody will come back for
// them.
func (n *session) still(seqs []uint32) {
	s := n.s
	kept, lost := n.jobs.Still(seqs)
	for _, o := range kept {
		s.do(o.Job, s.leases.Answered(&o.Job.lease, o.Asked))
	}
	for _, o := range lost {
		h := o.Job
		h.unfollow(n, o.Seq)
		s.do(h, s.leases.GiveUp(&h.lease, s.running(h)))
		if o.Asked {
			s.do(h, s.leases.Unanswered(&h.lease))
		}
	}
}

// cancel ends a job for its user.
func (n *session) cancel(seq uint32) {
	if h, ok := n.jobs.Job(seq); ok {
		s := n.s
		s.carryOut(s.core.Cancel(s.w.now, h.ref, s.out[:0]))
	}
}

// taskDone tells who follows a job of an outcome.
func (s *scheduler) taskDone(f *placement.Effect) {
	h := s.held(f.Ref)
	t := taskEnd{task: f.Task, outcome: f.Outcome, code: f.Code}
	if f.Outcome == task.OK {
		t.bytes = len(s.told.Body)
	}
	s.w.book.told(h.job, t)
	s.w.book.lost(s, h, f)
	if f.Code == task.CodeSuperseded {
		s.leases.Superseded(&h.lease)
	}
	s.tellFollowers(h, func(x follower, r receipt) { x.session.sendTask(x.seq, h, t, r) })
	h.ends = append(h.ends, t)
	if h.lease.Abandoned() {
		s.after(0, s.drainJobs)
	}
}

// tellFollowers tells those who follow a job of what came with a receipt. The first who has submitted it answers for
// that; if its owners are gone it is kept for them.
func (s *scheduler) tellFollowers(h *heldJob, say func(follower, receipt)) {
	if h.lease.Keeps(len(h.followers)) {
		s.keepResult(s.receipt)
		s.receipt = receipt{}
	}
	for _, x := range h.followers {
		say(x, s.receipt)
		s.receipt = receipt{}
	}
}

// keepResult has a worker keep what nobody has and somebody may come for.
func (s *scheduler) keepResult(r receipt) {
	if r.seq != 0 {
		s.w.count("kept result")
		r.link.results.Keep(s.w.now, r.seq)
		r.link.restLater()
	}
}

// retry tells who follows a job that an attempt was in vain.
func (s *scheduler) retry(f *placement.Effect) {
	h := s.held(f.Ref)
	s.w.book.lost(s, h, f)
	s.tellFollowers(h, func(x follower, r receipt) {
		m := submission.TaskRetry{Seq: x.seq, Task: f.Task, Attempt: f.Attempt, Code: f.Code}
		x.session.sendResult(r, &result{of: h}, func(c *client, i schedulerIndex) { c.taskRetry(i, m) })
	})
	if h.lease.Abandoned() {
		s.after(0, s.drainJobs)
	}
}

// jobDone tells who follows a job that it is over.
func (s *scheduler) jobDone(f *placement.Effect) {
	h := s.held(f.Ref)
	h.outcome = f.Outcome
	s.jobs = slices.DeleteFunc(s.jobs, func(x *heldJob) bool { return x == h })
	s.leases.Over(s.w.now, &h.lease)
	for _, x := range h.followers {
		x.session.jobs.Forget(x.seq)
		m := submission.JobDone{Seq: x.seq, Outcome: f.Outcome, Failed: f.Count}
		done := func(c *client, i schedulerIndex) { c.jobDone(i, m) }
		if h.large > s.w.now { // behind its results; others' it need not wait for
			x.session.end.sendBehind(h.large, x.session.hear(done))
		} else {
			x.session.tell(done)
		}
	}
	h.followers = nil
}

// sendTask tells the client of an outcome.
func (n *session) sendTask(seq uint32, h *heldJob, t taskEnd, r receipt) {
	n.sendResult(r, &result{of: h, bytes: t.bytes}, func(c *client, i schedulerIndex) {
		c.taskDone(i, &submission.TaskDone{Seq: seq, Task: t.task, Outcome: t.outcome, Code: t.code})
	})
}

// sendResult tells the client of what has come with a receipt. When it has processed that, the receipt is settled. Once
// it has too much to read, the job starts nothing more.
func (n *session) sendResult(r receipt, x *result, say func(c *client, i schedulerIndex)) {
	s, h := n.s, x.of
	n.unread = append(n.unread, sentResult{receipt: r, result: x})
	s.w.book.sentTo(x)
	hear := func(c *client, i schedulerIndex) {
		s.w.book.hasRead(x)
		c.processed(i, x)
		say(c, i)
	}
	if s.w.plan.isLarge(x.bytes) {
		h.large = n.end.sendLarge(n.hear(hear))
	} else {
		n.tell(hear)
	}
	limit := s.w.plan.Unread
	if h.credit.Send(int64(x.bytes), limit) && h.lease.Held()&lease.Unread == 0 {
		s.after(0, func() { // carrying out what the core says may not call it
			if h.credit.Over(limit) {
				s.w.count("held for credit")
				s.do(h, s.leases.Hold(&h.lease, lease.Unread))
			}
		})
	}
}

// creditBack lets a job go on when enough of its results have been read.
func (s *scheduler) creditBack(x *result) {
	if x.of.credit.Read(int64(x.bytes), s.w.plan.Unread) {
		s.do(x.of, s.leases.Release(&x.of.lease, lease.Unread))
	}
}

// passed is a beat of the client: what it has processed since the one before. What is overtaken holds up those behind
// it.
func (n *session) passed(results []*result) {
	for _, x := range results {
		for i := range n.unread {
			n.unread[i].passed = n.unread[i].passed || n.unread[i].result == x
		}
	}
	for len(n.unread) > 0 && n.unread[0].passed {
		r := n.unread[0]
		n.unread = n.unread[1:]
		n.s.creditBack(r.result)
		n.s.settleReceipt(r.receipt)
	}
}

// tell has the client do something when a message reaches it.
func (n *session) tell(do func(c *client, i schedulerIndex)) { n.end.send(n.hear(do)) }

// hear is what happens when such a message arrives.
func (n *session) hear(do func(c *client, i schedulerIndex)) func() {
	return func() {
		x := n.end.peer.user.(*clientSession)
		do(x.c, x.i)
	}
}
