package sim

import (
	"math/rand/v2"
	"time"

	"dunnock/probe"
)

// network is the connections of a run with faults, and what is on its way on them.
type network struct {
	workers     int
	connections []connection // by scheduler, then by worker
	flights     []flight     // by the number in their timer
	free        []uint32     // of flights
	rng         *rand.Rand
	// A draw of 64 bits below drop loses the connection; from there to below delay it delays, and so on.
	drop, delay, duplicate, reorder uint64
}

// connection is what there is between a scheduler and a worker. Each time it is dialled begins another life, from 1; an
// end that is up holds the number of the life that it is on, and is told of the loss of exactly that one.
type connection struct {
	life      uint32
	scheduler uint32 // life that this end is on; 0: none
	worker    uint32
	open      bool             // messages sent now arrive
	cut       time.Duration    // it is cut off until then
	last      [2]time.Duration // when the last message arrives, to the worker and to the scheduler
}

// flight is a message on its way.
type flight struct {
	message Message
	life    uint32
}

func newNetwork(cfg *Config) network {
	n := network{
		workers:     cfg.Workers,
		connections: make([]connection, cfg.Schedulers*cfg.Workers),
		rng:         newStream(cfg.Seed, labelNetwork).generator(0),
	}
	for i := range n.connections {
		n.connections[i] = connection{life: 1, scheduler: 1, worker: 1, open: true}
	}
	// Probabilities in units of 2⁻⁶⁴: each is at most ½, and a sum beyond 1 leaves the last ones out.
	sum := 0.0
	for _, p := range []struct {
		bound *uint64
		p     float64
	}{
		{&n.drop, cfg.Faults.Drop}, {&n.delay, cfg.Faults.Delay}, {&n.duplicate, cfg.Faults.Duplicate}, {&n.reorder, cfg.Faults.Reorder},
	} {
		sum = min(sum+p.p, 1)
		*p.bound = uint64(float64(sum*(1<<53))) << 11
		if sum == 1 {
			*p.bound = ^uint64(0)
		}
	}
	return n
}

func (n *network) at(s, w uint32) *connection { return &n.connections[int(s)*n.workers+int(w)] }

// toWorker reports which way a message goes.
func (m *Message) toWorker() bool {
	return m.Kind == kindReserve || m.Kind == kindCancel || m.Kind == MessageLaunch || m.Kind == kindNoTask || m.Kind == kindKill
}

// send puts a message on its connection, where things go wrong.
func (f *faults) send(e *Engine, m *Message) {
	e.tally.messages++
	n := &f.network
	c := n.at(m.Scheduler, m.Worker)
	way, end := 1, c.worker
	if m.toWorker() {
		way, end = 0, c.scheduler
	}
	if !c.open || end != c.life {
		return // into a connection that is lost, which its sender does not know yet
	}
	at := max(e.now, c.cut) + e.cfg.NetDelay
	draw := n.rng.Uint64()
	if f.healed(e.now) {
		draw = ^uint64(0)
	}
	switch {
	case draw < n.drop:
		f.lose(e, m.Scheduler, m.Worker, e.cfg.NetDelay)
		f.redial(e, m.Scheduler, m.Worker)
		return
	case draw < n.delay:
		at += f.extra()
	case draw < n.duplicate:
		f.fly(e, max(at, c.last[way])+f.extra(), m, c.life)
	case draw < n.reorder:
		f.fly(e, max(at, c.last[way])+f.extra(), m, c.life)
		return
	}
	at = max(at, c.last[way])
	c.last[way] = at
	f.fly(e, at, m, c.life)
}

// extra draws by how much a message is late.
func (f *faults) extra() time.Duration {
	return time.Duration(probe.Below(f.network.rng, uint64(f.cfg.ExtraDelay)))
}

// fly has a message arrive at a time, if its connection then lives.
func (f *faults) fly(e *Engine, at time.Duration, m *Message, life uint32) {
	n := &f.network
	var i uint32
	if last := len(n.free) - 1; last >= 0 {
		i = n.free[last]
		n.free = n.free[:last]
	} else {
		i = uint32(len(n.flights))
		n.flights = append(n.flights, flight{})
	}
	n.flights[i] = flight{*m, life}
	e.plan(at, Timer{Task: i, class: classMessage})
}

