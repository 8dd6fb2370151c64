package workload

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Fits reports what tasks of a Spec take that no worker of a fleet has, all of it at once. slots are those of the
// worker that has most, and nodes what each has beside them: nil if that is not known. Of numbers of slots that are
// drawn without an end it is the mean that has to fit.
func (s *Spec) Fits(slots int, nodes []Node) error {
	var faults []error
	if s.Width != (Tasks{}) && s.Width.most() > slots {
		faults = append(faults, fmt.Errorf("task slots %v: no worker has more than %d", s.Width, slots))
	}
	for i := range s.Needs {
		n := &s.Needs[i]
		if n.Slots > slots {
			faults = append(faults, fmt.Errorf("need %v: no worker has %d slots; the most is %d", n, n.Slots, slots))
		}
		if nodes != nil {
			faults = append(faults, n.fits(nodes))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("workload: %w", err)
	}
	return nil
}

// fits reports what a need takes that no worker has.
func (n *Need) fits(nodes []Node) error {
	takes := func(name string) string { return name + "=" + strconv.FormatUint(uint64(n.Resources[name]), 10) }
	together := ""
	for _, name := range slices.Sorted(maps.Keys(n.Resources)) {
		amount := n.Resources[name]
		most := uint32(0)
		for i := range nodes {
			most = max(most, nodes[i].Resources[name])
		}
		switch {
		case most == 0 && amount > 0:
			return fmt.Errorf("need %v: no worker has any %s", n, name)
		case most < amount:
			return fmt.Errorf("need %v: no worker has %s; the most is %d", n, takes(name), most)
		case amount == 0:
		case together == "":
			together = takes(name)
		default:
			together += " together with " + takes(name)
		}
	}
	if together != "" && !slices.ContainsFunc(nodes, n.runsOn) {
		return fmt.Errorf("need %v: no worker has %s", n, together)
	}
	return nil
}

// runsOn reports whether a worker has all the resources that a need takes.
func (n *Need) runsOn(node Node) bool {
	for name, amount := range n.Resources {
		if node.Resources[name] < amount {
			return false
		}
	}
	return true
}

// Asks returns a job that asks of its workers all that any job may by a Spec and wishes: to see beforehand whether a
// policy knows that.
func (s *Spec) Asks(w *Wishes) Job {
	j := Job{Spread: w.Spread}
	if s.Width != (Tasks{}) && s.Width.Mean() > 1 {
		j.Slots = 2
	}
	for i := range s.Needs {
		j.Slots = max(j.Slots, s.Needs[i].Slots)
		if s.Needs[i].Resources != nil {
			j.Resources = s.Needs[i].Resources
		}
	}
	labels := func(lists ...[]Share) map[string]string {
		set := make(map[string]string)
		for _, s := range slices.Concat(lists...) {
			set[s.Key] = s.Value
		}
		return set
	}
	j.Require = labels(w.RequireJobs, w.RequireTasks, w.ExcludeJobs, w.ExcludeTasks) // who knows one of these knows the other
	j.Prefer = labels(w.PreferJobs, w.PreferTasks)
	return j
}
