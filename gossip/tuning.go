package gossip

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Waits that are no knobs: nothing is gained by changing them.
const (
	leaveTimeout  = time.Second     // for the news to be sent; it takes 0.4 s if nothing is lost
	streamTimeout = 5 * time.Second // for one exchange of the whole state, with a peer that starves for CPU
	// deadTime is how long the dead are still told that they are, so that a live one can refute, and how long they stay
	// in memory: every restart is a new identity here. It is memberlist's default.
	deadTime = 30 * time.Second
)

// memberlistConfig gives the value of every knob that differs from
// [memberlist.DefaultLANConfig], and why. Loopback and data centres share one tuning.
func (n *Node) memberlistConfig() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name = n.identity
	c.Label = n.cfg.Fleet
	c.SecretKey = n.cfg.Key
	c.Transport = n.transport
	c.BindAddr, c.BindPort = n.advertised.Addr().String(), int(n.advertised.Port())
	c.AdvertiseAddr, c.AdvertisePort = c.BindAddr, c.BindPort
	c.Delegate = delegate{n}
	c.Events = events{n}
	c.LogOutput = n.logWriter

	// A probe fails when its interval ends, so this is also the longest answer that still counts. With 64 CPU-bound
	// handlers on 2 cores a round trip was seen at 917 ms: at 1 s such a worker passes, at 500 ms it would flap. The
	// direct packet gets half of it, then three others and a TCP connection try too.
	c.ProbeInterval = n.cfg.ProbeInterval
	c.ProbeTimeout = n.cfg.ProbeInterval / 2
	// A suspect is given up after SuspicionMult · max(1, log10 n) probe intervals: 3 s up to ten nodes, 9 s at a
	// thousand. Fewer than 3 leave a busy node no second chance to refute; 4, the default, only delays: being held for
	// dead by mistake costs a worker some sampling and kills nothing.
	c.SuspicionMult = 3
	// Without anyone to confirm the suspicion, as when most of the fleet died at once, it takes this many times longer.
	// The default of 6 makes 18 s of it; and is for failures that cost more to mistake.
	c.SuspicionMaxTimeoutMult = 2
	// A node that notices that it is slow itself probes this much more slowly. At the
	// default of 8 an overloaded scheduler would miss nobody for 8 s.
	c.AwarenessMaxMultiplier = 4

	// A join, a leave or a drain reaches 50 nodes in three or four of these. The default of 200 ms saves nothing,
	// since without news nothing is sent.
	c.GossipInterval = n.cfg.GossipInterval
	// Each node passes news on RetransmitMult · ceil(log10(n+1)) times, so one of n nodes misses it with e to the minus
	// that. At the default of 4 that is 8 times in a fleet of 50: nearly every start of 50 nodes at once left some node
	// without some other until the next PushPullInterval; at 6 two in 90 starts did, at 8 none.
	c.RetransmitMult = 8
	c.GossipToTheDeadTime = deadTime
	// What gossip lost is repaired by exchanging the whole state with one other node. Up to 32 nodes, whose
	// state is below 10 kB, every 10 s; memberlist stretches it beyond (60 s at 1,000).
	c.PushPullInterval = 10 * time.Second
	c.TCPTimeout = streamTimeout

	// Packets here are a few hundred bytes of addresses and names, which LZW hardly shrinks
	// and takes time to try.
	c.EnableCompression = false
	return c
}
