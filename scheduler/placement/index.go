package placement

import (
	"math/rand/v2"
	"slices"

	"dunnock/probe"
)

// index lists the workers that may be sampled under each label that they have, and under each app. A constraint set
// finds its workers in the shortest list of those that it requires, so that it costs in proportion to them and not to
// the fleet. There is no list without a worker.
type index struct {
	lists  map[probe.Label]*posting // an app is a label without a key, which no label of a worker is
	values map[string][]*posting    // by key
}

// posting is the workers that have one label, in no order.
type posting struct {
	label   probe.Label
	workers []probe.WorkerID
	place   int // in index.values
}

func newIndex() index {
	return index{lists: make(map[probe.Label]*posting), values: make(map[string][]*posting)}
}

func appLabel(app string) probe.Label { return probe.Label{Value: app} }

// enter lists a worker under all that it has.
func (x *index) enter(id probe.WorkerID, w *Worker) {
	for i, app := range w.Apps {
		if !slices.Contains(w.Apps[:i], app) {
			x.add(appLabel(app), id)
		}
	}
	for i, l := range w.Labels {
		if !slices.Contains(w.Labels[:i], l) {
			x.add(l, id)
		}
	}
}

func (x *index) add(l probe.Label, id probe.WorkerID) {
	p := x.lists[l]
	if p == nil {
		p = &posting{label: l, place: len(x.values[l.Key])}
		x.lists[l] = p
		x.values[l.Key] = append(x.values[l.Key], p)
	}
	p.workers = append(p.workers, id)
}

// leave takes a worker out of all lists.
func (x *index) leave(id probe.WorkerID, w *Worker) {
	for i, app := range w.Apps {
		if !slices.Contains(w.Apps[:i], app) {
			x.remove(appLabel(app), id)
		}
	}
	for i, l := range w.Labels {
		if !slices.Contains(w.Labels[:i], l) {
			x.remove(l, id)
		}
	}
}

func (x *index) remove(l probe.Label, id probe.WorkerID) {
	p := x.lists[l]
	if p.workers = dropWorker(p.workers, id); len(p.workers) > 0 {
		return
	}
	delete(x.lists, l)
	of := x.values[l.Key]
	last := of[len(of)-1]
	of[p.place], last.place = last, p.place
	of[len(of)-1] = nil
	if len(of) == 1 {
		delete(x.values, l.Key)
		return
	}
	x.values[l.Key] = of[:len(of)-1]
}

// draw moves a uniform choice of what is left, from place i on, to place i.
func (x *index) draw(rng *rand.Rand, values []*posting, i int) {
	r := i + int(probe.Below(rng, uint64(len(values)-i)))
	values[i], values[r] = values[r], values[i]
	values[i].place, values[r].place = i, r
}

// dropWorker takes a worker out of a list whose order means nothing.
func dropWorker(list []probe.WorkerID, id probe.WorkerID) []probe.WorkerID {
	i := slices.Index(list, id)
	if i < 0 {
		return list
	}
	last := len(list) - 1
	list[i] = list[last]
	return list[:last]
}

// have returns the workers with a label, nil if there is none.
func (x *index) have(l probe.Label) []probe.WorkerID {
	if p := x.lists[l]; p != nil {
		return p.workers
	}
	return nil
}

// shortest returns the shortest list among those of an app and labels.
func (x *index) shortest(app string, labels []probe.Label) []probe.WorkerID {
	best := x.have(appLabel(app))
	for _, l := range labels {
		if list := x.have(l); len(list) < len(best) {
			best = list
		}
	}
	return best
}