// deliver hands a message to its receiver, unless the connection that it came on is gone.
func (f *faults) deliver(e *Engine, i uint32) {
	n := &f.network
	m, life := n.flights[i].message, n.flights[i].life
	n.free = append(n.free, i)
	c := n.at(m.Scheduler, m.Worker)
	end := c.scheduler
	if m.toWorker() {
		end = c.worker
	}
	if c.life == life && end == life {
		e.policy.Deliver(e, &m)
	}
}

// lose ends a connection with all that is on its way. Its ends are told after a time.
func (f *faults) lose(e *Engine, s, w uint32, told time.Duration) {
	c := f.network.at(s, w)
	c.open = false
	c.life++ // what is on its way is of an earlier life now
	if c.scheduler != 0 {
		f.plan(e, told, faultTellScheduler, s, w, c.scheduler)
	}
	if c.worker != 0 {
		f.plan(e, told, faultTellWorker, s, w, c.worker)
	}
}

// cut makes a connection silent. If that outlasts the lease, both ends give it up, each when its own lease runs out;
// otherwise what is sent arrives late.
func (f *faults) cut(e *Engine, s, w uint32, outage time.Duration) {
	c := f.network.at(s, w)
	c.cut = max(c.cut, e.now+outage)
	if c.open && c.cut-e.now >= f.cfg.Lease {
		c.open = false
		if c.scheduler != 0 {
			f.plan(e, f.cfg.Lease, faultTellScheduler, s, w, c.scheduler)
		}
		if c.worker != 0 {
			f.plan(e, f.cfg.Lease, faultTellWorker, s, w, c.worker)
		}
		f.plan(e, c.cut-e.now, faultDial, s, w, 0)
	}
}

// redial has a scheduler dial a worker again soon, jittered so that not all do at once.
func (f *faults) redial(e *Engine, s, w uint32) {
	d := f.cfg.Redial + time.Duration(probe.Below(f.network.rng, uint64(f.cfg.Redial)))
	f.plan(e, e.cfg.NetDelay+d, faultDial, s, w, 0)
}

// dial opens a connection if both nodes are up, as soon as they can hear each other. A node that comes up is dialled
// then.
func (f *faults) dial(e *Engine, s, w uint32) {
	c := f.network.at(s, w)
	if c.open || f.cores.schedulers[s].core == nil || f.cores.workers[w].core == nil {
		return
	}
	if c.cut > e.now {
		f.plan(e, c.cut-e.now, faultDial, s, w, 0)
		return
	}
	f.tellScheduler(s, w, c.scheduler) // it would not dial a worker that it is connected with
	c.life++
	c.open, c.last = true, [2]time.Duration{}
	f.plan(e, e.cfg.NetDelay, faultHello, s, w, c.life)
}

// hello is a scheduler's handshake at a worker, to which a new connection ends the one before.
func (f *faults) hello(e *Engine, s, w, life uint32) {
	c := f.network.at(s, w)
	if c.life != life || !c.open {
		return
	}
	f.tellWorker(s, w, c.worker)
	c.worker = life
	f.cores.connectScheduler(s, w)
	f.plan(e, e.cfg.NetDelay, faultWelcome, s, w, life)
}

// welcome is a worker's handshake at a scheduler.
func (f *faults) welcome(s, w, life uint32) {
	c := f.network.at(s, w)
	if c.life != life || !c.open {
		return
	}
	c.scheduler = life
	f.cores.connectWorker(s, w)
}

// tellScheduler tells it that a life of a connection is over.
func (f *faults) tellScheduler(s, w, life uint32) {
	c := f.network.at(s, w)
	if life == 0 || c.scheduler != life {
		return // it knows
	}
	c.scheduler = 0
	f.cores.disconnectWorker(s, w)
}

// tellWorker tells it that a life of a connection is over.
func (f *faults) tellWorker(s, w, life uint32) {
	c := f.network.at(s, w)
	if life == 0 || c.worker != life {
		return
	}
	c.worker = 0
	f.cores.disconnectScheduler(s, w)
}
