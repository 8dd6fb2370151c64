package scheduler

import (
	crand "crypto/rand"
	"time"

	"dunnock/internal/bitmap"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// retryAfter is what a refused client is told to wait: long enough for a queue of sub-second tasks to move.
const retryAfter = 500 * time.Millisecond

// submit accepts a job or says why not. attach is called with the job under the lock, before anything else happens to
// it; again is true when the job was here before.
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
	placing.Turn = turnOf(s.discipline, spec, now)
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

// rejoin answers a job id that is known here: another job is a conflict, the same one is joined, or accepted anew if
// this scheduler cannot go on with it.
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

func newJobID() task.JobID {
	var id task.JobID
	_, _ = crand.Read(id[:]) // never fails
	return id
}
