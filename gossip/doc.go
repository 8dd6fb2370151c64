// Package gossip keeps a node's view of its fleet: who is there, where, and whether they take work. It puts
// hashicorp/memberlist (SWIM with Lifeguard) behind a small immutable [view.View], and is the only package that knows
// memberlist.
//
// Membership is a candidate set and nothing else. Gossip is far too slow to judge sub-second tasks, so a member that it
// declares dead is taken out of the view and nothing is killed; the connections between schedulers and workers decide
// that. It carries no load.
//
// # Life of a node
//
// [Open] checks the configuration and binds the sockets, so that [Node.Addr] is known and faults show at once.
// [Node.Run] joins the fleet, and goes on trying for ever: nodes may be started in any order, and halves of a fleet
// that were cut off from one another find together again through [Config.Join]. [Node.View] is the current view;
// [Node.Changed] says when there is another:
//
//	for v := node.View(); ; v = node.View() {
//		use(v)
//		select {
//		case <-node.Changed(v):
//		case <-ctx.Done():
//			return
//		}
//	}
//
// A node that ends calls [Node.SetState] with [view.Draining] so that no new work comes, finishes what it has,
// and ends Run's context, or calls [Node.Leave]. One that crashes is missed within seconds.
//
// # Names
//
// A node's identity in gossip is role, name and incarnation ([view.Identity]). Under a bare name memberlist would
// refuse the new address of a restarted node until its earlier life is declared dead, which takes seconds. The newest
// incarnation of a name is the one in the view.
//
// Two live nodes may not have one role and name: the later one's Run returns [ErrNameTaken]. An earlier life that is
// listed may also be dead and not yet missed; the two are told apart by asking it over HTTP ([HTTPLive]). Until a node
// has asked, it announces itself as [view.Joining], which no view shows: so a mistaken second "w1" never takes work
// from the first.
package gossip
