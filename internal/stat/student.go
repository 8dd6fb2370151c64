package stat

import "math"

// StudentQuantile returns t such that |T| > t has probability alpha under Student's t distribution with any positive
// number of degrees of freedom, 0 < alpha < 1: the half-width of a confidence interval of level 1 − alpha in standard
// errors.
func StudentQuantile(alpha, freedom float64) float64 {
	low, high := 0.0, 1.0
	for studentTail(high, freedom) > alpha/2 && high < 1e12 {
		high *= 2
	}
	for range 200 {
		middle := (low + high) / 2
		if middle == low || middle == high {
			break
		}
		if studentTail(middle, freedom) > alpha/2 {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// studentTail returns P(T > t) for t ≥ 0: half the regularised incomplete beta function at freedom/(freedom+t²)
// (Abramowitz and Stegun, 26.7.1).
func studentTail(t, freedom float64) float64 {
	return 0.5 * betaRegularised(freedom/2, 0.5, freedom/(freedom+t*t))
}

// betaRegularised is the regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and
// Stegun, 26.5.8), evaluated by the method of Lentz.
func betaRegularised(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2): // where the fraction converges slowly; 26.5.2
		return 1 - betaRegularised(b, a, 1-x)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	nonzero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/nonzero(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m < 10_000; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / nonzero(1+even*d)
		c = nonzero(1 + even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / nonzero(1+odd*d)
		c = nonzero(1 + odd/c)
		f *= d * c
		if math.Abs(d*c-1) < 1e-14 {
			break
		}
	}
	return front * f
}
