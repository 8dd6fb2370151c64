package scheduler

import (
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
	own := placement.Demand(j, nil)
	s := placement.Spec{
		App: j.App, User: j.User, Require: own.Require, Prefer: own.Prefer, Exclude: own.Exclude, Spread: j.Spread,
		Need: own.Need, Tasks: len(j.Tasks), ProbeRatio: j.ProbeRatio, Estimate: j.Estimate, Deadline: j.Deadline, MaxAttempts: j.MaxAttempts,
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

// groupsOf puts tasks that say the same about workers together. What a task says is added to what its job says; of one
// key the task's value counts.
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
			groups = append(groups, placement.Demand(j, t))
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

// named adds the label that a worker's name is, unless it has given that another meaning.
func named(labels []probe.Label, name string) []probe.Label {
	if slices.ContainsFunc(labels, func(l probe.Label) bool { return l.Key == task.WorkerLabel }) {
		return labels
	}
	return append(slices.Clip(labels), probe.Label{Key: task.WorkerLabel, Value: name})
}

// weighed returns weights by path.
func weighed(list []probe.Amount) map[string]int {
	if len(list) == 0 {
		return nil
	}
	weights := make(map[string]int, len(list))
	for _, w := range list {
		weights[w.Name] = int(w.N)
	}
	return weights
}

// listed writes labels as users do.
func listed(labels []probe.Label) string {
	words := make([]string, len(labels))
	for i, l := range labels {
		words[i] = l.Key + "=" + l.Value
	}
	return strings.Join(words, ", ")
}
