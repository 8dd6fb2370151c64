package stat_test

import (
	"fmt"
	"math"
	"testing"

	"dunnock/internal/stat"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

// The table that every textbook has. With one degree of freedom the distribution is Cauchy's, with two it has a closed
// form.
func TestStudentQuantile(t *testing.T) {
	for _, c := range []struct{ freedom, alpha, want float64 }{
		{1, 0.05, 12.7062},
		{2, 0.05, 4.30265},
		{3, 0.05, 3.18245},
		{4, 0.05, 2.77645},
		{9, 0.05, 2.26216},
		{30, 0.05, 2.04227},
		{120, 0.05, 1.97993},
		{4, 0.01, 4.60409},
		{10, 0.01, 3.16927},
		{4, 0.1, 2.13185},
		{1e6, 0.05, 1.95997},
	} {
		near(t, "quantile", stat.StudentQuantile(c.alpha, c.freedom), c.want, 5e-5*c.want)
	}
	for _, alpha := range []float64{0.5, 0.05, 1e-4, 1e-7} {
		near(t, "Cauchy", stat.StudentQuantile(alpha, 1), 1/math.Tan(math.Pi*alpha/2), 1e-6/alpha)
		p := 1 - alpha
		near(t, "two degrees", stat.StudentQuantile(alpha, 2), p*math.Sqrt(2/(1-p*p)), 1e-6/alpha)
	}
}

// 1…5: mean 3, variance 2.5, standard error √0.5, and t₄ at 95 % is 2.7764.
func TestEstimate(t *testing.T) {
	e := stat.EstimateOf([]float64{1, 2, 3, 4, 5}, 0.05)
	near(t, "mean", e.Mean, 3, 0)
	near(t, "low", e.Low, 3-1.96324, 1e-4)
	near(t, "high", e.High, 3+1.96324, 1e-4)
	if one := stat.EstimateOf([]float64{7}, 0.05); one != (stat.Estimate{Mean: 7, Low: 7, High: 7, N: 1}) {
		t.Errorf("got %+v", one)
	}
	if none := stat.EstimateOf(nil, 0.05); none != (stat.Estimate{}) {
		t.Errorf("got %+v", none)
	}
}

// Worked by hand. Differences 1, 2, 3, 4: mean 2.5, variance 5/3, standard error 0.645497; t₃ = 3.18245, so the
// half-width is 2.05426.
func TestPaired(t *testing.T) {
	d := stat.Paired([]float64{10, 20, 30, 40}, []float64{11, 22, 33, 44})
	near(t, "difference", d.Mean, 2.5, 0)
	near(t, "half-width", d.Half(0.05), 2.05426, 1e-4)
	// Welch sees no difference in the same numbers: each side spreads over thirty.
	w := stat.Welch([]float64{10, 20, 30, 40}, []float64{11, 22, 33, 44})
	if w.Half(0.05) < 15 {
		t.Errorf("got %v", w.Half(0.05))
	}
}

// Worked by hand. A: 1, 2, 3 with variance 1, share 1/3. B: 2, 4, 6, 8 with variance 20/3, share 5/3. Standard error
// √2; degrees of freedom 4 / ((1/9)/2 + (25/9)/3) = 4.0755.
func TestWelch(t *testing.T) {
	d := stat.Welch([]float64{1, 2, 3}, []float64{2, 4, 6, 8})
	near(t, "difference", d.Mean, 3, 0)
	near(t, "standard error", d.Err, math.Sqrt2, 1e-12)
	near(t, "degrees of freedom", d.Freedom, 4.0754717, 1e-6)
	low, high := d.Interval(0.05)
	near(t, "middle", (low+high)/2, 3, 1e-12)
	if half := high - 3; !(half > 2.5706*math.Sqrt2 && half < 2.7764*math.Sqrt2) { // t₅ and t₄
		t.Errorf("half-width %v lies outside of its neighbours", half)
	}
}

// Equal values have their mean to the last digit, however many there are: a difference in it would be certain, and
// wrong.
func TestEqualValues(t *testing.T) {
	for n := 1; n < 50; n++ {
		values := make([]float64, n)
		for i := range values {
			values[i] = 0.1
		}
		if mean, variance := stat.Moments(values); mean != 0.1 || variance != 0 {
			t.Errorf("%d values: got %v, %v", n, mean, variance)
		}
	}
}

// Values without any spread have an interval without width.
func TestNoSpread(t *testing.T) {
	d := stat.Welch([]float64{5, 5}, []float64{7, 7})
	if low, high := d.Interval(0.05); low != 2 || high != 2 {
		t.Errorf("got %v to %v", low, high)
	}
}

func Example() {
	before := []float64{101, 99, 100, 102}
	after := []float64{96, 98, 95, 97}
	d := stat.Welch(before, after)
	low, high := d.Interval(0.05)
	fmt.Printf("%.1f, 95 %% interval %.1f to %.1f", d.Mean, low, high)
	// Output: -4.0, 95 % interval -6.2 to -1.8
}
