package loadgen

import (
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"dunnock/sim"
	"dunnock/task"
)

const (
	// leastValue is what histograms tell apart at the short end, in nanoseconds.
	leastValue = 1000
	// mostValue is more than any job may take; what takes longer all the same counts as this.
	mostValue = int64(task.MaxDeadline + time.Hour)
)

// histogram counts durations in memory that does not grow with them. Mean and maximum are exact.
type histogram struct {
	counts counts
	n      uint64
	sum    float64
	max    time.Duration
}

// counts are the buckets of a histogram.
type counts interface {
	RecordValue(v int64) error
	ValueAtPercentile(percentile float64) int64
}

// newHistogram makes one whose quantiles are within 0.1 %.
func newHistogram() histogram { return histogram{counts: newCounts()} }

func newCounts() *hdrhistogram.Histogram { return hdrhistogram.New(leastValue, mostValue, 3) }

// newSparseHistogram makes one whose quantiles are within 1 %. It takes little memory until many different values have
// come.
func newSparseHistogram() histogram {
	return histogram{counts: hdrhistogram.NewPacked(leastValue, mostValue, 2)}
}

// add counts a duration; a negative one counts as 0.
func (h *histogram) add(d time.Duration) {
	d = min(max(d, 0), time.Duration(mostValue))
	_ = h.counts.RecordValue(int64(d)) // it is within bounds
	h.n++
	h.sum += float64(d)
	h.max = max(h.max, d)
}

// merge adds another histogram of the same kind.
func (h *histogram) merge(o *histogram) {
	switch mine := h.counts.(type) {
	case *hdrhistogram.Histogram:
		if other, ok := o.counts.(*hdrhistogram.Histogram); ok {
			mine.Merge(other)
		}
	case *hdrhistogram.PackedHistogram:
		if other, ok := o.counts.(*hdrhistogram.PackedHistogram); ok {
			mine.Merge(other)
		}
	}
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// mean returns the mean in milliseconds.
func (h *histogram) mean() float64 {
	if h.n == 0 {
		return 0
	}
	return h.sum / float64(h.n) / float64(time.Millisecond)
}

// quantile returns the value of nearest rank ⌈q·n⌉ in milliseconds, 0 < q ≤ 1; 0 if nothing was counted.
func (h *histogram) quantile(q float64) float64 {
	if h.n == 0 {
		return 0
	}
	// Rounded up only beyond what floating point adds to the product.
	rank := min(max(math.Ceil(q*float64(h.n)-1e-6), 1), float64(h.n))
	if rank == float64(h.n) {
		return inMS(h.max)
	}
	return min(inMS(time.Duration(h.counts.ValueAtPercentile(100*rank/float64(h.n)))), inMS(h.max))
}

func (h *histogram) quantiles() Quantiles {
	return Quantiles{
		Count: h.n, Mean: h.mean(), P50: h.quantile(0.5), P90: h.quantile(0.9), P95: h.quantile(0.95), P99: h.quantile(0.99),
		P999: h.quantile(0.999), Max: inMS(h.max),
	}
}

func (h *histogram) response(ci [2]float64) sim.Response {
	q := h.quantiles()
	return sim.Response{Mean: q.Mean, P50: q.P50, P90: q.P90, P95: q.P95, P99: q.P99, P999: q.P999, Max: q.Max, CI95: ci}
}

func (h *histogram) wait() sim.Wait {
	q := h.quantiles()
	return sim.Wait{Mean: q.Mean, P50: q.P50, P95: q.P95, P99: q.P99, P999: q.P999}
}

func inMS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// curveTicks is how many points a curve has each time that the distance to 100 % halves.
const curveTicks = 8

// curve returns a histogram's distribution.
func curve(h *hdrhistogram.Histogram, most time.Duration) []Point {
	points := []Point{}
	if h.TotalCount() == 0 {
		return points
	}
	for _, b := range h.CumulativeDistributionWithTicks(curveTicks) {
		ms := min(inMS(time.Duration(b.ValueAt)), inMS(most))
		points = append(points, Point{Percentile: b.Quantile, MS: ms, Count: uint64(b.Count)})
	}
	return points
}

// EncodeHistogram writes a histogram as [Result.Histogram] has it.
func EncodeHistogram(h *hdrhistogram.Histogram) (string, error) {
	b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return "", fmt.Errorf("loadgen: encode a histogram: %w", err)
	}
	return string(b), nil
}

// DecodeHistogram reads [Result.Histogram]: response in nanoseconds.
func DecodeHistogram(s string) (*hdrhistogram.Histogram, error) {
	h, err := hdrhistogram.Decode([]byte(s))
	if err != nil {
		return nil, fmt.Errorf("loadgen: no histogram: %w", err)
	}
	return h, nil
}

// MergeHistograms adds the responses of several runs up.
func MergeHistograms(results []*Result) (*hdrhistogram.Histogram, error) {
	sum := newCounts()
	for _, r := range results {
		h, err := DecodeHistogram(r.Histogram)
		if err != nil {
			return nil, err
		}
		if dropped := sum.Merge(h); dropped > 0 {
			return nil, fmt.Errorf("loadgen: %d values of a histogram are out of bounds", dropped)
		}
	}
	return sum, nil
}
