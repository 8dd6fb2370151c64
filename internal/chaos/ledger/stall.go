package ledger

import (
	"context"
	"time"
)

const (
	stallNap   = 50 * time.Millisecond
	stallLeast = 450 * time.Millisecond // together half a second, a beat of the fleet's connections
)

// WatchStalls writes down when this process, or the whole machine if node is empty, stood still for half a second or
// more. It returns when ctx is done, or when a line cannot be written.
func WatchStalls(ctx context.Context, w *Writer, node string, life int) error {
	t := time.NewTicker(stallNap)
	defer t.Stop()
	last := Now()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		now := Now()
		if over := stalled(last, now); over > 0 {
			if err := w.Append(Record{At: now, Event: Stall, Node: node, Life: life, Nanos: over}); err != nil {
				return err
			}
		}
		last = now
	}
}

// stalled is how much too long a nap took; 0 if that is too little to tell.
func stalled(from, to int64) int64 {
	if over := to - from - int64(stallNap); over >= int64(stallLeast) {
		return over
	}
	return 0
}
