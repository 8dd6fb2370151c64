package stat

import (
	"cmp"
	"math"
)

// maxBatches is how many batches there are at most; when they are full, neighbours are merged.
const maxBatches = 64

// Batches estimates the confidence interval of a mean from observations that depend on each other, by batch means (Law
// and Kelton, "Simulation Modeling and Analysis", §9.5.3): consecutive observations are gathered into batches long
// enough that their means hardly do. The length doubles as a run goes on, so that there are 32 to 64 batches in the end
// and memory is fixed. The zero Batches is empty.
type Batches struct {
	sums   [maxBatches]float64
	full   int     // batches
	length uint64  // observations of a batch
	filled uint64  // of the batch under way
	sum    float64 // of the batch under way
}

// Add takes the next observation.
func (b *Batches) Add(x float64) {
	b.length = cmp.Or(b.length, 1)
	b.sum += x
	b.filled++
	if b.filled < b.length {
		return
	}
	b.sums[b.full] = b.sum
	b.full++
	b.filled, b.sum = 0, 0
	if b.full == maxBatches {
		for i := range maxBatches / 2 {
			b.sums[i] = b.sums[2*i] + b.sums[2*i+1]
		}
		b.full = maxBatches / 2
		b.length *= 2
	}
}

// HalfWidth returns half the width of the 95 % confidence interval; 0 with fewer than two batches, which say nothing
// about it.
func (b *Batches) HalfWidth() float64 {
	if b.full < 2 {
		return 0
	}
	n, length := float64(b.full), float64(b.length)
	mean := 0.0
	for _, s := range b.sums[:b.full] {
		mean += s / length
	}
	mean /= n
	squares := 0.0
	for _, s := range b.sums[:b.full] {
		d := s/length - mean
		squares += float64(d * d)
	}
	return float64(student95(b.full-1) * math.Sqrt(squares/float64((n-1)*n)))
}

// student95 returns the 97.5 % quantile of Student's t distribution: the exact values for few degrees of freedom, and
// the expansion of Fisher and Cornish (1960) from 10 on, where it is good to three digits. Unlike [StudentQuantile] it
// gives the same to the last bit on every machine, which what a simulation prints has to.
func student95(freedom int) float64 {
	few := [...]float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262}
	if freedom <= len(few) {
		return few[max(freedom, 1)-1]
	}
	const z = 1.959964
	const z3, z5, z7 = z * z * z, z * z * z * z * z, z * z * z * z * z * z * z
	const a, b, c = (z3 + z) / 4, (5*z5 + 16*z3 + 3*z) / 96, (3*z7 + 19*z5 + 17*z3 - 15*z) / 384
	n := float64(freedom)
	return z + a/n + b/float64(n*n) + c/float64(float64(n*n)*n)
}
