package workload

import (
	"math"
	"strconv"
)

// arrivalKind says which process an Arrival is.
type arrivalKind uint8

const (
	arrivalPoisson arrivalKind = iota + 1
	arrivalConst
	arrivalBurst
)

const arrivalForms = "poisson, const, burst:N"

// maxBurst bounds how many jobs arrive at one instant.
const maxBurst = 100_000

// Arrival is a process by which jobs arrive; the rate is given beside it. The
// zero value is none; [ParseArrival] makes one.
type Arrival struct {
	kind  arrivalKind
	burst int // jobs at one instant; 1 except with bursts
}

// ParseArrival reads an arrival process. With a rate of r jobs a second:
//
//	poisson    the gaps are exponential with mean 1/r
//	const      every gap is 1/r
//	burst:50   50 jobs at one instant; bursts are a Poisson process of r/50 a second, so that the mean rate is r
//
// The first job, or burst, arrives one gap after the start.
func ParseArrival(s string) (Arrival, error) {
	f := openForm("arrival", s)
	v := Arrival{burst: 1}
	switch f.kind {
	case "poisson":
		v.kind = arrivalPoisson
	case "const":
		v.kind = arrivalConst
	case "burst":
		v = Arrival{kind: arrivalBurst, burst: f.integer("number of jobs", 1, maxBurst)}
	default:
		return Arrival{}, f.unknown(arrivalForms)
	}
	if err := f.close(); err != nil {
		return Arrival{}, err
	}
	return v, nil
}

// String returns the form that [ParseArrival] reads; empty for the zero value.
func (a Arrival) String() string {
	switch a.kind {
	case arrivalPoisson:
		return "poisson"
	case arrivalConst:
		return "const"
	case arrivalBurst:
		return "burst:" + strconv.Itoa(a.burst)
	}
	return ""
}

// MarshalText is [Arrival.String] for encoders.
func (a Arrival) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is [ParseArrival] for decoders and command lines.
func (a *Arrival) UnmarshalText(b []byte) (err error) {
	*a, err = ParseArrival(string(b))
	return err
}

// clock adds up the gaps between bursts of jobs. Whole nanoseconds and the rest of one are kept apart: neither a year
// of arrivals nor a gap of 333333.3 ns loses anything by the addition.
type clock struct {
	arrival Arrival
	gap     float64 // mean gap between bursts in nanoseconds
	draws   stream
	bursts  uint64 // so far
	left    int    // jobs of the current burst still to come
	legs    []leg  // instead of gap, with stages
	leg     int    // the one that the clock is in
	at      int64
	part    float64 // of a nanosecond, 0 ≤ part < 1
}

// newClock starts a process whose mean gap between jobs is gap nanoseconds.
func newClock(a Arrival, gap float64, draws stream) clock {
	return clock{arrival: a, gap: float64(gap * float64(a.burst)), draws: draws}
}

// next returns the arrival of the next job in nanoseconds. It is math.MaxInt64 from the first one on that is after
// MaxAt.
func (c *clock) next() int64 {
	if c.left == 0 {
		c.left = c.arrival.burst
		c.step()
	}
	c.left--
	return c.at
}

func (c *clock) step() {
	gaps := 1.0
	if c.arrival.kind != arrivalConst {
		gaps = -log(1 - uniform(c.draws.at(c.bursts)))
	}
	c.bursts++
	if len(c.legs) > 0 {
		c.walk(gaps)
		return
	}
	gap := float64(c.gap * gaps)
	if gap > float64(MaxAt) || c.at > int64(MaxAt) {
		c.at = math.MaxInt64
		return
	}
	c.advance(gap)
}

// advance moves the clock on by a number of nanoseconds.
func (c *clock) advance(gap float64) {
	whole := int64(gap)
	c.at += whole
	c.part += gap - float64(whole)
	if c.part >= 1 {
		c.part--
		c.at++
	}
}
