package storm

import (
	"slices"
	"time"

	"dunnock/internal/submission"
)

// drain has the scheduler take no more jobs, and leave when it has none, or when that has taken too long.
func (s *scheduler) drain() {
	if !s.up || s.draining {
		return
	}
	s.draining = true
	if limit := s.w.plan.DrainTimeout; limit > 0 {
		s.after(limit, func() {
			if !s.closed {
				s.w.count("drain timeout")
				s.w.log("%s has drained for too long", s.w.name(s.node))
				s.w.touch(&s.process, 0) // what runs is as if it were killed
				s.cancelUnfollowed()
				s.lastWord()
			}
		})
	}
	s.carryOut(s.out[:0])
}

// cancelUnfollowed ends the jobs that nobody else can go on with.
func (s *scheduler) cancelUnfollowed() {
	for _, h := range slices.Clone(s.jobs) {
		if len(h.followers) == 0 {
			s.carryOut(s.core.Cancel(s.w.now, h.ref, s.out[:0]))
		}
	}
}

// depart is the orderly end of a life.
func (s *scheduler) depart() {
	if s.draining && !s.closed && len(s.jobs) == 0 {
		s.lastWord()
	}
}

// lastWord tells clients that what they have submitted and got no answer to is not taken, and leaves when they have
// hung up, or after a while. The word comes behind all results.
func (s *scheduler) lastWord() {
	s.closed = true
	for _, n := range slices.Clone(s.sessions) {
		n.end.sendLast(n.hear(func(c *client, i schedulerIndex) { c.leave(i) }))
	}
	s.after(s.w.plan.Lease/3, s.exit)
	s.exitIfAlone()
}

func (s *scheduler) exitIfAlone() {
	if s.closed && len(s.sessions) == 0 {
		s.after(0, s.exit)
	}
}

// exit ends the process.
func (s *scheduler) exit() {
	s.w.count("scheduler left")
	for _, e := range slices.Clone(s.ends) {
		e.close()
	}
	s.die(false)
	s.w.restart(s.node, s.w.chance.within(10*time.Millisecond, 500*time.Millisecond))
}

// leave takes a scheduler's last word, and hangs up.
func (c *client) leave(i schedulerIndex) {
	x := c.sessions[i]
	refusals := c.core.Stats().Refusals
	c.carryOut(c.core.Leave(c.w.now, i, submission.Leave{}, c.out[:0]))
	if c.core.Stats().Refusals > refusals {
		c.w.count("submission crossed a last word")
	}
	if x.end.open {
		x.end.close()
		c.lost(x)
	}
}
