package probe

import (
	"math/bits"
	"math/rand/v2"
)

// Sample moves a uniform random sample of k distinct elements to the front of s: every k-element subset is equally
// likely to be s[:k], in random order. A k beyond len(s) takes all. It costs O(k) whatever the length of s, since it is
// the first k steps of a Fisher-Yates shuffle done in place; what order s had before makes no difference to the
// distribution.
func Sample[T any](rng *rand.Rand, s []T, k int) {
	for i := range min(k, len(s)) {
		SampleNext(rng, s, i)
	}
}

// SampleNext is one step of [Sample] for callers that reject some of what is
// drawn: with s[:i] drawn already, it moves a uniform choice of the others
// to s[i] and returns it. It panics unless 0 ≤ i < len(s).
func SampleNext[T any](rng *rand.Rand, s []T, i int) T {
	if i < 0 || i >= len(s) {
		panic("probe: nothing is left to draw")
	}
	r := i + int(Below(rng, uint64(len(s)-i)))
	s[i], s[r] = s[r], s[i]
	return s[i]
}

// Below returns a number drawn uniformly from 0…n−1, n ≥ 1. It is made of the generator's 64-bit outputs alone (Lemire,
// "Fast Random Integer Generation in an Interval", 2019), so that one seed samples the same workers on every machine
// and with every release of Go: the library promises neither for its own.
func Below(rng *rand.Rand, n uint64) uint64 {
	if n&(n-1) == 0 {
		return rng.Uint64() & (n - 1)
	}
	hi, lo := bits.Mul64(rng.Uint64(), n)
	if lo < n {
		for least := -n % n; lo < least; {
			hi, lo = bits.Mul64(rng.Uint64(), n)
		}
	}
	return hi
}
