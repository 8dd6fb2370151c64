package stat

import "math"

// Difference is what two samples say of the difference of their means.
type Difference struct {
	A, B    float64 // the means
	Mean    float64 // B − A
	Err     float64 // standard error of Mean
	Freedom float64 // degrees of freedom of Err
}

// Half returns half the width of the interval of level 1 − alpha.
func (d *Difference) Half(alpha float64) float64 {
	if d.Err == 0 {
		return 0
	}
	return StudentQuantile(alpha, d.Freedom) * d.Err
}

// Interval returns the ends of the interval of level 1 − alpha.
func (d *Difference) Interval(alpha float64) (low, high float64) {
	half := d.Half(alpha)
	return d.Mean - half, d.Mean + half
}

// Paired compares values that belong together place by place, so that what both have in common cancels out. It takes
// two pairs at least.
func Paired(a, b []float64) Difference {
	meanA, _ := Moments(a)
	meanB, _ := Moments(b)
	differences := make([]float64, len(a))
	for i := range a {
		differences[i] = b[i] - a[i]
	}
	mean, variance := Moments(differences)
	n := float64(len(a))
	return Difference{A: meanA, B: meanB, Mean: mean, Err: math.Sqrt(variance / n), Freedom: n - 1}
}

// Welch compares independent values, two or more on each side, whose variances may differ; the degrees of freedom are
// Satterthwaite's (Biometrics Bulletin, 1946).
func Welch(a, b []float64) Difference {
	meanA, varianceA := Moments(a)
	meanB, varianceB := Moments(b)
	na, nb := float64(len(a)), float64(len(b))
	shareA, shareB := varianceA/na, varianceB/nb
	d := Difference{A: meanA, B: meanB, Mean: meanB - meanA, Err: math.Sqrt(shareA + shareB)}
	if below := shareA*shareA/(na-1) + shareB*shareB/(nb-1); below > 0 {
		d.Freedom = (shareA + shareB) * (shareA + shareB) / below
	}
	return d
}
