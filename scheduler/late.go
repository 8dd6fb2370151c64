package scheduler

import (
	"time"

	"dunnock/probe"
)

// A result is its client's, and its worker keeps it until the client has it. A client that is gone may come for it
// later than its job is held here, and to another scheduler, which asks the workers. So what nobody has is not
// acknowledged for a while; see [ack.Config].

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

// unclaimed sees to a result that nobody has taken. It is settled, unless a worker says it again that was given up in
// between: with the worker all was forgotten of who had been told and who had not. So it is kept, for as long as if
// that had been when its owner left it.
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
