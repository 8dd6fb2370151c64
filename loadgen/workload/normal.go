package workload

import "math"

// normalQuantile returns the z below which a standard normal variable lies with probability p, 0 < p < 1, to about
// 16 digits: algorithm AS 241 (PPND16) of Wichura, Applied Statistics 37 (1988), 477–484.
func normalQuantile(p float64) float64 {
	q := p - 0.5
	if q >= -0.425 && q <= 0.425 {
		return float64(q * central(0.180625-float64(q*q)))
	}
	tail := p
	if q > 0 {
		tail = 1 - p
	}
	z := outer(math.Sqrt(-log(tail))) // Sqrt is correctly rounded on every machine
	if q < 0 {
		return -z
	}
	return z
}

// central is the ratio of AS 241 for 0.075 ≤ p ≤ 0.925.
func central(r float64) float64 {
	n := mulAdd(r, 2.5090809287301226727e3, 3.3430575583588128105e4)
	n = mulAdd(r, n, 6.7265770927008700853e4)
	n = mulAdd(r, n, 4.5921953931549871457e4)
	n = mulAdd(r, n, 1.3731693765509461125e4)
	n = mulAdd(r, n, 1.9715909503065514427e3)
	n = mulAdd(r, n, 1.3314166789178437745e2)
	n = mulAdd(r, n, 3.3871328727963666080e0)
	d := mulAdd(r, 5.2264952788528545610e3, 2.8729085735721942674e4)
	d = mulAdd(r, d, 3.9307895800092710610e4)
	d = mulAdd(r, d, 2.1213794301586595867e4)
	d = mulAdd(r, d, 5.3941960214247511077e3)
	d = mulAdd(r, d, 6.8718700749205790830e2)
	d = mulAdd(r, d, 4.2313330701600911252e1)
	d = mulAdd(r, d, 1)
	return n / d
}

// outer is the ratio of AS 241 for the tails; r = √(−log of the tail's probability).
func outer(r float64) float64 {
	if r > 5 {
		return farOuter(r - 5)
	}
	r -= 1.6
	n := mulAdd(r, 7.74545014278341407640e-4, 2.27238449892691845833e-2)
	n = mulAdd(r, n, 2.41780725177450611770e-1)
	n = mulAdd(r, n, 1.27045825245236838258e0)
	n = mulAdd(r, n, 3.64784832476320460504e0)
	n = mulAdd(r, n, 5.76949722146069140550e0)
	n = mulAdd(r, n, 4.63033784615654529590e0)
	n = mulAdd(r, n, 1.42343711074968357734e0)
	d := mulAdd(r, 1.05075007164441684324e-9, 5.47593808499534494600e-4)
	d = mulAdd(r, d, 1.51986665636164571966e-2)
	d = mulAdd(r, d, 1.48103976427480074590e-1)
	d = mulAdd(r, d, 6.89767334985100004550e-1)
	d = mulAdd(r, d, 1.67638483018380384940e0)
	d = mulAdd(r, d, 2.05319162663775882187e0)
	d = mulAdd(r, d, 1)
	return n / d
}

// farOuter is the ratio of AS 241 for probabilities below e⁻²⁵.
func farOuter(r float64) float64 {
	n := mulAdd(r, 2.01033439929228813265e-7, 2.71155556874348757815e-5)
	n = mulAdd(r, n, 1.24266094738807843860e-3)
	n = mulAdd(r, n, 2.65321895265761230930e-2)
	n = mulAdd(r, n, 2.96560571828504891230e-1)
	n = mulAdd(r, n, 1.78482653991729133580e0)
	n = mulAdd(r, n, 5.46378491116411436990e0)
	n = mulAdd(r, n, 6.65790464350110377720e0)
	d := mulAdd(r, 2.04426310338993978564e-15, 1.42151175831644588870e-7)
	d = mulAdd(r, d, 1.84631831751005468180e-5)
	d = mulAdd(r, d, 7.86869131145613259100e-4)
	d = mulAdd(r, d, 1.48753612908506148525e-2)
	d = mulAdd(r, d, 1.36929880922735805310e-1)
	d = mulAdd(r, d, 5.99832206555887937690e-1)
	d = mulAdd(r, d, 1)
	return n / d
}

// normalTail returns the probability that a standard normal variable exceeds z, with a relative error below 10⁻¹³
// for −38 < z < 37. It is slow, and only means need it.
func normalTail(z float64) float64 {
	if z < 0 {
		return 1 - normalTail(-z)
	}
	const sqrt2Pi = 2.50662827463100050241576528481104525
	density := exp(-float64(0.5*float64(z*z))) / sqrt2Pi
	if z > 3 {
		// Laplace's continued fraction 1/(z + 1/(z + 2/(z + 3/…))), from far inside outwards.
		f := z
		for i := 200.0; i >= 1; i-- {
			f = z + i/f
		}
		return density / f
	}
	// ½ − density·(z + z³/3 + z⁵/15 + …), whose terms are all positive.
	sum, term := 0.0, z
	for i := 3.0; sum+term != sum; i += 2 {
		sum += term
		term = float64(term*float64(z*z)) / i
	}
	return 0.5 - float64(density*sum)
}
