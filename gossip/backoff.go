package gossip

import (
	"math/rand/v2"
	"time"
)

// backoff spaces attempts: each pause is twice the last one up to a limit,
// and then off by up to half, so that many nodes do not try in step.
type backoff struct{ last time.Duration }

func (b *backoff) next(first, limit time.Duration) time.Duration {
	b.last = max(first, min(2*b.last, limit))
	return jitter(b.last)
}

func (b *backoff) reset() { b.last = 0 }

// jitter returns d, longer or shorter by up to half.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }
