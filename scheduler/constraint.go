package scheduler

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"dunnock/internal/wire"
	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// specOf is what placing a job needs to know of it.
func specOf(j *task.Job) (placement.Spec, *task.Error) {
	s := placement.Spec{
		App: j.App, User: j.User, Require: labelsOf(j.Require), Prefer: labelsOf(j.Prefer), Exclude: excludedBy(j.Exclude), Spread: j.Spread,
		Need: needOf(j.Slots, j.Resources), Tasks: len(j.Tasks), ProbeRatio: j.ProbeRatio, Deadline: j.Deadline, MaxAttempts: j.MaxAttempts,
		AtMostOnce: j.Delivery == task.AtMostOnce, CancelOnFailure: j.OnFailure == task.CancelRest,
		Epoch: j.Epoch, Attempts: attemptsOf(j), Finished: j.Finished,
		Keys: keysOf(j),
	}
	var err *task.Error
	s.Groups, err = groupsOf(j)
	return s, err
}

// keysOf returns what the tasks' affinity keys are known by; nil if none has one.
func keysOf(j *task.Job) []probe.Key {
	var keys []probe.Key
	for i := range j.Tasks {
		if a := j.Tasks[i].Affinity; a != "" {
			if keys == nil {
				keys = make([]probe.Key, len(j.Tasks))
			}
			keys[i] = probe.KeyOf(a)
		}
	}
	return keys
}

// groupsOf puts tasks that say the same about workers together. What a task says is added to what its job says; of one key the task's value
// counts.
func groupsOf(j *task.Job) ([]placement.Group, *task.Error) {
	var groups []placement.Group
	var places map[string]int
	var key []byte
	for i := range j.Tasks {
		t := &j.Tasks[i]
		if t.Slots == 0 && len(t.Require)+len(t.Prefer)+len(t.Exclude)+len(t.Resources) == 0 {
			continue
		}
		if places == nil {
			places = make(map[string]int)
		}
		key = appendConstraints(key[:0], t)
		at, known := places[string(key)]
		if !known {
			if at = len(groups); at == placement.MaxGroups-1 {
				return nil, task.Errorf(task.CodeTooLarge, "tasks[%d]: at most %d different constraints in one job", i, placement.MaxGroups-1)
			}
			places[string(key)] = at
			groups = append(groups, placement.Group{
				Require: labelsOf(merged(j.Require, t.Require)), Prefer: labelsOf(merged(j.Prefer, t.Prefer)),
				Exclude: excludedBy(slices.Concat(j.Exclude, t.Exclude)),
				Need:    needOf(cmp.Or(t.Slots, j.Slots), merged(j.Resources, t.Resources)),
			})
		}
		groups[at].Tasks = append(groups[at].Tasks, uint32(i))
	}
	return groups, nil
}

// appendConstraints appends what a task says of workers, the same whenever two tasks say the same.
func appendConstraints(b []byte, t *task.Task) []byte {
	for _, m := range []map[string]string{t.Require, t.Prefer} {
		b = wire.AppendUint(b, uint64(len(m)))
		for _, k := range slices.Sorted(maps.Keys(m)) {
			b = wire.AppendString(b, k)
			b = wire.AppendString(b, m[k])
		}
	}
	for _, e := range slices.Sorted(slices.Values(t.Exclude)) {
		b = wire.AppendString(b, e)
	}
	if b = wire.AppendUint(append(b, 0), uint64(t.Slots)); len(t.Resources) == 0 {
		return b
	}
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		b = wire.AppendString(b, name)
		b = wire.AppendUint(b, uint64(t.Resources[name]))
	}
	return b
}

// needOf is what tasks take as placement has it. Of a resource of which a task takes 0 nothing is said.
func needOf(slots int, resources map[string]uint32) placement.Need {
	n := placement.Need{Slots: slots}
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

// named adds the label that a worker's name is, unless it has given that another meaning.
func named(labels []probe.Label, name string) []probe.Label {
	if slices.ContainsFunc(labels, func(l probe.Label) bool { return l.Key == task.WorkerLabel }) {
		return labels
	}
	return append(slices.Clip(labels), probe.Label{Key: task.WorkerLabel, Value: name})
}

// listed writes labels as users do.
func listed(labels []probe.Label) string {
	words := make([]string, len(labels))
	for i, l := range labels {
		words[i] = l.Key + "=" + l.Value
	}
	return strings.Join(words, ", ")
}
