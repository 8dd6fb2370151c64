package queue

// Touch reads what the next message about a slot will need but for the queue's own memory, and changes nothing. It is
// for a caller whose cores do not fit into a cache and who knows what comes next: having touched the cores of several
// messages in one loop, it has waited for memory once and not for each of them. What it returns means nothing; adding
// it up keeps the reads from being left out.
func (c *Core) Touch(slot uint16) uint64 {
	sum := c.near + uint64(c.free)
	if slot < c.size {
		sum += uint64(c.slots[slot].call)
	}
	return sum
}

// TouchQueue is the rest of [Core.Touch], for a loop of its own: where it lies is known only when that has been read.
func (c *Core) TouchQueue() uint64 { return c.queue.touch() }
