package sim

import (
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/worker/queue"
)

// beginOffers connects the schedulers with each other and has every slot offered to its home, as if all had been up for
// a while. What that takes is not counted.
func (c *cores) beginOffers() {
	for i := range c.schedulers {
		for p := range c.schedulers {
			if p != i {
				c.carryOutPlaced(uint32(i), c.schedulers[i].core.PeerUp(0, placement.PeerID(p), c.placed[:0]))
			}
		}
	}
	if c.classed || !probe.OffersServe(c.engine.cfg.Workers*c.engine.cfg.Slots, len(c.schedulers)) {
		return
	}
	last := make([]queue.Effect, 2*c.engine.cfg.Slots) // what each lane has offered last
	for w := range c.workers {
		clear(last)
		for s := range c.schedulers {
			for _, f := range c.workers[w].core.OffersTo(0, probe.SchedulerID(s), nil) {
				last[f.Slot] = f
			}
		}
		for i := range last {
			f := &last[i]
			if f.Kind == queue.EffectOffer {
				c.send(&Message{Kind: kindOffer, Scheduler: uint32(f.Scheduler), Worker: uint32(w), Slot: f.Slot, Call: f.Call})
				c.engine.tally.messages--
			}
		}
		c.carryOutQueued(uint32(w), c.queued[:0])
	}
}

// toPeer sends what the core of a scheduler says to another one.
func (c *cores) toPeer(scheduler uint32, f *placement.Effect) {
	m := Message{Scheduler: uint32(f.Peer), Job: JobID(scheduler), Task: f.Task, Count: f.Count, Call: f.Res}
	switch {
	case f.Kind == placement.EffectSetDef: // part of what a connection begins with
		app, require, _ := c.schedulers[scheduler].core.Set(f.Task)
		c.schedulers[f.Peer].core.SetDef(placement.PeerID(scheduler), probe.SetDef{Set: f.Task, App: app, Labels: require})
		return
	case f.Kind == placement.EffectWant:
		m.Kind, m.Deadline = kindWant, f.Wait
	case f.Kind == placement.EffectSpare:
		m.Kind = kindSpare
	case !f.HasWorker: // what came goes back
		m = c.handed
		m.Scheduler, m.Job = uint32(f.Peer), JobID(scheduler)
		m.Attempt++
		m.Task = f.Count
	default:
		m.Kind, m.Worker, m.Slot, m.Call, m.Attempt = kindHand, uint32(f.Worker), f.Slot, f.Call, f.Attempt
		m.Service, m.Deadline, m.Count, m.Task = f.Wait, f.Deadline, f.Res, f.Count
	}
	c.send(&m)
}

// offered hands an offer, or what another scheduler says of offers, to a scheduler's core.
func (c *cores) offered(now time.Duration, m *Message) {
	core, from, out := c.schedulers[m.Scheduler].core, placement.PeerID(m.Job), c.placed[:0]
	if m.Kind == kindOffer {
		out = core.Offer(now, probe.WorkerID(m.Worker), probe.Offer{Slot: m.Slot, Call: m.Call, Ready: m.Service, Brief: uint16(m.Count), Renewed: uint8(m.Attempt)}, out)
	}
	if m.Kind == kindWant {
		out = core.Want(now, from, probe.Want{Set: m.Task, Age: m.Deadline, Quota: m.Count, Now: m.Call}, out)
	}
	if m.Kind == kindSpare {
		out = core.Spare(now, from, probe.Spare{Set: m.Task, Lack: m.Count, Floor: m.Call}, out)
	}
	if m.Kind == kindHand {
		c.handed = *m
		out = core.Hand(now, from, probe.WorkerID(m.Worker), probe.Hand{
			Slot: m.Slot, Call: m.Call, Ready: m.Service, Left: m.Deadline, Hops: uint8(m.Attempt), More: uint8(m.Task), Brief: uint16(m.Count),
		}, out)
	}
	c.carryOutPlaced(m.Scheduler, out)
}

// remember keeps the service of a launch, which may begin later.
func (c *cores) remember(m *Message, out []queue.Effect) {
	for i := range out {
		if f := &out[i]; (f.Kind == queue.EffectStart || f.Kind == queue.EffectHold) && f.Slot == m.Slot && f.Call == m.Call {
			c.workers[m.Worker].services[m.Slot], c.workers[m.Worker].keys[m.Slot] = m.Service, m.Count
			c.expect(m.Worker, m.Slot, m.Job, f.Kind == queue.EffectStart)
		}
	}
}
