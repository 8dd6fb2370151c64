package stream

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Readers that are ready at the same time make fewer writes of what they all send to one connection.
func TestGatherWritesLess(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that readers that are ready run one behind the other
	nc, _ := tcpPair(t)
	c := New(nc, nil, quiet)
	defer c.Close(ErrClosed)
	var g Gather
	const readers = 8
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			var b Batch
			c.Send(1, nil, []byte("x"))
			b.Add(c)
			g.Flush(&b)
		})
	}
	wg.Wait()
	// The race detector has them run in random order, so that some may find nobody.
	if s := c.Stats(); s.Writes >= readers || s.MessagesOut != readers || s.Waiting != 0 {
		t.Errorf("%d writes of %d messages, %d bytes wait", s.Writes, s.MessagesOut, s.Waiting)
	}
}

// A reader that is alone soon does not wait for others any more, and does again once there are some.
func TestGatherWaitsForWhoComes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	nc, _ := tcpPair(t)
	c := New(nc, nil, quiet)
	defer c.Close(ErrClosed)
	var g Gather
	flush := func(b *Batch) {
		c.Send(1, nil, nil)
		b.Add(c)
		g.Flush(b)
	}
	const alone = 1000
	waited := 0
	var one Batch
	for range alone {
		if g.skip == 0 {
			waited++
		}
		flush(&one)
	}
	// It waits after 1, 2, 4, … 64 flushes without, and then after each 64.
	if most := 7 + alone/gatherSkips; waited > most {
		t.Errorf("it waited %d times of %d, want at most %d", waited, alone, most)
	}
	if s := c.Stats(); s.Writes != alone {
		t.Errorf("%d writes of %d messages that went by themselves", s.Writes, alone)
	}
	// The first of those that come together still go without waiting. When they have found each other, so do the next.
	const together = gatherSkips
	writes := uint64(0)
	for range 4 {
		before := c.Stats().Writes
		var wg sync.WaitGroup
		for range together {
			wg.Go(func() { flush(new(Batch)) })
		}
		wg.Wait()
		writes = c.Stats().Writes - before
	}
	if writes >= together {
		t.Errorf("%d writes of %d messages that came together", writes, together)
	}
}

// Whatever readers do at the same time, what is sent and flushed arrives.
func TestGatherForgetsNothing(t *testing.T) {
	// No beat flushes what was forgotten.
	const conns, readers, rounds = 4, 8, 500
	var got atomic.Int64
	all := make(chan struct{})
	var to [conns]*Conn
	for i := range to {
		nc, peer := tcpPair(t)
		to[i] = New(nc, nil, quiet)
		start(t, to[i], &handlerFuncs{})
		start(t, New(peer, nil, quiet), &handlerFuncs{message: func(uint8, []byte) error {
			if got.Add(1) == readers*rounds {
				close(all)
			}
			return nil
		}})
	}
	var g Gather
	var wg sync.WaitGroup
	for reader := range readers {
		wg.Go(func() {
			var b Batch
			for n := range rounds {
				c := to[(n+reader)%conns]
				c.Send(1, nil, []byte("message"))
				b.Add(c)
				g.Flush(&b)
				if n%7 == reader%7 {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	<-all
}
