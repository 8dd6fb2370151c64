package loadgen

import (
	"math"

	"dunnock/internal/stat"
)

// maxBatches is how many batches there are at most; when they are full, neighbours are merged.
const maxBatches = 64

// batches estimates the confidence interval of a mean from responses that depend on each other, as the simulator does: by the means of
// 32 to 64 batches of consecutive ones (Law and Kelton, "Simulation Modeling and Analysis", §9.5.3).
type batches struct {
	sums   [maxBatches]float64
	full   int // batches
	length int // values of a batch
	filled int // of the batch under way
	sum    float64
}

func (b *batches) add(x float64) {
	b.length = max(b.length, 1)
	b.sum += x
	if b.filled++; b.filled < b.length {
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

// halfWidth returns half the width of the 95 % confidence interval; 0 with fewer than two batches, which say nothing about it.
func (b *batches) halfWidth() float64 {
	if b.full < 2 {
		return 0
	}
	means := make([]float64, b.full)
	for i := range means {
		means[i] = b.sums[i] / float64(b.length)
	}
	_, variance := stat.Moments(means)
	return stat.StudentQuantile(0.05, float64(b.full-1)) * math.Sqrt(variance/float64(b.full))
}
