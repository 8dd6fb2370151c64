package scheduler

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"

	"dunnock/task"
)

// plainDigest is digestOf in the plainest way: value after value.
func plainDigest(j *task.Job) uint64 {
	var d xxhash.Digest
	d.Reset()
	var n [8]byte
	number := func(v uint64) { binary.LittleEndian.PutUint64(n[:], v); _, _ = d.Write(n[:]) }
	text := func(s string) { number(uint64(len(s))); _, _ = d.WriteString(s) }
	labels := func(m map[string]string) {
		number(uint64(len(m)))
		if len(m) == 0 {
			return
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			text(k)
			text(m[k])
		}
	}
	list := func(l []string) {
		number(uint64(len(l)))
		for _, s := range l {
			text(s)
		}
	}
	text(j.App)
	text(j.User)
	for _, v := range []uint64{
		uint64(j.Priority), math.Float64bits(j.ProbeRatio), uint64(j.TaskTimeout), uint64(j.Estimate), uint64(j.MaxAttempts),
		uint64(j.Delivery), uint64(j.OnFailure), uint64(j.OnDisconnect), uint64(len(j.Tasks)),
	} {
		number(v)
	}
	labels(j.Require)
	labels(j.Prefer)
	list(j.Exclude)
	text(j.Spread)
	need := func(slots int, resources map[string]uint32) {
		number(uint64(slots))
		number(uint64(len(resources)))
		if len(resources) == 0 {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(resources)) {
			text(name)
			number(uint64(resources[name]))
		}
	}
	need(j.Slots, j.Resources)
	for i := range j.Tasks {
		t := &j.Tasks[i]
		number(uint64(len(t.Payload)))
		_, _ = d.Write(t.Payload)
		labels(t.Require)
		labels(t.Prefer)
		list(t.Exclude)
		text(t.Affinity)
		need(t.Slots, t.Resources)
	}
	return d.Sum64()
}

// The hash of a job does not depend on how its values are gathered, whatever their sizes; and hashing a job of a few
// small tasks allocates nothing.
func TestDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) string {
			return string(make([]byte, rapid.SampledFrom([]int{0, 1, 7, 100, digestBytes / 2, digestBytes - 8, digestBytes, 3 * digestBytes}).Draw(t, "bytes")))
		})
		labels := rapid.MapOfN(rapid.StringN(1, 4, 8), text, 0, 3)
		j := task.Job{
			App: text.Draw(t, "app"), User: text.Draw(t, "user"), Priority: rapid.Int().Draw(t, "priority"), Require: labels.Draw(t, "require"),
			Prefer: labels.Draw(t, "prefer"), Exclude: rapid.SliceOfN(text, 0, 3).Draw(t, "exclude"), Spread: text.Draw(t, "spread"),
			Slots: rapid.IntRange(0, 3).Draw(t, "slots"), Resources: rapid.MapOfN(rapid.StringN(1, 4, 8), rapid.Uint32(), 0, 3).Draw(t, "resources"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "tasks") {
			j.Tasks = append(j.Tasks, task.Task{
				Payload: []byte(text.Draw(t, "payload")), Require: labels.Draw(t, "require"), Affinity: text.Draw(t, "affinity"), Exclude: rapid.SliceOfN(text, 0, 2).Draw(t, "exclude"),
			})
		}
		if got, want := digestOf(&j), plainDigest(&j); got != want {
			t.Fatalf("digest %x, want %x", got, want)
		}
	})
	j := task.Job{App: "noop", Tasks: make([]task.Task, 3)}
	if n := testing.AllocsPerRun(100, func() { digestOf(&j) }); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func BenchmarkDigest(b *testing.B) {
	j := task.Job{App: "noop", Tasks: []task.Task{{Payload: make([]byte, 100)}}}
	b.Run("gathered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			digestOf(&j)
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			plainDigest(&j)
		}
	})
}
