package stream

import (
	"runtime"
	"sync"
)

// Gather lets the readers of many connections flush together. When many peers have spoken at once, their readers are
// ready to run one behind the other, and all are about to send to some of the same connections: to the client whose
// tasks these were, to workers that several jobs ask. So a reader that has something to flush first lets those that are
// ready have their turn, and then flushes for all of them: each connection once.
//
// That is worth a turn only while there are others. A turn in which nobody came is followed by some without waiting:
// one at first, and twice as many each time, up to gatherSkips. So when little goes on a flush is immediate, and many
// in a row show soon that more does.
type Gather struct {
	mu    sync.Mutex // guards what follows
	conns []*Conn    // to be flushed; one that several readers bring is there several times, which costs a lock each
	spare [][]*Conn  // memory for the next ones: as much as readers have flushed at once
	came  uint64     // how often a reader has brought something
	busy  bool       // a reader is about to flush
	skip  int        // flushes yet to come without waiting
	skips int        // how many that were the last time
}

const (
	gatherYields = 4
	gatherSkips  = 64
)

// Flush flushes what is in b, now or by another reader that is about to.
func (g *Gather) Flush(b *Batch) {
	if len(b.conns) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns = b.moveTo(g.conns)
	g.came++
	if g.busy {
		return
	}
	g.busy = true
	g.wait()
	conns := g.conns
	g.conns = nil
	if n := len(g.spare); n > 0 {
		g.conns, g.spare = g.spare[n-1], g.spare[:n-1]
	}
	g.busy = false
	g.mu.Unlock()
	for i, c := range conns {
		conns[i] = nil
		c.Flush()
	}
	g.mu.Lock()
	g.spare = append(g.spare, conns[:0])
}

// wait lets other readers have their turn for as long as any of them brings something. It lets go of mu meanwhile.
func (g *Gather) wait() {
	if g.skip > 0 {
		g.skip--
		return
	}
	began := g.came
	for range gatherYields {
		before := g.came
		g.mu.Unlock()
		runtime.Gosched()
		g.mu.Lock()
		if g.came == before {
			break
		}
	}
	if g.came > began {
		g.skips = 0
		return
	}
	g.skips = min(max(2*g.skips, 1), gatherSkips)
	g.skip = g.skips
}
