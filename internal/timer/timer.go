// Package timer orders what has to be looked at by when, for the cores: it is told the time and starts nothing.
package timer

import (
	"fmt"
	"math"
	"time"
)

// Never is later than any time that a core is asked about.
const Never = time.Duration(math.MaxInt64)

// After returns now + d, which is [Never] if it is beyond all time.
func After(now, d time.Duration) time.Duration {
	if d >= Never-now {
		return Never
	}
	return now + d
}

// Timer is where its owner is in a [Heap], of which it is a part. The zero value is in none.
type Timer struct{ place uint32 } // from 1

// Set says whether it is in a heap.
func (t *Timer) Set() bool { return t.place != 0 }

// Due returns the timer: an owner that embeds it is thereby an [Owner].
func (t *Timer) Due() *Timer { return t }

// Owner is what wants to be looked at.
type Owner interface {
	Due() *Timer // that is part of it
}

// Heap is a binary heap of owners by the time at which each wants to be looked at. Each knows its place, so that it
// moves and leaves in O(log n) without being looked for; where they come in the order of their times, that costs no
// step at all. The zero value is empty.
type Heap[T Owner] []entry[T]

type entry[T Owner] struct {
	at time.Duration
	of T
}

// First returns the earliest time and its owner; [Never] if there is none.
func (h Heap[T]) First() (at time.Duration, of T) {
	if len(h) == 0 {
		return Never, of
	}
	return h[0].at, h[0].of
}

// Add takes in an owner whose timer is not set.
func (h *Heap[T]) Add(at time.Duration, of T) {
	*h = append(*h, entry[T]{at, of})
	h.up(len(*h) - 1)
}

// Move gives a timer that is set another time.
func (h Heap[T]) Move(t *Timer, at time.Duration) {
	i := int(t.place) - 1
	h[i].at = at
	h.fix(i)
}

// Remove takes a timer out, if it is set.
func (h *Heap[T]) Remove(t *Timer) {
	if t.place == 0 {
		return
	}
	s := *h
	i, last := int(t.place)-1, len(s)-1
	s.put(i, s[last])
	s[last] = entry[T]{}
	*h = s[:last]
	if i < last {
		h.fix(i)
	}
	t.place = 0
}

func (h Heap[T]) fix(i int) {
	h.down(i)
	h.up(i)
}

func (h Heap[T]) up(i int) {
	e := h[i]
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= e.at {
			break
		}
		h.put(i, h[parent])
		i = parent
	}
	h.put(i, e)
}

func (h Heap[T]) down(i int) {
	e := h[i]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if e.at <= h[child].at {
			break
		}
		h.put(i, h[child])
		i = child
	}
	h.put(i, e)
}

func (h Heap[T]) put(i int, e entry[T]) {
	h[i] = e
	e.of.Due().place = uint32(i + 1)
}

// Check says what is wrong with a heap, if anything is: want is the time at which an owner wants to be looked at. It is
// for tests.
func (h Heap[T]) Check(want func(T) time.Duration) error {
	for i, e := range h {
		switch {
		case int(e.of.Due().place) != i+1:
			return fmt.Errorf("timer %d believes that it is number %d", i+1, e.of.Due().place)
		case e.at != want(e.of):
			return fmt.Errorf("timer %d is for %v, its owner wants %v", i+1, e.at, want(e.of))
		case i > 0 && h[(i-1)/2].at > e.at:
			return fmt.Errorf("timer %d, for %v, is before the one above it", i+1, e.at)
		}
	}
	return nil
}
