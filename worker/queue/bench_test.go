package queue

import (
	"fmt"
	"testing"
	"time"

	"dunnock/probe"
)

// Run with: go test -bench . -benchmem ./worker/queue
//
// Each benchmark also reports ns/event, an event being one exported call that takes effects.

func perEvent(b *testing.B, events int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}

// BenchmarkCycle is Reserve → GetTask, Launch → Start, Done → Finished with an empty queue.
func BenchmarkCycle(b *testing.B) {
	b.ReportAllocs()
	s := newBench(1, 0)
	for b.Loop() {
		s.cycle()
	}
	perEvent(b, 3)
}

// BenchmarkCycleBusy is the same with every slot taken and a queue: Reserve → queued, Launch →
// Start, Done → Finished and GetTask. The shell asks NextWake after each event, and so does this.
func BenchmarkCycleBusy(b *testing.B) {
	for _, slots := range []int{4, 16, 4096} {
		b.Run(fmt.Sprintf("slots=%d", slots), func(b *testing.B) {
			b.ReportAllocs()
			s := newBench(slots, 2*slots+100)
			calls := make([]uint32, slots)
			slot := 0
			for b.Loop() {
				calls[slot]++
				s.reserve(1)
				launch := probe.Launch{Slot: uint16(slot), Call: calls[slot], Ref: 7, Attempt: 1, Deadline: 5 * time.Minute, Timeout: time.Second}
				s.out = s.core.Launch(s.now, 3, &launch, s.out[:0])
				s.now += time.Microsecond
				s.out = s.core.Done(s.now, uint16(slot), calls[slot], End{Status: probe.StatusOK}, s.out[:0])
				if at, ok := s.core.NextWake(); ok && at <= s.now {
					s.out = s.core.Tick(s.now, s.out[:0])
				}
				if slot++; slot == slots {
					slot = 0
				}
			}
			perEvent(b, 3)
		})
	}
}

// BenchmarkNoTask is Reserve → queued, NoTask → GetTask.
func BenchmarkNoTask(b *testing.B) {
	b.ReportAllocs()
	s := newBench(1, 100)
	for b.Loop() {
		s.reserve(1)
		s.call++
		s.out = s.core.NoTask(s.now, 3, probe.NoTask{Slot: 0, Call: s.call}, s.out[:0])
	}
	perEvent(b, 2)
}

// BenchmarkCancel is Reserve → queued and a Cancel of the entry that depth others precede, while
// the head stays where it is.
func BenchmarkCancel(b *testing.B) {
	for _, bm := range []struct{ entries, depth int }{{100, 0}, {100, 10}, {100, 99}, {10_000, 10}, {10_000, 5000}, {100_000, 50_000}} {
		b.Run(fmt.Sprintf("queue=%d/depth=%d", bm.entries, bm.depth), func(b *testing.B) {
			b.ReportAllocs()
			s := newBench(1, bm.entries+1)
			res := bm.entries + 1
			victim := bm.depth + 1 // entry 0 is asked with; those from depth on go in their order
			for b.Loop() {
				s.out = s.core.Cancel(s.now, 3, probe.Cancel{Ref: 7, Res: uint32(victim)}, s.out[:0])
				s.reserve(uint32(res))
				victim++
				res++
			}
			if n := s.core.Stats().StaleCancels; n > 0 {
				b.Fatalf("%d Cancels found nothing", n)
			}
			perEvent(b, 2)
		})
	}
}

// BenchmarkCancelMiss is a Cancel that finds nothing in the whole queue.
func BenchmarkCancelMiss(b *testing.B) {
	for _, entries := range []int{0, 10, 100, 1000, 100_000} {
		b.Run(fmt.Sprintf("queue=%d", entries), func(b *testing.B) {
			b.ReportAllocs()
			s := newBench(1, entries+1)
			for b.Loop() {
				s.out = s.core.Cancel(s.now, 3, probe.Cancel{Ref: 8, Res: 1}, s.out[:0])
			}
		})
	}
}

// BenchmarkTickOneDue stops one attempt of very many and gives it up: two Ticks that find
// something, Done, Reserve and Launch.
func BenchmarkTickOneDue(b *testing.B) {
	for _, slots := range []int{4, 4096} {
		b.Run(fmt.Sprintf("slots=%d", slots), func(b *testing.B) {
			b.ReportAllocs()
			s := newBench(slots, 0)
			for slot := range slots {
				s.reserve(1)
				s.out = s.core.Launch(s.now, 3, &probe.Launch{Slot: uint16(slot), Call: 1, Deadline: 24 * 365 * 100 * time.Hour}, s.out[:0])
			}
			s.out = s.core.Done(s.now, 0, 1, End{Status: probe.StatusOK}, s.out[:0])
			s.call = 1
			for b.Loop() {
				s.stopCycle()
			}
			perEvent(b, 5)
		})
	}
}
