package sim

import "time"

// NewCores is for tests that look at what the fleet's cores hold.
func NewCores(e *Engine) Policy {
	e.cfg.Policy = "late-binding"
	return newCores(e)
}

// NewStallWatch is the cores under policy idle-offer, with an eye on tasks that wait though a slot is offered to
// somebody. Longest gets the longest time for which a scheduler whose tasks wait launched none while another one held
// an offer and some slot was offered, throughout. An offer may be void: its worker has taken it back for a reservation.
func NewStallWatch(longest *time.Duration) func(*Engine) Policy {
	return func(e *Engine) Policy {
		e.cfg.Policy = "idle-offer"
		c := newCores(e).(*cores)
		return &stallWatch{cores: c, longest: longest, idle: make([]time.Duration, len(c.schedulers)), held: make([]time.Duration, len(c.schedulers)), launches: make([]uint64, len(c.schedulers))}
	}
}

type stallWatch struct {
	*cores
	longest  *time.Duration
	idle     []time.Duration // by scheduler: since when its tasks wait and none is launched; never: none waits
	held     []time.Duration // since when it holds an offer; never: it holds none
	open     time.Duration   // since when a slot is offered
	launches []uint64
}

func (w *stallWatch) Submit(e *Engine, id JobID)    { w.look(); w.cores.Submit(e, id); w.note() }
func (w *stallWatch) Deliver(e *Engine, m *Message) { w.look(); w.cores.Deliver(e, m); w.note() }
func (w *stallWatch) Wake(e *Engine, t Timer)       { w.look(); w.cores.Wake(e, t); w.note() }
func since(was time.Duration, is bool, now time.Duration) time.Duration {
	switch {
	case !is:
		return never
	case was == never:
		return now
	}
	return was
}

// look judges the state in which the fleet was until now.
func (w *stallWatch) look() {
	for a := range w.schedulers {
		for b := range w.schedulers {
			if a != b && max(w.idle[a], w.held[b], w.open) != never {
				*w.longest = max(*w.longest, w.engine.now-max(w.idle[a], w.held[b], w.open))
			}
		}
	}
}

func (w *stallWatch) note() {
	offered := 0
	for i := range w.workers {
		offered += w.workers[i].core.Load().Offered
	}
	w.open = since(w.open, offered > 0, w.engine.now)
	for i := range w.schedulers {
		c := w.schedulers[i].core
		free, _ := c.Offers()
		n := c.Stats().Launches
		if n != w.launches[i] {
			w.launches[i], w.idle[i] = n, never
		}
		w.idle[i] = since(w.idle[i], c.Load().Waiting > 0, w.engine.now)
		w.held[i] = since(w.held[i], free > 0, w.engine.now)
	}
}

// ErlangC is erlangC.
func ErlangC(c int, rho float64) float64 { return erlangC(c, rho) }
