package ack

import (
	"testing"

	"pgregory.net/rapid"
)

// TestWindow holds a window against a set.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen := map[uint64]bool{}
		base := uint64(0)
		prefix := func() uint64 {
			n := base
			for seen[n+1] {
				n++
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"next":    func(*rapid.T) { n := prefix() + 1; seen[n] = true; w.add(n) },
			"some":    func(t *rapid.T) { n := base + rapid.Uint64Range(0, 300).Draw(t, "n"); seen[n] = true; w.add(n) },
			"far":     func(*rapid.T) { w.add(base + windowSpan + 1000) },
			"restart": func(*rapid.T) { base = 0; clear(seen); w.restart() },
			"advance": func(t *rapid.T) {
				base += rapid.Uint64Range(0, 300).Draw(t, "by") // who was seen beyond stays so
				w.advance(base)
			},
			"advance to what is behind": func(t *rapid.T) { w.advance(rapid.Uint64Range(0, prefix()).Draw(t, "n")) },
			"": func(t *rapid.T) {
				if got, want := w.prefix(), prefix(); got != want {
					t.Fatalf("prefix %d, want %d", got, want)
				}
				n := rapid.Uint64Range(0, base+400).Draw(t, "ask")
				if got, want := w.has(n), n <= base || seen[n]; got != want {
					t.Fatalf("has %d: %v, want %v", n, got, want)
				}
				if len(w.bits) > 8 {
					t.Fatalf("%d words for at most 400 numbers", len(w.bits))
				}
			},
		})
	})
}
