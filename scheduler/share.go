package scheduler

import (
	"hash/maphash"
	"maps"
	"slices"

	"dunnock/task"
)

// share has the tasks of a job that want the same keep one copy of it. Thousands of tasks have a few wishes between them, and a map for each would take more than all
// else that is kept of a task that waits.
func share(tasks []task.Task) {
	if len(tasks) < 2 {
		return
	}
	seed := maphash.MakeSeed()
	labels, resources := seen[string]{seed: seed}, seen[uint32]{seed: seed}
	lists := make(map[uint64][]string)
	for i := range tasks {
		t := &tasks[i]
		t.Require, t.Prefer, t.Resources = labels.of(t.Require), labels.of(t.Prefer), resources.of(t.Resources)
		if len(t.Exclude) == 0 {
			continue
		}
		h := uint64(0)
		for _, name := range t.Exclude {
			h = h*31 + maphash.String(seed, name)
		}
		if first, found := lists[h]; !found {
			lists[h] = t.Exclude
		} else if slices.Equal(first, t.Exclude) {
			t.Exclude = first
		}
	}
}

// seen finds maps that were there before.
type seen[V comparable] struct {
	seed  maphash.Seed
	known map[uint64]map[string]V // by a hash that does not go by the order of keys
}

// of returns the map that is as m and came first.
func (s *seen[V]) of(m map[string]V) map[string]V {
	if len(m) == 0 {
		return m
	}
	var h uint64
	for k, v := range m {
		h += maphash.Comparable(s.seed, struct {
			k string
			v V
		}{k, v})
	}
	if first, found := s.known[h]; found {
		if maps.Equal(first, m) {
			return first
		}
		return m
	}
	if s.known == nil {
		s.known = make(map[uint64]map[string]V)
	}
	s.known[h] = m
	return m
}
