package plot

import (
	"math"
	"strconv"
)

// scale maps values to places along an axis.
type scale struct {
	low, high  float64 // values
	from, to   float64 // places
	log        bool
	tickValues []float64
}

// newScale covers all values with round ends. Positive values that reach over a factor of six get a logarithmic scale
// if they may.
func newScale(low, high, from, to float64, mayLog bool) scale {
	s := scale{from: from, to: to, log: mayLog && low > 0 && high/low > 6}
	if s.log {
		s.low, s.high = roundLog(low, -1), roundLog(high, 1)
		s.tickValues = logTicks(s.low, s.high)
		return s
	}
	if high <= low {
		low, high = low-math.Max(math.Abs(low)*0.1, 0.5), high+math.Max(math.Abs(high)*0.1, 0.5)
	}
	step := roundStep((high - low) / 5)
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	s.low, s.high = first*step, last*step
	for i := first; i <= last; i++ {
		s.tickValues = append(s.tickValues, i*step)
	}
	return s
}

func (s *scale) place(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		low, high, v = math.Log(low), math.Log(high), math.Log(math.Max(v, s.low))
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// roundStep returns 1, 2 or 5 times a power of ten, not below x.
func roundStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// roundLog moves x to the next multiple of its power of ten, down or up.
func roundLog(x float64, direction int) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)+1e-9))
	if direction < 0 {
		return math.Floor(x/power+1e-9) * power
	}
	return math.Ceil(x/power-1e-9) * power
}

// logTicks returns round numbers between low and high: the more, the fewer powers of ten lie between.
func logTicks(low, high float64) []float64 {
	multiples := []float64{1, 2, 3, 5, 7}
	switch {
	case high/low > 1e4:
		multiples = []float64{1}
	case high/low > 12:
		multiples = []float64{1, 2, 5}
	}
	var ticks []float64
	for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
		for _, m := range multiples {
			if t := m * power; t >= low*(1-1e-9) && t <= high*(1+1e-9) {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

// tickText prints a tick's value.
func tickText(v float64) string {
	if v >= 1e6 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}
