package workload

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigExp is e^x with 200 bits, by halving the argument and Taylor's series.
func bigExp(x *big.Float) *big.Float {
	const prec, halvings = 200, 16
	y := new(big.Float).SetPrec(prec).SetMantExp(x, -halvings)
	sum, term := big.NewFloat(1).SetPrec(prec), big.NewFloat(1).SetPrec(prec)
	for i := 1; i < 40; i++ {
		term.Mul(term, y)
		term.Quo(term, big.NewFloat(float64(i)))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// ulps returns how far got is from want, in units of got's last place.
func ulps(got float64, want *big.Float) float64 {
	d := new(big.Float).SetPrec(200).Sub(want, big.NewFloat(got))
	abs := math.Abs(got)
	d.Quo(d, big.NewFloat(math.Nextafter(abs, math.Inf(1))-abs))
	f, _ := d.Float64()
	return math.Abs(f)
}

// TestElementaryAgainstExact compares log and exp with 200-bit arithmetic.
func TestElementaryAgainstExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var worstExp, worstLog float64
	check := func(y, x float64) {
		worstExp = max(worstExp, ulps(exp(y), bigExp(big.NewFloat(y))))
		// log x = l − (1 − x·e⁻ˡ) to the second order for l near it: a step of Newton's method.
		l := log(x)
		e := bigExp(new(big.Float).SetPrec(200).SetFloat64(-l))
		e.Mul(e, big.NewFloat(x))
		e.Sub(e, big.NewFloat(1))
		if l != 0 {
			worstLog = max(worstLog, ulps(l, e.Add(e, big.NewFloat(l))))
		}
	}
	for range 1500 {
		check((r.Float64()-0.5)*1400, uniform(r.Uint64()))
		check((r.Float64() - 0.5), 0.5+r.Float64())
		check((r.Float64()-0.5)*40, math.Exp((r.Float64()-0.5)*1400))
	}
	t.Logf("worst: exp %.3f ulp, log %.3f ulp", worstExp, worstLog)
	if worstExp > 1 || worstLog > 1 {
		t.Errorf("exp is off by %.3f ulp and log by %.3f, want at most 1", worstExp, worstLog)
	}
}

func TestElementaryAgainstMath(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		u := uniform(r.Uint64())
		for _, c := range []struct {
			name      string
			got, want float64
		}{
			{"log", log(u), math.Log(u)},
			{"log1p", log1p(-u), math.Log1p(-u)},
			{"log1p of a small number", log1p(u * 1e-9), math.Log1p(u * 1e-9)},
			{"exp", exp(200 * (u - 0.5)), math.Exp(200 * (u - 0.5))},
			{"decay", decay(u), -math.Expm1(-u) / u},
			{"decay of a large number", decay(u * 500), -math.Expm1(-u*500) / (u * 500)},
			{"decay of a negative number", decay(-u), math.Expm1(u) / u},
		} {
			if math.Abs(c.got-c.want) > 1e-14*math.Abs(c.want) {
				t.Fatalf("u = %v: %s is %v, want %v", u, c.name, c.got, c.want)
			}
		}
	}
}

func TestElementaryAtTheEdges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"log 1", log(1), 0},
		{"exp 0", exp(0), 1},
		{"exp 710", exp(710), math.Inf(1)},
		{"exp +Inf", exp(math.Inf(1)), math.Inf(1)},
		{"exp -709", exp(-709), 0},
		{"exp -Inf", exp(math.Inf(-1)), 0},
		{"decay 0", decay(0), 1},
		{"smallest uniform", uniform(0), 0x1p-53},
		{"largest uniform", uniform(math.MaxUint64), 1 - 0x1p-53},
		{"normalQuantile ½", normalQuantile(0.5), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestNormal(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		p := uniform(r.Uint64())
		if r.IntN(2) == 0 {
			p = math.Exp(-36 * p) // the tails
		}
		// The way back: at z = 8.5, an error of one last place in z is 72 in p.
		if back := math.Erfc(-normalQuantile(p)/math.Sqrt2) / 2; math.Abs(back-p) > 1e-13*p {
			t.Fatalf("normalQuantile(%v) = %v, which has probability %v", p, normalQuantile(p), back)
		}
		if got, mirror := normalQuantile(p), normalQuantile(1-p); p > 1e-3 && math.Abs(got+mirror) > 1e-12 {
			t.Fatalf("normalQuantile(%v) = %v is not the negative of %v", p, got, mirror)
		}
	}
	for z := -37.0; z < 37; z += 0.01 {
		want := math.Erfc(z/math.Sqrt2) / 2
		if got := normalTail(z); math.Abs(got-want) > 1e-12*want {
			t.Fatalf("normalTail(%v) = %v, want %v", z, got, want)
		}
	}
}

// TestNormalQuantileKnown holds values from tables with 16 digits (z of p = 0.975 and so on).
func TestNormalQuantileKnown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ p, z float64 }{
		{0.75, 0.6744897501960817},
		{0.9, 1.2815515655446004},
		{0.975, 1.959963984540054},
		{0.999, 3.090232306167813},
		{1e-10, -6.361340902404056},
		{1e-15, -7.941345326170997},
	} {
		if got := normalQuantile(c.p); math.Abs(got-c.z) > 4e-15*math.Abs(c.z) {
			t.Errorf("normalQuantile(%v) = %v, want %v", c.p, got, c.z)
		}
	}
}
