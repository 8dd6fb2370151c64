package placement_test

import (
	"slices"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// gpus is what a worker has of the one resource there is.
func gpus(labels []probe.Label) uint32 {
	if slices.ContainsFunc(labels, func(l probe.Label) bool { return l.Key == "ssd" }) {
		return 2
	}
	return 0
}

// needOf is a need as workers with the resource have it.
func needOf(n placement.Need) (out probe.Need) {
	out.Slots = uint16(max(n.Slots, 1))
	for _, r := range n.Resources {
		out.Resources[0] = r.N
	}
	return out
}

// need is what a task of a job takes.
func (j *modelJob) need(t int) probe.Need {
	for _, g := range j.spec.Groups {
		if slices.Contains(g.Tasks, uint32(t)) {
			return needOf(g.Need)
		}
	}
	return needOf(j.spec.Need)
}

// alike reports whether all its tasks need the same.
func (j *modelJob) alike() bool {
	for i := range j.tasks {
		if j.need(i) != j.need(0) {
			return false
		}
	}
	return true
}

// reserved is a reservation at a worker.
type reserved struct {
	worker probe.WorkerID
	ref    probe.Ref
	res    uint32
}

// runsAny reports whether a worker may run a task of a job that waits.
func (w *modelWorker) runsAny(j *modelJob) bool {
	for i := range j.tasks {
		if t := &j.tasks[i]; !t.done && !t.running && w.runs(&j.spec, i) {
			return true
		}
	}
	return false
}
