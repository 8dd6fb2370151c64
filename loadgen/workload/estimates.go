package workload

import (
	"fmt"
	"time"
)

type estimatesKind uint8

const (
	estimatesNone estimatesKind = iota + 1
	estimatesMean
	estimatesWrong
)

const estimatesForms = "none, mean, wrong:P,FACTOR"

// maxFactor bounds by how much an estimate may be wrong.
const maxFactor = 1e6

// Estimates is what generated jobs say that their tasks take. With the zero value they do not say it, but schedulers
// whose workers go by it are told the mean, see [Job.Unsaid]; [ParseEstimates] makes others.
type Estimates struct {
	kind   estimatesKind
	share  float64
	factor float64
}

// ParseEstimates reads what jobs say:
//
//	none             nothing, whoever asks
//	mean             the mean of their tasks' service times
//	wrong:0.1,5      so too, but one job in ten says five times as much; with 0 that one says nothing
func ParseEstimates(s string) (Estimates, error) {
	f := openForm("estimates", s)
	var v Estimates
	switch f.kind {
	case "none":
		v = Estimates{kind: estimatesNone}
	case "mean":
		v = Estimates{kind: estimatesMean}
	case "wrong":
		v = Estimates{kind: estimatesWrong, share: f.float("probability", 0, 1), factor: f.float("factor", 0, maxFactor)}
	default:
		return Estimates{}, f.unknown(estimatesForms)
	}
	if err := f.close(); err != nil {
		return Estimates{}, err
	}
	return v, nil
}

// String returns the form that [ParseEstimates] reads; empty for the zero value.
func (e Estimates) String() string {
	switch e.kind {
	case estimatesNone:
		return "none"
	case estimatesMean:
		return "mean"
	case estimatesWrong:
		return fmt.Sprintf("wrong:%s,%s", formatFloat(e.share), formatFloat(e.factor))
	}
	return ""
}

// MarshalText is [Estimates.String] for encoders.
func (e Estimates) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText is [ParseEstimates] for decoders and command lines.
func (e *Estimates) UnmarshalText(b []byte) (err error) {
	*e, err = ParseEstimates(string(b))
	return err
}

// Draw returns what a job says for 64 random bits whose tasks have a mean service time; 0: nothing.
func (e Estimates) Draw(random uint64, mean time.Duration) time.Duration {
	switch {
	case e.kind == estimatesNone:
		return 0
	case e.kind == estimatesWrong && uniform(random) < e.share:
		return nanoseconds(float64(float64(mean) * e.factor))
	}
	return mean
}
