package scheduler

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/task"
)

// The latest of many jobs against a sorted list of all.
func TestLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l latest
		var all []listedJob
		n := rapid.IntRange(0, 12*maxListed).Draw(t, "jobs")
		step := rapid.IntRange(1, 1<<20).Draw(t, "step") | 1
		span := rapid.IntRange(1, 2*n+1).Draw(t, "span") // a short one has many accepted at once
		for i := range n {
			j := listedJob{accepted: time.Duration(i * step % span), id: task.JobID{byte(i), byte(i >> 8)}}
			all = append(all, j)
			l.add(j)
		}
		slices.SortFunc(all, func(a, b listedJob) int {
			return cmp.Or(cmp.Compare(b.accepted, a.accepted), slices.Compare(a.id[:], b.id[:]))
		})
		got := l.list()
		if want := all[:min(n, maxListed)]; !slices.Equal(got, want) {
			t.Fatalf("%d of %d jobs are listed, want %d", len(got), n, len(want))
		}
	})
}
