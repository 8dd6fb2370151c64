package scheduler

import (
	"time"

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

// spec is what is kept of a submission beside its payloads, as [task.Job] has it. What it says of workers is the
// core's.
type spec struct {
	ID          task.JobID
	App, User   string
	Epoch       uint32
	Priority    int16 // Validate bounds it
	Slots       uint16
	ProbeRatio  float64
	Deadline    time.Duration
	TaskTimeout time.Duration
	Estimate    time.Duration
	Resources   map[string]uint32
}
