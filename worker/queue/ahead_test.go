package queue

import (
	"slices"
	"testing"
)

// TestMistakesBlockForLonger: each mistake about an app stops asking ahead for twice as many of its attempts as the one
// before, up to a bound, and each attempt that ends in time takes one off what the next mistake doubles. No other app is
// meant.
func TestMistakesBlockForLonger(t *testing.T) {
	const app, other = 3, 5
	var o offers
	var left []uint16
	for range 5 {
		o.blockApp(app)
		left = append(left, o.blocks[app].left)
	}
	if want := []uint16{8, 16, 32, 64, 64}; !slices.Equal(left, want) {
		t.Errorf("attempts for which nothing is asked ahead: %d, want %d", left, want)
	}
	for range 2 * maxBlock {
		o.proved(app)
		o.proved(other)
	}
	if o.blockApp(app); o.blocks[app].left != minBlock {
		t.Errorf("%d after as many attempts that ended in time, want %d", o.blocks[app].left, minBlock)
	}
	if o.blocked(other) || o.blocked(app+1) {
		t.Error("another app is blocked")
	}
}
