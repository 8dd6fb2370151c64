package storm

import (
	"slices"
	"time"
)

// fault is a kind of what goes wrong.
type fault int

const (
	faultReset         fault = iota // a connection of a worker is lost with all that is on its way
	faultClientReset                // one of a client
	faultHalfOpen                   // a connection goes dead, and at most one end is told
	faultKillWorker                 // kill -9, and up again after a while
	faultBounceWorker               // and up again within 100 ms, under the same name
	faultWorkerMachine              // the machine is off for a while: nobody is told
	faultKillScheduler              // as of workers
	faultBounceScheduler
	faultSchedulerMachine
	faultKillClient
	faultStopWorker // SIGSTOP, SIGCONT: for less than a lease, or more
	faultStopScheduler
	faultStopClient
	faultPartition       // a worker and some or all schedulers do not hear each other
	faultOneWay          // only one way
	faultClientPartition // a client and a scheduler do not hear each other, or only one way
	faultStopReader      // a client reads nothing of what a scheduler sends, and is alive
	faultSlowReader      // it reads one message in a while
	faultRumour          // gossip says that a live worker is dead
	faultDrainWorker
	faultDrainScheduler
	faultRolling // every worker and scheduler in turn is drained and started again
	faultJoin    // workers join late

	// Between schedulers, which are connected under policy idle-offer only.

	faultPeerReset
	faultPeerHalfOpen
	faultPeerPartition
	faultJoinScheduler
	faults

	firstPeerFault = faultPeerReset
)

// What goes wrong beside those.
const (
	delayedMessage    = "message delayed"
	duplicatedMessage = "message duplicated"
	reorderedMessage  = "message overtaken"
	poisonedWorker    = "worker killed by a task"
)

// String returns the words of reports.
func (f fault) String() string {
	return [...]string{
		"connection reset", "client connection reset", "half-open connection", "worker killed", "worker restarted within 100 ms", "worker's machine off",
		"scheduler killed", "scheduler restarted within 100 ms", "scheduler's machine off", "client killed", "worker stopped", "scheduler stopped", "client stopped",
		"partition", "one-way partition", "client partition", "client stops reading", "client reads slowly", "false rumour of death", "worker drained", "scheduler drained", "rolling restart", "workers join",
		"peer connection reset", "half-open peer connection", "peer partition", "schedulers join",
	}[f]
}

// planFaults plans the faults.
func (w *world) planFaults() {
	for kind := range faults {
		n := w.plan.Faults[kind]
		if kind == faultJoin || kind == faultJoinScheduler {
			continue // it happens at the start
		}
		if kind == faultRolling {
			n = min(n, 1)
		}
		for range n {
			w.at(w.chance.below(w.heal), func() {
				if !w.healed() {
					w.strike(kind)
				}
			})
		}
	}
}

// outage draws how long something lasts: shorter than a lease, about as long, or longer, and not beyond the heal.
func (w *world) outage() time.Duration {
	if w.plan.Sleepy {
		return w.chance.within(2*w.plan.Lease, 8*w.plan.Lease)
	}
	return max(min(w.chance.spread(w.plan.Lease/16, 3*w.plan.Lease), w.heal-w.now), 1)
}

// strike lets something go wrong.
func (w *world) strike(kind fault) {
	k, s, c := w.workers[w.chance.n(len(w.workers))], w.schedulers[w.chance.n(len(w.schedulers))], w.clients[w.chance.n(len(w.clients))]
	d := w.outage()
	w.log("fault: %v (%s, %s, %s, %v)", kind, w.name(k.node), w.name(s.node), w.name(c.node), d)
	hit := true
	switch kind {
	case faultReset:
		hit = w.reset(&s.process, &k.process)
	case faultClientReset:
		hit = w.reset(&c.process, &s.process)
	case faultHalfOpen:
		if w.chance.coin() {
			hit = w.halfOpen(&s.process, &k.process)
		} else {
			hit = w.halfOpen(&c.process, &s.process)
		}
	case faultKillWorker:
		hit = w.bounce(&k.process, false, d)
	case faultBounceWorker:
		hit = w.bounce(&k.process, false, w.chance.below(100*time.Millisecond))
	case faultWorkerMachine:
		hit = w.bounce(&k.process, true, d)
	case faultKillScheduler:
		hit = w.bounce(&s.process, false, d)
	case faultBounceScheduler:
		hit = w.bounce(&s.process, false, w.chance.below(100*time.Millisecond))
	case faultSchedulerMachine:
		hit = w.bounce(&s.process, true, d)
	case faultKillClient:
		hit = w.bounce(&c.process, w.chance.coin(), d)
	case faultStopWorker:
		hit = w.stop(&k.process, d)
	case faultStopScheduler:
		hit = w.stop(&s.process, d)
	case faultStopClient:
		hit = w.stop(&c.process, d)
	case faultPartition, faultOneWay:
		all := w.chance.coin()
		for _, other := range w.schedulers {
			if all || other == s {
				w.partition(&k.process, &other.process, d, kind == faultOneWay)
			}
		}
	case faultClientPartition:
		w.partition(&c.process, &s.process, d, w.chance.coin())
	case faultStopReader:
		hit = lineOf(&c.process, &s.process).lagBehind(d, 0)
	case faultSlowReader:
		hit = lineOf(&c.process, &s.process).lagBehind(d, w.chance.spread(time.Millisecond, 100*time.Millisecond))
	case faultRumour:
		w.rumour(k, s, d)
	case faultDrainWorker:
		w.drain(&k.process, k.drain)
	case faultDrainScheduler:
		w.drain(&s.process, s.drain)
	case faultRolling:
		w.roll(0)
	case faultPeerReset:
		o, ok := w.another(s)
		hit = ok && w.reset(&s.process, &o.process)
	case faultPeerHalfOpen:
		o, ok := w.another(s)
		hit = ok && w.halfOpen(&s.process, &o.process)
	case faultPeerPartition:
		o, ok := w.another(s)
		if hit = ok; hit {
			w.partition(&s.process, &o.process, d, w.chance.coin())
		}
	case faultJoin, faultJoinScheduler, faults:
	}
	if hit {
		w.count(kind.String())
	}
}

