package queue

import (
	"reflect"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"dunnock/probe"
)

// bench is a core in a steady state and what it takes to feed it.
type bench struct {
	core *Core
	now  time.Duration
	call uint32
	out  []Effect
}

// newBench has the slots free and a queue that has already been longer than any benchmark needs.
func newBench(slots, entries int) *bench {
	b := &bench{core: New(Config{Slots: slots}), out: make([]Effect, 0, 64)}
	for s := range probe.SchedulerID(10) {
		b.core.SchedulerUp(0, s, 0, nil)
	}
	for i := range entries {
		b.reserve(uint32(i))
	}
	return b
}

func (b *bench) reserve(res uint32) {
	b.out = b.core.Reserve(b.now, 3, probe.Reserve{Ref: 7, Res: res, Count: 1}, b.out[:0])
}

// cycle is the whole life of one reservation at a worker of one slot: four events (Reserve, Launch,
// Done and the GetTask that comes of one of them) and three messages out.
func (b *bench) cycle() {
	b.reserve(1)
	b.call++
	launch := probe.Launch{Slot: 0, Call: b.call, Ref: 7, Attempt: 1, Deadline: 5 * time.Minute}
	b.out = b.core.Launch(b.now, 3, &launch, b.out[:0])
	b.now += time.Millisecond
	b.out = b.core.Done(b.now, 0, b.call, End{Status: probe.StatusOK}, b.out[:0])
}

// stopCycle is a cycle in which the attempt is killed and does not stop in time.
func (b *bench) stopCycle() {
	b.reserve(1)
	b.call++
	launch := probe.Launch{Slot: 0, Call: b.call, Ref: 7, Attempt: 1, Deadline: 5 * time.Minute, Timeout: time.Second}
	b.out = b.core.Launch(b.now, 3, &launch, b.out[:0])
	b.now += time.Second
	b.out = b.core.Tick(b.now, b.out[:0])
	b.now += DefaultStopGrace
	b.out = b.core.Tick(b.now, b.out[:0])
	b.out = b.core.Done(b.now, 0, b.call, End{Status: probe.StatusOK}, b.out[:0])
}

// newOfferBench is a core whose slots are offered to two schedulers.
func newOfferBench(slots int) *bench {
	b := &bench{core: New(Config{Slots: slots, Offers: true}), out: make([]Effect, 0, 64)}
	for s := range probe.SchedulerID(2) {
		b.core.SchedulerUp(0, s, 0, nil)
		b.core.OffersTo(0, s, nil)
	}
	return b
}

// offerCycle is the whole life of one offer at a worker of one slot: Launch, Done, and the offer that comes of it.
func (b *bench) offerCycle(expect time.Duration) {
	slot, call := b.offered()
	launch := probe.Launch{Slot: slot, Call: call, Ref: 7, Attempt: 1, Deadline: 5 * time.Minute, Expect: expect}
	b.now += time.Millisecond
	b.out = b.core.Launch(b.now, 1, &launch, b.out[:0])
	b.now += expect
	b.out = b.core.Tick(b.now, b.out[:0])
	b.out = b.core.Done(b.now, slot, call, End{Status: probe.StatusOK}, b.out[:0])
	b.core.Ack(b.now, 1, probe.Ack{Seq: b.core.stats.Finished})
}

// earlyCycle is the life of a launch that comes before its slot is free, and is given back or killed.
func (b *bench) earlyCycle(kill bool) {
	slot, call := b.offered()
	launch := probe.Launch{Slot: slot, Call: call, Ref: 7, Attempt: 1, Deadline: 5 * time.Minute, Expect: time.Microsecond}
	b.out = b.core.Launch(b.now, 1, &launch, b.out[:0])
	if at, next := b.offered(); at != slot {
		ahead := probe.Launch{Slot: at, Call: next, Ref: 7, Task: 1, Attempt: 1, Deadline: 5 * time.Minute}
		b.out = b.core.Launch(b.now, 1, &ahead, b.out[:0])
		if kill {
			b.out = b.core.Kill(b.now, 1, probe.Kill{Slot: at, Call: next}, b.out[:0])
		}
	}
	b.now += time.Second
	b.out = b.core.Tick(b.now, b.out[:0])
	b.out = b.core.Done(b.now, slot, call, End{Status: probe.StatusOK}, b.out[:0])
	b.core.Ack(b.now, 1, probe.Ack{Seq: b.core.stats.Finished})
}

