package workload

// The labels of the streams: eight ASCII letters each. They are part of every
// workload ever recorded by its seed, and never change.
const (
	labelArrivals uint64 = 0x6172726976616c73 // "arrivals"
	labelSizes    uint64 = 0x7461736b73697a65 // "tasksize"
	labelServices uint64 = 0x7365727669636573 // "services"
	labelUsers    uint64 = 0x757365726e616d65 // "username"
	labelKeys     uint64 = 0x616666696e697479 // "affinity"
	labelWidths   uint64 = 0x7461736b77696465 // "taskwide"
	labelNeeds    uint64 = 0x7461736b6e656564 // "taskneed"
	labelEnds     uint64 = 0x646561646c696e65 // "deadline"
	labelWords    uint64 = 0x657374696d617465 // "estimate"
)

// golden is the increment of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): 2⁶⁴ over the golden ratio.
const golden uint64 = 0x9e3779b97f4a7c15

// stream is a sequence of 64-bit outputs of SplitMix64 that can be read at any place. A generator with
// a running state would tie a job's draws to all that were made before it.
type stream uint64

// newStream derives the stream of a label from a seed.
func newStream(seed, label uint64) stream { return stream(mix(mix(seed+golden) + label)) }

// namedStream derives the stream of a name of any length.
func namedStream(seed uint64, name string) stream {
	x := mix(seed + golden)
	for i := range len(name) {
		x = mix(x + uint64(name[i]) + golden)
	}
	return stream(x)
}

// at returns output i.
func (s stream) at(i uint64) uint64 { return mix(uint64(s) + (i+1)*golden) }

// sub returns a stream of its own for place i. Two of them overlap within their first m outputs with
// probability 2m/2⁶⁴.
func (s stream) sub(i uint64) stream { return stream(s.at(i)) }

// mix is the output function of SplitMix64: a bijection in which each bit of the input moves each bit of the
// output with probability one half.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// uniform maps 64 random bits to one of the 2⁵² odd multiples of 2⁻⁵³ in (0, 1). The grid
// is symmetric, so that 1−u is exact and neither 0 nor 1 can come out.
func uniform(bits uint64) float64 {
	return float64(float64(int64(bits>>11|1)) * 0x1p-53)
}
