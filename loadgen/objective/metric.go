package objective

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dunnock/loadgen"
	"dunnock/sim"
)

// Unit is what a metric is measured in.
type Unit int

// Units of metrics.
const (
	Milliseconds Unit = iota + 1
	Fraction          // of 1
	Number
)

// Metric is a number that the result of a run has.
type Metric struct {
	Name string
	Unit Unit
	of   func(*loadgen.Result) (float64, error)
}

// Of returns the metric of a run: in milliseconds, as a fraction, or as a number. Not every run has every metric.
func (m *Metric) Of(r *loadgen.Result) (float64, error) { return m.of(r) }

// ErrNothing says that a metric is of a distribution without a value: no job was accepted, or no task started. Its
// quantiles are no zeros that would hold any objective.
var ErrNothing = errors.New("no job got so far")

// Metrics returns all metrics.
func Metrics() []Metric {
	list := []Metric{}
	for _, d := range []struct {
		prefix string
		of     func(*loadgen.Result) (d loadgen.Quantiles, some bool)
	}{
		{"", func(r *loadgen.Result) (loadgen.Quantiles, bool) {
			return ofResponse(&r.ResponseMS), r.ResponseMS.Mean > 0
		}},
		{"service.", func(r *loadgen.Result) (loadgen.Quantiles, bool) { return r.ServiceMS, r.ServiceMS.Count > 0 }},
		{"accept.", func(r *loadgen.Result) (loadgen.Quantiles, bool) { return r.AcceptMS, r.AcceptMS.Count > 0 }},
		{"lag.", func(r *loadgen.Result) (loadgen.Quantiles, bool) { return r.LagMS, r.LagMS.Count > 0 }},
	} {
		for _, q := range quantiles() {
			list = append(list, Metric{d.prefix + q.name, Milliseconds, func(r *loadgen.Result) (float64, error) {
				values, ok := d.of(r)
				return some(q.of(values), ok)
			}})
		}
	}
	for _, q := range waits() { // of the tasks that have a service
		list = append(list, Metric{"wait." + q.name, Milliseconds, func(r *loadgen.Result) (float64, error) { return some(q.of(r.WaitMS), r.ServiceMS.Count > 0) }})
	}
	for _, q := range ratios() {
		list = append(list,
			Metric{"ideal." + q.name, Number, bound(func(b *loadgen.Bound) (bool, float64) { return b.Ideal != nil, q.of(b.RatioIdeal) })},
			Metric{"simulated." + q.name, Number, bound(func(b *loadgen.Bound) (bool, float64) { return b.Simulated != nil, q.of(b.RatioSimulated) })})
	}
	return append(list,
		Metric{"errors", Fraction, known(func(r *loadgen.Result) float64 { return share(Errors(r), r.Jobs) })},
		Metric{"failed_tasks", Number, known(func(r *loadgen.Result) float64 { return float64(r.FailedTasks) })},
		Metric{"utilization", Fraction, known(func(r *loadgen.Result) float64 { return r.Utilization })},
		Metric{"tasks_per_s", Number, known(func(r *loadgen.Result) float64 { return r.TasksPerS })},
		Metric{"rate", Number, known(func(r *loadgen.Result) float64 { return r.Rate })},
		Metric{"messages_per_task", Number, func(r *loadgen.Result) (float64, error) {
			if r.MessagesPerTask == nil {
				return 0, errors.New("the run does not know its messages")
			}
			return *r.MessagesPerTask, nil
		}},
	)
}

// Errors returns how many jobs of a run ended in error or were not taken.
func Errors(r *loadgen.Result) uint64 {
	total := uint64(0)
	for _, n := range r.Errors {
		total += n
	}
	return total
}

// MetricNamed returns the metric of that name. p99.9 is p999.
func MetricNamed(name string) (Metric, error) {
	all := Metrics()
	name = strings.Replace(strings.TrimPrefix(name, "response."), "p99.9", "p999", 1)
	if i := slices.IndexFunc(all, func(m Metric) bool { return m.Name == name }); i >= 0 {
		return all[i], nil
	}
	return Metric{}, fmt.Errorf("no metric %q: want %s", clip(name), names())
}

// names lists all metrics, distributions in short.
func names() string {
	return namesOf(quantiles()) + "; these behind service., accept. or lag.; " + namesOf(waits()) + " behind wait.; " + namesOf(ratios()) + " behind ideal. or simulated.; " +
		"errors, failed_tasks, utilization, tasks_per_s, rate or messages_per_task"
}

func namesOf[T any](list []quantity[T]) string {
	text := make([]string, 0, len(list))
	for _, q := range list {
		text = append(text, q.name)
	}
	return strings.Join(text, ", ")
}

func some(v float64, ok bool) (float64, error) {
	if !ok {
		return 0, ErrNothing
	}
	return v, nil
}

func known(of func(*loadgen.Result) float64) func(*loadgen.Result) (float64, error) {
	return func(r *loadgen.Result) (float64, error) { return of(r), nil }
}

func bound(of func(*loadgen.Bound) (bool, float64)) func(*loadgen.Result) (float64, error) {
	return func(r *loadgen.Result) (float64, error) {
		switch {
		case r.Bound == nil:
			return 0, errors.New("the run was not set beside its bound")
		case r.Bound.Skipped != "":
			return 0, fmt.Errorf("the run was not set beside its bound: %s", r.Bound.Skipped)
		}
		if ok, v := of(r.Bound); ok {
			return v, nil
		}
		return 0, errors.New("the run was not set beside that bound")
	}
}

// quantity is a number of a distribution.
type quantity[T any] struct {
	name string
	of   func(T) float64
}

func quantiles() []quantity[loadgen.Quantiles] {
	type q = loadgen.Quantiles
	return []quantity[q]{
		{"mean", func(d q) float64 { return d.Mean }},
		{"p50", func(d q) float64 { return d.P50 }},
		{"p90", func(d q) float64 { return d.P90 }},
		{"p95", func(d q) float64 { return d.P95 }},
		{"p99", func(d q) float64 { return d.P99 }},
		{"p999", func(d q) float64 { return d.P999 }},
		{"max", func(d q) float64 { return d.Max }},
	}
}

func waits() []quantity[sim.Wait] {
	return []quantity[sim.Wait]{
		{"mean", func(d sim.Wait) float64 { return d.Mean }},
		{"p50", func(d sim.Wait) float64 { return d.P50 }},
		{"p95", func(d sim.Wait) float64 { return d.P95 }},
		{"p99", func(d sim.Wait) float64 { return d.P99 }},
		{"p999", func(d sim.Wait) float64 { return d.P999 }},
	}
}

func ratios() []quantity[loadgen.Ratios] {
	type r = loadgen.Ratios
	return []quantity[r]{
		{"mean", func(d r) float64 { return d.Mean }},
		{"p50", func(d r) float64 { return d.P50 }},
		{"p90", func(d r) float64 { return d.P90 }},
		{"p95", func(d r) float64 { return d.P95 }},
		{"p99", func(d r) float64 { return d.P99 }},
	}
}

func ofResponse(r *sim.Response) loadgen.Quantiles {
	return loadgen.Quantiles{Mean: r.Mean, P50: r.P50, P90: r.P90, P95: r.P95, P99: r.P99, P999: r.P999, Max: r.Max}
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// clip shortens text from outside for an error.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
