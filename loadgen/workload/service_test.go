package workload

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustService(tb testing.TB, s string) Service {
	tb.Helper()
	v, err := ParseService(s)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestParseService(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out string }{
		{"const:100ms", "const:100ms"},
		{"const:0", "const:0s"},
		{"exp:0.1s", "exp:100ms"},
		{" jobexp : 1m ", "jobexp:1m0s"},
		{"lognormal:100ms,1.50", "lognormal:100ms,1.5"},
		{"lognormal:100ms, 0", "lognormal:100ms,0"},
		{"pareto:10ms,1e0", "pareto:10ms,1"},
		{"bimodal:.9,10ms,1s", "bimodal:0.9,10ms,1s"},
		{"bimodal:1,1s,1s", "bimodal:1,1s,1s"},
		{"jobbimodal:.9, 10ms,1s", "jobbimodal:0.9,10ms,1s"},
		{"exp:24h", "exp:24h0m0s"},
	} {
		v, err := ParseService(c.in)
		if err != nil || v.String() != c.out {
			t.Errorf("%q parses to %q, %v; want %q", c.in, v, err, c.out)
		}
	}
}

func TestParseServiceErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", `service "": want one of const:TIME`},
		{"gamma:1s", `service "gamma:1s": want one of const:TIME`},
		{"exp", `service "exp": mean is missing`},
		{"exp:", `service "exp:": mean: want a time with its unit, such as 100ms, got ""`},
		{"exp:100", `mean: want a time with its unit, such as 100ms, got "100"`},
		{"exp:0", `mean: want 1ns to 24h0m0s, got 0s`},
		{"exp:-1s", `mean: want 1ns to 24h0m0s, got -1s`},
		{"const:-1ns", `time: want 0s to 24h0m0s, got -1ns`},
		{"const:25h", `time: want 0s to 24h0m0s, got 25h0m0s`},
		{"exp:1s,2s", `exp takes 1 arguments, got 2`},
		{"lognormal:1s", `sigma is missing`},
		{"lognormal:1s,-1", `sigma: want a number from 0 to 10, got "-1"`},
		{"lognormal:1s,NaN", `sigma: want a number from 0 to 10, got "NaN"`},
		{"pareto:1s,0", `alpha: want a number from 0.01 to 100, got "0"`},
		{"pareto:1s,inf", `alpha: want a number from 0.01 to 100, got "inf"`},
		{"bimodal:1.1,1s,2s", `probability: want a number from 0 to 1, got "1.1"`},
		{"bimodal:0.5,2s,1s", `long time: want 2s to 24h0m0s, got 1s`},
		{"exp:" + strings.Repeat("9", 500), "9\"…"},
		{"exp:\x1b[2Jms", `\x1b[2Jms`},
	} {
		v, err := ParseService(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) || v != (Service{}) {
			t.Errorf("%q: got %q, %v; want an error with %q", c.in, v, err, c.want)
		}
	}
}

func anyDuration(low, high time.Duration) *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Int64Range(int64(low), int64(high)), func(n int64) time.Duration { return time.Duration(n) })
}

func anyService() *rapid.Generator[Service] {
	return rapid.Custom(func(t *rapid.T) Service {
		v := Service{kind: serviceKind(rapid.IntRange(int(serviceConst), int(serviceJobBimodal)).Draw(t, "kind"))}
		v.a = anyDuration(1, MaxService).Draw(t, "a")
		switch v.kind {
		case serviceConst, serviceExp, serviceJobExp:
		case serviceLognormal:
			v.shape = rapid.Float64Range(0, 10).Draw(t, "sigma")
		case servicePareto:
			v.shape = rapid.Float64Range(0.01, 100).Draw(t, "alpha")
		case serviceBimodal, serviceJobBimodal:
			v.shape = rapid.Float64Range(0, 1).Draw(t, "p")
			v.b = anyDuration(v.a, MaxService).Draw(t, "b")
		}
		return v
	})
}

// TestServiceProperties: whatever the distribution, its text reads back as itself, draws are within bounds
// and grow with the random number, and the mean lies between the extremes.
func TestServiceProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := anyService().Draw(t, "service")
		text, _ := v.MarshalText()
		var back Service
		if err := back.UnmarshalText(text); err != nil || back != v {
			t.Fatalf("%q reads back as %q, %v", text, back, err)
		}
		x, y := rapid.Uint64().Draw(t, "x"), rapid.Uint64().Draw(t, "y")
		low, high := v.Draw(min(x, y)), v.Draw(max(x, y))
		if low < 0 || high > MaxService || low > high {
			t.Fatalf("%v draws %v and then %v", v, low, high)
		}
		if m := v.Mean(); m < v.Draw(0) || m > v.Draw(math.MaxUint64) {
			t.Fatalf("%v has mean %v", v, m)
		}
	})
}

