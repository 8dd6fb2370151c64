package owner

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"dunnock/internal/submission"
	"dunnock/task"
)

// bench is an owner of one scheduler and what it takes to feed it.
type bench struct {
	core *Core
	now  time.Duration
	seq  uint32
	spec Spec
	out  []Effect
}

func newBench(schedulers, tasks int) *bench {
	cfg := Config{Schedulers: make([]string, schedulers)}
	b := &bench{core: New(cfg, rand.New(rand.NewPCG(1, 1))), spec: Spec{Tasks: tasks, Deadline: time.Minute}}
	for s := range schedulers {
		b.out = b.core.SchedulerUp(0, Scheduler(s), b.out[:0])
	}
	return b
}

func (b *bench) submit() {
	b.now += time.Microsecond
	b.seq++
	b.spec.ID[0], b.spec.ID[1] = byte(b.seq), byte(b.seq>>8)
	_, b.out, _ = b.core.Submit(b.now, &b.spec, b.out[:0])
	if len(b.out) != 1 || b.out[0].Kind != EffectSubmit || b.out[0].Seq != b.seq {
		panic("want one Submit")
	}
}

// finish is what a scheduler says of the latest job.
func (b *bench) finish() {
	c, s := b.core, b.out[0].Scheduler
	b.out = c.Accepted(b.now, s, submission.Accepted{Seq: b.seq}, b.out[:0])
	m := submission.TaskDone{Seq: b.seq, Outcome: task.OK}
	for i := range uint32(b.spec.Tasks) {
		m.Task = i
		b.out = c.TaskDone(b.now, s, &m, b.out[:0])
		c.NextWake()
	}
	b.out = c.JobDone(s, submission.JobDone{Seq: b.seq, Outcome: task.OK}, b.out[:0])
	if len(b.out) != 1 || b.out[0].Kind != EffectDone {
		panic("want Done")
	}
}

// A job that meets no fault allocates nothing once there has been one like it.
func TestNoAllocations(t *testing.T) {
	for name, b := range map[string]*bench{"one scheduler": newBench(1, 100), "several": newBench(5, 10)} {
		for range 2000 { // the table of submissions has its size
			b.submit()
			b.finish()
		}
		if n := testing.AllocsPerRun(1000, func() { b.submit(); b.finish() }); n != 0 {
			t.Errorf("%s: %v allocations a job", name, n)
		}
		if err := b.core.CheckInvariants(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSizes pins what a simulation of thousands of owners pays.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Effect{}); n > 64 {
		t.Errorf("an effect is %d bytes", n)
	}
	const cores = 1000
	made := make([]*Core, cores)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range made {
		b := newBench(10, 100)
		b.submit()
		b.finish()
		made[i] = b.core
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(made)
	if per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / cores; per > 4096 {
		t.Errorf("an owner of 10 schedulers and one job takes %d bytes, want at most 4 KiB", per)
	} else {
		t.Logf("an owner of 10 schedulers that had one job: %d bytes", per)
	}
}

// BenchmarkJob is a job of 100 tasks; divide by 103 for what a message costs.
func BenchmarkJob(b *testing.B) {
	bench := newBench(3, 100)
	b.ReportAllocs()
	for b.Loop() {
		bench.submit()
		bench.finish()
	}
}

// BenchmarkFailover hands 1,000 jobs of 100 tasks on.
func BenchmarkFailover(b *testing.B) {
	bench := newBench(2, 100)
	for range 1000 {
		bench.submit()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := Scheduler(i % 2)
		bench.out = bench.core.SchedulerDown(bench.now, s, bench.out[:0])
		bench.now += time.Millisecond
		bench.out = bench.core.SchedulerUp(bench.now, s, bench.out[:0])
		bench.now += time.Millisecond
	}
}
