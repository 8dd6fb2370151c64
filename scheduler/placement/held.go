package placement

import (
	"time"

	"dunnock/probe"
)

// OfferView is one offer that is held.
type OfferView struct {
	Worker probe.WorkerID
	Lane   uint16
	Call   uint32
	Ready  time.Duration // when its slot is free, from the same origin as the core's now
	Until  time.Duration // when it is dropped
}

// HeldOffers appends to out the offers that a task could be launched on now. It costs O(offers).
func (c *Core) HeldOffers(now time.Duration, out []OfferView) []OfferView {
	if c.idle == nil {
		return out
	}
	for _, list := range []*deque[offer]{&c.idle.held, &c.idle.soon} {
		for i := range list.len() {
			if t := list.at(i); c.good(t) && now < t.until {
				out = append(out, OfferView{Worker: t.worker, Lane: t.lane, Call: t.call, Ready: t.ready, Until: t.until})
			}
		}
	}
	return out
}

// Wanted counts the constraint sets under which peers want offers, each once for each peer, and the peers that were
// told of what waits here and still owe offers, each once for each set.
func (c *Core) Wanted() (ofUs, ofPeers int) {
	if c.idle == nil {
		return 0, 0
	}
	for _, s := range c.sets {
		if s.request != nil {
			ofPeers += s.request.ntold
		}
	}
	return len(c.idle.wants), ofPeers
}
