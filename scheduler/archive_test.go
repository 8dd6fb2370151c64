package scheduler

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"dunnock/internal/node"
	"dunnock/scheduler/lease"
	"dunnock/task"
)

// plainJob draws a job as it is when it has ended.
func plainJob(t *rapid.T, ended time.Duration) *job {
	n := rapid.IntRange(1, 40).Draw(t, "tasks")
	span := func(name string) time.Duration { return time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, name)) }
	j := &job{
		spec: spec{
			ID: newJobID(), App: rapid.SampledFrom([]string{"a", "app"}).Draw(t, "app"), User: rapid.StringN(0, 20, task.MaxUserLen).Draw(t, "user"),
			ProbeRatio: rapid.Float64Range(1, task.MaxProbeRatio).Draw(t, "probe ratio"), Slots: rapid.Uint16Range(1, task.MaxSlots).Draw(t, "slots"),
			Deadline: span("deadline"), Epoch: rapid.Uint32().Draw(t, "epoch"),
		},
		digest: rapid.Uint64().Draw(t, "digest"), ended: ended, accepted: ended - min(span("response"), ended), outcome: task.OK,
		tasks: records{n: n},
	}
	j.lease.Epoch = j.spec.Epoch
	for i := range n {
		j.order = append(j.order, uint32(i))
		*j.tasks.write(i) = record{
			outcome: task.OK, worker: "w" + rapid.StringMatching(`[a-z]{0,1}[0-9]{1,2}`).Draw(t, "worker"), attempt: rapid.Uint16Range(1, task.MaxAttempts).Draw(t, "attempt"),
			wait: span("wait"), service: span("service"),
		}
	}
	j.order = rapid.Permutation(j.order).Draw(t, "order")
	return j
}

// An archive against a list: what it tells of a job is what the job was, the oldest go first, and each byte is counted
// as often as it is taken back.
func TestArchive(t *testing.T) {
	compared := cmp.Options{cmp.AllowUnexported(job{}, spec{}, payloads{}, records{}, record{}, retries{}), cmpopts.IgnoreTypes(lease.Job{}), cmpopts.IgnoreFields(job{}, "unread"), cmpopts.EquateEmpty()}
	rapid.Check(t, func(t *rapid.T) {
		s := &Scheduler{node: &node.Node{}, clock: node.NewClock()}
		var list []*job
		var now time.Duration
		var bytes int64
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				ended, ok := s.archive.oldest()
				if ok != (len(list) > 0) || ok && ended != list[0].ended {
					t.Fatalf("the oldest of %d ended at %v", len(list), ended)
				}
				if len(list) == 0 {
					if s.archive.index.len() != 0 || bytes != 0 {
						t.Fatalf("%d jobs and %d bytes are left", s.archive.index.len(), bytes)
					}
					return
				}
				j := rapid.SampledFrom(list).Draw(t, "job")
				if diff := cmp.Diff(j, s.archive.find(j.spec.ID), compared); diff != "" {
					t.Fatal(diff)
				}
				row, _ := s.archive.summary(j.spec.ID, s.clock.Now())
				if diff := cmp.Diff(s.summarise(j), row, cmpopts.IgnoreFields(row, "AgeMS")); diff != "" {
					t.Fatal(diff)
				}
			},
			"add": func(t *rapid.T) {
				now += time.Duration(rapid.Int64Range(0, 1<<41).Draw(t, "later"))
				j := plainJob(t, now)
				if !j.isPlain() {
					t.Fatal("it is not plain")
				}
				list = append(list, j)
				bytes += s.archive.add(j)
			},
			"drop": func(t *rapid.T) {
				if len(list) == 0 {
					t.Skip("it is empty")
				}
				for range rapid.IntRange(1, len(list)).Draw(t, "jobs") {
					bytes -= s.archive.drop()
					if s.archive.find(list[0].spec.ID) != nil {
						t.Fatal("what was dropped is there")
					}
					list = list[1:]
				}
			},
		})
	})
}

// Of many jobs the listing has those that were submitted last, wherever in the archive they are.
func TestArchiveListsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a archive
		var accepted []time.Duration
		const jobs, most = 3000, 200
		for i := range jobs {
			j := &job{spec: spec{ID: newJobID(), App: "app"}, ended: time.Duration(i) * time.Millisecond, outcome: task.OK, tasks: records{n: 1}, order: []uint32{0}}
			took := time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond
			if i%100 == 0 {
				took *= 50
			}
			j.accepted = max(j.ended-took, 0)
			accepted = append(accepted, j.accepted)
			a.add(j)
		}
		if len(a.pages) < 3 {
			t.Fatalf("all lie in %d pages", len(a.pages))
		}
		var got []time.Duration
		for _, l := range a.newest(most, nil) {
			got = append(got, l.accepted)
		}
		if len(got) == jobs {
			t.Fatal("all were looked at")
		}
		for _, of := range [][]time.Duration{accepted, got} {
			slices.Sort(of)
			slices.Reverse(of)
		}
		if diff := cmp.Diff(accepted[:most], got[:most]); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Finished jobs are nothing for the garbage collector to look at, and an archive that is full allocates next to
// nothing.
func TestArchiveIsNoWorkForTheCollector(t *testing.T) {
	var a archive
	j := &job{spec: spec{App: "app"}, outcome: task.OK, tasks: records{n: 10}, order: []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	for i := range j.tasks.len() {
		j.tasks.write(i).worker = "w1"
	}
	add := func(n int) {
		for range n {
			j.ended++
			binary.LittleEndian.PutUint64(j.spec.ID[:], uint64(j.ended))
			a.add(j)
		}
	}
	objects := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	const jobs = 20_000
	before := objects()
	add(jobs)
	if after := objects(); after > before+jobs/20 {
		t.Errorf("%d jobs are %d objects", jobs, after-before)
	}
	for range jobs / 2 {
		a.drop()
	}
	if n := testing.AllocsPerRun(10, func() {
		add(1000)
		for range 1000 {
			a.drop()
		}
	}); n > 100 {
		t.Errorf("1000 jobs that come and 1000 that go are %v allocations", n)
	}
	runtime.KeepAlive(&a)
}

// A job that was submitted again is found, and listed, as it was the last time, and stays when its first life goes.
func TestArchiveOfTheSameJobTwice(t *testing.T) {
	var a archive
	j := &job{spec: spec{ID: newJobID(), App: "app"}, outcome: task.OK, tasks: records{n: 1}, order: []uint32{0}}
	a.add(j)
	j.ended, j.digest = 1, 2
	a.add(j)
	for range 2 {
		if again := a.find(j.spec.ID); again == nil || again.digest != 2 {
			t.Fatalf("found %+v", again)
		}
		if list := a.newest(10, nil); len(list) != 1 {
			t.Fatalf("%d are listed", len(list))
		}
		if ended, _ := a.oldest(); ended == 0 {
			a.drop()
		}
	}
	a.drop()
	if a.index.len() != 0 || len(a.pages) != 0 {
		t.Errorf("%d jobs and %d pages are left", a.index.len(), len(a.pages))
	}
}
