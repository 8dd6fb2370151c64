package sim

import (
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// shares follow how much of what workers have each user's tasks take, where workers have resources.
type shares struct {
	total []float64 // in the whole fleet: of slots, then of each resource
	users []part    // by number
}

// part is one user's.
type part struct {
	since time.Duration // when it changed last
	now   [1 + probe.MaxResources]int64
	area  [1 + probe.MaxResources]float64 // amount × time, from the first arrival after the warm-up to since
	last  [1 + probe.MaxResources]float64 // the same to the last arrival
}

func newShares(e *Engine) *shares {
	s := &shares{total: make([]float64, 1+len(e.fleet.resources))}
	s.total[0] = float64(e.cfg.Workers * e.cfg.Slots)
	for w := range e.cfg.Workers {
		for r, n := range e.fleet.kindOf(uint32(w)).amount {
			s.total[1+r] += float64(n)
		}
	}
	return s
}

// change has a user's task begin, or end.
func (s *shares) change(e *Engine, h *holding, by int64) {
	if s == nil || h.user == nobody {
		return
	}
	for int(h.user) >= len(s.users) {
		s.users = append(s.users, part{})
	}
	p, n := &s.users[h.user], &e.needs[h.need]
	p.advance(&e.tally, e.now)
	p.now[0] += by * int64(max(n.Slots, 1))
	for r, amount := range n.Resources {
		p.now[1+r] += by * int64(amount)
	}
}

// advance adds up what was taken until now.
func (p *part) advance(t *tally, now time.Duration) {
	if !t.counting {
		p.since = now
		return
	}
	from := max(p.since, t.first)
	if t.last >= from {
		for i, n := range p.now {
			p.last[i] = p.area[i] + float64(float64(n)*float64(t.last-from))
		}
	}
	for i, n := range p.now {
		p.area[i] += float64(float64(n) * float64(now-from))
	}
	p.since = now
}

// of returns which fraction of the fleet a user had of slots and of each resource, from the first arrival after the
// warm-up to the last; nil where workers have none.
func (s *shares) of(e *Engine, user int) map[string]float64 {
	length := float64(e.tally.last - e.tally.first)
	if s == nil || user >= len(s.users) || length <= 0 {
		return nil
	}
	p := &s.users[user]
	p.advance(&e.tally, e.now)
	all := make(map[string]float64)
	for i, total := range s.total {
		name := task.SlotsName
		if i > 0 {
			name = e.fleet.resources[i-1]
		}
		all[name] = p.last[i] / float64(total*length)
	}
	return all
}
