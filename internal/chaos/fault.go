package main

import (
	"context"
	"time"
)

// fault is one thing that is broken and mended.
type fault interface {
	// touches names the nodes whose work the fault may cost, or pairs of nodes if it is only what is between the two.
	// Faults that must cost nothing touch nobody, and so explain nothing.
	touches() (nodes []string, pairs [][2]string)
	inject(ctx context.Context) error
	// heal mends it, and returns when what was broken is ready again. It is called whatever inject returned.
	heal(ctx context.Context) error
}

// kind is a sort of fault.
type kind struct {
	name, does  string
	least, most time.Duration // from injecting to healing
	targets     targets
	make        func(r *run, targets []string) fault
}

// kinds lists all of them, in the order of the documentation.
func kinds() []kind {
	const ms, s = time.Millisecond, time.Second
	return []kind{
		{"worker-kill", "kill -9 of some workers, which come back under the same names", 500 * ms, 2 * s, someWorkers, newKill},
		{"worker-bounce", "kill -9 of a worker, and its next life at once", 500 * ms, s, oneWorker, newBounce},
		{"scheduler-kill", "kill -9 of a scheduler, which comes back", 500 * ms, 2 * s, oneScheduler, newKill},
		{"client-kill", "kill -9 of a client; its next life knows nothing of its jobs", 500 * ms, 2 * s, oneClient, newKill},
		{"worker-stop", "SIGSTOP of some workers for longer than their lease, then SIGCONT", 2500 * ms, 4 * s, someWorkers, newStop},
		{"scheduler-stop", "the same of a scheduler", 2500 * ms, 4 * s, oneScheduler, newStop},
		{"client-stop", "the same of a client, which reads nothing meanwhile", 2500 * ms, 4 * s, oneClient, newStop},
		{"cut", "nothing passes between a scheduler and some workers", 2500 * ms, 5 * s, schedulerAndWorkers, newCut(bothWays)},
		{"cut-to-worker", "nothing passes from a scheduler to some workers; what they say arrives", 2500 * ms, 5 * s, schedulerAndWorkers, newCut(there)},
		{"cut-to-scheduler", "the same the other way", 2500 * ms, 5 * s, schedulerAndWorkers, newCut(back)},
		{"offers-kill", "kill -9 of a scheduler that holds offers, which comes back (policy idle-offer)", 500 * ms, 2 * s, oneScheduler, newOffersKill},
		{"cut-peer", "nothing passes between two schedulers; workers and clients reach both", 2500 * ms, 5 * s, twoSchedulers, newPeerCut("cut-peer")},
		{"cut-peers", "nothing passes between a scheduler and all others; workers and clients reach it", 2500 * ms, 9 * s, oneOfTheSchedulers, newPeerCut("cut-peers")},
		{"cut-client", "nothing passes between a scheduler and a client", 2500 * ms, 5 * s, schedulerAndClient, newCut(bothWays)},
		{"half-open", "connections of a scheduler and some workers die and neither end is told; new ones work", 4 * s, 5 * s, schedulerAndWorkers, newHalfOpen},
		{"cut-gossip", "no gossip reaches or leaves a worker until the others believe it dead; its connections live", 9 * s, 11 * s, oneWorker, newGossipCut},
		{"bad-line", "all packets of a scheduler are late and overtake each other, and some are lost or doubled", 3 * s, 5 * s, oneScheduler, newBadLine},
		{"throttle", "a node gets 2 % of a CPU", 2500 * ms, 4 * s, anyNode, newThrottle},
		{"drain", "a rolling restart: every node in turn is asked to leave and started anew", 0, 0, everybody, newDrain},
		{"black-hole", "a worker joins that fails every task at once", 4 * s, 6 * s, nobody, newBlackHole},
		{"poison", "a job with a task that kills its worker; dead workers are started anew", s, 2 * s, nobody, newPoison},
		{"join", "many workers join at once", 4 * s, 6 * s, nobody, newJoin},
		{"overload", "twice as many tasks as the fleet can do", 6 * s, 8 * s, nobody, newOverload},
		{"reader", "a client asks for 512 MiB of results and reads none", 4 * s, 6 * s, oneScheduler, newReader},
	}
}
