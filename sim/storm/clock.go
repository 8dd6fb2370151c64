package storm

import (
	"math/rand/v2"
	"time"

	"dunnock/probe"
)

// event is something that happens at a time. Events of one time happen in the order in which they were planned.
type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

func (a *event) before(b *event) bool { return a.at < b.at || (a.at == b.at && a.seq < b.seq) }

// clock is virtual time and what is going to happen in it: a binary heap.
type clock struct {
	now    time.Duration
	seq    uint64
	events []event
}

// at plans something.
func (c *clock) at(t time.Duration, do func()) {
	c.seq++
	c.events = append(c.events, event{max(t, c.now), c.seq, do})
	h := c.events
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent].before(&h[i]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// after plans something for d from now.
func (c *clock) after(d time.Duration, do func()) { c.at(c.now+d, do) }

// next moves time on to the next event and returns it; false if there is none.
func (c *clock) next() (func(), bool) {
	h := c.events
	if len(h) == 0 {
		return nil, false
	}
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = event{}
	h = h[:last]
	c.events = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1].before(&h[child]) {
			child++
		}
		if h[i].before(&h[child]) {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	c.now = first.at
	return first.do, true
}

// dice is where all chance of a run comes from.
type dice struct{ rng *rand.Rand }

func newDice(seed, stream uint64) dice { return dice{rand.New(rand.NewPCG(seed, stream))} }

// n draws from 0…n−1; n ≥ 1.
func (d dice) n(n int) int { return int(probe.Below(d.rng, uint64(n))) }

// between draws from lo…hi.
func (d dice) between(lo, hi int) int { return lo + d.n(hi-lo+1) }

// below draws from 0…t.
func (d dice) below(t time.Duration) time.Duration {
	return time.Duration(probe.Below(d.rng, uint64(max(t, 0))+1))
}

// within draws from lo…hi.
func (d dice) within(lo, hi time.Duration) time.Duration { return lo + d.below(hi-lo) }

// permille is true n times in a thousand.
func (d dice) permille(n int) bool { return d.n(1000) < n }

// coin is true one time in two.
func (d dice) coin() bool { return d.rng.Uint64()>>63 == 0 }

// spread draws from lo…hi so that every power of two between them is as likely as any other.
func (d dice) spread(lo, hi time.Duration) time.Duration {
	steps := 0
	for x := lo; 2*x <= hi; x *= 2 {
		steps++
	}
	x := lo << d.n(steps+1)
	return min(x+d.below(x), hi)
}