// TestServiceMean compares means with closed forms, and with the sum over 2¹⁷ evenly spaced quantiles, which knows
// of the cut at MaxService too.
func TestServiceMean(t *testing.T) {
	t.Parallel()
	ms := func(x float64) float64 { return x * 1e6 }
	for _, c := range []struct {
		spec   string
		closed float64 // of the distribution without the cut; 0: there is none, or it is far off
		within float64 // relative, of the sum
	}{
		{"const:100ms", ms(100), 1e-9},
		{"exp:100ms", ms(100), 1e-5},
		{"jobexp:100ms", ms(100), 1e-5},
		{"lognormal:100ms,0", ms(100), 1e-9},
		{"lognormal:100ms,0.5", ms(100 * math.Exp(0.125)), 1e-5},
		{"lognormal:100ms,1.5", ms(100 * math.Exp(1.125)), 1e-3},
		{"lognormal:1s,4", 0, 1e-2},
		{"pareto:10ms,3", ms(15), 1e-4},
		{"pareto:10ms,1.9", ms(10 * 1.9 / 0.9), 1e-2},
		{"pareto:100ms,1.1", 0, 0.08},
		{"pareto:1s,1", 0, 0.06},
		{"pareto:1s,0.5", 0, 1e-2},
		{"bimodal:0.9,10ms,1s", ms(109), 2e-5},
		{"jobbimodal:0.9,10ms,1s", ms(109), 2e-5},
		{"exp:20h", 0, 1e-5},
	} {
		v := mustService(t, c.spec)
		if c.closed != 0 && math.Abs(v.mean()/c.closed-1) > 1e-6 {
			t.Errorf("%s: mean %v, want %v", c.spec, v.mean(), c.closed)
		}
		const n = 1 << 17
		sum := 0.0
		for i := range uint64(n) {
			sum += float64(v.Draw((2*i + 1) << 46))
		}
		if got := v.mean(); math.Abs(got/(sum/n)-1) > c.within {
			t.Errorf("%s: mean %v, but the quantiles add up to %v", c.spec, time.Duration(got), time.Duration(sum/n))
		}
	}
	if got := mustService(t, "pareto:100ms,1.1").Mean(); got.Round(10*time.Millisecond) != 850*time.Millisecond {
		t.Errorf("pareto:100ms,1.1 has mean %v", got)
	}
	if got := (Service{}); got.Mean() != 0 || got.Draw(1) != 0 || got.String() != "" {
		t.Errorf("the zero Service is %q with mean %v", got, got.Mean())
	}
}

// TestServiceDistribution compares 200,000 draws of a fixed seed with the distribution function
// (Kolmogorov and Smirnov: 1.95/√n is passed once in a thousand) and with its quantiles.
func TestServiceDistribution(t *testing.T) {
	t.Parallel()
	phi := func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
	for _, c := range []struct {
		spec      string
		cdf       func(ms float64) float64
		quantiles map[float64]float64 // probability → ms
	}{
		{
			"exp:100ms", func(x float64) float64 { return -math.Expm1(-x / 100) },
			map[float64]float64{0.5: 69.31, 0.9: 230.26, 0.99: 460.52},
		},
		{
			"lognormal:100ms,1.5", func(x float64) float64 { return phi(math.Log(x/100) / 1.5) },
			map[float64]float64{0.5: 100, 0.8413447: 448.17, 0.99: 100 * math.Exp(1.5*2.3263479)},
		},
		{
			"pareto:10ms,1.5", func(x float64) float64 { return 1 - math.Pow(10/x, 1.5) },
			map[float64]float64{0.5: 15.874, 0.9: 46.416, 0.99: 215.44},
		},
	} {
		const n = 200_000
		v, draws := mustService(t, c.spec), newStream(7, labelServices)
		got := make([]time.Duration, n)
		v.fill(got, draws)
		slices.Sort(got)
		worst := 0.0
		for i, d := range got {
			f := c.cdf(d.Seconds() * 1000)
			worst = max(worst, f-float64(i)/n, float64(i+1)/n-f)
		}
		if limit := 1.95 / math.Sqrt(n); worst > limit {
			t.Errorf("%s: off by %v from its distribution, want at most %v", c.spec, worst, limit)
		}
		for p, want := range c.quantiles {
			exact := v.Draw(uint64(p*(1<<62)*4)).Seconds() * 1000
			sampled := got[int(p*n)].Seconds() * 1000
			if math.Abs(exact/want-1) > 1e-4 || math.Abs(sampled/want-1) > 0.02 {
				t.Errorf("%s: quantile %v is %v ms (%v ms of the sample), want %v", c.spec, p, exact, sampled, want)
			}
		}
	}
}

func TestServiceBimodalShare(t *testing.T) {
	t.Parallel()
	v := mustService(t, "bimodal:0.9,10ms,1s")
	times := make([]time.Duration, 100_000)
	v.fill(times, newStream(1, labelServices))
	short := 0
	for _, d := range times {
		switch d {
		case 10 * time.Millisecond:
			short++
		case time.Second:
		default:
			t.Fatalf("drew %v", d)
		}
	}
	if short < 89_700 || short > 90_300 { // 3 standard deviations are 285
		t.Errorf("%d of 100,000 draws are short, want 90,000", short)
	}
}

// TestFillDrawsEachPlace: filling a job gives what Draw gives at each place, and jobexp and jobbimodal one draw for
// all.
func TestFillDrawsEachPlace(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"const:5ms", "exp:100ms", "lognormal:100ms,1", "pareto:10ms,2", "bimodal:0.5,1ms,2ms", "jobexp:100ms", "jobbimodal:0.5,1ms,2ms"} {
		v, draws := mustService(t, spec), newStream(3, labelServices)
		times := make([]time.Duration, 50)
		v.fill(times, draws)
		for i, got := range times {
			place := uint64(i)
			if strings.HasPrefix(spec, "job") {
				place = 0
			}
			if want := v.Draw(draws.at(place)); got != want {
				t.Fatalf("%s: task %d takes %v, want %v", spec, i, got, want)
			}
		}
	}
}
