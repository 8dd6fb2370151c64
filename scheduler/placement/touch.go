package placement

import "dunnock/probe"

// Touch reads what the next message from a slot about a job, and if it is about a task about that, will need, and
// changes nothing. A task that there is not will do for none. It is for a caller whose cores do not fit into a cache
// and who knows what comes next: having touched what several messages are about in one loop, it has waited for memory
// once and not for each of them. What it returns means nothing; adding it up keeps the reads from being left out.
func (c *Core) Touch(w probe.WorkerID, slot uint16, ref probe.Ref, t uint32) uint64 {
	sum := uint64(0)
	if wk := c.worker(w); wk != nil && int(slot) < len(wk.slots) {
		sum += uint64(wk.slots[slot].call)
	}
	if j := c.find(ref); j != nil {
		sum += uint64(j.outstanding) + uint64(j.cursor)
		if int64(t) < int64(len(j.tasks)) {
			sum += uint64(j.tasks[t].attempt)
		}
	}
	return sum
}
