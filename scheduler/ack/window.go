package ack

import "math/bits"

// window is a set of numbers that are met about in their order, from 1: all up to some number, and a few beyond it.
type window struct {
	base uint64   // all up to here
	bits []uint64 // bit i%64 of bits[i/64]: base+1+i; the first word is never full
}

// windowSpan bounds how far ahead of the first missing number a window looks. A worker keeps fewer results than that.
const windowSpan = 1 << 24

// add notes a number. One that is too far ahead is left out, which can only make less be acknowledged than could be.
func (w *window) add(n uint64) {
	if n <= w.base || n-w.base > windowSpan {
		return
	}
	i := n - w.base - 1
	for uint64(len(w.bits)) <= i/64 {
		w.bits = append(w.bits, 0)
	}
	w.bits[i/64] |= 1 << (i % 64)
	w.shift()
}

// has reports whether a number was noted.
func (w *window) has(n uint64) bool {
	if n <= w.base {
		return true
	}
	i := n - w.base - 1
	return i/64 < uint64(len(w.bits)) && w.bits[i/64]>>(i%64)&1 == 1
}

// prefix is the number up to which there are all.
func (w *window) prefix() uint64 {
	if len(w.bits) == 0 {
		return w.base
	}
	return w.base + uint64(bits.TrailingZeros64(^w.bits[0]))
}

// advance adds all numbers up to n.
func (w *window) advance(n uint64) {
	if n <= w.base {
		return
	}
	words, rest := (n-w.base)/64, (n-w.base)%64
	if words >= uint64(len(w.bits)) {
		w.base, w.bits = n-rest, w.bits[:0]
	} else {
		w.base += 64 * words
		w.bits = w.bits[:copy(w.bits, w.bits[words:])]
	}
	if rest == 0 {
		w.shift()
		return
	}
	if len(w.bits) == 0 {
		w.bits = append(w.bits, 0)
	}
	w.bits[0] |= 1<<rest - 1
	w.shift()
}

// shift drops the words at the front that are full.
func (w *window) shift() {
	full := 0
	for full < len(w.bits) && w.bits[full] == ^uint64(0) {
		full++
	}
	if full > 0 {
		w.base += 64 * uint64(full)
		w.bits = w.bits[:copy(w.bits, w.bits[full:])]
	}
}

// restart makes the window empty.
func (w *window) restart() { w.base, w.bits = 0, w.bits[:0] }
