package placement

import (
	"math"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
	"unsafe"

	"dunnock/probe"
)

// crowd is a core whose workers ask for nothing, so that what is submitted waits.
type crowd struct {
	t    *testing.T
	core *Core
	now  time.Duration
	out  []Effect
}

func newCrowd(t *testing.T, policy Policy, workers int) *crowd {
	t.Helper()
	c := &crowd{t: t, core: newCore(Config{Policy: policy, MaxQueueTime: math.MaxInt64}), out: make([]Effect, 0, 1<<16)}
	for w := range workers {
		c.core.WorkerUp(0, probe.WorkerID(w), Worker{Name: uint64(w), Slots: 4, Apps: []string{"app"}}, nil)
	}
	return c
}

func (c *crowd) submit(tasks int) probe.Ref {
	c.t.Helper()
	c.now += time.Microsecond
	ref, out, err := c.core.Submit(c.now, Spec{App: "app", Tasks: tasks, ProbeRatio: 2, MaxAttempts: 3, Deadline: time.Hour}, c.out[:0])
	if err != nil {
		c.t.Fatal(err)
	}
	c.out = out
	return ref
}

// used collects garbage and returns what is left: bytes, pieces of memory, and how many of the bytes a collection looks
// at.
func used() (bytes, pieces, scanned int64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := []metrics.Sample{{Name: "/gc/scan/heap:bytes"}}
	metrics.Read(s)
	return int64(m.HeapAlloc), int64(m.HeapObjects), int64(s[0].Value.Uint64())
}

// TestMemoryOfReservations: what a scheduler keeps of a reservation, beside its task.
func TestMemoryOfReservations(t *testing.T) {
	const workers, tasks, jobs, most = 4000, 1000, 20, 128
	c := newCrowd(t, LateBinding, workers)
	c.submit(tasks)
	before, _, _ := used()
	reservations := 0
	for range jobs {
		c.submit(tasks)
		reservations += len(c.out)
	}
	after, _, _ := used()
	runtime.KeepAlive(c)
	per := float64(after-before-jobs*tasks*int64(unsafe.Sizeof(taskRec{}))) / float64(reservations)
	t.Logf("%.1f bytes for each of %d reservations", per, reservations)
	if reservations != 2*jobs*tasks || per > most {
		t.Errorf("%d reservations take %.1f bytes each, want %d of at most %d", reservations, per, 2*jobs*tasks, most)
	}
}

// TestAMillionTasksWait: with a million tasks that wait a further job costs no more memory and no more messages than
// with a thousand, and they are few pieces of memory for a collection to look at.
func TestAMillionTasksWait(t *testing.T) {
	for _, policy := range []Policy{LateBinding, IdleOffer} {
		t.Run(policy.String(), func(t *testing.T) {
			const tasks = 1000
			further := func(c *crowd) (allocations float64, messages int) {
				submit := func() {
					ref := c.submit(10)
					messages = len(c.out)
					c.out = c.core.Cancel(c.now, ref, c.out)
				}
				submit()
				return testing.AllocsPerRun(100, submit), messages
			}
			few := newCrowd(t, policy, 100)
			few.submit(tasks)
			wantAllocations, wantMessages := further(few)

			c := newCrowd(t, policy, 100)
			bytes, pieces, scanned := used()
			for range 1000 {
				c.submit(tasks)
			}
			bytesNow, piecesNow, scannedNow := used()
			const million = 1000 * tasks
			perTask := func(n int64) float64 { return float64(n) / million }
			t.Logf("for each of a million: %.1f bytes in %.4f pieces, of which a collection looks at %.1f",
				perTask(bytesNow-bytes), perTask(piecesNow-pieces), perTask(scannedNow-scanned))
			if perTask(bytesNow-bytes) > 64 || perTask(piecesNow-pieces) > 0.01 || perTask(scannedNow-scanned) > 16 {
				t.Error("want at most 64 bytes in 0.01 pieces, and 16 looked at")
			}
			if l := c.core.Load(); l.Waiting != million {
				t.Fatalf("%+v", l)
			}
			if allocations, messages := further(c); allocations > wantAllocations || messages != wantMessages {
				t.Errorf("a job beside a million tasks: %v allocations and %d messages, beside a thousand %v and %d", allocations, messages, wantAllocations, wantMessages)
			}
		})
	}
}
