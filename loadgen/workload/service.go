package workload

import (
	"strings"
	"time"
)

// serviceKind says which distribution a Service is.
type serviceKind uint8

const (
	serviceConst serviceKind = iota + 1
	serviceExp
	serviceJobExp
	serviceLognormal
	servicePareto
	serviceBimodal
	serviceJobBimodal
)

const serviceForms = "const:TIME, exp:MEAN, jobexp:MEAN, lognormal:MEDIAN,SIGMA, pareto:MIN,ALPHA, bimodal:P,SHORT,LONG, jobbimodal:P,SHORT,LONG"

// Service is a distribution of service times. The zero value is none; [ParseService] makes one. Two
// that are equal draw the same.
//
// Draws are cut at [MaxService].
type Service struct {
	kind  serviceKind
	a, b  time.Duration // time, mean, median, minimum or short; long
	shape float64       // sigma, alpha or p
}

// ParseService reads a distribution of service times:
//
//	const:100ms             every task takes 100 ms; 0 is allowed
//	exp:100ms               exponential with mean 100 ms
//	jobexp:100ms            one exponential draw a job, which all its tasks take
//	lognormal:100ms,1.5     e to the power of a normal variable: median 100 ms, standard deviation of the logarithm 1.5 (0…10)
//	pareto:10ms,1.5         P(more than x) = (10ms/x)^1.5 from 10 ms up; the exponent is 0.01…100
//	bimodal:0.9,10ms,1s     10 ms with probability 0.9, else 1 s
//	jobbimodal:0.9,10ms,1s  one such draw a job, which all its tasks take
//
// Times are as [time.ParseDuration] reads them, up to [MaxService].
func ParseService(s string) (Service, error) {
	f := openForm("service", s)
	var v Service
	switch f.kind {
	case "const":
		v = Service{kind: serviceConst, a: f.duration("time", 0)}
	case "exp":
		v = Service{kind: serviceExp, a: f.duration("mean", 1)}
	case "jobexp":
		v = Service{kind: serviceJobExp, a: f.duration("mean", 1)}
	case "lognormal":
		v = Service{kind: serviceLognormal, a: f.duration("median", 1), shape: f.float("sigma", 0, 10)}
	case "pareto":
		v = Service{kind: servicePareto, a: f.duration("minimum", 1), shape: f.float("alpha", 0.01, 100)}
	case "bimodal", "jobbimodal":
		v = Service{kind: serviceBimodal, shape: f.float("probability", 0, 1), a: f.duration("short time", 0)}
		v.b = f.duration("long time", v.a)
		if f.kind == "jobbimodal" {
			v.kind = serviceJobBimodal
		}
	default:
		return Service{}, f.unknown(serviceForms)
	}
	if err := f.close(); err != nil {
		return Service{}, err
	}
	return v, nil
}

// String returns the form that [ParseService] reads; empty for the zero value.
func (s Service) String() string {
	switch s.kind {
	case serviceConst:
		return "const:" + s.a.String()
	case serviceExp:
		return "exp:" + s.a.String()
	case serviceJobExp:
		return "jobexp:" + s.a.String()
	case serviceLognormal:
		return "lognormal:" + s.a.String() + "," + formatFloat(s.shape)
	case servicePareto:
		return "pareto:" + s.a.String() + "," + formatFloat(s.shape)
	case serviceBimodal:
		return strings.Join([]string{"bimodal:" + formatFloat(s.shape), s.a.String(), s.b.String()}, ",")
	case serviceJobBimodal:
		return strings.Join([]string{"jobbimodal:" + formatFloat(s.shape), s.a.String(), s.b.String()}, ",")
	}
	return ""
}

// MarshalText is [Service.String] for encoders.
func (s Service) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseService] for decoders and command lines.
func (s *Service) UnmarshalText(b []byte) (err error) {
	*s, err = ParseService(string(b))
	return err
}

// Draw returns the service time for 64 random bits: the inverse of the distribution function at a number that they
// choose, so that a larger one never give a shorter time. Whoever wants jobexp or jobbimodal draws once a job.
func (s Service) Draw(random uint64) time.Duration {
	switch s.kind {
	case serviceConst:
		return s.a
	case serviceExp, serviceJobExp:
		return nanoseconds(float64(float64(s.a) * -log(1-uniform(random))))
	case serviceLognormal:
		return nanoseconds(float64(float64(s.a) * exp(float64(s.shape*normalQuantile(uniform(random))))))
	case servicePareto:
		return nanoseconds(float64(float64(s.a) * exp(-log(1-uniform(random))/s.shape)))
	case serviceBimodal, serviceJobBimodal:
		if uniform(random) < s.shape {
			return s.a
		}
		return s.b
	}
	return 0
}

// fill draws the service times of one job's tasks from its stream.
func (s Service) fill(times []time.Duration, draws stream) {
	switch s.kind {
	case serviceExp: // the common case, without a switch for each task
		mean := float64(s.a)
		for i := range times {
			times[i] = nanoseconds(float64(mean * -log(1-uniform(draws.at(uint64(i))))))
		}
	case serviceConst, serviceJobExp, serviceJobBimodal:
		one := s.Draw(draws.at(0))
		for i := range times {
			times[i] = one
		}
	case serviceLognormal, servicePareto, serviceBimodal:
		for i := range times {
			times[i] = s.Draw(draws.at(uint64(i)))
		}
	}
}

// draws0 reports whether 0 is among what is drawn, by what the form says.
func (s Service) draws0() bool {
	return s.a == 0 && (s.shape > 0 || s.kind == serviceConst) || s.b == 0 && s.shape < 1 && (s.kind == serviceBimodal || s.kind == serviceJobBimodal)
}

// Mean returns the mean of what is drawn, to the nearest nanosecond. The cut at [MaxService] is part of it: it matters
// to distributions with a heavy tail (pareto:100ms,1.1 has mean 0.85 s, not 1.1 s) and is far below a nanosecond for
// others.
func (s Service) Mean() time.Duration { return nanoseconds(s.mean()) }

// heavy reports whether the distribution had no mean were it not for the cut. Then hardly any sample comes near its
// mean, and a load computed from it says nothing.
func (s Service) heavy() bool { return s.kind == servicePareto && s.shape <= 1 }

// mean is Mean in nanoseconds with all its digits: E[min(X, c)] in closed form, c = MaxService.
func (s Service) mean() float64 {
	const c = float64(MaxService)
	a := float64(s.a)
	switch s.kind {
	case serviceConst:
		return a
	case serviceExp, serviceJobExp: // a·(1−e^(−c/a))
		return float64(c * decay(c/a))
	case serviceLognormal:
		if s.shape == 0 {
			return a
		}
		z := log(c/a) / s.shape
		whole := float64(a * exp(float64(0.5*float64(s.shape*s.shape))))
		return float64(whole*normalTail(s.shape-z)) + float64(c*normalTail(z))
	case servicePareto: // a·(1 + (1−(c/a)^(1−α))/(α−1)), which has no pole at α = 1 when written so
		l := log(c / a)
		return float64(a * (1 + float64(l*decay(float64((s.shape-1)*l)))))
	case serviceBimodal, serviceJobBimodal:
		return float64(s.shape*a) + float64((1-s.shape)*float64(s.b))
	}
	return 0
}

// nanoseconds rounds x, which is not negative, to a time of at most MaxService. Callers pass products in
// float64(), so that inlining cannot fuse them with this addition.
func nanoseconds(x float64) time.Duration {
	if x < float64(MaxService) {
		return time.Duration(x + 0.5)
	}
	return MaxService
}
