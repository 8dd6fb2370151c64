package placement

import (
	"time"

	"dunnock/probe"
)

// Idle offers. A slot that frees, or is about to, offers itself to one scheduler, its home. A scheduler launches on the
// offers that it holds, and holds those for which it has no use. What still waits it tells to some of its peers, as one
// standing want for each constraint set, and they hand on what they hold or get, to whose tasks have waited longest. So
// a task waits in no worker's queue, and whichever fitting slot frees first runs it. That tasks always have a way to a
// slot does not hang on offers: see net.go.
//
// It follows join-idle-queue (Lu et al., Performance Evaluation 2011), which balances the idle queues and not the work:
// what is new here are the wants, their order by age, and the budget that bounds what schedulers say to each other.

// idle is what a core keeps for [IdleOffer]; nil under other policies.
type idle struct {
	held, soon deque[offer] // free, freshest last; and free soon, in the order in which they came
	dormant    deque[offer] // of workers that are not sampled
	parked     []offer      // whose lanes still run something, as far as is known here
	calls      []crossedCall
	aside      []aside
	free       int // offers in held that are good
	ahead      int // offers in soon that are good
	brief      int // offers for brief apps that are good, by app in forecasts

	waiting []*set // of which tasks wait
	dirty   []*set // to be looked at before the event is done with
	sets    []*set // that have a number for peers, by that - 1; nil: a number to be used again
	wake    time.Duration
	came    time.Duration // when the last offer did
	proof   proof         // that none do
	credit  int           // messages that may be sent to peers

	wants []want   // of peers, the one whose tasks have waited longest first
	peers []PeerID // connected, in no order
	known []peer   // by PeerID

	forecasts map[string]*forecast // by app
	stated    stated
}

// request is what is done for the tasks that wait under one constraint set.
type request struct {
	head, tail *group // that wait, in the order in which their jobs came
	number     uint32 // by which peers know the set; 0: none yet
	place      int    // in idle.waiting, from 1; 0: it is not there
	told       []told // by PeerID
	ntold      int    // of those with something left
	asked      int    // tasks that the present round has asked for
	rounds     int    // in which what waits was asked for in vain
	toldAt     time.Duration
	roundAt    time.Duration // when what still waits is asked for again, or what is not needed any more withdrawn; never: nothing is out

	launched time.Duration // when the last task was
	netAt    time.Duration // when it is looked whether too little is launched; never: nothing waits
	netWait  time.Duration // for how long nothing may have been launched then
	netted   time.Duration // when reservations were given last

	stock     int // offers that fit when a job comes, smoothed, in units of 1/unit
	width     int // tasks of a job, the same
	restocked time.Duration
	forecast  *forecast

	dirty bool // in idle.dirty
	grew  bool // and tasks have come to wait
	came  bool // and they are a job's
	deep  bool // a worker could run none of the first that wait, and it was not looked further: when some of them go, others come into reach
	kept  bool // pinned because peers know of it
}

// onOffers reports whether jobs wait for offers here. Where workers sort what waits, or slots are few beside
// schedulers, workers make none.
func (c *Core) onOffers() bool {
	return c.idle != nil && c.sorters == 0 && !c.idle.proof.holds && probe.OffersServe(c.load.Slots, c.schedulers)
}

// unit is what averages are counted in.
const unit = 1 << 10

func newIdle() *idle {
	return &idle{wake: never, credit: firstCredit, forecasts: make(map[string]*forecast)}
}

// request returns what is done for a set.
func (c *Core) request(s *set) *request {
	if s.request == nil {
		s.request = &request{roundAt: never, netAt: never, forecast: c.forecastOf(s.app)}
	}
	return s.request
}

// stir has a set looked at before the event is done with.
func (c *Core) stir(s *set, grew bool) {
	if s.need != nil {
		return // sampled for
	}
	q := c.request(s)
	q.grew = q.grew || grew
	if !q.dirty {
		q.dirty = true
		c.idle.dirty = append(c.idle.dirty, s)
	}
}

// arrived notes that tasks of a new job are going to wait under a set.
func (c *Core) arrived(g *group) {
	if c.idle == nil || g.waiting() == 0 || g.set.need != nil {
		return
	}
	q := c.request(g.set)
	q.came = true
	free, ahead := c.fitting(g.set)
	q.stock += 3 * ((free+ahead)*unit - q.stock) / 10
	q.width += (g.waiting()*unit - q.width) / 10
	c.stir(g.set, true)
}

// attend does for the sets whose tasks have changed what is to be done: it launches on what is held, and tells peers
// what waits. It is the end of every event.
func (c *Core) attend(now time.Duration, out []Effect) []Effect {
	if c.idle == nil {
		return out
	}
	return c.attendSets(now, out)
}

func (c *Core) attendSets(now time.Duration, out []Effect) []Effect {
	x := c.idle
	if len(x.aside) > 0 {
		out = c.settleAside(now, out)
	}
	if len(x.calls) > 0 {
		out = c.takeUpCalls(now, out)
	}
	if len(x.parked) > 0 {
		out = c.unpark(now, out)
	}
	for len(x.dirty) > 0 {
		s := x.dirty[len(x.dirty)-1]
		x.dirty = x.dirty[:len(x.dirty)-1]
		q := s.request
		if q.grew && len(s.eligible) == 0 {
			out = c.giveWay(now, s, out)
		}
		if q.grew {
			out = c.serve(now, s, out)
			if q.came {
				out = c.bindLate(now, s, out)
			}
			out = c.ask(now, s, out)
		} else {
			out = c.settle(now, s, out)
		}
		if q.came {
			out = c.restock(now, s, out)
		}
		q.dirty, q.grew, q.came = false, false, false
		c.guard(now, s)
		c.retain(s)
	}
	return out
}

// giveWay has the groups that wait under a set of which nobody is left go on to the next, if somebody is there. Whoever
// has reservations learns of it by losing them; these have none.
func (c *Core) giveWay(now time.Duration, s *set, out []Effect) []Effect {
	for g := s.request.head; g != nil; {
		next := g.nextWaiting
		if j := g.timer.j; j.onOffers(g) && g.gives() {
			out = c.relax(now, j, g, out)
		}
		g = next
	}
	return out
}

// retain keeps a set for as long as peers know that its tasks wait.
func (c *Core) retain(s *set) {
	q := s.request
	keep := q.ntold > 0 || q.roundAt != never
	switch {
	case keep && !q.kept:
		c.pin(s)
	case !keep && q.kept:
		c.unpin(s)
	}
	q.kept = keep
}
