package workload

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// tasksKind says which distribution a Tasks is.
type tasksKind uint8

const (
	tasksConst tasksKind = iota + 1
	tasksUniform
	tasksGeom
	tasksBimodal
)

const tasksForms = "N, uniform:LOW,HIGH, geom:MEAN, bimodal:P,SMALL,LARGE"

// Tasks is a distribution of the number of tasks in a job. The zero value is none; [ParseTasks] makes one.
//
// Draws are 1 to [MaxTasks].
type Tasks struct {
	kind  tasksKind
	a, b  int     // number, low or small; high or large
	shape float64 // mean or p
	logQ  float64 // geom: log(1 − 1/mean)
}

// ParseTasks reads a distribution of the number of tasks in a job:
//
//	100                  every job has 100 tasks; const:100 is the same
//	uniform:1,200        each number from 1 to 200 with the same probability
//	geom:10              geometric on 1, 2, 3, … with mean 10: P(more than k) = 0.9ᵏ
//	bimodal:0.9,1,100    1 task with probability 0.9, else 100
func ParseTasks(s string) (Tasks, error) {
	f := openForm("tasks", s)
	if len(f.args) == 0 && f.kind != "" && strings.Trim(f.kind, "+-.0123456789") == "" {
		f.kind, f.args = "const", []string{f.kind}
	}
	var v Tasks
	switch f.kind {
	case "const":
		v = Tasks{kind: tasksConst, a: f.integer("number", 1, MaxTasks)}
	case "uniform":
		v = Tasks{kind: tasksUniform, a: f.integer("low end", 1, MaxTasks)}
		v.b = f.integer("high end", v.a, MaxTasks)
	case "geom":
		v = Tasks{kind: tasksGeom, shape: f.float("mean", 1, MaxTasks)}
		v.logQ = logComplement(v.shape)
	case "bimodal":
		v = Tasks{kind: tasksBimodal, shape: f.float("probability", 0, 1), a: f.integer("small number", 1, MaxTasks)}
		v.b = f.integer("large number", v.a, MaxTasks)
	default:
		return Tasks{}, f.unknown(tasksForms)
	}
	if err := f.close(); err != nil {
		return Tasks{}, err
	}
	return v, nil
}

// logComplement returns log(1 − 1/mean), for mean ≥ 1.
func logComplement(mean float64) float64 {
	if mean == 1 {
		return math.Inf(-1)
	}
	return log1p(-1 / mean)
}

// String returns the form that [ParseTasks] reads; empty for the zero value.
func (t Tasks) String() string {
	switch t.kind {
	case tasksConst:
		return strconv.Itoa(t.a)
	case tasksUniform:
		return fmt.Sprintf("uniform:%d,%d", t.a, t.b)
	case tasksGeom:
		return "geom:" + formatFloat(t.shape)
	case tasksBimodal:
		return fmt.Sprintf("bimodal:%s,%d,%d", formatFloat(t.shape), t.a, t.b)
	}
	return ""
}

// MarshalText is [Tasks.String] for encoders.
func (t Tasks) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText is [ParseTasks] for decoders and command lines.
func (t *Tasks) UnmarshalText(b []byte) (err error) {
	*t, err = ParseTasks(string(b))
	return err
}

// Draw returns the number of tasks for 64 random bits: the inverse of the
// distribution function at a number that they choose.
func (t Tasks) Draw(random uint64) int {
	switch t.kind {
	case tasksConst:
		return t.a
	case tasksUniform:
		// No probability is off by more than 2⁻⁶⁴.
		offset, _ := bits.Mul64(random, uint64(t.b-t.a)+1)
		return t.a + int(offset)
	case tasksGeom:
		// P(more than k) = qᵏ, so the draw is 1 + ⌊log(1−u) / log q⌋.
		if more := log(1-uniform(random)) / t.logQ; more < MaxTasks-1 {
			return 1 + int(more)
		}
		return MaxTasks
	case tasksBimodal:
		if uniform(random) < t.shape {
			return t.a
		}
		return t.b
	}
	return 0
}

// Mean returns the mean of what is drawn; the cut at [MaxTasks] is part of it.
func (t Tasks) Mean() float64 {
	a, b := float64(t.a), float64(t.b)
	switch t.kind {
	case tasksConst:
		return a
	case tasksUniform:
		return (a + b) / 2
	case tasksGeom: // Σ qᵏ for k < MaxTasks
		return float64(t.shape * (1 - exp(float64(MaxTasks*t.logQ))))
	case tasksBimodal:
		return float64(t.shape*a) + float64((1-t.shape)*b)
	}
	return 0
}

// most is the largest draw that has a name in the form; of geom, whose draws have no end, its mean.
func (t Tasks) most() int {
	if t.kind == tasksGeom {
		return int(t.shape)
	}
	return max(t.a, t.b)
}