// another draws a second scheduler; false if that is the same.
func (w *world) another(s *scheduler) (*scheduler, bool) {
	o := w.schedulers[w.chance.n(len(w.schedulers))]
	return o, o != s
}

// lineOf returns the end, at a process, of its connection with another.
func lineOf(a, b *process) *end {
	for _, e := range a.ends {
		if e.peer.p == b && e.open && e.peer.open && e.peer.life != 0 {
			return e
		}
	}
	return nil
}

// reset loses a connection with all that is on its way. Each end learns that in its own time.
func (w *world) reset(a, b *process) bool {
	e := lineOf(a, b)
	if e == nil {
		return false
	}
	w.touchPair(a, b, 0)
	e.line.broken = true
	for _, x := range []*end{e, e.peer} {
		w.after(w.chance.below(2*w.plan.Delay+w.plan.Jitter), func() { x.end(broken) })
	}
	return true
}

// halfOpen has everything that is sent on a connection vanish. One end may be told that it is lost, and the other hears
// nothing.
func (w *world) halfOpen(a, b *process) bool {
	e := lineOf(a, b)
	if e == nil {
		return false
	}
	w.touchPair(a, b, 0)
	if w.chance.coin() {
		one := e
		if w.chance.coin() {
			one = e.peer
		}
		one.end(broken)
	}
	e.line.black = max(w.now, 1)
	e.watch()
	e.peer.watch()
	return true
}

// bounce ends a process and starts it again.
func (w *world) bounce(p *process, machine bool, d time.Duration) bool {
	if !p.up {
		return false
	}
	w.crash(p, machine)
	w.restart(p.node, d)
	return true
}

// stop stops a process for a while.
func (w *world) stop(p *process, d time.Duration) bool {
	if !p.up || p.stopped {
		return false
	}
	w.touch(p, d)
	p.stop()
	life := p.life
	w.after(d, func() {
		if p.life == life && p.up {
			w.log("%s is continued", w.name(p.node))
			p.owner.resumed()
		}
	})
	return true
}

// partition cuts two machines off from each other, or only one way.
func (w *world) partition(a, b *process, d time.Duration, oneWay bool) {
	w.touchPair(a, b, d)
	first := w.chance.coin()
	if !oneWay || first {
		w.cutOff(a.node, b.node, d)
	}
	if !oneWay || !first {
		w.cutOff(b.node, a.node, d)
	}
}

// rumour has schedulers believe that a worker is dead, for a while.
func (w *world) rumour(k *worker, s *scheduler, d time.Duration) {
	life, all := k.life, w.chance.coin()
	for _, other := range w.schedulers {
		if !all && other != s {
			continue
		}
		other.run(other.life, nil, func() { other.forget(k, life) })
		w.after(d, func() {
			other.run(other.life, nil, func() {
				if k.life == life && k.up && !k.draining {
					other.hear(k, life)
				}
			})
		})
	}
}

// drain has a node leave. Its peers go on without it, which explains nothing: what it has, it finishes.
func (w *world) drain(p *process, leave func()) {
	p.run(p.life, nil, leave)
}

// roll drains every worker and scheduler in turn.
func (w *world) roll(node int) {
	if node == len(w.workers)+len(w.schedulers) {
		return
	}
	p := w.processes[node]
	w.drain(p, func() {
		if node < len(w.workers) {
			w.workers[node].drain()
		} else {
			w.schedulers[node-len(w.workers)].drain()
		}
	})
	w.after(w.chance.within(10*time.Millisecond, 300*time.Millisecond), func() { w.roll(node + 1) })
}

// healAll ends everything that goes wrong.
func (w *world) healAll() {
	w.log("all is well")
	for _, row := range w.cut {
		for i := range row {
			row[i] = min(row[i], w.now)
		}
	}
	for _, p := range w.processes {
		if p.up && p.stopped {
			p.owner.resumed()
		}
		for _, e := range slices.Clone(p.ends) {
			if e.lag != nil {
				e.catchUp()
			}
		}
		if !p.up {
			w.restart(p.node, 0)
		}
	}
}
