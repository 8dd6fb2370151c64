package scheduler

import (
	"context"
	"slices"
	"time"

	"dunnock/internal/submission"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// A job belongs to those who submitted it, for as long as they are connected. Without an owner it starts nothing, and after a grace in which
// an owner may come back it is given up. What is not certain is asked: after a pause of this process, in which its clients may have taken it for
// dead and handed their jobs to others, nothing starts until each has said what it still owns here.

// held says why a job starts nothing for now. There may be several reasons.
type held uint8

const (
	heldOwner  held = 1 << iota // it has no owner
	heldAsked                   // its owner has been asked whether it is one
	heldCredit                  // its owner has too much to read
)

// heldJobs are the unfinished jobs that start nothing for now, by reason.
type heldJobs struct{ owner, asked, credit int }

func (h *heldJobs) count(why held, n int) {
	if why&heldOwner != 0 {
		h.owner += n
	}
	if why&heldAsked != 0 {
		h.asked += n
	}
	if why&heldCredit != 0 {
		h.credit += n
	}
}

// hold keeps a job from starting anything for a reason.
func (s *Scheduler) hold(now time.Duration, j *job, why held, effects []placement.Effect) []placement.Effect {
	if j.outcome != 0 {
		return effects
	}
	if j.held == 0 {
		effects = s.core.Suspend(now, j.ref, effects)
	}
	s.held.count(why&^j.held, 1)
	j.held |= why
	return effects
}

// unhold takes a reason back.
func (s *Scheduler) unhold(now time.Duration, j *job, why held, effects []placement.Effect) []placement.Effect {
	if j.held&why == 0 {
		return effects
	}
	s.held.count(j.held&why, -1)
	j.held &^= why
	if j.held == 0 && j.outcome == 0 {
		effects = s.core.Resume(now, j.ref, effects)
	}
	return effects
}

// orphan is a job that had no owner any more at some time.
type orphan struct {
	job *job
	at  time.Duration
}

// disown takes one owner from an unfinished job. Without any it waits for one to come back.
func (s *Scheduler) disown(now time.Duration, j *job, effects []placement.Effect) []placement.Effect {
	j.owners--
	if j.owners > 0 || j.detached || j.outcome != 0 {
		return effects
	}
	return s.orphan(now, j, effects)
}

func (s *Scheduler) orphan(now time.Duration, j *job, effects []placement.Effect) []placement.Effect {
	j.orphaned = now
	s.orphans = append(s.orphans, orphan{j, now})
	s.wakeOwners()
	return s.hold(now, j, heldOwner, effects)
}

// giveUp takes one owner from a job that its owner has given up by its own word: nobody will come back for it.
func (s *Scheduler) giveUp(now time.Duration, j *job, effects []placement.Effect) []placement.Effect {
	j.owners--
	if j.owners > 0 || j.detached || j.outcome != 0 {
		return effects
	}
	return s.abandon(now, j, s.hold(now, j, heldOwner, effects))
}

// abandon ends a job without an owner: at once, or when what runs of it has ended if it asked for that.
func (s *Scheduler) abandon(now time.Duration, j *job, effects []placement.Effect) []placement.Effect {
	j.abandoned = true
	if v, ok := s.core.Job(j.ref); ok && v.Running > 0 && j.spec.OnDisconnect == task.DrainJob {
		s.drained = append(s.drained, j)
		return effects
	}
	return s.core.Cancel(now, j.ref, effects)
}

// replace lets go of a job that its owner submits under so late an epoch that somebody else may have had it in between. What runs of it
// is not ended: the new submission claims it. Who else follows the job is told that it has another owner, and comes back to the new one.
func (s *Scheduler) replace(now time.Duration, t *turn, j *job) {
	if j.outcome != 0 {
		return
	}
	for _, f := range j.clients {
		f.client.sendSuperseded(t, f.seq)
	}
	j.owners -= len(j.clients)
	j.clients = nil
	j.replaced = true
	t.effects = s.orphan(now, j, t.effects)
}

// expireOrphans gives up the jobs whose owners have not come back in time, and returns when to look again.
func (s *Scheduler) expireOrphans(now time.Duration, t *turn) (next time.Duration, more bool) {
	kept := s.drained[:0]
	for _, j := range s.drained {
		v, ok := s.core.Job(j.ref)
		switch {
		case !ok || !j.abandoned: // it is over, or somebody came back for it
		case v.Running > 0:
			kept = append(kept, j)
		default:
			t.effects = s.core.Cancel(now, j.ref, t.effects)
		}
	}
	clear(s.drained[len(kept):])
	s.drained = kept
	for len(s.orphans) > 0 {
		o := s.orphans[0]
		if due := o.at + s.cfg.ClientGrace; due > now {
			return due, true
		}
		s.orphans[0] = orphan{}
		s.orphans = s.orphans[1:]
		j := o.job
		if j.outcome != 0 || j.orphaned != o.at || ((j.owners > 0 || j.detached) && !j.replaced) {
			continue
		}
		t.effects = s.abandon(now, j, t.effects)
	}
	s.orphans = nil
	return 0, false
}

// wakeOwners has keepOwners look again.
func (s *Scheduler) wakeOwners() {
	select {
	case s.orphaned <- struct{}{}:
	default:
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

// afterPause makes sure of the jobs' owners before anything else is done, when this process has stood still. It runs under the lock.
func (s *Scheduler) afterPause(now time.Duration) {
	var t turn
	s.ask(now, &t)
	for i := range t.effects {
		s.carryOut(now, &t, &t.effects[i])
	}
	t.batch.Flush() // never waits
}

// ask asks every client what it still owns, and has every waiting request find out whether its client is there. Until that is answered nothing
// of their jobs is started.
func (s *Scheduler) ask(now time.Duration, t *turn) {
	for _, j := range s.jobs {
		for _, es := range j.waiting {
			es.asked = true
			t.effects = s.hold(now, j, heldAsked, t.effects)
			select {
			case es.doubt <- struct{}{}:
			default:
			}
		}
	}
	for c := range s.clients {
		if len(c.jobs) == 0 || c.asked {
			continue
		}
		c.asked = true
		for _, j := range c.jobs {
			t.effects = s.hold(now, j, heldAsked, t.effects)
		}
		c.conn.End(submission.AppendAsk(c.conn.Begin(uint8(submission.KindAsk)), submission.Ask{}))
		t.batch.Add(c.conn)
	}
}

// still takes a client's word on which of its jobs it still owns. It gives up the others; one that closes names none. What it has submitted since it was
// asked may have overtaken the answer, which does not know of it then, and is its own in any case.
func (c *client) still(body []byte) error {
	m, err := submission.DecodeStill(body)
	if err != nil {
		return err
	}
	s := c.s
	now := s.enter()
	owned := make(map[uint32]bool, len(m.Seqs))
	for _, seq := range m.Seqs {
		owned[seq] = true
	}
	for _, seq := range c.since {
		owned[seq] = true
	}
	c.asked, c.since = false, nil
	for seq, j := range c.jobs {
		if owned[seq] {
			c.turn.effects = s.unhold(now, j, heldAsked, c.turn.effects)
			continue
		}
		delete(c.jobs, seq)
		j.unfollow(c, seq)
		c.turn.effects = s.giveUp(now, j, c.turn.effects)
		c.turn.effects = s.unasked(now, j, c.turn.effects)
	}
	s.exit(now, &c.turn)
	return nil
}

// unasked lets a job go on that was waiting for a client's word, when no client is left that could say it. Others may own it.
func (s *Scheduler) unasked(now time.Duration, j *job, effects []placement.Effect) []placement.Effect {
	if slices.ContainsFunc(j.clients, func(f follower) bool { return f.client.asked }) ||
		slices.ContainsFunc(j.waiting, func(es *eventStream) bool { return es.asked }) {
		return effects
	}
	return s.unhold(now, j, heldAsked, effects)
}
