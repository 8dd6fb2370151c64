package storm

import (
	"slices"
	"time"

	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// front is a scheduler's half that faces clients: who owns which job, and what becomes of one without an owner. It is a model of what the live
// shell does, without payloads, HTTP and limits.
type front struct {
	jobs     []*heldJob // unfinished
	byID     map[task.JobID]*heldJob
	sessions []*session
	parted   []probe.Ref    // jobs that ended here while they may go on elsewhere
	receipt  receipt        // of the result that the core is being told
	told     probe.Finished // that result
	draining bool
}

// heldJob is a job at a scheduler.
type heldJob struct {
	job     *job
	ref     probe.Ref
	epoch   uint32
	skipped []byte // tasks that had finished before this submission

	ends    []taskEnd // in their order
	credit  ack.Credit
	outcome task.Outcome

	followers  []follower
	hold       hold
	orphaned   time.Duration
	abandoned  bool
	superseded bool
	replaced   bool

	unread     int           // the book's: bytes of results that clients were sent and do not have
	launched   []uint16      // the book's: by task, the last attempt
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

// hold says why a job starts nothing for now.
type hold uint8

const (
	holdOwner  hold = 1 << iota // it has no owner
	holdAsked                   // its owner has been asked whether it is one
	holdCredit                  // its owner has too much to read
)

// session is the connection from a client.
type session struct {
	s      *scheduler
	end    *end
	jobs   []*heldJob // by place in seqs
	seqs   []uint32
	asked  bool
	unread []sentResult // in their order
}

// sentResult is what a client was told and has not said that it has.
type sentResult struct {
	receipt receipt
	result  *result
}

func (s *scheduler) open() {
	s.front = front{byID: make(map[task.JobID]*heldJob)}
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
	jobs := n.jobs
	for i, h := range jobs {
		h.unfollow(n, n.seqs[i])
	}
	n.jobs, n.seqs = nil, nil
	for _, h := range jobs {
		s.disown(h)
	}
	lost := n.unread
	n.unread = nil
	for _, r := range lost {
		s.w.book.hasRead(r.result)
		s.creditBack(r.result)
		s.keepResult(r.receipt)
	}
}

func (h *heldJob) unfollow(n *session, seq uint32) {
	h.followers = slices.DeleteFunc(h.followers, func(f follower) bool { return f.session == n && f.seq == seq })
}

// submit takes a job, or what is left of one.
func (n *session) submit(seq uint32, j *job, epoch uint32, deadline time.Duration, finished []byte, attempts []task.Attempts) {
	s := n.s
	old := s.byID[j.id]
	s.w.log("%s gets job %d from %s under epoch %d, had it: %v", s.w.name(s.node), j.index, s.w.name(n.end.peer.p.node), epoch, old != nil)
	if old != nil {
		switch joined, code := s.rejoin(old, epoch, finished); {
		case code != "":
			n.reject(seq, task.Errorf(code, "rejoin"))
			return
		case joined:
			s.w.count("rejoined job")
			old.epoch, old.abandoned = max(old.epoch, epoch), false
			n.follow(seq, old, true, finished)
			if len(old.followers) > 0 {
				s.unhold(old, holdOwner|holdAsked) // who submits it owns it
			}
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
	}
	for _, a := range attempts {
		spec.Attempts = append(spec.Attempts, placement.Attempts{Task: uint32(a.Task), N: uint16(a.Failed)})
	}
	ref, out, err := s.core.Submit(s.w.now, spec, s.out[:0])
	if err != nil {
		n.reject(seq, err.(*task.Error)) //nolint:errorlint,forcetypeassert // what Submit returns
		return
	}
	h := &heldJob{job: j, ref: ref, epoch: epoch, skipped: slices.Clone(finished), launched: make([]uint16, len(j.tasks))}
	s.jobs, s.byID[j.id] = append(s.jobs, h), h
	n.follow(seq, h, false, nil)
	s.carryOut(out)
	if old != nil {
		s.replace(old)
	}
}

// rejoin answers a job id that is known here: it is joined, or accepted anew if it comes under a later epoch and this scheduler cannot go on
// with it.
func (s *scheduler) rejoin(old *heldJob, epoch uint32, finished []byte) (joined bool, _ task.Code) {
	later := epoch > old.epoch
	switch {
	case later && (epoch > old.epoch+1 || old.superseded || old.replaced):
		return false, ""
	case !contains(finished, old.skipped), old.superseded, old.replaced, old.outcome != 0:
		if later {
			return false, ""
		}
		return false, task.CodeConflict
	}
	return true, ""
}

// follow makes the client hear of a job. One that was here before is told from its beginning, but for what the client has.
func (n *session) follow(seq uint32, h *heldJob, again bool, has []byte) {
	n.tell(func(c *client, i schedulerIndex) { c.accepted(i, submission.Accepted{Seq: seq}) })
	if again {
		for _, t := range h.ends {
			if !isSet(has, t.task) {
				n.sendTask(seq, h, t, receipt{})
			}
		}
	}
	n.jobs, n.seqs = append(n.jobs, h), append(n.seqs, seq)
	h.followers = append(h.followers, follower{n, seq})
}

func (n *session) reject(seq uint32, e *task.Error) {
	n.s.w.count("refused job")
	n.s.w.log("%s refuses a job of %s: %v", n.s.w.name(n.s.node), n.s.w.name(n.end.peer.p.node), e)
	n.tell(func(c *client, i schedulerIndex) { c.rejected(i, submission.Rejected{Seq: seq, Err: e}) })
}

// replace lets go of a job that was submitted again under so late an epoch that somebody else may have had it in between.
func (s *scheduler) replace(h *heldJob) {
	if h.outcome != 0 {
		return
	}
	for _, f := range h.followers {
		f.session.forget(f.seq)
		f.session.sendTask(f.seq, h, taskEnd{outcome: task.Unknown, code: task.CodeSuperseded}, receipt{})
	}
	h.followers, h.replaced = nil, true
	s.orphan(h)
}

// forget lets go of a number.
func (n *session) forget(seq uint32) {
	if i := slices.Index(n.seqs, seq); i >= 0 {
		n.seqs, n.jobs = slices.Delete(n.seqs, i, i+1), slices.Delete(n.jobs, i, i+1)
	}
}

// disown has a job that lost an owner wait for one to come back, if that was the last.
func (s *scheduler) disown(h *heldJob) {
	if len(h.followers) == 0 && h.outcome == 0 {
		s.orphan(h)
	}
}

func (s *scheduler) orphan(h *heldJob) {
	s.w.log("%s has job %d without an owner", s.w.name(s.node), h.job.index)
	h.orphaned = s.w.now
	at := h.orphaned
	s.after(s.w.plan.grace, func() {
		if h.outcome == 0 && h.orphaned == at && (len(h.followers) == 0 || h.replaced) {
			s.abandon(h)
		}
	})
	s.suspend(h, holdOwner)
}

// abandon ends a job without an owner: at once, or when what runs of it has ended if it asked for that.
func (s *scheduler) abandon(h *heldJob) {
	s.w.count("abandoned job")
	h.abandoned = true
	if h.job.drain {
		s.drainJob(h)
		return
	}
	s.carryOut(s.core.Cancel(s.w.now, h.ref, s.out[:0]))
}

// drainJob ends an abandoned job when nothing of it runs.
func (s *scheduler) drainJob(h *heldJob) {
	if v, ok := s.core.Job(h.ref); ok && h.abandoned && v.Running == 0 {
		s.carryOut(s.core.Cancel(s.w.now, h.ref, s.out[:0]))
	}
}

func (s *scheduler) suspend(h *heldJob, why hold) {
	if h.outcome != 0 {
		return
	}
	before := h.hold
	h.hold |= why
	if before == 0 {
		s.carryOut(s.core.Suspend(s.w.now, h.ref, s.out[:0]))
	}
}

func (s *scheduler) unhold(h *heldJob, why hold) {
	if h.hold&why == 0 {
		return
	}
	h.hold &^= why
	if h.hold == 0 && h.outcome == 0 {
		s.carryOut(s.core.Resume(s.w.now, h.ref, s.out[:0]))
	}
}

// ask asks every client what it still owns, after a pause of this process. Until it has answered nothing of its jobs is started.
func (s *scheduler) ask() {
	for _, n := range slices.Clone(s.sessions) {
		if len(n.jobs) == 0 || n.asked {
			continue
		}
		n.asked = true
		s.w.count("asked client")
		for _, h := range slices.Clone(n.jobs) {
			s.suspend(h, holdAsked)
		}
		n.tell(func(c *client, i schedulerIndex) { c.ask(i) })
	}
}

// still takes a client's word on which of its jobs it still owns. The others are given up: nobody will come back for them.
func (n *session) still(seqs []uint32) {
	s := n.s
	jobs, numbers := slices.Clone(n.jobs), slices.Clone(n.seqs)
	n.asked = false
	for i, h := range jobs {
		if slices.Contains(seqs, numbers[i]) {
			s.unhold(h, holdAsked)
			continue
		}
		n.forget(numbers[i])
		h.unfollow(n, numbers[i])
		if len(h.followers) == 0 && h.outcome == 0 {
			s.suspend(h, holdOwner)
			s.abandon(h)
		}
	}
}

// cancel ends a job for its user.
func (n *session) cancel(seq uint32) {
	if i := slices.Index(n.seqs, seq); i >= 0 {
		s := n.s
		s.carryOut(s.core.Cancel(s.w.now, n.jobs[i].ref, s.out[:0]))
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
	h.superseded = h.superseded || f.Code == task.CodeSuperseded
	s.tellFollowers(h, func(x follower, r receipt) { x.session.sendTask(x.seq, h, t, r) })
	h.ends = append(h.ends, t)
	if h.abandoned {
		s.after(0, func() { s.drainJob(h) })
	}
}

// tellFollowers tells those who follow a job of what came with a receipt. The first who has submitted it answers for that; if its owners are gone it
// is kept for them.
func (s *scheduler) tellFollowers(h *heldJob, say func(follower, receipt)) {
	if len(h.followers) == 0 && h.hold&holdOwner != 0 {
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

// wants reports whether somebody may come for what a worker says of an attempt of a job that is over here.
func (s *scheduler) wants(m *probe.Finished) bool {
	return m.Status != probe.StatusKilled && slices.Contains(s.parted, m.Ref)
}

// retry tells who follows a job that an attempt was in vain.
func (s *scheduler) retry(f *placement.Effect) {
	h := s.held(f.Ref)
	s.tellFollowers(h, func(x follower, r receipt) {
		m := submission.TaskRetry{Seq: x.seq, Task: f.Task, Attempt: f.Attempt, Code: f.Code}
		x.session.sendResult(r, &result{of: h}, func(c *client, i schedulerIndex) { c.taskRetry(i, m) })
	})
	if h.abandoned {
		s.after(0, func() { s.drainJob(h) })
	}
}

// jobDone tells who follows a job that it is over.
func (s *scheduler) jobDone(f *placement.Effect) {
	h := s.held(f.Ref)
	h.outcome = f.Outcome
	s.jobs = slices.DeleteFunc(s.jobs, func(x *heldJob) bool { return x == h })
	if h.abandoned || h.superseded || h.replaced {
		s.part(f.Ref)
	}
	for _, x := range h.followers {
		x.session.forget(x.seq)
		m := submission.JobDone{Seq: x.seq, Outcome: f.Outcome, Failed: f.Count}
		x.session.tell(func(c *client, i schedulerIndex) { c.jobDone(i, m) })
	}
	h.followers = nil
}

// part remembers a job whose owner may come for it elsewhere, for as long as what comes in of it is kept.
func (s *scheduler) part(ref probe.Ref) {
	s.parted = append(s.parted, ref)
	s.after(s.w.plan.ack.KeepFor, func() { s.parted = slices.DeleteFunc(s.parted, func(r probe.Ref) bool { return r == ref }) })
}

// sendTask tells the client of an outcome.
func (n *session) sendTask(seq uint32, h *heldJob, t taskEnd, r receipt) {
	n.sendResult(r, &result{of: h, bytes: t.bytes}, func(c *client, i schedulerIndex) {
		c.taskDone(i, &submission.TaskDone{Seq: seq, Task: t.task, Outcome: t.outcome, Code: t.code})
	})
}

// sendResult tells the client of what has come with a receipt. When it has processed that, the receipt is settled. Once it has too much to read, the
// job starts nothing more.
func (n *session) sendResult(r receipt, x *result, say func(c *client, i schedulerIndex)) {
	s, h := n.s, x.of
	n.unread = append(n.unread, sentResult{r, x})
	s.w.book.sentTo(x)
	n.tell(func(c *client, i schedulerIndex) {
		s.w.book.hasRead(x)
		c.processed(i)
		say(c, i)
	})
	limit := s.w.plan.Unread
	if h.credit.Send(int64(x.bytes), limit) && h.hold&holdCredit == 0 {
		s.after(0, func() { // carrying out what the core says may not call it
			if h.credit.Over(limit) {
				s.w.count("held for credit")
				s.suspend(h, holdCredit)
			}
		})
	}
}

// creditBack lets a job go on when enough of its results have been read.
func (s *scheduler) creditBack(x *result) {
	if x.of.credit.Read(int64(x.bytes), s.w.plan.Unread) {
		s.unhold(x.of, holdCredit)
	}
}

// passed is a beat of the client: it has processed so many results since the one before.
func (n *session) passed(results int) {
	results = min(results, len(n.unread))
	read := n.unread[:results]
	n.unread = n.unread[results:]
	for _, r := range read {
		n.s.creditBack(r.result)
		n.s.settleReceipt(r.receipt)
	}
}

// tell has the client do something when a message reaches it.
func (n *session) tell(do func(c *client, i schedulerIndex)) {
	e := n.end
	e.send(func() {
		x := e.peer.user.(*clientSession)
		do(x.c, x.i)
	})
}

// drain has the scheduler take no more jobs, and leave when it has none.
func (s *scheduler) drain() {
	if s.up {
		s.draining = true
		s.carryOut(s.out[:0])
	}
}

// depart is the orderly end of a life.
func (s *scheduler) depart() {
	if !s.draining || len(s.jobs) > 0 {
		return
	}
	s.w.count("scheduler left")
	for _, e := range slices.Clone(s.ends) {
		e.close()
	}
	s.die(false)
	s.w.restart(s.node, s.w.chance.within(10*time.Millisecond, 500*time.Millisecond))
}

func contains(all, some []byte) bool {
	for i, b := range some {
		if i < len(all) {
			b &^= all[i]
		}
		if b != 0 {
			return false
		}
	}
	return true
}

func isSet(bitmap []byte, i uint32) bool {
	return int(i/8) < len(bitmap) && bitmap[i/8]&(1<<(i%8)) != 0
}
