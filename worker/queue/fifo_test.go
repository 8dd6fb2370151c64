package queue

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
)

// TestFIFOMatchesSlice compares the ring with a plain slice of entries.
func TestFIFOMatchesSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newFIFO()
		var want []entry
		now, pushed := time.Duration(0), uint32(0)
		everyone := func(probe.SchedulerID) bool { return true }
		for range rapid.SampledFrom([]int{0, 0, 100, 300}).Draw(t, "before") { // long enough for Cancels far from the head
			pushed++
			e := entry{scheduler: probe.SchedulerID(1 + pushed%3), ref: 1, res: pushed, demand: demand{count: 1 + pushed%2}}
			q.push(now, e, nil)
			want = append(want, e)
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					pushed++
					e := entry{
						scheduler: probe.SchedulerID(rapid.IntRange(1, 3).Draw(t, "s")), ref: 1, res: pushed,
						demand: demand{count: uint32(rapid.IntRange(1, 3).Draw(t, "count"))},
					}
					q.push(now, e, nil)
					want = append(want, e)
				}
			},
			"pop": func(t *rapid.T) {
				most := rapid.SampledFrom([]uint32{1, 2, math.MaxUint32}).Draw(t, "most")
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					got, ok := q.pop(now, most)
					if ok != (len(want) > 0) {
						t.Fatalf("pop: %v with %d entries", ok, len(want))
					}
					if !ok {
						break
					}
					e := want[0]
					e.count = min(e.count, most)
					if want[0].count -= e.count; want[0].count == 0 {
						want = want[1:]
					}
					if got != e {
						t.Fatalf("pop: got %+v, want %+v", got, e)
					}
				}
			},
			"cancel": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					if len(want) == 0 {
						break
					}
					i := rapid.IntRange(0, len(want)-1).Draw(t, "i")
					e := want[i]
					if got := q.cancel(e.scheduler, e.ref, e.res); got != e.count {
						t.Fatalf("cancel: got %d, want %d", got, e.count)
					}
					if got := q.cancel(e.scheduler, e.ref, e.res); got != 0 {
						t.Fatalf("cancel again: got %d", got)
					}
					want = slices.Delete(want, i, i+1)
				}
			},
			"cancel a trail": func(t *rapid.T) {
				if len(want) == 0 {
					t.SkipNow()
				}
				i, step := rapid.IntRange(0, len(want)-1).Draw(t, "i"), rapid.IntRange(0, 3).Draw(t, "step")
				for ; i < len(want) && rapid.IntRange(0, 60).Draw(t, "on") > 0; i += step {
					e := want[i]
					if got := q.cancel(e.scheduler, e.ref, e.res); got != e.count {
						t.Fatalf("cancel: got %d, want %d", got, e.count)
					}
					want = slices.Delete(want, i, i+1)
				}
			},
			"each": func(t *rapid.T) {
				var got []entry
				q.each(func(e *entry) { got = append(got, *e) })
				if !slices.Equal(got, want) {
					t.Fatalf("each: got %+v, want %+v", got, want)
				}
			},
			"drop": func(t *rapid.T) {
				s := probe.SchedulerID(rapid.IntRange(1, 3).Draw(t, "s"))
				var n uint64
				want = slices.DeleteFunc(want, func(e entry) bool {
					if e.scheduler == s {
						n += uint64(e.count)
					}
					return e.scheduler == s
				})
				if got := q.drop(s); got != n {
					t.Fatalf("drop: got %d, want %d", got, n)
				}
			},
			"tidy": func(*rapid.T) {
				now += keepRing
				if q.tidyAt() <= now {
					q.tidy(now)
				}
			},
			"": func(t *rapid.T) {
				var sum uint64
				for _, e := range want {
					sum += uint64(e.count)
				}
				got, err := q.check(everyone)
				if err != nil || got != sum || q.len() != len(want) {
					t.Fatalf("check: %d in %d entries, %v; want %d in %d", got, q.len(), err, sum, len(want))
				}
			},
		})
	})
}