// offered finds the lane of an offer; the first lane if there is none.
func (b *bench) offered() (slot uint16, call uint32) {
	for i := range b.core.slots {
		if b.core.slots[i].state == Offered {
			return uint16(i), b.core.slots[i].call
		}
	}
	return 0, 0
}

func TestNoAllocationsWithOffers(t *testing.T) {
	for name, step := range map[string]func(b *bench){
		"offer":  func(b *bench) { b.offerCycle(0) },
		"ahead":  func(b *bench) { b.offerCycle(20 * time.Millisecond) },
		"early":  func(b *bench) { b.earlyCycle(false) },
		"killed": func(b *bench) { b.earlyCycle(true) },
		"renew": func(b *bench) {
			b.now += 2 * probe.Life(probe.MaxRenewed)
			b.out = b.core.Tick(b.now, b.out[:0])
		},
		"reservation": func(b *bench) {
			b.out = b.core.Reserve(b.now, 1, probe.Reserve{Ref: 7, Res: 1, Count: 1}, b.out[:0])
			b.out = b.core.NoTask(b.now, 1, probe.NoTask{Slot: b.out[0].Slot, Call: b.out[0].Call}, b.out[:0])
		},
		"connect": func(b *bench) {
			b.out = b.core.SchedulerDown(b.now, 0, b.out[:0])
			b.out = b.core.SchedulerUp(b.now, 0, 0, b.out[:0])
			b.out = b.core.OffersTo(b.now, 0, b.out[:0])
		},
	} {
		b := newOfferBench(1)
		for range 100 { // until all that grows has its length
			step(b)
		}
		if n := testing.AllocsPerRun(500, func() { step(b) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if err := b.core.CheckInvariants(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := b.core.OfferStats(); name == "ahead" && s.Ahead < 500 || name == "early" && s.Early == 0 || name == "killed" && s.HeldKilled == 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for name, tc := range map[string]struct {
		entries int
		step    func(b *bench, i uint32)
	}{
		"cycle": {0, func(b *bench, _ uint32) { b.cycle() }},
		"cycle with a queue": {100, func(b *bench, i uint32) {
			b.reserve(100 + i)
			b.call++
			launch := probe.Launch{Slot: 0, Call: b.call, Ref: 7, Attempt: 1, Deadline: 5 * time.Minute}
			b.out = b.core.Launch(b.now, 3, &launch, b.out[:0])
			b.out = b.core.Done(b.now, 0, b.call, End{Status: probe.StatusOK}, b.out[:0])
			if len(b.out) != 2 {
				panic("want Finished and GetTask")
			}
		}},
		"timeout and stuck": {0, func(b *bench, _ uint32) { b.stopCycle() }},
		"no task": {100, func(b *bench, i uint32) {
			b.reserve(100 + i)
			b.call++
			b.out = b.core.NoTask(b.now, 3, probe.NoTask{Slot: 0, Call: b.call}, b.out[:0])
		}},
		"cancel": {100, func(b *bench, i uint32) {
			b.reserve(100 + i)
			b.out = b.core.Cancel(b.now, 3, probe.Cancel{Ref: 7, Res: i + 1}, b.out[:0])
		}},
		"kill": {100, func(b *bench, i uint32) {
			b.reserve(100 + i)
			b.call++
			launch := probe.Launch{Slot: 0, Call: b.call, Ref: 7, Attempt: 1, Deadline: 5 * time.Minute}
			b.out = b.core.Launch(b.now, 3, &launch, b.out[:0])
			b.out = b.core.Kill(b.now, 3, probe.Kill{Slot: 0, Call: b.call}, b.out[:0])
			b.out = b.core.Done(b.now, 0, b.call, End{Status: probe.StatusOK}, b.out[:0])
		}},
		"stale": {1, func(b *bench, _ uint32) {
			b.out = b.core.Launch(b.now, 3, &probe.Launch{Slot: 0, Call: 9, Ref: 7}, b.out[:0])
			b.out = b.core.NoTask(b.now, 3, probe.NoTask{Slot: 0, Call: 9}, b.out[:0])
			b.out = b.core.Kill(b.now, 3, probe.Kill{Slot: 0, Call: 9}, b.out[:0])
			b.out = b.core.Done(b.now, 0, 9, End{Status: probe.StatusOK}, b.out[:0])
			b.out = b.core.Cancel(b.now, 3, probe.Cancel{Ref: 9, Res: 9}, b.out[:0])
		}},
		"look": {10, func(b *bench, _ uint32) {
			b.core.NextWake()
			b.core.Load()
			b.core.Stats()
			b.core.Slot(0)
			b.core.Idle()
		}},
		"connect": {10, func(b *bench, _ uint32) {
			b.out = b.core.SchedulerUp(b.now, 3, 0, b.out[:0])
			b.reserve(1)
			b.reserve(2)
			b.out = b.core.SchedulerDown(b.now, 3, b.out[:0])
		}},
	} {
		b, i := newBench(1, tc.entries), uint32(0)
		if n := testing.AllocsPerRun(500, func() { tc.step(b, i); i++ }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if err := b.core.CheckInvariants(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEntriesStayInRegisters pins what the compiler wants for that: no more than four words, and no more than four
// fields in any struct.
func TestEntriesStayInRegisters(t *testing.T) {
	for _, s := range []reflect.Type{reflect.TypeFor[entry](), reflect.TypeFor[demand]()} {
		if s.NumField() > 4 || s.Size() > 32 {
			t.Errorf("%v has %d fields and %d bytes", s, s.NumField(), s.Size())
		}
	}
}

// TestSizes pins what a simulator with ten thousand workers and a worker with a long queue pay.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(entry{}); n != 24 {
		t.Errorf("an entry is %d bytes", n)
	}
	if n := unsafe.Sizeof(slot{}); n != 64 {
		t.Errorf("a slot is %d bytes", n)
	}
	var s small
	if core, slots, n := unsafe.Offsetof(s.core), unsafe.Offsetof(s.slots), unsafe.Sizeof(s); core != 64 || slots%64 != 0 || n != 768 {
		t.Errorf("a small core is %d bytes, its core at %d, its slots at %d: not in lines", n, core, slots)
	}
	if n := unsafe.Offsetof(s.core.alarm); n != 64 {
		t.Errorf("the first line of a core is %d bytes", n)
	}
	if n := unsafe.Sizeof(Effect{}); n != 56 {
		t.Errorf("an effect is %d bytes", n)
	}

	const cores = 10_000
	made := make([]*Core, cores)
	fresh := heapOf(func() {
		for i := range made {
			made[i] = New(Config{Slots: 4, Forget: true})
		}
	}) / cores
	used := fresh + heapOf(func() {
		for _, c := range made {
			for s := range probe.SchedulerID(10) {
				c.SchedulerUp(0, s, 0, nil)
			}
			c.Reserve(0, 1, probe.Reserve{Ref: 1, Res: 1, Count: 1}, nil)
			c.NoTask(0, 1, probe.NoTask{Slot: 0, Call: 1}, nil)
		}
	})/cores
	runtime.KeepAlive(made)
	t.Logf("idle core of 4 slots: %d bytes when made, %d when used by 10 schedulers", fresh, used)
	if used > 1024 {
		t.Errorf("an idle core of 4 slots takes %d bytes, want at most 1 KiB", used)
	}

	// One more entry than fits the ring is the worst case: the ring has just doubled.
	for _, entries := range []int{1 << 16, 1<<16 + 1} {
		b := newBench(1, 0)
		grown := heapOf(func() {
			for i := range entries + 1 { // one is asked with
				b.reserve(uint32(i))
			}
		})
		per := float64(grown) / float64(entries)
		t.Logf("%d reservations: %.1f bytes each", entries, per)
		if b.core.Load().Entries != entries || per > 64 {
			t.Errorf("%d reservations take %.1f bytes each, want at most 64", b.core.Load().Entries, per)
		}
	}
}

// heapOf returns by how many bytes the live heap grows with f.
func heapOf(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}
