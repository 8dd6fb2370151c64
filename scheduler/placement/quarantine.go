package placement

import (
	"slices"
	"time"

	"dunnock/probe"
)

// A worker that fails every task at once is free all the time, so it asks for more than any other and ruins what it
// gets: a black hole. A breaker takes it out of sampling. What speaks against a worker is a streak of failures without
// a success between: of tasks that have succeeded elsewhere since, or of several jobs. That is so unlike what happens
// elsewhere at the same time that chance would hardly ever make it; so a job that fails everywhere, or tasks that fail
// now and then, speak against nobody. After a while the worker is taken back on trial: its next success clears it, its
// next failure puts it out for longer.

// standing is what a core thinks of a worker.
type standing uint8

const (
	trusted     standing = iota
	suspected            // it has failed a task and not succeeded since
	quarantined          // out of sampling
	onTrial              // it was quarantined, and has neither failed nor succeeded since
)

// breaker is what speaks against a worker. There is one for each that has failed a task.
type breaker struct {
	due      time.Duration // while quarantined: when it is tried again
	ok, bad  uint64        // attempts everywhere that had succeeded and failed when the streak began
	failures int           // in the streak
	proven   int           // of them, whose task has succeeded elsewhere since
	jobs     [distinctJobs]probe.Ref
	times    uint8 // that it was quarantined without a success since
}

const (
	minStreak    = 3
	distinctJobs = 3    // that failures must be of if they are not proven
	chance       = 1e-4 // that a streak may have
	shareDivisor = 10   // a tenth of the workers is quarantined at most
)

// suspect notes that an attempt has failed at a worker.
func (c *Core) suspect(j *job, w *worker) {
	if c.cfg.NoQuarantine {
		return
	}
	b := c.breakers[w.id]
	if b == nil {
		b = &breaker{}
		c.breakers[w.id] = b
	}
	if w.standing == trusted {
		w.standing = suspected
		*b = breaker{ok: c.succeeded, bad: c.failed, times: b.times}
	}
	c.failed++
	b.failures++
	if i := slices.Index(b.jobs[:], j.ref); i < 0 {
		if i = slices.Index(b.jobs[:], 0); i >= 0 {
			b.jobs[i] = j.ref
		}
	}
	if w.standing == onTrial || b.jobs[distinctJobs-1] != 0 && c.unlikely(b, b.failures) {
		c.tripped = append(c.tripped, w.id)
	}
}

// prove notes that a task has succeeded that had failed elsewhere.
func (c *Core) prove(r *taskRec) {
	for i := r.avoid; i != 0; i = c.avoids[i-1].next {
		a := &c.avoids[i-1]
		w := c.worker(a.worker)
		if w == nil || !a.failed || w.standing != suspected || c.profiles[w.id].life != a.life || w.id == r.worker {
			continue
		}
		b := c.breakers[w.id]
		b.proven = min(b.proven+1, b.failures)
		if c.unlikely(b, b.proven) {
			c.tripped = append(c.tripped, w.id)
		}
	}
}

// acquit notes that an attempt has succeeded at a worker that is not trusted.
func (c *Core) acquit(w *worker) {
	if w.standing == quarantined {
		return // it had that before
	}
	w.standing = trusted
	c.breakers[w.id].times = 0
}

// unlikely reports whether chance would hardly make a streak so long, as tasks fail elsewhere.
func (c *Core) unlikely(b *breaker, streak int) bool {
	if streak < minStreak {
		return false
	}
	bad := float64(c.failed-b.bad) - float64(b.failures) + 1
	share := bad / (float64(c.succeeded-b.ok) + bad + 1)
	p := 1.0
	for range min(streak, 64) {
		p *= share
	}
	return p <= chance
}

// trip quarantines the workers against which enough speaks, as far as there are others.
func (c *Core) trip(now time.Duration, out []Effect) []Effect {
	for len(c.tripped) > 0 {
		w := c.worker(c.tripped[0])
		c.tripped = append(c.tripped[:0], c.tripped[1:]...)
		if w != nil && w.active && c.spares(w) {
			out = c.isolate(now, w, out)
		}
	}
	return out
}

