package workload

import (
	"errors"
	"fmt"
	"time"
)

// Bounds of a Spec.
const (
	MinRate  = 1e-6 // jobs per second: one in eleven days
	MaxRate  = 1e9  // jobs per second: one a nanosecond
	MaxLoad  = 100  // times the capacity of all slots
	MaxSlots = 1 << 30
)

// Spec says what jobs to generate. A value is good if [Spec.Validate] says so.
type Spec struct {
	Tasks   Tasks   // tasks of a job
	Service Service // how long they run
	Arrival Arrival // how jobs arrive
	// Rate is the mean rate of arrivals in jobs per second, MinRate…MaxRate. Give this, or Load, or Stages.
	Rate float64
	// Load is the fraction of all slots that the jobs keep busy, more than 0 and at most MaxLoad; from 1 up
	// queues grow without end. Give this, or Rate, or Stages.
	Load float64
	// Stages are loads or rates that follow one another; the jobs end with the last. Give this, or Rate, or Load.
	Stages Stages
	// Slots is what Load is a fraction of: workers × slots of a worker, 1…MaxSlots. Only loads need it.
	Slots int
	// Width is how many slots each task of a job takes; the zero value is one. Load counts what tasks take.
	Width Tasks
	// Needs are what tasks take of their workers; none: one slot, or as Width says.
	Needs []Need
	Users Users // whose the jobs are; the zero value: nobody's
	// Priorities is by user.
	Priorities Priorities
	// Deadlines is what each job has from its arrival on, drawn for it alone; the zero value: jobs have none of their
	// own.
	Deadlines Service
	Keys      Keys // affinity keys of the tasks; the zero value: they have none
	// Estimates is what jobs say that their tasks take; the zero value: nothing, but see [Job.Unsaid].
	Estimates Estimates
	Seed      uint64 // any
}

// Validate reports all faults at once; nil if there are none.
func (s *Spec) Validate() error {
	var faults []error
	if s.Tasks == (Tasks{}) {
		faults = append(faults, fmt.Errorf("tasks: %w", errUnset))
	}
	if s.Service == (Service{}) {
		faults = append(faults, fmt.Errorf("service: %w", errUnset))
	}
	if s.Width != (Tasks{}) && s.Width.most() > MaxWidth {
		faults = append(faults, fmt.Errorf("task slots: at most %d, got %v", MaxWidth, s.Width))
	}
	faults = append(faults, s.validateNeeds()...)
	faults = append(faults, s.validatePriorities()...)
	if s.Deadlines != (Service{}) && s.Deadlines.draws0() {
		faults = append(faults, fmt.Errorf("deadlines: %v draws deadlines of 0, which no job keeps", s.Deadlines))
	}
	if s.Arrival == (Arrival{}) {
		faults = append(faults, fmt.Errorf("arrival: %w", errUnset))
	}
	switch {
	case s.Stages.Len() > 0:
		faults = append(faults, s.validateStages()...)
	case s.Rate == 0 && s.Load == 0:
		faults = append(faults, errors.New("rate, load: give one of them"))
	case s.Rate != 0 && s.Load != 0:
		faults = append(faults, errors.New("rate, load: give only one of them"))
	case s.Load != 0:
		faults = append(faults, s.validateLoad()...)
	case s.Rate != 0 && !within(s.Rate, MinRate, MaxRate):
		faults = append(faults, fmt.Errorf("rate: want %g to %g jobs a second, got %g", MinRate, MaxRate, s.Rate))
	}
	if len(faults) == 0 {
		faults = append(faults, s.validateRates()...)
	}
	return errors.Join(faults...)
}

// validateRates reports loads within their bounds that mean rates that are not.
func (s *Spec) validateRates() (faults []error) {
	check := func(load, rate float64) {
		if !within(rate, MinRate, MaxRate) {
			faults = append(faults, fmt.Errorf("load: %g of %d slots means %.3g jobs a second; want %g to %g", load, s.Slots, rate, MinRate, MaxRate))
		}
	}
	for i := range s.Stages.Len() {
		check(s.StageLoad(i), s.StageRate(i))
	}
	if s.Stages.Len() == 0 {
		check(s.Load, s.JobRate())
	}
	return faults
}

func (s *Spec) validateLoad() (faults []error) {
	if !within(s.Load, 0, MaxLoad) {
		faults = append(faults, fmt.Errorf("load: want more than 0 and at most %d, got %g", MaxLoad, s.Load))
	}
	return append(faults, s.validateCapacity()...)
}

// validateCapacity reports what a load needs and does not have.
func (s *Spec) validateCapacity() (faults []error) {
	if s.Slots < 1 || s.Slots > MaxSlots {
		faults = append(faults, fmt.Errorf("slots: a load needs the number of all slots, 1 to %d, got %d", MaxSlots, s.Slots))
	}
	if s.Service.heavy() {
		faults = append(faults, fmt.Errorf("load: %v has no mean that a run could come near (alpha is 1 or less); give a rate", s.Service))
	}
	if s.Service != (Service{}) && s.Service.mean() == 0 {
		faults = append(faults, fmt.Errorf("load: %v is no load at any rate; give a rate", s.Service))
	}
	return faults
}

