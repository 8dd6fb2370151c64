package workload

import "math"

// This file is arithmetic that gives the same bits everywhere: only +, −, ×, ÷ on float64, which IEEE 754 fixes. The
// language lets a compiler fuse x*y + z into one rounding, also across statements and after inlining; an explicit
// conversion of the product forbids it. So each product here stands in float64().

// ln 2 in two parts. The first has 21 trailing zero bits, so that its product with an exponent is exact.
const (
	ln2Hi = 0x1.62e42feep-1
	ln2Lo = 0x1.a39ef35793c76p-33
	log2E = 0x1.71547652b82fep+0
)

// mulAdd returns x*y + z with two roundings.
func mulAdd(x, y, z float64) float64 { return float64(x*y) + z }

// log returns the natural logarithm of a normal positive x, within 1 ulp.
//
// x = 2ᵏ·(1+f) with √½ ≤ 1+f < √2.
func log(x float64) float64 {
	const sqrtHalf = 0x3fe6a09e667f3bcd // the bits of √½
	bits := math.Float64bits(x)
	k := int64(bits-sqrtHalf) >> 52
	return logParts(math.Float64frombits(bits-uint64(k)<<52)-1, float64(k))
}

// log1p returns log(1+f) for f > −1, within 1 ulp also where f is small.
func log1p(f float64) float64 {
	if f < -0.29 || f > 0.41 {
		return log(1 + f)
	}
	return logParts(f, 0)
}

// logParts returns k·ln 2 + log(1+f) for √½−1 ≤ f < √2−1.
//
// With s = f/(2+f), log(1+f) = 2·artanh(s) = 2s + s·R, R = 2s²/3 + 2s⁴/5 + … As s² < 0.0295, ten terms leave an error
// below 2⁻⁶⁰ of the result. 2s = f − s·f and s·f = f²/2 − s·f²/2, so the leading f enters exactly and the division's
// rounding only weighs on what is small.
func logParts(f, k float64) float64 {
	s := f / (2 + f)
	z := float64(s * s)
	w := float64(z * z)
	// Two chains in w that the processor can run side by side.
	odd := mulAdd(w, 2.0/19, 2.0/15)
	odd = mulAdd(w, odd, 2.0/11)
	odd = mulAdd(w, odd, 2.0/7)
	odd = mulAdd(w, odd, 2.0/3)
	even := mulAdd(w, 2.0/21, 2.0/17)
	even = mulAdd(w, even, 2.0/13)
	even = mulAdd(w, even, 2.0/9)
	even = mulAdd(w, even, 2.0/5)
	r := float64(z*odd) + float64(w*even)
	half := float64(0.5 * float64(f*f))
	small := float64(s*(half+r)) + float64(k*ln2Lo)
	return float64(k*ln2Hi) - ((half - small) - f)
}

// exp returns e to the power x, within 1 ulp: +Inf above 709.7, and 0 below −708, where results would leave the
// normal numbers.
//
// x = k·ln 2 + r with |r| ≤ ½ ln 2, where the Taylor series to r¹³ leaves an error below 2⁻⁵⁷.
func exp(x float64) float64 {
	switch {
	case x > 709.7:
		return math.Inf(1)
	case x < -708:
		return 0
	}
	k := math.Floor(mulAdd(x, log2E, 0.5)) // Floor is exact, in software and in hardware
	hi := x - float64(k*ln2Hi)
	lo := float64(k * ln2Lo)
	r := hi - lo
	rounded := (hi - r) - lo // what r lost
	q := mulAdd(r, 1.0/6227020800, 1.0/479001600)
	q = mulAdd(r, q, 1.0/39916800)
	q = mulAdd(r, q, 1.0/3628800)
	q = mulAdd(r, q, 1.0/362880)
	q = mulAdd(r, q, 1.0/40320)
	q = mulAdd(r, q, 1.0/5040)
	q = mulAdd(r, q, 1.0/720)
	q = mulAdd(r, q, 1.0/120)
	q = mulAdd(r, q, 1.0/24)
	q = mulAdd(r, q, 1.0/6)
	q = mulAdd(r, q, 0.5)
	e := 1 + (r + (rounded + float64(float64(r*r)*q)))
	return math.Float64frombits(math.Float64bits(e) + uint64(int64(k))<<52)
}

// decay returns (1−e⁻ˣ)/x for x ≥ −700, and 1 at 0, without loss where x is small.
func decay(x float64) float64 {
	if x < -0.25 || x > 0.25 {
		return (1 - exp(-x)) / x
	}
	// 1 − x/2! + x²/3! − …; sixteen terms are below 2⁻⁷⁰ at ¼.
	sum, term := 1.0, 1.0
	for i := 2.0; i < 18; i++ {
		term = float64(term*-x) / i
		sum += term
	}
	return sum
}
