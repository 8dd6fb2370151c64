package workload

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustArrival(tb testing.TB, s string) Arrival {
	tb.Helper()
	v, err := ParseArrival(s)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestParseArrival(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"poisson", "const", "burst:1", "burst:50", "burst:100000"} {
		if v, err := ParseArrival(s); err != nil || v.String() != s {
			t.Errorf("%q parses to %q, %v", s, v, err)
		}
	}
	for _, c := range []struct{ in, want string }{
		{"", `arrival "": want one of poisson, const, burst:N`},
		{"poisson:5", `poisson takes 0 arguments, got 1`},
		{"burst", `number of jobs is missing`},
		{"burst:0", `number of jobs: want a whole number from 1 to 100000, got "0"`},
		{"burst:100001", `got "100001"`},
		{"burst:5,5", `burst takes 1 arguments, got 2`},
	} {
		if v, err := ParseArrival(c.in); err == nil || !strings.Contains(err.Error(), c.want) || v != (Arrival{}) {
			t.Errorf("%q: got %q, %v; want an error with %q", c.in, v, err, c.want)
		}
	}
}

func TestArrivalRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := Arrival{kind: arrivalKind(rapid.IntRange(int(arrivalPoisson), int(arrivalBurst)).Draw(t, "kind")), burst: 1}
		if v.kind == arrivalBurst {
			v.burst = rapid.IntRange(1, maxBurst).Draw(t, "burst")
		}
		text, _ := v.MarshalText()
		var back Arrival
		if err := back.UnmarshalText(text); err != nil || back != v {
			t.Fatalf("%q reads back as %q, %v", text, back, err)
		}
	})
}

// arrivals returns the first n arrivals of a process.
func arrivals(t *testing.T, process string, gap float64, n int) []int64 {
	t.Helper()
	c := newClock(mustArrival(t, process), gap, newStream(1, labelArrivals))
	at := make([]int64, n)
	for i := range at {
		at[i] = c.next()
	}
	return at
}

// TestConstArrivalsDoNotDrift: a gap that is no whole number of nanoseconds adds up exactly.
func TestConstArrivalsDoNotDrift(t *testing.T) {
	t.Parallel()
	at := arrivals(t, "const", 1e9/3, 300_000)
	for i, got := range at {
		if want := float64(i+1) * 1e9 / 3; math.Abs(float64(got)-want) > 1 {
			t.Fatalf("job %d arrives at %d ns, want %.1f", i, got, want)
		}
	}
}

// TestPoissonArrivals: gaps are exponential, with mean and independence of neighbours.
func TestPoissonArrivals(t *testing.T) {
	t.Parallel()
	const n, mean = 200_000, 1e6
	at := arrivals(t, "poisson", mean, n)
	gaps := make([]float64, n)
	last := int64(0)
	product := 0.0
	for i, a := range at {
		gaps[i] = float64(a - last)
		last = a
		if i > 0 {
			product += (gaps[i]/mean - 1) * (gaps[i-1]/mean - 1) / n
		}
	}
	if rate := float64(at[n-1]) / n / mean; math.Abs(rate-1) > 3/math.Sqrt(n) {
		t.Errorf("mean gap is %v of what it should be", rate)
	}
	if math.Abs(product) > 3/math.Sqrt(n) {
		t.Errorf("neighbouring gaps correlate with %v", product)
	}
	slices.Sort(gaps)
	worst := 0.0
	for i, g := range gaps {
		f := -math.Expm1(-g / mean)
		worst = max(worst, f-float64(i)/n, float64(i+1)/n-f)
	}
	if limit := 1.95 / math.Sqrt(n); worst > limit {
		t.Errorf("gaps are off by %v from exponential, want at most %v", worst, limit)
	}
}

// TestBursts: jobs come n at one instant, at the same mean rate.
func TestBursts(t *testing.T) {
	t.Parallel()
	const n, size, mean = 500_000, 50, 1e6
	at := arrivals(t, "burst:50", mean, n)
	for i := range at {
		if at[i] != at[i-i%size] {
			t.Fatalf("job %d arrives at %d, its burst at %d", i, at[i], at[i-i%size])
		}
		if i > 0 && i%size == 0 && at[i] == at[i-1] {
			t.Fatalf("two bursts arrive at %d", at[i])
		}
	}
	if rate := float64(at[n-1]) / n / mean; math.Abs(rate-1) > 0.03 { // 3 standard deviations of 10,000 bursts
		t.Errorf("mean gap is %v of what it should be", rate)
	}
}

// TestClockStopsAtTheLimit: past the bound of arrivals the clock neither wraps nor goes back.
func TestClockStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	for _, process := range []string{"poisson", "const", "burst:3"} {
		at := arrivals(t, process, 1e15, 1000) // eleven days
		if !slices.IsSorted(at) || at[len(at)-1] != math.MaxInt64 {
			t.Errorf("%s: arrivals are not in order, or end at %v", process, time.Duration(at[len(at)-1]))
		}
	}
}
