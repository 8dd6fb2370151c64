package sim

import "dunnock/probe"

// lookahead is how many messages are looked at together: few enough that what they touch is still near when their turn
// comes.
const lookahead = 32

// none is no task of any job.
const none = ^uint32(0)

// warmer is a policy whose state does not fit into a cache. The state of 10,000 workers at 10 schedulers takes tens of
// megabytes, and which part of it a message needs is as good as random, so that a simulation spends most of its time
// waiting for memory, one message after the other. But the next messages are known: looking at what all of them need,
// in one loop without dependencies, has the processor wait for all of it at once. It makes no difference to what a run
// does. There are no warmers in runs with faults, where the node that a message is for may be gone.
type warmer interface {
	// warmMessages looks at what the next messages need, up to lookahead of them. What it returns only keeps the
	// compiler from leaving it out.
	warmMessages(r *ring) uint64
	// warmTimers does so for the next timers.
	warmTimers(next []entry) uint64
}

func (c *cores) warmMessages(r *ring) uint64 {
	sum, end := uint64(0), min(r.head+lookahead, r.tail)
	for i := r.head; i != end; i++ {
		m := &r.buf[i&uint64(len(r.buf)-1)].message
		if m.toWorker() {
			sum += c.workers[m.Worker].core.Touch(m.Slot)
			continue
		}
		t := none
		if m.Kind == MessageFinished {
			t = m.Task
		}
		sum += c.schedulers[m.Scheduler].core.Touch(probe.WorkerID(m.Worker), m.Slot, m.Ref, t)
	}
	for i := r.head; i != end; i++ {
		if m := &r.buf[i&uint64(len(r.buf)-1)].message; m.toWorker() {
			sum += c.workers[m.Worker].core.TouchQueue()
		}
	}
	return sum
}

func (c *cores) warmTimers(next []entry) uint64 {
	sum := uint64(0)
	for i := range next {
		if t := &next[i].timer; coreTimer(t.Kind) == timerEnd {
			sum += c.workers[t.Worker].core.Touch(t.Slot)
		}
	}
	for i := range next {
		if t := &next[i].timer; coreTimer(t.Kind) == timerEnd {
			sum += c.workers[t.Worker].core.TouchQueue()
		}
	}
	return sum
}
