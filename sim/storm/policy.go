package storm

import (
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// Idle offers are the policy of every other seed. What only they need is drawn from streams of its own, so that the
// fleets of a seed differ in nothing else.

// drawPolicy draws how a fleet places its tasks, unless that is given.
func drawPolicy(seed uint64, given placement.Policy, noCancel bool) placement.Policy {
	switch {
	case given != 0:
		return given
	case newDice(seed, 4).coin():
		return placement.IdleOffer
	case noCancel:
		return placement.LateBindingNoCancel
	}
	return placement.LateBinding
}

// offers reports whether slots offer themselves, and schedulers are connected with each other.
func (p *Plan) offers() bool { return p.Policy == placement.IdleOffer }

// lanes is how many lanes a worker has.
func (p *Plan) lanes() int {
	if p.queue.Offers {
		return probe.Lanes(p.Slots)
	}
	return p.Slots
}

// disturbPeers draws what goes wrong between schedulers, and which jobs may not run everywhere.
func (p *Plan) disturbPeers(share, most int) {
	if !p.offers() {
		return
	}
	d := newDice(p.Seed, 5)
	for k := firstPeerFault; k < faults; k++ {
		if d.permille(share) {
			p.Faults[k] = d.between(1, most)
		}
	}
	if p.Even = d.permille(400); p.Even {
		p.Jobs, p.MostTasks = max(p.Jobs, 40), max(p.MostTasks, 10)
		p.Service = max(p.Service/4, 200*time.Microsecond)
		p.Stated = newDice(p.Seed, 17<<32).coin()
	}
	if d.permille(300) {
		p.Picky = d.between(50, 700)
	}
}

// evenly has the jobs of an even fleet come in their order, the first half without anything odd: so much is alike that
// the next one is expected to be so too, and then is not.
func (w *world) evenly(j *job, at time.Duration) time.Duration {
	p := &w.plan
	if !p.Even {
		return at
	}
	service := p.Service
	if p.Stated {
		service = w.state(j)
	}
	for _, t := range j.tasks {
		if j.index < p.Jobs/2 {
			t.odd = -1
		}
		if t.odd != oddLong {
			t.service = service
		}
	}
	return (p.Storm*time.Duration(j.index) + at) / time.Duration(p.Jobs+1)
}

// state has a job say what its tasks take, which is much or little: the first half of the jobs say what is so, and of
// the others one in four says more, or less, or nothing.
func (w *world) state(j *job) time.Duration {
	p := &w.plan
	d := newDice(p.Seed, 18<<32+uint64(j.index))
	service := p.Service
	if d.coin() {
		service *= 5
	}
	j.crowd.estimate = service
	if d.permille(250) && j.index >= p.Jobs/2 {
		j.crowd.estimate = []time.Duration{0, service / 5, 3 * service}[d.n(3)]
	}
	return service
}

// disk is what picky jobs need, and every other worker has.
var disk = []probe.Label{{Key: "disk", Value: "ssd"}} //nolint:gochecknoglobals // a constant

// mayRun reports whether a worker has all that a job needs.
func (k *worker) mayRun(j *job) bool {
	for _, l := range j.require {
		if !slices.Contains(k.labels, l) {
			return false
		}
	}
	return true
}
