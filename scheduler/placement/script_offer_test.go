package placement_test

import (
	"fmt"
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// peers runs the verbs of idle offers.
func (s *script) peers(verb string, w probe.WorkerID) []placement.Effect {
	c, p := s.core, placement.PeerID(s.Int("p", 0))
	switch verb {
	case "offer":
		m := probe.Offer{Slot: s.key().slot, Call: uint32(s.Int("call", int(s.asked[s.key()].Call)+1)), Ready: s.Duration("ready", 0), Brief: uint16(s.Int("brief", 0)), Renewed: uint8(s.Int("renewed", 0))}
		s.asked[s.key()] = probe.GetTask{Slot: m.Slot, Call: m.Call}
		return c.Offer(s.Now, w, m, nil)
	case "hand":
		m := probe.Hand{
			Slot: s.key().slot, Call: uint32(s.Int("call", 1)), Ready: s.Duration("ready", 0), Left: s.Duration("left", 4*time.Second),
			Hops: uint8(s.Int("hops", 1)), More: uint8(s.Int("more", 0)), Brief: uint16(s.Int("brief", 0)),
		}
		s.asked[s.key()] = probe.GetTask{Slot: m.Slot, Call: m.Call}
		return c.Hand(s.Now, placement.PeerID(s.Int("from", 0)), w, m, nil)
	case "take-back":
		return c.Decline(s.Now, w, probe.Decline{Slot: s.key().slot, Call: uint32(s.Int("call", 1)), Reason: probe.RefusedStale}, nil)
	case "want":
		m := probe.Want{Set: uint32(s.Int("set", 1)), Age: s.Duration("age", 0), Quota: uint32(s.Int("quota", 1)), Now: uint32(s.Int("now", 0))}
		return c.Want(s.Now, p, m, nil)
	case "define":
		c.SetDef(p, probe.SetDef{Set: uint32(s.Int("set", 1)), App: s.WordOr("app", "app"), Labels: s.labels("require")})
		return nil
	case "spare":
		m := probe.Spare{Set: uint32(s.Int("set", 1)), Lack: uint32(s.Int("lack", 1)), Floor: uint32(s.Int("floor", 0))}
		return c.Spare(s.Now, p, m, nil)
	case "peer":
		return c.PeerUp(s.Now, p, nil)
	default:
		return c.PeerDown(s.Now, p, nil)
	}
}

// learn has jobs of one task each end, at once.
func (s *script) learn(w probe.WorkerID) []placement.Effect {
	spec, at := s.spec(), s.Now
	for range s.Int("n", 1) {
		last := s.asked[s.key()]
		m := probe.Offer{Slot: s.key().slot, Call: last.Call + 1}
		s.asked[s.key()] = probe.GetTask{Slot: m.Slot, Call: m.Call}
		ref, out, err := s.core.Submit(at, spec, s.core.Offer(at, w, m, nil))
		if err != nil {
			s.Fatalf("%v", err)
		}
		launch := slices.IndexFunc(out, func(e placement.Effect) bool { return e.Kind == placement.EffectLaunch && e.Ref == ref })
		if launch < 0 {
			s.Fatalf("nothing was launched: %v", out)
		}
		service := s.Duration("service", 0)
		s.core.Finished(at, w, probe.Finished{
			Slot: m.Slot, Call: m.Call, Ref: ref, Attempt: out[launch].Attempt, Status: probe.StatusOK, Service: service,
		}, nil)
	}
	return nil
}

// peerWords renders what is said to a peer.
func (s *script) peerWords(e placement.Effect) string {
	switch {
	case e.Kind == placement.EffectSetDef:
		app, require, _ := s.core.Set(e.Task)
		return fmt.Sprintf("p%d ← set %d is %s %v", e.Peer, e.Task, app, require)
	case e.Kind == placement.EffectWant:
		return fmt.Sprintf("p%d ← want of set %d, age %v, quota %d, now %d", e.Peer, e.Task, e.Wait, e.Count, e.Res)
	case e.Kind == placement.EffectSpare:
		return fmt.Sprintf("p%d ← spare of set %d: %d above %d", e.Peer, e.Task, e.Count, e.Res)
	case !e.HasWorker:
		return fmt.Sprintf("p%d ← what it handed on goes back", e.Peer)
	}
	to := ""
	if e.Res > 0 {
		to = fmt.Sprintf(", for app %d", e.Res-1)
	}
	if e.Count > 0 {
		to += fmt.Sprintf(", %d left", e.Count)
	}
	return fmt.Sprintf("p%d ← hand w%d slot %d call %d, free in %v, good for %v, hop %d%s", e.Peer, e.Worker, e.Slot, e.Call, e.Wait, e.Deadline, e.Attempt, to)
}