// spares reports whether the fleet can do without a worker: few are quarantined, and for no known constraints it is the
// last eligible one.
func (c *Core) spares(w *worker) bool {
	if len(c.quarantine) >= max(1, (c.load.Workers+len(c.quarantine))/shareDivisor) {
		return false
	}
	for _, s := range c.sets {
		if s.base && len(s.eligible) < 2 && s.matches(c.offer(w)) {
			return false
		}
	}
	return true
}

// isolate takes a worker out of sampling and its reservations back.
func (c *Core) isolate(now time.Duration, w *worker, out []Effect) []Effect {
	b := c.breakers[w.id]
	c.drain(now, w)
	w.standing = quarantined
	c.load.Quarantined++
	c.stats.Quarantined++
	b.due = after(now, min(c.cfg.MinQuarantine<<b.times, c.cfg.MaxQuarantine))
	b.times = min(b.times+1, 30)
	c.quarantine = append(c.quarantine, w.id)
	c.trialAt = min(c.trialAt, b.due)
	out = append(out, Effect{Kind: EffectQuarantine, Worker: w.id, Count: 1})
	for j := c.oldest; j != nil; j = j.next {
		out = c.takeBack(now, j, w.id, out)
	}
	return out
}

// takeBack cancels a job's reservations at one worker and gives others instead.
func (c *Core) takeBack(now time.Duration, j *job, id probe.WorkerID, out []Effect) []Effect {
	if j.outstanding == 0 {
		return out
	}
	for i := range j.res {
		if r := &j.res[i]; r.left > 0 && r.worker == id {
			g := j.holder(uint32(i))
			g.touched = true
			out = append(out, c.cancel(j, g, uint32(i)))
		}
	}
	return c.regain(now, j, out)
}

// trials takes workers back on trial whose time has come, or whom a job cannot do without.
func (c *Core) trials(now time.Duration, out []Effect) []Effect {
	c.trialAt = never
	for i := 0; i < len(c.quarantine); {
		w := c.worker(c.quarantine[i])
		if b := c.breakers[w.id]; now < b.due && !c.needed(w) {
			c.trialAt = min(c.trialAt, b.due)
			i++
			continue
		}
		out = c.tryAgain(now, w, out)
	}
	return out
}

// needed reports whether a job has no eligible worker and would have this one.
func (c *Core) needed(w *worker) bool {
	return c.mayJoin(w) && slices.ContainsFunc(c.sets, func(s *set) bool { return s.base && s.pins > 0 && len(s.eligible) == 0 && s.matches(c.offer(w)) })
}

// tryAgain takes a worker back on trial.
func (c *Core) tryAgain(now time.Duration, w *worker, out []Effect) []Effect {
	out = c.discharge(w, out)
	if !c.mayJoin(w) {
		return out
	}
	return c.join(now, w, out)
}

// mayJoin reports whether a worker would be sampled were it not for its quarantine.
func (c *Core) mayJoin(w *worker) bool {
	p := &c.profiles[w.id]
	return !p.leaving && !p.drained && p.offer.Slots > 0
}

// discharge ends a worker's quarantine, and leaves it to others whether it is sampled.
func (c *Core) discharge(w *worker, out []Effect) []Effect {
	w.standing = onTrial
	c.load.Quarantined--
	c.quarantine = slices.DeleteFunc(c.quarantine, func(id probe.WorkerID) bool { return id == w.id })
	return append(out, Effect{Kind: EffectQuarantine, Worker: w.id})
}

// enlist takes back on trial who could run tasks that nobody else can.
func (c *Core) enlist(now time.Duration, want *set, out []Effect) []Effect {
	for i := 0; i < len(c.quarantine); {
		if w := c.worker(c.quarantine[i]); want.matches(c.offer(w)) && c.mayJoin(w) {
			out = c.tryAgain(now, w, out)
			continue
		}
		i++
	}
	return out
}
