package bitmap_test

import (
	"testing"

	"pgregory.net/rapid"

	"dunnock/internal/bitmap"
)

// The reference is a set of numbers.
func TestBitmap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (set []byte, in map[int]bool) {
			set, in = make([]byte, rapid.IntRange(0, 4).Draw(t, name+" bytes")), map[int]bool{}
			for range rapid.IntRange(0, 8*len(set)).Draw(t, name+" tasks") {
				i := rapid.IntRange(0, 8*len(set)-1).Draw(t, name)
				bitmap.Add(set, i)
				in[i] = true
			}
			return set, in
		}
		a, inA := draw("a")
		b, inB := draw("b")
		covers := true
		for i := range 40 {
			if bitmap.Has(a, i) != inA[i] || bitmap.Has(a, uint32(i)) != inA[i] {
				t.Fatalf("%08b has %d: %v", a, i, bitmap.Has(a, i))
			}
			covers = covers && (inA[i] || !inB[i])
		}
		if bitmap.Covers(a, b) != covers {
			t.Fatalf("%08b covers %08b: %v", a, b, !covers)
		}
	})
}

// The order of bits is on the wire and in JSON.
func TestOrderOfBits(t *testing.T) {
	t.Parallel()
	set := make([]byte, 2)
	bitmap.Add(set, 0)
	bitmap.Add(set, 9)
	if set[0] != 0b1 || set[1] != 0b10 {
		t.Errorf("%08b", set)
	}
}
