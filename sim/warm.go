package sim

import "dunnock/probe"

// lookahead is how many messages are looked at together: few enough that what they touch is still in the nearest cache when their turn comes.
const lookahead = 32

// warmer is a policy whose state does not fit into a cache. The state of 10,000 workers at 10 schedulers takes tens of
// megabytes, and which part of it a message needs is as good as random, so that a simulation spends most of its time waiting for
// memory, one message after the other. But the next messages are known: looking at what all of them need, in one
// loop without dependencies, has the processor wait for all of it at once. It makes runs of that size a tenth faster, and no
// difference to what they do.
type warmer interface {
	// warmMessages looks at what the next messages need, up to lookahead of them. What it returns only keeps the compiler from leaving it out.
	warmMessages(r *ring) uint64
	// warmTimers does so for the next timers.
	warmTimers(next []entry) uint64
}

func (c *cores) warmMessages(r *ring) uint64 {
	sum := uint64(0)
	for i := r.head; i != min(r.head+lookahead, r.tail); i++ {
		m := &r.buf[i&uint64(len(r.buf)-1)].message
		if m.toWorker() {
			if core := c.workers[m.Worker].core; core != nil {
				sum += core.Touch(m.Slot)
			}
		} else if core := c.schedulers[m.Scheduler].core; core != nil {
			sum += core.Touch(probe.WorkerID(m.Worker), m.Slot, m.Ref)
		}
	}
	return sum
}

func (c *cores) warmTimers(next []entry) uint64 {
	sum := uint64(0)
	for i := range next {
		t := &next[i].timer
		if t.class != classTimer || coreTimer(t.Kind) != timerEnd {
			continue
		}
		if core := c.workers[t.Worker].core; core != nil {
			sum += core.Touch(t.Slot)
		}
	}
	return sum
}
