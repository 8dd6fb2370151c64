package queue

import (
	"slices"
	"time"
)

// Load is what a core holds now. Free + Asking + Running + Stopping + Stuck + Joined = Slots.
type Load struct {
	Slots        int
	Free         int
	Asking       int
	Running      int
	Stopping     int
	Stuck        int
	Joined       int    // slots that a wide task has beside its first, or that are kept for one
	Collected    int    // of those, the ones that are kept for a reservation that needs more
	Offered      int    // slots on offer, free or about to be
	Held         int    // launches that wait for a slot
	Coming       int    // launches that are on their way, beyond the slots that wait for one
	Brief        int    // offers for brief apps, which are no slot's in particular
	Entries      int    // in the queue: what Config.MaxReservations bounds
	Reservations uint64 // in the queue: the sum of the entries' counts
	Results      int    // kept because they are not acknowledged
	ResultBytes  int    // of their bodies
	Fences       int    // jobs that were submitted more than once and are remembered
	Users        int    // under Fair: users of whom something is queued or has a slot
}

// Load returns what the core holds now. It costs the same for any number of slots.
func (c *Core) Load() Load {
	l := Load{
		Slots:        int(c.size),
		Free:         int(c.in[Free]),
		Asking:       int(c.in[Asking]),
		Running:      int(c.in[Running]),
		Stopping:     int(c.in[Stopping]),
		Stuck:        int(c.in[Stuck]),
		Entries:      c.queue.len(),
		Reservations: c.waiting,
	}
	if o := c.offers; o != nil {
		l.Slots = len(o.seats)
		l.Free = l.Slots - l.Asking - l.Running - l.Stopping - l.Stuck
		l.Offered, l.Brief, l.Held, l.Coming = int(o.open-o.brief.open), int(o.brief.open), len(o.held), len(o.coming)
	}
	if w := c.wide; w != nil {
		l.Joined, l.Collected = int(w.joined), int(w.line.n)
		l.Free -= l.Joined
	}
	if k := c.keep; k != nil {
		l.Results, l.ResultBytes, l.Fences = k.results, k.bytes, len(k.fences.byJob)
	}
	if c.named == Fair {
		l.Users = c.fair().busy
	}
	return l
}

// Idle reports that nothing is queued, asked, held, running or stopping. A stuck slot does not keep the core from being
// idle, since its attempt's end is settled and its handler may never return.
func (c *Core) Idle() bool {
	return c.in[Asking]+c.in[Running]+c.in[Stopping] == 0 && c.waiting == 0 && (!c.offering || len(c.offers.held)+len(c.offers.coming) == 0)
}

// returnTime is how long a draining worker with results that nobody may have waits for a scheduler whose connection has
// ended: it comes back within milliseconds if it lives, and if it does not, another one asks.
const returnTime = 2 * time.Second

// MayLeave reports that a draining worker may leave: it is idle, and there is no scheduler that has gone just now and
// may come back, or be followed by another, for results that are kept. It turns true by itself: one that is idle and
// may not is asked again after a while.
func (c *Core) MayLeave(now time.Duration) bool {
	return c.draining && c.Idle() && !(c.keep != nil && c.keep.results > 0 && slices.ContainsFunc(c.keep.lives, func(l *life) bool {
		return !l.up && now-l.left < returnTime
	}))
}

// Stats counts events since the core was made. Reservations are counted by their Count, all else by
// message or attempt.
type Stats struct {
	// What every task moves comes first, where a core has it in the cache line that it needs in any case.
	Reserved  uint64 // reservations taken into the queue
	GetTasks  uint64 // calls made
	Launches  uint64 // calls answered with a Launch that was started
	Finished  uint64 // attempts whose end was reported
	Cancelled uint64 // reservations taken back by their scheduler
	NoTasks   uint64 // calls answered with NoTask

	RefusedFull     uint64 // reservations refused because the queue was at its limit
	RefusedDraining uint64 // reservations refused by a draining worker on arrival
	Drained         uint64 // reservations given back from the queue by Drain
	Dropped         uint64 // reservations dropped because their scheduler was gone

	DeclinedApp    uint64 // calls answered with a Launch of an app that the worker does not have
	DeclinedFenced uint64 // calls answered with a Launch of a job that is another scheduler's
	Abandoned      uint64 // calls whose scheduler was gone before the answer

	Timeouts   uint64 // attempts told to stop because their timeout passed
	Deadlines  uint64 // attempts told to stop because their job's deadline passed
	Kills      uint64 // attempts told to stop by Kill
	Orphans    uint64 // attempts whose scheduler was gone before they ended
	Stuck      uint64 // attempts that did not stop within the grace
	Unreported uint64 // attempts that ended as orphans

	Claims         uint64 // of jobs, granted
	Adopted        uint64 // attempts that another scheduler has claimed while they ran, or again
	FencedClaims   uint64 // of jobs that another has a better right to
	ResultsDropped uint64 // results dropped before they were acknowledged

	DeclinedStale uint64 // Launches that no slot waited for, given back
	StaleLaunches uint64 // Launches without effect: duplicates, too old to judge, or of a scheduler not connected
	StaleReserves uint64 // Reserves without effect: of a scheduler not connected, or with Count 0
	StaleCancels  uint64 // Cancels that found nothing
	StaleNoTasks  uint64 // NoTasks that no slot waited for
	StaleKills    uint64 // Kills of an attempt that did not run
	StaleDones    uint64 // Dones of an attempt that did not run: a mistake of the caller
	StaleAcks     uint64 // Acks of results that were never numbered, or of a scheduler not connected
	StaleClaims   uint64 // Claims of a scheduler not connected

	Starved uint64 // under SRPT: reservations that had waited for the bound and were served before shorter ones
}

// Stats returns the counts so far.
func (c *Core) Stats() Stats {
	s := c.stats
	if q, ok := c.queue.(*ordered); ok {
		s.Starved = q.starved
	}
	return s
}
