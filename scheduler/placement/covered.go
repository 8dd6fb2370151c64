package placement

import "time"

// Where there are so few workers that reservations for what waits reach each of them, a queue at a worker knows as much
// as a scheduler: which scheduler has work for the slot that frees next. It asks there, which takes two hops, where an
// offer may have to go on to another scheduler. That matters if nobody can say when a slot will be free, so that it is
// not offered ahead: with 8 workers × 4 slots, tasks of 10 ms (exponential) and hops of 0.2 ms at load 0.9 the hop more
// took 3 % of the mean response, and with 2 × 2 a tenth.

// bindLate gives the jobs that wait under a set reservations, as under [LateBinding], if next to all slots are taken,
// there are other schedulers that may be offered them, and their app's services cannot be foretold. From then on they
// are jobs like those under that policy, except that they are launched on offers too.
func (c *Core) bindLate(now time.Duration, s *set, out []Effect) []Effect {
	q := s.request
	if s.needy() == 0 || !c.covered(now, s) {
		return out
	}
	for g := q.head; g != nil; g = g.nextWaiting {
		if j := g.timer.j; j.offers {
			out = c.bindJobLate(now, j, out)
		}
	}
	return out
}

// bindJobLate gives a job reservations.
func (c *Core) bindJobLate(now time.Duration, j *job, out []Effect) []Effect {
	for i := range j.groups() {
		if g := j.at(i); j.onOffers(g) {
			g.set.late += g.waiting()
			g.wide = probes(j.ratio, g.anywhere()) >= 2*len(g.set.eligible)
		}
	}
	j.offers = false
	if j.res == nil {
		c.roomFor(j)
	}
	for i := range j.groups() {
		g := j.at(i)
		if lack := g.lack(); lack > 0 {
			out = c.sample(j, g, lack, out)
		}
		out = c.replenish(now, j, g, out)
	}
	return out
}

// covered reports whether reservations for what waits under a set would reach every worker, and are of more use than
// offers.
func (c *Core) covered(now time.Duration, s *set) bool {
	if !c.onOffers() {
		return true // they came to wait when workers made offers
	}
	q := s.request
	if c.hurried(now, s) {
		return true
	}
	if len(c.idle.peers) == 0 || q.stock > fewOffers*unit && q.rounds == 0 || !q.forecast.varies(now) && !c.starved(now, q) {
		return false
	}
	if f := q.forecast; f.seen > 0 && f.mean <= c.hop()/2 {
		return false // a question takes longer than such a task, and while reservations wait no worker invites more of a brief app
	}
	return c.reach(s)
}

// hurried reports whether jobs are so wide that offers for them have to be fetched from peers, and their services, which
// cannot be foretold, so short that the hop more in which a slot is empty is a large part of them. In a fleet that is
// full offers alone would then lose what others have the slots for: with 1,000 workers × 4 slots, 100 schedulers, jobs of
// a hundred tasks of 10 ms (exponential) and hops of 0.5 ms at load 0.9 they took a mean of 86 ms where reservations
// take 70, and with both it is 64.
func (c *Core) hurried(now time.Duration, s *set) bool {
	q := s.request
	f := q.forecast
	if len(c.idle.peers) == 0 || q.width <= fewTasks*unit || f.seen == 0 || !f.varies(now) {
		return false
	}
	return f.long <= hurriedHops*c.hop() && (q.rounds > 0 || q.stock <= q.width/stockShare)
}

const (
	hurriedHops = 256 // that the longest services take at most
	stockShare  = 4   // of a job's tasks that offers are here for when it comes, at most
)

// reach reports whether reservations for what waits under a set, of which something does, would reach every worker.
// That is what all jobs here wait with, as what is left of one job would be overtaken by the reservations of another.
// But of many workers a backlog of jobs is best served job by job, the oldest of all schedulers' first, which offers
// see to: there it goes by a job of mean width alone.
func (c *Core) reach(s *set) bool {
	q := s.request
	tasks := (q.width + unit/2) / unit
	if len(s.eligible) <= fewWorkers {
		tasks = max(tasks, s.waiting)
	}
	return q.head != nil && probes(q.head.timer.j.ratio, tasks) >= len(s.eligible)
}

// fewWorkers is of how many workers a hop in which a slot is empty matters more than the order of jobs. Waits under a
// load near 1 grow with the part of a slot's time that is lost, and in inverse proportion to the number of slots.
const fewWorkers = 512

// starved reports whether offers have stopped coming though tasks wait, as they do where other schedulers, which have
// seen other services, have reservations at every worker: their queues are served first.
func (c *Core) starved(now time.Duration, q *request) bool {
	f := q.forecast
	if !f.varied || q.rounds == 0 || c.load.Slots < starvedSlots*c.schedulers {
		return false
	}
	usual := f.mean
	if f.tells(now) { // all slots may run what takes long
		usual = f.long
	}
	return now-max(c.idle.came, q.oldest()) > starvedServices*max(usual, c.hop())
}

const (
	starvedServices = 2 // without an offer
	starvedSlots    = 4 // of each scheduler, of which one should have been offered by then
)
