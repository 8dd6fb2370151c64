package loadgen

import "time"

// timeline gathers what happened in each piece of a run's time. When there are more than MaxIntervals, neighbours are
// merged and all are twice as long from then on, so that its memory is bounded.
type timeline struct {
	length    time.Duration
	intervals []*interval
}

// interval is one piece.
type interval struct {
	jobs, tasks, errors uint64
	inFlight            int
	response            histogram
	parts               parts
	lagMax              time.Duration
	busy                float64 // slots × nanoseconds that ran a task
}

// parts add up where the response of jobs went.
type parts struct {
	jobs                     uint64
	lag, wait, service, rest float64 // in nanoseconds
}

func (p *parts) add(q *parts) {
	p.jobs += q.jobs
	p.lag += q.lag
	p.wait += q.wait
	p.service += q.service
	p.rest += q.rest
}

// breakdown returns the means in milliseconds.
func (p *parts) breakdown() Breakdown {
	b := Breakdown{Jobs: p.jobs}
	if p.jobs == 0 {
		return b
	}
	mean := func(ns float64) float64 { return ns / float64(p.jobs) / float64(time.Millisecond) }
	b.Lag, b.Wait, b.Service, b.Rest = mean(p.lag), mean(p.wait), mean(p.service), mean(p.rest)
	return b
}

func newTimeline() timeline { return timeline{length: time.Second} }

// at returns the interval of a time since the start.
func (t *timeline) at(d time.Duration) *interval {
	d = max(d, 0)
	for d >= MaxIntervals*t.length {
		t.halve()
	}
	i := int(d / t.length)
	for len(t.intervals) <= i {
		t.intervals = append(t.intervals, &interval{response: newSparseHistogram()})
	}
	return t.intervals[i]
}

// halve merges neighbours.
func (t *timeline) halve() {
	kept := t.intervals[:0]
	for i := 0; i < len(t.intervals); i += 2 {
		v := t.intervals[i]
		if i+1 < len(t.intervals) {
			v.merge(t.intervals[i+1])
		}
		kept = append(kept, v)
	}
	clear(t.intervals[len(kept):])
	t.intervals = kept
	t.length *= 2
}

func (v *interval) merge(o *interval) {
	v.jobs += o.jobs
	v.tasks += o.tasks
	v.errors += o.errors
	v.inFlight = max(v.inFlight, o.inFlight)
	v.response.merge(&o.response)
	v.parts.add(&o.parts)
	v.lagMax = max(v.lagMax, o.lagMax)
	v.busy += o.busy
}

// run notes that so many slots were taken from one time to another.
func (t *timeline) run(from, to time.Duration, slots float64) {
	from = max(from, 0)
	for from < to {
		v := t.at(from) // may change the length
		end := min(from-from%t.length+t.length, to)
		v.busy += float64(end-from) * slots
		from = end
	}
}

// busyBetween returns how much slot time was taken between two times, as if that of an interval were spread evenly over
// it.
func (t *timeline) busyBetween(from, to time.Duration) float64 {
	sum := 0.0
	for i, v := range t.intervals {
		start := time.Duration(i) * t.length
		if shared := min(start+t.length, to) - max(start, from); shared > 0 {
			sum += v.busy * float64(shared) / float64(t.length)
		}
	}
	return sum
}

// list returns the intervals up to the last in which a job was due.
func (t *timeline) list() []Interval {
	last := len(t.intervals)
	for last > 0 && t.intervals[last-1].jobs == 0 {
		last--
	}
	list := make([]Interval, last)
	for i, v := range t.intervals[:last] {
		b := v.parts.breakdown()
		list[i] = Interval{
			StartS: (time.Duration(i) * t.length).Seconds(), LengthS: t.length.Seconds(),
			Jobs: v.jobs, Tasks: v.tasks, Errors: v.errors, InFlight: v.inFlight,
			Mean: v.response.mean(), P50: v.response.quantile(0.5), P95: v.response.quantile(0.95), P99: v.response.quantile(0.99),
			Max: inMS(v.response.max), Lag: b.Lag, Wait: b.Wait, Service: b.Service, Rest: b.Rest, LagMax: inMS(v.lagMax),
		}
	}
	return list
}
