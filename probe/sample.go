package probe

import (
	"math/bits"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

// Sample moves a uniform random sample of k distinct elements to the front of
// s: every k-element subset is equally likely to be s[:k], in random order. A
// k beyond len(s) takes all. It costs O(k) whatever the length of s, since it is
// the first k steps of a Fisher-Yates shuffle done in place; what order s had
// before makes no difference to the distribution.
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

// Below returns a number drawn uniformly from 0…n−1, n ≥ 1. It is made of the generator's 64-bit outputs alone (Lemire, "Fast Random Integer
// Generation in an Interval", 2019), so that one seed samples the same workers on every machine and with every release of
// Go: the library promises neither for its own.
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

// maxRejections is how often SampleWeighted draws in vain before it walks the
// weights instead. Both ways have the same distribution; the walk is O(len(s)).
const maxRejections = 32

// SampleWeighted moves up to k distinct elements to the front of s and returns
// how many: each next one is drawn from those left with probability
// proportional to its weight, so that a worker of 64 slots can be probed 64 times as
// often as one of 1. An element of weight 0 is never drawn. Heaviest is
// an upper bound of all weights.
//
// It draws uniformly and accepts with probability weight/heaviest, which is
// O(k) while the weights are of one order of magnitude; after some rejections in a
// row it walks the weights that are left.
func SampleWeighted[T any](rng *rand.Rand, s []T, k int, heaviest uint32, weight func(T) uint32) int {
	for i := range min(k, len(s)) {
		at := -1
		for range maxRejections {
			r := i + int(Below(rng, uint64(len(s)-i)))
			if heaviest > 0 && uint32(Below(rng, uint64(heaviest))) < weight(s[r]) {
				at = r
				break
			}
		}
		if at < 0 {
			at = walkWeights(rng, s, i, weight)
		}
		if at < 0 {
			return i
		}
		s[i], s[at] = s[at], s[i]
	}
	return min(max(k, 0), len(s))
}

// walkWeights draws one of s[from:] by weight; −1 if all that is left weighs nothing.
func walkWeights[T any](rng *rand.Rand, s []T, from int, weight func(T) uint32) int {
	var total uint64
	for _, v := range s[from:] {
		total += uint64(weight(v))
	}
	if total == 0 {
		return -1
	}
	left := Below(rng, total)
	for i, v := range s[from:] {
		w := uint64(weight(v))
		if left < w {
			return from + i
		}
		left -= w
	}
	return -1
}

// Rendezvous appends to out the indices of the d nodes that rank highest for
// key, best first (all of them if d ≥ len(nodes)). The rank of a node is the
// 64-bit xxhash, seed 0, of the key, a zero byte and the node's name; equal ranks go by name. So
// everyone who knows the same nodes chooses the same ones, whatever order
// they are listed in, and a node that leaves moves only the keys that had chosen it
// (Thaler and Ravishankar, "A name-based mapping scheme for rendezvous", 1996).
func Rendezvous(key string, nodes []string, d int, out []int) []int {
	d = min(d, len(nodes))
	if d <= 0 {
		return out
	}
	var few [16]uint64
	ranks := few[:0] // of what has been appended to out
	first := len(out)
	for i, node := range nodes {
		r := rank(key, node)
		at := len(ranks)
		for at > 0 && (r > ranks[at-1] || r == ranks[at-1] && node < nodes[out[first+at-1]]) {
			at--
		}
		if at == d {
			continue
		}
		if len(ranks) < d {
			ranks, out = append(ranks, 0), append(out, 0)
		}
		copy(ranks[at+1:], ranks[at:])
		copy(out[first+at+1:], out[first+at:])
		ranks[at], out[first+at] = r, i
	}
	return out
}

func rank(key, node string) uint64 {
	var h xxhash.Digest
	h.Reset()
	_, _ = h.WriteString(key)
	_, _ = h.Write([]byte{0})
	_, _ = h.WriteString(node)
	return h.Sum64()
}
