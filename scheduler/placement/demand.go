package placement

import (
	"cmp"
	"maps"
	"slices"

	"dunnock/probe"
	"dunnock/task"
)

// Demand is what a task of a job says about workers, added to what its job says: of one key the task's value counts.
// With a nil task it is what the job says. The group has no tasks yet.
func Demand(j *task.Job, t *task.Task) Group {
	if t == nil {
		t = &task.Task{}
	}
	return Group{
		Require: labelsOf(merged(j.Require, t.Require)), Prefer: labelsOf(merged(j.Prefer, t.Prefer)),
		Exclude: excludedBy(slices.Concat(j.Exclude, t.Exclude)),
		Need:    needOf(cmp.Or(t.Slots, j.Slots), merged(j.Resources, t.Resources)),
	}
}

// needOf is what tasks take as placement has it. Of a resource of which a task takes 0 nothing is said.
func needOf(slots int, resources map[string]uint32) Need {
	n := Need{Slots: slots}
	if len(resources) == 0 {
		return n
	}
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		if resources[name] > 0 {
			n.Resources = append(n.Resources, probe.Amount{Name: name, N: resources[name]})
		}
	}
	return n
}

func merged[V any](job, own map[string]V) map[string]V {
	if len(job) == 0 {
		return own
	}
	if len(own) == 0 {
		return job
	}
	all := maps.Clone(job)
	maps.Copy(all, own)
	return all
}

func labelsOf(m map[string]string) []probe.Label {
	if len(m) == 0 {
		return nil
	}
	list := make([]probe.Label, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, probe.Label{Key: k, Value: m[k]})
	}
	return list
}

func excludedBy(entries []string) []probe.Label {
	if len(entries) == 0 {
		return nil
	}
	list := make([]probe.Label, len(entries))
	for i, entry := range entries {
		list[i].Key, list[i].Value = task.Excluded(entry)
	}
	return list
}