// TestFIFOCancelsBehindAnOldEntry cancels behind an entry that never leaves, as with all slots
// stuck: the ring must not grow.
func TestFIFOCancelsBehindAnOldEntry(t *testing.T) {
	q := newFIFO()
	q.push(0, entry{scheduler: 1, ref: 1, res: 1, demand: demand{count: 1}}, nil)
	for i := range uint32(1000) {
		q.push(0, entry{scheduler: 1, ref: 2, res: i, demand: demand{count: 1}}, nil)
		if q.cancel(1, 2, i) != 1 {
			t.Fatalf("cancel %d found nothing", i)
		}
	}
	if len(q.ring) != minRing {
		t.Errorf("a ring of %d for one entry", len(q.ring))
	}
}

// TestFIFOFitsBehindGaps: what is looked at for something that fits are entries, not gaps, wherever those have come to.
func TestFIFOFitsBehindGaps(t *testing.T) {
	t.Parallel()
	core := New(Config{Slots: 1})
	core.wide = &wide{needs: []need{{Need: probe.Need{Slots: 1}}, {Need: probe.Need{Slots: 2}}}}
	q := newFIFO()
	const gaps = lookahead / 2
	const entries = nearHead + gaps + lookahead - 1
	for i := range uint32(entries) {
		q.push(0, entry{scheduler: 1, ref: 1, res: i, demand: demand{count: 1, need: 1}}, nil)
	}
	q.push(0, entry{scheduler: 1, ref: 1, res: entries, demand: demand{count: 1}}, nil)
	for i := range uint32(gaps) { // in the middle
		q.cancel(1, 1, nearHead+i)
	}
	for range nearHead - 1 {
		q.pop(0, 1)
	}
	if e, ok := q.popFit(0, core); ok {
		t.Errorf("%+v is behind more than %d entries", e, lookahead)
	}
	q.cancel(1, 1, entries-1)
	if e, ok := q.popFit(0, core); !ok || e.res != entries {
		t.Errorf("got %+v, %v, of %d entries", e, ok, q.len())
	}
}

// TestFIFOCancelsOfManyKeys: of a job with ten thousand keys everything is cancelled at a worker in its order, in three
// streams: of what is next there, of what was sampled for second workers, and of what was sampled for any. How long the
// queue is must not matter.
func TestFIFOCancelsOfManyKeys(t *testing.T) {
	t.Parallel()
	const keys = 10_000
	q := newFIFO()
	for i := range uint32(3 * keys) {
		q.push(0, entry{scheduler: 1, ref: 1, res: i, demand: demand{count: 1}}, nil)
	}
	sum := 0
	for i := range uint32(keys) {
		q.pop(0, 1)
		for stream := range uint32(2) {
			res := (stream+1)*keys + i ^ 3 // nearly in order
			_, looked := q.find(entry{scheduler: 1, ref: 1, res: res})
			sum += looked
			if q.cancel(1, 1, res) != 1 {
				t.Fatalf("the reservation of key %d, stream %d, is not there", i, stream)
			}
		}
		if _, err := q.check(func(probe.SchedulerID) bool { return true }); i%1000 == 0 && err != nil {
			t.Fatal(err)
		}
	}
	if q.len() != 0 || sum > 2*keys*200 {
		t.Errorf("%d entries are left; a cancel looked at %d", q.len(), sum/(2*keys))
	}
}

// TestFIFOMemory follows the ring through a burst and the quiet after it.
func TestFIFOMemory(t *testing.T) {
	q := newFIFO()
	push := func(n uint32) {
		for i := range n {
			q.push(0, entry{scheduler: 1, ref: 1, res: i, demand: demand{count: 1}}, nil)
		}
	}
	pop := func(n int) {
		for range n {
			q.pop(0, 1)
		}
	}
	look := func(want int) {
		t.Helper()
		q.tidy(q.tidyAt())
		if len(q.ring) != want {
			t.Errorf("a ring of %d, want %d", len(q.ring), want)
		}
	}
	push(1000)
	if len(q.ring) != 1024 || q.tidyAt() != keepRing {
		t.Fatalf("after the burst: a ring of %d, to be looked at after %v", len(q.ring), q.tidyAt())
	}
	pop(900)
	look(1024) // there was a burst since the last look
	push(20)
	pop(70)
	look(256) // at most 120 since the last look: twice as many have room
	look(128) // 50 all the time
	pop(50)
	look(128)
	look(minRing)
	if q.tidyAt() != never {
		t.Errorf("the smallest ring is still to be looked at, at %v", q.tidyAt())
	}
}
