package worker

import (
	"context"
	"log/slog"

	"dunnock/gossip/view"
	"dunnock/probe"
)

// keepOffering makes idle offers as long as they serve the fleet that membership knows. Schedulers go by the same rule.
func (w *Worker) keepOffering(ctx context.Context) {
	if w.classed { // it makes none
		return
	}
	for {
		v := w.node.Members.View()
		slots := 0
		for _, m := range v.Workers() {
			if m.State == view.Active {
				slots += m.Slots
			}
		}
		w.offer(slots, len(v.Schedulers()))
		select {
		case <-ctx.Done():
			return
		case <-w.node.Members.Changed(v):
		}
	}
}

// offer has the core make offers, or none, in a fleet of so many slots and schedulers.
func (w *Worker) offer(slots, schedulers int) {
	serve := probe.OffersServe(slots, schedulers)
	var t turn
	now := w.enter()
	changed := serve == w.quiet
	w.quiet = !serve
	switch {
	case !changed:
	case !serve:
		t.effects = w.core.NoOffers(now, t.effects)
	default:
		for _, p := range w.peers {
			if p.policy == probe.PolicyIdleOffer {
				t.effects = w.core.OffersTo(now, p.id, t.effects)
			}
		}
	}
	w.exit(now, &t)
	t.batch.Flush()
	if changed {
		w.node.Logger.Info("how slots get work", slog.Bool("offers", serve), slog.Int("slots", slots), slog.Int("schedulers", schedulers))
	}
}
