package probe_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"
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

// successive is the dumb reference of SampleWeighted: the probability of every ordered sample of k.
func successive(weights []uint32, k int, taken []int, p float64, out map[string]float64) {
	if len(taken) == k {
		out[name(taken)] += p
		return
	}
	var total float64
	for i, w := range weights {
		if !slices.Contains(taken, i) {
			total += float64(w)
		}
	}
	for i, w := range weights {
		if w > 0 && !slices.Contains(taken, i) {
			successive(weights, k, append(slices.Clone(taken), i), p*float64(w)/total, out)
		}
	}
}

func TestSampleWeightedMatchesReference(t *testing.T) {
	const draws = 40_000
	for _, tt := range []struct {
		name     string
		weights  []uint32
		heaviest uint32
		critical float64 // of χ² at 0.001
	}{
		{"by rejection", []uint32{4, 1, 2, 0, 3}, 4, 31.3},      // 11 degrees of freedom
		{"mostly by walk", []uint32{4, 1, 2, 0, 3}, 4000, 31.3}, // the bound is far too high
		{"one giant", []uint32{1, 1, 4000}, 4000, 20.5},         // 5 degrees of freedom
		{"equal", []uint32{9, 9, 9, 9}, 9, 31.3},                // the uniform sampler
		{"no bound given", []uint32{1, 1, 1}, 0, 20.5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := map[string]float64{}
			successive(tt.weights, 2, nil, 1, want)
			rng, s, counts := newRand(3), numbers(len(tt.weights)), map[string]int{}
			for range draws {
				n := probe.SampleWeighted(rng, s, 2, tt.heaviest, func(i int) uint32 { return tt.weights[i] })
				counts[name(s[:n])]++
			}
			for key := range counts {
				if want[key] == 0 {
					t.Fatalf("drew %q, which is impossible", key)
				}
			}
			for key, p := range want { // χ² wants no tiny cells
				if p*draws < 5 {
					delete(want, key)
				}
			}
			if x := chiSquare(counts, want, draws); x > tt.critical {
				t.Errorf("χ² = %.1f > %.1f; counts %v, want %v", x, tt.critical, counts, want)
			}
		})
	}
}

func TestSampleWeightedStopsAtZeroWeights(t *testing.T) {
	weights := []uint32{0, 5, 0, 1}
	s := numbers(4)
	n := probe.SampleWeighted(newRand(1), s, 4, 5, func(i int) uint32 { return weights[i] })
	if got := slices.Sorted(slices.Values(s[:n])); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("drew %v, want 1 and 3", got)
	}
}

// rankReference is Rendezvous as its documentation words it: sort all, take d.
func rankReference(key string, nodes []string, d int) []int {
	all := numbers(len(nodes))
	rank := func(i int) uint64 { return xxhash.Sum64String(key + "\x00" + nodes[i]) }
	slices.SortStableFunc(all, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(nodes[a], nodes[b]))
	})
	return all[:max(0, min(d, len(all)))]
}

func TestRendezvousMatchesReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9]{1,3}`), 0, 40).Draw(t, "nodes")
		key, d := rapid.String().Draw(t, "key"), rapid.IntRange(-1, 45).Draw(t, "d")
		got := probe.Rendezvous(key, nodes, d, []int{-7})
		if want := append([]int{-7}, rankReference(key, nodes, d)...); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestRendezvousMovesOnlyWhatItMust(t *testing.T) {
	nodes := []string{"s1", "s2", "s3", "s4", "s5"}
	moved, hits := 0, make([]int, len(nodes))
	const keys = 5000
	for i := range keys {
		key := strconv.Itoa(i)
		with := probe.Rendezvous(key, nodes, 1, nil)[0]
		without := probe.Rendezvous(key, nodes[:4], 1, nil)[0]
		hits[with]++
		if with != 4 && with != without {
			t.Fatalf("key %s moved from %s to %s though %s is still there", key, nodes[with], nodes[without], nodes[with])
		}
		if with == 4 {
			moved++
		}
	}
	for i, n := range hits { // 1000 each, σ = 28
		if math.Abs(float64(n-keys/len(nodes))) > 140 {
			t.Errorf("%s got %d of %d keys", nodes[i], n, keys)
		}
	}
	if moved != hits[4] {
		t.Errorf("%d keys moved, %d belonged to the node that left", moved, hits[4])
	}
}

// The value is fixed here so that another language, or a later version, chooses the same.
func TestRendezvousIsStable(t *testing.T) {
	got := probe.Rendezvous("4f1d0000000000000000000000000007", []string{"s1", "s2", "s3"}, 3, nil)
	if want := []int{2, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSamplersDoNotAllocate(t *testing.T) {
	rng, s := newRand(1), numbers(1000)
	weight := func(i int) uint32 { return uint32(i%8) + 1 }
	nodes, out := []string{"s1", "s2", "s3", "s4"}, make([]int, 0, 4)
	if n := testing.AllocsPerRun(100, func() {
		probe.Sample(rng, s, 20)
		probe.SampleWeighted(rng, s, 20, 8, weight)
		out = probe.Rendezvous("key", nodes, 2, out[:0])
	}); n != 0 {
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

func BenchmarkRendezvous(b *testing.B) {
	nodes, out := make([]string, 10), make([]int, 0, 2)
	for i := range nodes {
		nodes[i] = "scheduler-" + strconv.Itoa(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		out = probe.Rendezvous("4f1d0000000000000000000000000001", nodes, 2, out[:0])
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
