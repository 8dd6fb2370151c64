package sim

import (
	"math/bits"
	"time"
)

// subBits is how many bits below the leading one tell buckets apart: a bucket is at most 2⁻¹⁰ of its values wide.
const subBits = 10

// histogram counts durations in fixed memory: exactly below 2¹¹ ns, above that in buckets less than 0.1 % wide. Each
// bucket also keeps the sum of its values, so that where all of them are equal a quantile is exact, and in any case
// the mean of values that all lie within 0.1 %.
//
// Values are spread over few buckets in practice, and pages that were never touched take no memory.
type histogram struct {
	buckets []bucket
	count   uint64
	sum     uint128
	max     time.Duration
}

type bucket struct {
	count  uint64
	excess uint64 // sum of the values above the lower bound of the bucket
}

func newHistogram() histogram {
	return histogram{buckets: make([]bucket, bucketOf(never)+1)}
}

// bucketOf returns the index of a value's bucket.
func bucketOf(d time.Duration) int {
	v := uint64(d)
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// lowest returns the smallest value of a bucket.
func lowest(index int) time.Duration {
	shift := max(index>>subBits-1, 0)
	return time.Duration(uint64(index-shift<<subBits) << shift)
}

// add counts a duration; a negative one counts as 0.
func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	i := bucketOf(d)
	b := &h.buckets[i]
	b.count++
	b.excess += uint64(d - lowest(i))
	h.count++
	h.sum.add(uint64(d))
	h.max = max(h.max, d)
}

// quantile returns the value of nearest rank ⌈q·n⌉, 0 < q ≤ 1; 0 if nothing was counted.
func (h *histogram) quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := nearestRank(q, h.count)
	if rank == h.count {
		return h.max
	}
	passed := uint64(0)
	for i := range h.buckets {
		b := &h.buckets[i]
		passed += b.count
		if passed >= rank {
			return lowest(i) + time.Duration(b.excess/b.count)
		}
	}
	return h.max
}

// nearestRank returns ⌈q·n⌉, 1…n. The product is rounded up only beyond what floating point adds to it: 0.9·10 is 9.
func nearestRank(q float64, n uint64) uint64 {
	x := float64(q * float64(n))
	rank := uint64(x)
	if x-float64(rank) > 1e-6 {
		rank++
	}
	return min(max(rank, 1), n)
}

func (h *histogram) mean() float64 {
	if h.count == 0 {
		return 0
	}
	return h.sum.float() / float64(h.count)
}

// uint128 is an unsigned sum that a long run cannot overflow.
type uint128 struct{ hi, lo uint64 }

func (u *uint128) add(x uint64) {
	var carry uint64
	u.lo, carry = bits.Add64(u.lo, x, 0)
	u.hi += carry
}

// addProduct adds x·y.
func (u *uint128) addProduct(x, y uint64) {
	hi, lo := bits.Mul64(x, y)
	var carry uint64
	u.lo, carry = bits.Add64(u.lo, lo, 0)
	u.hi, _ = bits.Add64(u.hi, hi, carry)
}

func (u uint128) float() float64 {
	return float64(float64(u.hi)*0x1p64) + float64(u.lo)
}
