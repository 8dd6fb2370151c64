package scheduler

import (
	crand "crypto/rand"
	"log/slog"
	"time"

	"dunnock/internal/bitmap"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// job is what the scheduler keeps of a job beside the core's decisions: its
// payloads while it runs, its clients, and each task's end for those who ask.
type job struct {
	spec     spec
	payloads payloads
	digest   uint64 // of the submission, to tell a job submitted again from another under its id
	ref      probe.Ref
	accepted time.Duration
	ended    time.Duration // 0 while unfinished
	outcome  task.Outcome  // 0 while unfinished

	tasks  records
	order  []uint32 // tasks with an outcome, in the order of their ends
	failed int
	large  bool // a result of it went in pieces, which small messages overtake

	clients  []follower     // streams that hear of every task
	waiting  []*eventStream // HTTP requests that wait for every task, also when the job is done
	unsent   []unsentResult // that none of them has been sent, in the order of their ends
	retries  retries        // attempts in vain, for those who follow the job over HTTP
	readable bool           // results stay readable over HTTP when the job has finished
	readers  int            // event streams that read the records
	dropped  bool           // a result was dropped for want of room
	released bool           // results were let go because their one reader has them

	lease  lease.Job  // whose it is
	unread ack.Credit // results that clients were sent and have not read

	forgotten bool          // finished, and not readable any more
	skipped   []byte        // bitmap of tasks that had finished before this submission
	before    int           // how many those are
	class     *probe.Class  // scratch of classNow
	payload   int64         // bytes of payloads
	retained  int64         // bytes counted in Scheduler.retained
	piece     []byte        // memory for small values; see copyOf
	changed   chan struct{} // closed at the next outcome; nil when nobody waits for it
}

// follower is a client stream that follows a job under its own number.
type follower struct {
	client *client
	seq    uint32
}

// retryAfter is what a refused client is told to wait: long enough for a queue of sub-second tasks to move.
const retryAfter = 500 * time.Millisecond

// submit accepts a job or says why not. attach is called with the job under the
// lock, before anything else happens to it; again is true when the job was here before.
func (s *Scheduler) submit(t *turn, spec task.Job, attach func(j *job, again bool)) *task.Error {
	spec = spec.WithDefaults()
	if err := s.check(&spec); err != nil {
		return s.rejected(err)
	}
	if spec.ID.IsZero() {
		spec.ID = newJobID()
	}
	j := newJob(&spec, t.lent)
	now := s.enter()
	err := s.accept(now, t, &spec, j, attach)
	s.exit(now, t)
	if err != nil {
		return s.rejected(err)
	}
	return nil
}

func (s *Scheduler) rejected(err *task.Error) *task.Error {
	s.meters.rejected(err.Code)
	return err
}

// check refuses what is malformed.
func (s *Scheduler) check(spec *task.Job) *task.Error {
	if err := spec.Validate(s.cfg.Limits); err != nil {
		return asError(err)
	}
	return nil
}

// accept runs under the lock.
func (s *Scheduler) accept(now time.Duration, t *turn, spec *task.Job, j *job, attach func(*job, bool)) *task.Error {
	if s.closed {
		return s.drains() // also of a job that is known: its client has heard that nothing more is taken
	}
	if old := s.known(spec.ID); old != nil {
		joined, err := s.rejoin(old, spec, j.digest)
		switch {
		case err != nil:
			return err
		case joined:
			attach(old, true)
			t.effects = s.do(now, old, s.leases.Joined(&old.lease, spec.Epoch), t.effects)
			old.spec.Epoch = old.lease.Epoch
			return nil
		}
		defer func() {
			if j := s.byID[spec.ID]; j != nil && j != old { // the new submission was accepted
				s.replace(now, t, old)
			}
		}()
	}
	if err := s.admitJob(len(spec.Tasks), j.payload); err != nil {
		return err
	}
	placing, fault := specOf(spec)
	if fault != nil {
		return fault
	}
	s.roomy(t)
	ref, effects, err := s.core.Submit(now, placing, t.effects)
	if err != nil {
		return asError(err)
	}
	t.effects = effects
	j.ref, j.lease.Ref, j.accepted = ref, ref, now
	s.jobs[ref], s.byID[spec.ID] = j, j
	s.payload += j.payload
	attach(j, false)
	return nil
}

// rejoin answers a job id that is known here: another job is a conflict, the same one is joined, or accepted anew if this scheduler cannot go on with it.
func (s *Scheduler) rejoin(old *job, spec *task.Job, digest uint64) (joined bool, _ *task.Error) {
	answer := s.leases.Rejoin(&old.lease, lease.Return{
		Epoch:  spec.Epoch,
		Other:  old.digest != digest || spec.Epoch == 0 && spec.Deadline != old.spec.Deadline,
		Covers: bitmap.Covers(spec.Finished, old.skipped),
		Lacks:  !s.holdsResults(old, spec.Finished),
	})
	switch answer {
	case lease.Join:
		return true, nil
	case lease.Anew:
		return false, nil
	case lease.OtherSpec:
		return false, task.Errorf(task.CodeConflict, "id: %s is in use by a job with another specification", old.spec.ID)
	case lease.Narrower:
		return false, task.Errorf(task.CodeConflict, "finished: job %s runs here without tasks that are not finished by this submission", old.spec.ID)
	case lease.Elsewhere:
		return false, task.Errorf(task.CodeConflict, "id: job %s is at another scheduler, under a later epoch", old.spec.ID)
	case lease.Delivered:
		return false, task.Errorf(task.CodeConflict, "id: job %s has delivered its results, which are not held any more", old.spec.ID)
	case lease.Crowded:
	}
	e := task.Errorf(task.CodeOverloaded, "%d clients wait for job %s, the limit", old.lease.Owners(), old.spec.ID)
	e.RetryAfterMS = retryAfter.Milliseconds()
	return false, e
}

// holdsResults reports whether every result is held of the tasks that have ended here, but for those that somebody has.
func (s *Scheduler) holdsResults(j *job, has []byte) bool {
	if j.outcome != 0 && !j.readable {
		return false
	}
	if !j.dropped && !j.released {
		return true
	}
	if len(has) == 0 {
		return false
	}
	for _, i := range j.order {
		if rec := j.tasks.read(int(i)); !bitmap.Has(has, i) && rec.outcome == task.OK && rec.value == nil {
			return false
		}
	}
	return true
}

func attemptsOf(spec *task.Job) []placement.Attempts {
	if len(spec.Attempts) == 0 {
		return nil
	}
	list := make([]placement.Attempts, len(spec.Attempts))
	for i, a := range spec.Attempts {
		list[i] = placement.Attempts{Task: uint32(a.Task), N: uint16(a.Failed)}
	}
	return list
}

// drains is what a leaving scheduler says of a job.
func (s *Scheduler) drains() *task.Error {
	e := task.Errorf(task.CodeDraining, "scheduler %s is draining; submit to another", s.node.Name)
	e.RetryAfterMS = retryAfter.Milliseconds()
	return e
}

// admitJob refuses what the scheduler has no room for, before it promises anything.
func (s *Scheduler) admitJob(tasks int, payload int64) *task.Error {
	var e *task.Error
	waiting := s.core.Load().Waiting
	switch {
	case s.server.Draining():
		e = s.drains()
	case len(s.jobs) >= s.cfg.MaxJobs:
		e = task.Errorf(task.CodeOverloaded, "%d jobs are unfinished here, the limit", len(s.jobs))
	case waiting+tasks > s.cfg.MaxWaitingTasks:
		e = task.Errorf(task.CodeOverloaded, "%d tasks wait here and %d more would pass the limit of %d", waiting, tasks, s.cfg.MaxWaitingTasks)
	case s.payload+payload > s.cfg.MaxPayloadBytes:
		e = task.Errorf(task.CodeOverloaded, "unfinished jobs hold %d bytes of payload and %d more would pass the limit of %d", s.payload, payload, s.cfg.MaxPayloadBytes)
	default:
		return nil
	}
	e.RetryAfterMS = retryAfter.Milliseconds()
	return e
}

// taskDone records a task's one outcome and tells those who follow the job.
func (s *Scheduler) taskDone(now time.Duration, t *turn, e *placement.Effect) {
	j := s.jobs[e.Ref]
	rec := j.tasks.write(int(e.Task))
	rec.outcome, rec.attempt, rec.wait, rec.service = e.Outcome, e.Attempt, e.Wait, e.Service
	if e.Attempt == 0 {
		rec.worker = ""
	} else if _, said := t.body(e); said {
		rec.worker = t.worker // which need not be where the last attempt was launched
	}
	var value []byte
	if e.Outcome == task.OK {
		value, _ = t.body(e)
	} else {
		j.failed++
		if rec.err = t.fault(e); rec.err == nil {
			rec.err = explain(e.Code, rec)
		}
	}
	s.meters.taskDone(rec)
	if len(j.clients) == 0 && len(j.waiting) > 0 {
		j.unsent = append(j.unsent, unsentResult{at: len(j.order) + j.retries.count(), receipt: t.take()})
	}
	s.tell(now, t, j, func(f follower, r receipt) { f.client.sendTask(t, f.seq, j, e.Task, value, r) })
	s.keepValue(j, rec, value, t.owned)
	if e.Outcome != task.OK && !isShared(rec.err) {
		s.keepFault(j, rec)
	}
	if e.Code == task.CodeSuperseded {
		s.leases.Superseded(&j.lease)
	}
	if j.lease.Abandoned() {
		s.wakeOwners() // it drains
	}
	if j.order == nil {
		j.order = make([]uint32, 0, j.tasks.len()-j.before)
	}
	j.order = append(j.order, e.Task)
	j.notify()
}

// jobDone ends a job: its clients hear it, its payloads go, and it stays readable for a while.
func (s *Scheduler) jobDone(now time.Duration, t *turn, e *placement.Effect) {
	j := s.jobs[e.Ref]
	j.outcome, j.ended = e.Outcome, now
	s.leases.Over(now, &j.lease)
	delete(s.jobs, e.Ref)
	s.payload -= j.payload
	j.payloads = payloads{}
	s.meters.jobDone(j)
	for _, f := range j.clients {
		f.client.sendDone(t, f.seq, j)
	}
	j.clients = nil
	j.notify()
	s.retain(j)
}

// fault is why a job has ended that somebody else goes on with; otherwise nil.
func (j *job) fault() *task.Error {
	if j.outcome == task.Unknown && j.lease.Elsewhere() {
		return errSuperseded
	}
	return nil
}

// notify wakes those who wait for the job's next outcome.
func (j *job) notify() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// One for all, since a job may end thousands of tasks at once.
var (
	errDeadline   = task.Errorf(task.CodeDeadline, "the job's deadline passed")
	errCancelled  = task.Errorf(task.CodeCancelled, "the job was cancelled")
	errDoubt      = task.Errorf(task.CodeSchedulerLost, "the scheduler that had the job was lost, no worker holds the task, and it may start once only")
	errUsedUp     = task.Errorf(task.CodeWorkerLost, "the attempts that this task may have were used up before this submission")
	errSuperseded = task.Errorf(task.CodeSuperseded, "the job goes on under a later epoch, at another scheduler or by another submission")
)

// isShared reports whether an error is one of those above.
func isShared(e *task.Error) bool {
	return e == errDeadline || e == errCancelled || e == errDoubt || e == errUsedUp || e == errSuperseded
}

// explain gives the error of a task that ended without its worker's word.
func explain(c task.Code, rec *record) *task.Error {
	switch c {
	case task.CodeWorkerLost:
		if rec.worker == "" {
			return errUsedUp
		}
		return task.Errorf(c, "worker %s was lost while it ran attempt %d", rec.worker, rec.attempt)
	case task.CodeDeadline:
		return errDeadline
	case task.CodeCancelled:
		return errCancelled
	case task.CodeSchedulerLost:
		return errDoubt
	case task.CodeSuperseded:
		return errSuperseded
	default:
		return task.Errorf(c, "attempt %d on worker %s failed", rec.attempt, rec.worker)
	}
}

func newJobID() task.JobID {
	var id task.JobID
	_, _ = crand.Read(id[:]) // never fails
	return id
}

// mute reports whether the client is to hear nothing more, because this process is ending at once: its connections to workers end too, and what
// would be said of the tasks there is not true. The client finds another scheduler, which asks the workers.
func (c *client) mute() bool { return c.s.ctx.Err() != nil }

// sendTask appends a task's outcome to the client's connection.
func (c *client) sendTask(t *turn, seq uint32, j *job, index uint32, value []byte, r receipt) {
	if c.mute() {
		return
	}
	rec := j.tasks.read(int(index))
	m := submission.TaskDone{
		Seq: seq, Task: index, Outcome: rec.outcome, Attempt: rec.attempt, Wait: rec.wait, Service: rec.service, Worker: []byte(rec.worker),
	}
	if rec.err != nil {
		m.Code, m.Message, m.Detail = rec.err.Code, []byte(rec.err.Message), []byte(rec.err.Detail)
	}
	c.head = submission.AppendTaskDoneHead(c.head[:0], &m)
	j.large = j.large || len(c.head)+len(value) > stream.MaxBody
	mark := c.conn.Send(uint8(submission.KindTaskDone), c.head, value)
	c.sent(j, sentResult{mark: mark, receipt: r, job: j, size: int32(len(value))})
	t.batch.Add(c.conn)
}

// sendRetry appends that an attempt was in vain: the client counts them, should it have to hand the job to another scheduler.
func (c *client) sendRetry(t *turn, seq uint32, j *job, e *placement.Effect, r receipt) {
	if c.mute() {
		return
	}
	why := t.inVain(j, e)
	c.head = submission.AppendTaskRetry(c.head[:0], &submission.TaskRetry{
		Seq: seq, Task: e.Task, Attempt: e.Attempt, Worker: []byte(j.tasks.read(int(e.Task)).worker), Code: why.Code, Message: []byte(why.Message), Detail: []byte(why.Detail),
	})
	mark := c.conn.Send(uint8(submission.KindTaskRetry), c.head, nil)
	c.sent(j, sentResult{mark: mark, receipt: r, job: j, size: int32(len(why.Message) + len(why.Detail))})
	t.batch.Add(c.conn)
}

// sendSuperseded appends that the job has another owner, and forgets its number.
func (c *client) sendSuperseded(t *turn, seq uint32) {
	c.jobs.Forget(seq)
	m := submission.TaskDone{Seq: seq, Outcome: task.Unknown, Code: task.CodeSuperseded, Message: []byte(errSuperseded.Message)}
	c.conn.SendAfter(uint8(submission.KindTaskDone), submission.AppendTaskDoneHead(nil, &m), nil)
	t.batch.Add(c.conn)
}

// sendDone appends the end of a job, behind all its tasks, and forgets the job's number.
func (c *client) sendDone(t *turn, seq uint32, j *job) {
	c.jobs.Forget(seq)
	if c.mute() {
		return
	}
	var body [16]byte
	head := submission.AppendJobDone(body[:0], submission.JobDone{Seq: seq, Outcome: j.outcome, Failed: uint32(j.failed)})
	if j.large {
		c.conn.SendAfter(uint8(submission.KindJobDone), head, nil)
	} else { // others' results it need not wait for
		c.conn.Send(uint8(submission.KindJobDone), head, nil)
	}
	t.batch.Add(c.conn)
	if c.s.node.Logger.Enabled(c.s.ctx, slog.LevelDebug) {
		c.s.node.Logger.Debug("job finished", slog.String("job", j.spec.ID.String()), slog.String("outcome", j.outcome.String()))
	}
}
