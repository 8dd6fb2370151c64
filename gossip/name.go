package gossip

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"dunnock/gossip/view"
)

const (
	// nameCheckTimeout is what another holder of our name has to answer. A dead machine answers nothing,
	// so a node that restarts elsewhere waits this long before it is in.
	nameCheckTimeout = time.Second
	// nameCheckInterval is how often we ask again while one is listed: it may have been
	// too busy to answer, or not yet serving.
	nameCheckInterval = time.Second
)

// keepName makes sure that no other live node has our role and name: before views show this node, and from then on
// whenever another one turns up, as after a join that succeeded late. It returns [ErrNameTaken] if this node must go,
// and nil when ctx is done.
//
// Of two live nodes exactly one goes. A joining node yields to one that is in; between two in the same state the larger
// incarnation, the later one, yields. Each node decides for itself only, with its own state as it is and the other's as
// it was announced. That suffices: a node is never joining again, so if the other's announcement is old, the node that
// should yield hears the next one and decides again.
func (n *Node) keepName(ctx context.Context) error {
	if len(n.targets) > 0 {
		select {
		case <-n.contact:
		case <-ctx.Done():
			return nil
		}
	}
	for ctx.Err() == nil {
		rivals := n.rivals()
		for _, r := range rivals {
			if n.live(ctx, r) {
				return fmt.Errorf("gossip: %s %s at %s: %w", r.Role, r.Name, r.Addr, ErrNameTaken)
			}
		}
		if ctx.Err() == nil {
			n.claim()
		}

		var again <-chan time.Time
		if len(rivals) > 0 {
			again = time.After(nameCheckInterval)
		}
		select {
		case <-n.wakeName:
		case <-again:
		case <-ctx.Done():
		}
	}
	return nil
}

// live asks a rival's process. That takes up to nameCheckTimeout.
func (n *Node) live(ctx context.Context, r view.Member) bool {
	check, cancel := context.WithTimeout(ctx, nameCheckTimeout)
	defer cancel()
	live := n.cfg.Live(check, r) && ctx.Err() == nil
	n.log.Debug("asked another holder of this name", slog.String("addr", r.Addr), slog.String("incarnation", r.Incarnation.String()), slog.Bool("live", live))
	return live
}

// rivals returns the listed nodes of our role and name to whom we would yield if they
// are live, newest first.
func (n *Node) rivals() []view.Member {
	claimed := n.claimed.Load()
	self := n.cfg.member(view.Active)
	n.mu.Lock()
	lives := n.table.Lives(self.Key())
	n.mu.Unlock()
	rivals := lives[:0]
	for _, m := range lives {
		yield := m.Incarnation < self.Incarnation
		if claimed == (m.State == view.Joining) { // one of the two is in
			yield = !claimed
		}
		if m.Incarnation != self.Incarnation && yield {
			rivals = append(rivals, m)
		}
	}
	return rivals
}
