package stat

import "math"

// Estimate is a mean with its confidence interval.
type Estimate struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"` // both ends are the mean if there is only one value
	High float64 `json:"high"`
	N    int     `json:"n"`
}

// EstimateOf returns the mean of independent values and its interval of level 1 − alpha.
func EstimateOf(values []float64, alpha float64) Estimate {
	n := float64(len(values))
	mean, variance := Moments(values)
	e := Estimate{Mean: mean, Low: mean, High: mean, N: len(values)}
	if len(values) > 1 {
		half := StudentQuantile(alpha, n-1) * math.Sqrt(variance/n)
		e.Low, e.High = mean-half, mean+half
	}
	return e
}

// Moments returns the mean of values and their variance (divided by n−1; 0 for a single one, both 0 for none).
func Moments(values []float64) (mean, variance float64) {
	if len(values) == 0 {
		return 0, 0
	}
	for _, v := range values {
		mean += v - values[0] // so that equal values have their mean to the last digit, and no variance
	}
	mean = values[0] + mean/float64(len(values))
	if len(values) == 1 {
		return mean, 0
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(values)-1)
}
