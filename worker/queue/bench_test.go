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

// BenchmarkOffer is Launch → Start, Done → Finished and Offer, and the same asked ahead: with a Tick → Offer, and the
// Launch held until Done.
func BenchmarkOffer(b *testing.B) {
	for _, slots := range []int{4, 4096} {
		b.Run(fmt.Sprintf("slots=%d", slots), func(b *testing.B) {
			b.ReportAllocs()
			s := newOfferBench(slots)
			for b.Loop() {
				v := &s.core.slots[0] // the lane that is freed last is the next one
				launch := probe.Launch{Slot: 0, Call: v.call, Ref: 7, Attempt: 1, Deadline: 5 * time.Minute}
				s.out = s.core.Launch(s.now, 1, &launch, s.out[:0])
				s.now += time.Microsecond
				s.out = s.core.Done(s.now, 0, launch.Call, End{Status: probe.StatusOK}, s.out[:0])
				if at, ok := s.core.NextWake(); ok && at <= s.now {
					s.out = s.core.Tick(s.now, s.out[:0])
				}
			}
			perEvent(b, 2)
		})
	}
	b.Run("ahead", func(b *testing.B) {
		b.ReportAllocs()
		s := newOfferBench(1)
		runs, call := s.offered()
		launch := probe.Launch{Slot: runs, Call: call, Ref: 7, Attempt: 1, Deadline: 5 * time.Minute, Expect: 20 * time.Millisecond}
		s.out = s.core.Launch(s.now, 1, &launch, s.out[:0])
		for b.Loop() {
			s.now += launch.Expect - 100*time.Microsecond
			s.out = s.core.Tick(s.now, s.out[:0])
			next := s.out[0]
			launch.Slot, launch.Call = next.Slot, next.Call
			s.out = s.core.Launch(s.now, 1, &launch, s.out[:0])
			s.now += 100 * time.Microsecond
			s.out = s.core.Done(s.now, runs, call, End{Status: probe.StatusOK}, s.out[:0])
			runs, call = next.Slot, next.Call
			s.core.Ack(s.now, 1, probe.Ack{Seq: s.core.stats.Finished})
		}
		if s.core.OfferStats().Held < uint64(b.N) {
			b.Fatalf("%+v", s.core.OfferStats())
		}
		perEvent(b, 4)
	})
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
