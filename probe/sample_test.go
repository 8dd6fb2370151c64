package probe_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"dunnock/probe"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func numbers(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestSampleIsPermutationWithDistinctFront(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(0, 40).Draw(t, "n"), rapid.IntRange(-1, 50).Draw(t, "k")
		s := numbers(n)
		probe.Sample(newRand(rapid.Uint64().Draw(t, "seed")), s, k)
		slices.Sort(s)
		if !slices.Equal(s, numbers(n)) {
			t.Fatalf("not a permutation: %v", s)
		}
	})
}

// chiSquare is the statistic of observed counts against expected probabilities.
func chiSquare(counts map[string]int, want map[string]float64, draws int) float64 {
	var x float64
	for key, p := range want {
		e := p * float64(draws)
		d := float64(counts[key]) - e
		x += d * d / e
	}
	return x
}

func name(s []int) string {
	var b []byte
	for _, v := range s {
		b = append(strconv.AppendInt(b, int64(v), 10), ' ')
	}
	return string(b)
}

// Every ordered choice of 3 out of 5 must be equally likely, also when one draw
// starts from the order that the draw before left behind.
func TestSampleIsUniform(t *testing.T) {
	const draws = 60_000
	rng, s := newRand(7), numbers(5)
	counts := map[string]int{}
	for range draws {
		probe.Sample(rng, s, 3)
		counts[name(s[:3])]++
	}
	want := map[string]float64{}
	if len(counts) != 60 {
		t.Fatalf("%d ordered samples, want 60", len(counts))
	}
	for key := range counts {
		want[key] = 1.0 / 60
	}
	// 59 degrees of freedom: 98.3 is exceeded with probability 0.001, and the seed is fixed.
	if x := chiSquare(counts, want, draws); x > 98.3 {
		t.Errorf("χ² = %.1f", x)
	}
}

func TestSampleDoesNotAllocate(t *testing.T) {
	rng, s := newRand(1), numbers(1000)
	if n := testing.AllocsPerRun(100, func() { probe.Sample(rng, s, 20) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSample(b *testing.B) {
	rng, s := newRand(1), numbers(1000)
	b.ReportAllocs()
	for b.Loop() {
		probe.Sample(rng, s, 200)
	}
}

// TestBelowIsFixed pins what one seed draws: a change of it would change every simulation.
func TestBelowIsFixed(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var got []uint64
	for _, n := range []uint64{1, 2, 3, 10, 1000, 1 << 32, 1<<63 + 1, 1<<64 - 1} {
		x := probe.Below(rng, n)
		if x >= n {
			t.Errorf("below %d: %d", n, x)
		}
		got = append(got, x)
	}
	want := []uint64{0x0, 0x0, 0x2, 0x7, 0xea, 0x8d485abc, 0x3ffd1bc0214e693c, 0x730ad2626b1c2f8d}
	if !slices.Equal(got, want) {
		t.Errorf("drew %#v", got)
	}
}