// JobRate returns the mean rate of arrivals in jobs per second: Rate, or Load·Slots/(mean tasks·mean service), or the
// mean over the stages.
func (s *Spec) JobRate() float64 {
	if s.Stages.Len() > 0 {
		return s.Stages.average(s.StageRate)
	}
	return float64(time.Second) / s.gap()
}

// OfferedLoad returns the mean fraction of all slots that the jobs keep busy: Load, or what Rate comes to, or the mean
// over the stages; 0 without Slots.
func (s *Spec) OfferedLoad() float64 {
	if s.Stages.Len() > 0 {
		return s.Stages.average(s.StageLoad)
	}
	if s.Rate == 0 || s.Slots == 0 {
		return s.Load
	}
	return s.work() / float64(s.gap()*float64(s.Slots))
}

// gap returns the mean gap between jobs in nanoseconds.
func (s *Spec) gap() float64 {
	if s.Rate != 0 {
		return float64(time.Second) / s.Rate
	}
	return s.work() / float64(s.Load*float64(s.Slots))
}

// work returns the mean slot time of a job in nanoseconds.
func (s *Spec) work() float64 {
	work := float64(s.Tasks.Mean() * s.Service.mean())
	if s.Width == (Tasks{}) && len(s.Needs) == 0 {
		return work
	}
	return float64(work * s.meanWidth())
}

// within reports whether x lies between two bounds. NaN does not.
func within(x, low, high float64) bool { return x >= low && x <= high }

// generator makes the jobs of a Spec.
type generator struct {
	tasks    Tasks
	service  Service
	arrivals clock
	sizes    stream
	services stream
	users    Users
	names    stream
	keys     *keyring // nil: there are none
	choices  stream
	width    Tasks
	widths   stream
	says     Estimates
	words    stream
	ranks    Priorities
	ends     Service
	patience stream
	needs    *needer // nil: there are none
	jobs     uint64  // so far
}

func newGenerator(s *Spec) *generator {
	arrivals := newClock(s.Arrival, s.gap(), newStream(s.Seed, labelArrivals))
	arrivals.legs = s.legs()
	g := &generator{
		tasks:    s.Tasks,
		service:  s.Service,
		arrivals: arrivals,
		sizes:    newStream(s.Seed, labelSizes),
		services: newStream(s.Seed, labelServices),
		users:    s.Users,
		names:    newStream(s.Seed, labelUsers),
		choices:  newStream(s.Seed, labelKeys),
		width:    s.Width,
		widths:   newStream(s.Seed, labelWidths),
		says:     s.Estimates,
		words:    newStream(s.Seed, labelWords),
		ranks:    s.Priorities,
		ends:     s.Deadlines,
		patience: newStream(s.Seed, labelEnds),
	}
	if len(s.Needs) > 0 {
		g.needs = &needer{of: make(map[string][]Need), all: s.Needs, from: newStream(s.Seed, labelNeeds)}
	}
	if s.Keys != (Keys{}) {
		g.keys = newKeyring(s.Keys)
	}
	return g
}

// next fills j with the next job. It always has one.
func (g *generator) next(j *Job) (bool, error) {
	j.At = time.Duration(g.arrivals.next())
	j.User = g.users.Draw(g.names.at(g.jobs))
	j.Service = resize(j.Service, g.tasks.Draw(g.sizes.at(g.jobs)))
	g.service.fill(j.Service, g.services.sub(g.jobs))
	j.Est, j.Unsaid = j.meanService(), g.says == Estimates{}
	if !j.Unsaid {
		j.Est = g.says.Draw(g.words.at(g.jobs), j.Est)
	}
	j.Priority, j.Deadline = g.ranks.of(j.User), 0
	if g.ends != (Service{}) {
		j.Deadline = max(g.ends.Draw(g.patience.at(g.jobs)), 1)
	}
	j.Demand, j.Spread, j.Groups = Demand{}, "", nil
	j.Keys = j.Keys[:0]
	if g.keys != nil {
		j.Keys = resize(j.Keys, len(j.Service))
		g.keys.fill(j.Keys, g.choices.sub(g.jobs))
	}
	if g.width != (Tasks{}) {
		j.Slots = min(g.width.Draw(g.widths.at(g.jobs)), MaxWidth)
	}
	if g.needs != nil {
		g.needs.draw(j, g.jobs)
	}
	g.jobs++
	return true, nil
}

// fault says which job broke a bound.
func (g *generator) fault(b *breach) error {
	return fmt.Errorf("workload: job %d: %s: %s", g.jobs, b.in(names{"arrival", "user", "service", "estimate", "priority", "deadline", "task slots", "keys", "resources", "require", "prefer", "exclude", "spread", "groups"}), b.reason)
}

// resize returns s with length n; what it holds is left over from before.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		// Twice the size, so that a run of growing jobs does not allocate for each.
		return make([]T, n, min(2*n, MaxTasks))
	}
	return s[:n]
}
