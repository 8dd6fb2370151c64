package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAgendaOrders holds the agenda against a sorted slice: bursts at near, far and equal times, and now and then at
// times before what is next.
func TestAgendaOrders(t *testing.T) {
	t.Parallel()
	before := func(a, b entry) int {
		if a.before(&b) {
			return -1
		}
		return 1
	}
	rapid.Check(t, func(t *rapid.T) {
		var a agenda
		var want []entry
		seq, now := uint64(0), time.Duration(0)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			push, pop := rapid.IntRange(0, 3*soonMost).Draw(t, "push"), rapid.IntRange(0, 3*soonMost).Draw(t, "pop")
			reach := time.Duration(1) << rapid.IntRange(0, 61).Draw(t, "reach")
			stride := rapid.SampledFrom([]time.Duration{0, 1, reach / 100, reach}).Draw(t, "stride")
			for i := range int64(push) {
				seq++
				e := entry{at: now + time.Duration(i*int64(stride)%int64(reach)), seq: seq, timer: Timer{Task: uint32(seq)}}
				if seq%4 == 0 {
					e.at = now + time.Duration(mix(seq)%uint64(reach))
				}
				a.push(e)
				at, _ := slices.BinarySearchFunc(want, e, before)
				want = slices.Insert(want, at, e)
			}
			for range min(pop, len(want)) {
				if at, s := a.top(); at != want[0].at || s != want[0].seq {
					t.Fatalf("top is (%d, %d), want (%d, %d)", at, s, want[0].at, want[0].seq)
				}
				if got := a.pop(); got != want[0] {
					t.Fatalf("popped %+v, want %+v", got, want[0])
				}
				if now = want[0].at; now > never/4 {
					now = 0 // which no simulation does, but the agenda does not mind
				}
				want = want[1:]
			}
		}
		left := len(a.soon) - a.head
		for _, b := range a.buckets {
			left += len(b)
		}
		if left != len(want) {
			t.Fatalf("%d entries left, want %d", left, len(want))
		}
	})
}

// TestRingIsFIFO pushes and pops more than the ring holds at first, in waves.
func TestRingIsFIFO(t *testing.T) {
	t.Parallel()
	r, in, out := newRing(), uint64(0), uint64(0)
	for wave := range 200 {
		for range wave {
			in++
			r.push().seq = in
		}
		for range wave * 2 / 3 {
			out++
			if _, seq := r.top(); seq != out {
				t.Fatalf("top is %d, want %d", seq, out)
			}
			if got := r.pop().seq; got != out {
				t.Fatalf("popped %d, want %d", got, out)
			}
		}
	}
	for out < in {
		out++
		if got := r.pop().seq; got != out {
			t.Fatalf("popped %d, want %d", got, out)
		}
	}
	if at, _ := r.top(); at != never {
		t.Errorf("an empty ring delivers at %v", at)
	}
}

// TestHistogramMatchesSorting holds quantiles against the sorted values: within 0.1 %, and exactly for small and for
// equal values.
func TestHistogramMatchesSorting(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for name, draw := range map[string]func() time.Duration{
		"small": func() time.Duration { return time.Duration(rng.IntN(2000)) },
		"equal": func() time.Duration { return 101 * time.Millisecond },
		"wide":  func() time.Duration { return time.Duration(math.Exp(rng.Float64() * 40)) },
		"edges": func() time.Duration { return time.Duration(1)<<rng.IntN(63) - time.Duration(rng.IntN(2)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistogram()
			values := make([]time.Duration, 5000)
			sum := 0.0
			for i := range values {
				values[i] = draw()
				h.add(values[i])
				sum += float64(values[i])
			}
			slices.Sort(values)
			for _, q := range []float64{1e-9, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
				want := values[max(int(math.Ceil(q*5000-1e-6)), 1)-1]
				got := h.quantile(q)
				exact := name != "wide" && name != "edges"
				if diff := math.Abs(float64(got - want)); (exact && got != want) || diff > float64(want)/1000 {
					t.Errorf("quantile %g: %d, want %d", q, got, want)
				}
			}
			if mean := sum / 5000; math.Abs(h.mean()-mean) > mean*1e-9 {
				t.Errorf("mean %g, want %g", h.mean(), mean)
			}
		})
	}
}

// TestHistogramEmpty says nothing of nothing.
func TestHistogramEmpty(t *testing.T) {
	t.Parallel()
	h := newHistogram()
	if h.quantile(0.5) != 0 || h.mean() != 0 {
		t.Errorf("quantile %v, mean %g", h.quantile(0.5), h.mean())
	}
}

// TestTheory compares the closed forms with published values.
func TestTheory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want float64 }{
		{erlangC(1, 0.8), 0.8},
		{erlangC(2, 0.75), 0.642857}, // 9/14
		{waitMMC(1, 0.8), 4},
		{tailOfD(2, 3, 0.9), math.Pow(0.9, 7)},
		{responseOfD(2, 0.9), 2.6141}, // Mitzenmacher 2001, table 1: 2.614
		{responseOfD(2, 0.99), 5.4320},
	} {
		if math.Abs(c.got-c.want) > 0.0006*c.want {
			t.Errorf("got %.6f, want %.6f", c.got, c.want)
		}
	}
}

// TestStreams are a function of seed and label, and no two alike.
func TestStreams(t *testing.T) {
	t.Parallel()
	seen := map[uint64]bool{}
	for seed := range uint64(3) {
		for _, label := range []string{labelSchedulers, labelPlacement, labelSampling, labelNetwork, labelCrashes, labelReplications} {
			x := newStream(seed, label).at(0)
			if seen[x] || newStream(seed, label).at(0) != x {
				t.Errorf("seed %d, %s: %x", seed, label, x)
			}
			seen[x] = true
		}
	}
	if got := newStream(1, labelPlacement).generator(0).Uint64(); got != 0xe78d8eed7a128396 {
		t.Errorf("first output of a generator: %#x", got)
	}
}
