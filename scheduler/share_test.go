package scheduler

import (
	"maps"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dunnock/task"
)

// Whatever tasks want, they want the same when it is shared, and there is one copy of each wish.
func TestShareChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wish := rapid.Custom(func(t *rapid.T) task.Task {
			name := func() string { return strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "name")) }
			labels := func() map[string]string {
				m := map[string]string{}
				for range rapid.IntRange(0, 2).Draw(t, "labels") {
					m[name()] = name()
				}
				return m
			}
			w := task.Task{Require: labels(), Prefer: labels(), Resources: map[string]uint32{}}
			for range rapid.IntRange(0, 2).Draw(t, "amounts") {
				w.Resources[name()] = uint32(rapid.IntRange(0, 2).Draw(t, "amount"))
			}
			for range rapid.IntRange(0, 2).Draw(t, "names") {
				w.Exclude = append(w.Exclude, name())
			}
			return w
		})
		tasks := rapid.SliceOfN(wish, 0, 20).Draw(t, "tasks")
		want := make([]task.Task, len(tasks))
		for i, w := range tasks {
			want[i] = task.Task{Require: maps.Clone(w.Require), Prefer: maps.Clone(w.Prefer), Resources: maps.Clone(w.Resources), Exclude: append([]string(nil), w.Exclude...)}
		}
		share(tasks)
		if diff := cmp.Diff(want, tasks); diff != "" {
			t.Fatal(diff)
		}
	})
}
