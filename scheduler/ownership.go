package scheduler

import (
	"context"
	"time"

	"dunnock/internal/submission"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
)

// Whose a job is, and what becomes of one that nobody owns, is decided by package lease. What it says is done here.

// do does with a job what package lease says.
func (s *Scheduler) do(now time.Duration, j *job, what lease.Do, effects []placement.Effect) []placement.Effect {
	if what&lease.Suspend != 0 {
		effects = s.core.Suspend(now, j.ref, effects)
	}
	if what&lease.Resume != 0 {
		effects = s.core.Resume(now, j.ref, effects)
	}
	if what&lease.Cancel != 0 {
		effects = s.core.Cancel(now, j.ref, effects)
	}
	if what&lease.Supersede != 0 {
		effects = s.core.Supersede(now, j.ref, effects)
	}
	return effects
}

// running is how many tasks of a job run.
func (s *Scheduler) running(j *job) int {
	v, _ := s.core.Job(j.ref)
	return v.Running
}

// disown takes from a job an owner whose connection has ended, and who may have been asked whether it is one.
func (s *Scheduler) disown(now time.Duration, j *job, asked bool, effects []placement.Effect) []placement.Effect {
	effects = s.do(now, j, s.leases.Disown(now, &j.lease), effects)
	if asked {
		effects = s.do(now, j, s.leases.Unanswered(&j.lease), effects)
	}
	s.wakeOwners()
	return effects
}

// replace lets go of a job that its owner submits under so late an epoch that somebody else may have had it in between.
// Who else follows it is told that it has another owner, and comes back to the new one.
func (s *Scheduler) replace(now time.Duration, t *turn, j *job) {
	if j.outcome != 0 {
		return
	}
	for _, f := range j.clients {
		f.client.sendSuperseded(t, f.seq)
	}
	followers := len(j.clients)
	j.clients = nil
	t.effects = s.do(now, j, s.leases.Replace(&j.lease, followers), t.effects)
}

// expireOrphans gives up the jobs whose owners have not come back in time, and returns when to look again.
func (s *Scheduler) expireOrphans(now time.Duration, t *turn) (next time.Duration, more bool) {
	abandon := func(l *lease.Job) {
		j := s.jobs[l.Ref]
		t.effects = s.do(now, j, s.leases.Abandon(l, s.running(j)), t.effects)
	}
	for _, l := range s.leases.Draining() {
		abandon(l)
	}
	for l, ok := s.leases.Due(now); ok; l, ok = s.leases.Due(now) {
		abandon(l)
	}
	return s.leases.NextDue()
}

// wakeOwners has keepOwners look again.
func (s *Scheduler) wakeOwners() {
	select {
	case s.orphaned <- struct{}{}:
	default:
	}
}

// wakeDraining has keepOwners look at the jobs that end when nothing of them runs any more, after a launch was given
// back or has not arrived: nobody is told of that.
func (s *Scheduler) wakeDraining() {
	if s.leases.Drains() {
		s.wakeOwners()
	}
}

// keepOwners gives up jobs that nobody owns any more, and holds up those whose owners do not read.
func (s *Scheduler) keepOwners(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var t turn
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.orphaned:
		case <-timer.C:
		}
		now := s.enter()
		s.holdSlow(now, &t)
		next, more := s.expireOrphans(now, &t)
		if more {
			timer.Reset(next - now)
		}
		s.exit(now, &t)
		t.batch.Flush()
	}
}

// afterPause makes sure of the jobs' owners before anything else is done, when this process has stood still. It runs
// under the lock.
func (s *Scheduler) afterPause(now time.Duration) {
	var t turn
	s.ask(now, &t)
	for i := range t.effects {
		s.carryOut(now, &t, &t.effects[i])
	}
	t.batch.Flush() // never waits
}

// ask asks every client what it still owns, and has every waiting request find out whether its client is there. Until
// that is answered nothing of their jobs is started.
func (s *Scheduler) ask(now time.Duration, t *turn) {
	for _, j := range s.jobs {
		for _, es := range j.waiting {
			if es.asked {
				t.effects = s.do(now, j, s.leases.Hold(&j.lease, lease.Asked), t.effects)
			} else {
				es.asked = true
				t.effects = s.do(now, j, s.leases.Ask(&j.lease), t.effects)
			}
			select {
			case es.doubt <- struct{}{}:
			default:
			}
		}
	}
	for c := range s.clients {
		jobs := c.jobs.Ask()
		if len(jobs) == 0 {
			continue
		}
		for _, o := range jobs {
			if o.Asked {
				t.effects = s.do(now, o.Job, s.leases.Hold(&o.Job.lease, lease.Asked), t.effects)
			} else {
				t.effects = s.do(now, o.Job, s.leases.Ask(&o.Job.lease), t.effects)
			}
		}
		c.conn.End(submission.AppendAsk(c.conn.Begin(uint8(submission.KindAsk)), submission.Ask{}))
		t.batch.Add(c.conn)
	}
}

// still takes a client's word on which of its jobs it still owns. It gives up the others.
func (c *client) still(body []byte) error {
	m, err := submission.DecodeStill(body)
	if err != nil {
		return err
	}
	s := c.s
	now := s.enter()
	kept, lost := c.jobs.Still(m.Seqs)
	for _, o := range kept {
		c.turn.effects = s.do(now, o.Job, s.leases.Answered(&o.Job.lease, o.Asked), c.turn.effects)
	}
	for _, o := range lost {
		j := o.Job
		j.unfollow(c, o.Seq)
		c.turn.effects = s.do(now, j, s.leases.GiveUp(&j.lease, s.running(j)), c.turn.effects)
		if o.Asked {
			c.turn.effects = s.do(now, j, s.leases.Unanswered(&j.lease), c.turn.effects)
		}
	}
	s.exit(now, &c.turn)
	return nil
}
