package scheduler

import (
	"time"

	"dunnock/probe"
)

// A result is its client's, and its worker keeps it until the client has it. A client that is gone may come for it later than its job is held here, and to
// another scheduler, which asks the workers. So what nobody has is not acknowledged for a while; see [ack.Config].

// keepResult has a worker keep a result that nobody has, since when it is so, and that somebody may come for.
func (s *Scheduler) keepResult(since time.Duration, r receipt) {
	if r.seq != 0 {
		r.link.results.Keep(since, r.seq)
	}
}

// expireKept acknowledges the results that nobody has come for.
func (s *Scheduler) expireKept(now time.Duration, t *turn) {
	for _, l := range s.links {
		l.expireKept(now, t)
	}
}

func (l *link) expireKept(now time.Duration, t *turn) {
	if up, due := l.results.Expire(now); due {
		l.ack(t, up)
	}
}

// unclaimed sees to a result that nobody has taken. It is settled, unless a worker says it again that was given up in between: with the worker all was
// forgotten of who had been told and who had not. So it is kept, for as long as if that had been when its owner left it.
func (s *Scheduler) unclaimed(t *turn, r receipt) {
	if r.seq != 0 && t.found && t.finished.Status != probe.StatusKilled {
		if at, ok := s.givenUp[r.link.member.Incarnation]; ok {
			s.keepResult(at, r)
			return
		}
	}
	s.settle(t, r)
}

// forgetGivenUp forgets the workers that were given up so long ago that nothing is kept for their sake any more.
func (s *Scheduler) forgetGivenUp(now time.Duration) {
	for w, at := range s.givenUp {
		if now-at > s.cfg.ResultGrace {
			delete(s.givenUp, w)
		}
	}
}

// parted are jobs that ended here while they may go on elsewhere: because no owner came back for them, or because another scheduler has them, or a later
// submission. Attempts that had ended by then, and were on their way, are as good as any others.
type parted struct {
	jobs  map[probe.Ref]struct{}
	order []partedJob // in the order of their times
}

type partedJob struct {
	ref probe.Ref
	at  time.Duration
}

// maxParted bounds their number; the oldest go.
const maxParted = 1 << 16

func (p *parted) add(now time.Duration, ref probe.Ref) {
	if p.jobs == nil {
		p.jobs = make(map[probe.Ref]struct{})
	}
	if len(p.order) >= maxParted {
		p.drop()
	}
	p.jobs[ref] = struct{}{}
	p.order = append(p.order, partedJob{ref, now})
}

func (p *parted) drop() {
	delete(p.jobs, p.order[0].ref)
	p.order = p.order[1:]
}

// expire forgets the jobs that ended so long ago. What comes in of them by then was on its way, or its worker was not connected.
func (p *parted) expire(now, ttl time.Duration) {
	for len(p.order) > 0 && now-p.order[0].at > ttl {
		p.drop()
	}
}

// wants reports whether somebody may come for what a worker says of an attempt. That it was stopped is of no use: whoever comes starts it again.
func (p *parted) wants(m *probe.Finished) bool {
	if len(p.jobs) == 0 || m.Status == probe.StatusKilled {
		return false
	}
	_, ok := p.jobs[m.Ref]
	return ok
}
