package stream

// batchMax is how many entries a Batch holds before it flushes by itself.
const batchMax = 1024

// Batch collects the connections that one goroutine has sent to and not yet flushed, each once. The zero Batch is empty
// and ready. It belongs to one goroutine; several may hold the same connection.
//
//	func (h *handler) Message(kind uint8, body []byte) error {
//		…
//		worker.End(append(worker.Begin(kind), …))
//		h.batch.Add(worker)
//		return nil
//	}
//
//	func (h *handler) Flush() { h.batch.Flush() }
type Batch struct {
	conns []*Conn
}

// Add makes sure that the next Flush flushes c.
func (b *Batch) Add(c *Conn) {
	// The mark in c says which batch took it last. If two batches add the same connection
	// by turns, either has it more than once, which costs a lock each and does no harm.
	if c.batch.Load() == b {
		return
	}
	c.batch.Store(b)
	b.conns = append(b.conns, c)
	if len(b.conns) >= batchMax {
		b.Flush()
	}
}

// moveTo empties the Batch into a list, whose owner flushes them.
func (b *Batch) moveTo(list []*Conn) []*Conn {
	for i, c := range b.conns {
		b.conns[i] = nil
		c.batch.CompareAndSwap(b, nil)
		list = append(list, c)
	}
	b.conns = b.conns[:0]
	return list
}

// Flush flushes the connections added since the last Flush.
func (b *Batch) Flush() {
	for i, c := range b.conns {
		b.conns[i] = nil
		c.batch.CompareAndSwap(b, nil)
		c.Flush()
	}
	b.conns = b.conns[:0]
}

// FlushSoon is [Batch.Flush] by [Conn.FlushSoon]: for goroutines that run user code.
func (b *Batch) FlushSoon() {
	for i, c := range b.conns {
		b.conns[i] = nil
		c.batch.CompareAndSwap(b, nil)
		c.FlushSoon()
	}
	b.conns = b.conns[:0]
}
