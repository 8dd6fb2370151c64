package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestBatches: the interval of independent values is that of their mean, about as often as it says.
func TestBatches(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	inside := 0
	const runs, values = 400, 3000
	for range runs {
		var b Batches
		sum := 0.0
		for range values {
			x := rng.ExpFloat64()
			b.Add(x)
			sum += x
		}
		if b.full < maxBatches/2 || b.full > maxBatches {
			t.Fatalf("%d batches", b.full)
		}
		if math.Abs(sum/values-1) <= b.HalfWidth() {
			inside++
		}
	}
	if inside < runs*92/100 || inside > runs*98/100 {
		t.Errorf("the mean lies within its 95 %% interval in %d of %d runs", inside, runs)
	}
	if (&Batches{}).HalfWidth() != 0 {
		t.Error("nothing has an interval")
	}
}

// TestBatchesCover measures how often the interval covers the true mean of a series whose neighbours depend on each
// other (an autoregression with coefficient 0.9), where the interval of independent observations would be a quarter as
// wide.
func TestBatchesCover(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	covered := 0
	const runs = 400
	for range runs {
		var b Batches
		x, sum := 0.0, 0.0
		const n = 5000
		for range n {
			x = 0.9*x + rng.NormFloat64()
			b.Add(x)
			sum += x
		}
		if math.Abs(sum/n) <= b.HalfWidth() {
			covered++
		}
	}
	if covered < 360 || covered > 396 { // 95 % is 380, with a standard deviation of 4.4
		t.Errorf("%d of %d intervals cover the mean", covered, runs)
	}
}

// TestBatchesFew has no interval to show for one observation, and a known one for two.
func TestBatchesFew(t *testing.T) {
	t.Parallel()
	var b Batches
	b.Add(1)
	if got := b.HalfWidth(); got != 0 {
		t.Errorf("half width %g after one observation", got)
	}
	b.Add(3)
	if got := b.HalfWidth(); math.Abs(got-12.706) > 0.01 { // t(1)·√2/√2
		t.Errorf("half width %g after 1 and 3, want 12.706", got)
	}
}

// TestStudent95 compares with the tables.
func TestStudent95(t *testing.T) {
	t.Parallel()
	for freedom, want := range map[int]float64{1: 12.706, 5: 2.571, 9: 2.262, 10: 2.228, 20: 2.086, 31: 2.040, 63: 1.998} {
		if got := student95(freedom); math.Abs(got-want) > 0.001 {
			t.Errorf("%d degrees of freedom: %g, want %g", freedom, got, want)
		}
	}
}
