package sim

import "math/rand/v2"

// Labels of the random streams. They are part of every digest ever published, and never change.
const (
	labelSchedulers = "schedulers" // which scheduler a job goes to
	labelPlacement  = "placement"  // of the production scheduler cores
	labelSampling   = "sampling"   // of the rival policies
	labelNetwork    = "network"    // faults of messages and connections
	labelCrashes    = "crashes"    // faults of nodes
	labelHomes      = "homes"      // of slots

	labelReplications = "replications" // seeds of the runs that theory is held against
)

// golden is the increment of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): 2⁶⁴ over the golden ratio.
const golden uint64 = 0x9e3779b97f4a7c15

// stream is a sequence of 64-bit outputs of SplitMix64 that can be read at any place, so that the draw for job j
// is the same whatever was drawn before it.
type stream uint64

// newStream derives the stream of a label from a seed.
func newStream(seed uint64, label string) stream {
	x := mix(seed + golden)
	for i := range len(label) {
		x = mix(x + uint64(label[i]) + golden)
	}
	return stream(x)
}

// at returns output i.
func (s stream) at(i uint64) uint64 { return mix(uint64(s) + (i+1)*golden) }

// generator returns generator i of the stream: PCG-DXSM, whose output is fixed by its definition.
func (s stream) generator(i uint64) *rand.Rand {
	return rand.New(rand.NewPCG(s.at(2*i), s.at(2*i+1)))
}

// mix is the output function of SplitMix64: a bijection in which each bit of the input moves each bit of the
// output with probability one half.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
