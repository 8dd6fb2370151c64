package stream

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Watch finds out that this process stood still: stopped by a signal, or without CPU. What others have lent it (leases,
// ownership of jobs) may be over then, and what lies unread is of a time when it was not, so it must know before it
// handles anything. A timer of its own would not do: after a pause nothing says which of the goroutines that are ready
// runs first. So whoever is about to handle something asks, with the time that it has read anyway:
//
//	now := time.Now()
//	if stood := watch.StoodStill(now); stood != s.stood {
//		s.stood = stood
//		… // void, or ask again for, what may have been lost meanwhile
//	}
//
// It goes by the monotonic clock. On a machine that was suspended together with that clock, nothing is found out.
type Watch struct {
	limit  time.Duration
	origin time.Time
	seen   atomic.Int64 // when this process was known to run, ns since origin
	stood  atomic.Int64 // how long it has stood still, ns

	// mu makes sure that a pause counts once. seen and stood change under it, and stood first: who
	// loads a seen from behind a pause finds the pause in stood.
	mu sync.Mutex
}

// watchTicks is how often, within its limit, a Watch makes sure that the process runs.
const watchTicks = 4

// NewWatch returns a Watch that counts each pause of more than limit, and perhaps one of more than three quarters of
// it. To notice whatever a peer could have noticed, let limit be the silence after which the peer gives us up, less the
// interval of our beats: we may have said the last word that long before the pause began. The Watch notices nothing but
// while Run runs.
func NewWatch(limit time.Duration) *Watch {
	w := &Watch{limit: limit, origin: time.Now()}
	w.seen.Store(math.MaxInt64)
	return w
}

// Run keeps the Watch going until ctx is done.
func (w *Watch) Run(ctx context.Context) {
	defer w.seen.Store(math.MaxInt64)
	tick := time.NewTicker(max(w.limit/watchTicks, 1))
	defer tick.Stop()
	for {
		w.tick()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// StoodStill is for how long in all this process has stood still by now, pauses within the limit not counted. It only
// grows: if it is what it was when you last asked, there was no pause in between. It costs two atomic loads and may be
// called from any goroutine.
func (w *Watch) StoodStill(now time.Time) time.Duration {
	w.look(now.Sub(w.origin))
	return time.Duration(w.stood.Load())
}

// tick says that the process runs. It reads the clock under mu: read before, the time could be from before a
// pause that somebody else has counted in between.
func (w *Watch) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := time.Since(w.origin)
	w.count(at)
	w.seen.Store(int64(at))
}

// look counts a pause that lasted until at.
func (w *Watch) look(at time.Duration) {
	if !w.late(at) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count(at)
}

// count is look with mu held: whoever held it before may have counted the same pause.
func (w *Watch) count(at time.Duration) {
	if w.late(at) {
		w.stood.Add(int64(at) - w.seen.Load())
		w.seen.Store(int64(at))
	}
}

func (w *Watch) late(at time.Duration) bool { return int64(at)-w.seen.Load() > int64(w.limit) }
