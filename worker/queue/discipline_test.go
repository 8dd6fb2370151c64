package queue

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
)

func everyDiscipline() []Discipline { return []Discipline{FIFO, Priority, Fair, EDF, SRPT} }

func TestParseDiscipline(t *testing.T) {
	for _, d := range everyDiscipline() {
		if got, err := ParseDiscipline(d.String()); err != nil || got != d {
			t.Errorf("%v: got %v, %v", d, got, err)
		}
		if got := New(Config{Discipline: d}).Discipline(); got != d {
			t.Errorf("a core of %v is %v", d, got)
		}
		if needs := probe.NeedsClass(d.String()); needs != (d != FIFO) {
			t.Errorf("%v needs a class: %v", d, needs)
		}
	}
	if d, err := ParseDiscipline("lifo"); err == nil || d != 0 {
		t.Errorf("lifo is %v", d)
	}
	if got := Discipline(9).String(); got != "Discipline(9)" {
		t.Error(got)
	}
}

// classes are as many as there are users, priorities, deadlines and sizes in a busy queue.
func classes(n int) []probe.Class {
	rng := rand.New(rand.NewPCG(1, 2))
	list := make([]probe.Class, n)
	for i := range list {
		list[i] = probe.Class{
			User: fmt.Appendf(nil, "org/team%d/user%d", rng.IntN(4), rng.IntN(8)), Priority: int16(rng.IntN(7) - 3),
			Deadline: time.Duration(rng.Int64N(int64(time.Minute))), Work: time.Duration(rng.Int64N(int64(10 * time.Second))),
		}
	}
	return list
}

// full is a core whose slot asks and whose queue holds so many entries.
func full(d Discipline, entries int, all []probe.Class) *bench {
	b := &bench{core: New(Config{Discipline: d}), out: make([]Effect, 0, 64)}
	for s := range probe.SchedulerID(2) {
		b.core.SchedulerUp(0, s, 0, nil)
	}
	for i := range entries + 1 {
		b.reserveClass(uint32(i), &all[i%len(all)])
	}
	return b
}

func (b *bench) reserveClass(res uint32, class *probe.Class) {
	b.out = b.core.ReserveClass(b.now, probe.SchedulerID(res%2), probe.Reserve{Ref: 7, Res: res, Count: 1}, class, b.out[:0])
}

// turn answers the call of the only slot, which asks again.
func (b *bench) turn() {
	v := b.core.Slot(0)
	b.out = b.core.NoTask(b.now, v.Scheduler, probe.NoTask{Slot: 0, Call: v.Call}, b.out[:0])
	b.now += time.Microsecond
}

func TestDisciplinesDoNotAllocate(t *testing.T) {
	all := classes(1 << 10)
	for _, d := range everyDiscipline() {
		b := full(d, 1000, all)
		res := uint32(1001)
		if n := testing.AllocsPerRun(3000, func() {
			b.reserveClass(res, &all[res%1024])
			b.reserveClass(res+1, &all[(res+1)%1024])
			b.out = b.core.Cancel(b.now, probe.SchedulerID((res+1)%2), probe.Cancel{Ref: 7, Res: res + 1}, b.out[:0])
			b.turn()
			res += 2
		}); n != 0 {
			t.Errorf("%v: %v allocations", d, n)
		}
		if err := b.core.CheckInvariants(); err != nil || b.core.Load().Entries != 1000 {
			t.Errorf("%v: %d entries, %v", d, b.core.Load().Entries, err)
		}
	}
}

// TestDisciplineMemory follows the memory through a burst and the quiet after it.
func TestDisciplineMemory(t *testing.T) {
	all := classes(1 << 10)
	for _, d := range everyDiscipline() {
		if d == FIFO {
			continue // TestFIFOMemory
		}
		b := full(d, 1000, all)
		size := func() int {
			if b.core.fair() != nil {
				return len(b.core.fair().items)
			}
			return len(b.core.queue.(*ordered).items)
		}
		if size() != 1024 {
			t.Fatalf("%v: memory for %d after a burst of 1000", d, size())
		}
		for range 950 {
			b.turn()
		}
		for want := range []int{0, 0, 1} { // the burst itself, then at most 50 at a time
			at, due := b.core.NextWake()
			if !due {
				t.Fatalf("%v: nothing is to be looked at", d)
			}
			b.now = at
			b.core.Tick(at, nil)
			if err := b.core.CheckInvariants(); err != nil {
				t.Fatalf("%v: %v", d, err)
			}
			if got := size(); want == 0 && got != 1024 || want == 1 && got != 128 {
				t.Errorf("%v: memory for %d", d, got)
			}
		}
		before := b.core.Load().Entries
		for range before {
			b.turn()
		}
		if l := b.core.Load(); l.Entries != 0 {
			t.Errorf("%v: %+v", d, l)
		}
	}
}

// BenchmarkDisciplines is what one more entry costs at a depth: Reserve and, when it comes to its turn, a call (turn);
// Reserve and Cancel, from anywhere (cancel); a Cancel that finds nothing (miss); the loss of one of two schedulers,
// for each of its entries (drop).
func BenchmarkDisciplines(b *testing.B) {
	all := classes(1 << 12)
	for _, d := range everyDiscipline() {
		for _, entries := range []int{10, 1000, 10_000} {
			name := fmt.Sprintf("%v/queue=%d", d, entries)
			b.Run("turn/"+name, func(b *testing.B) {
				b.ReportAllocs()
				s, res := full(d, entries, all), uint32(entries+1)
				for b.Loop() {
					s.reserveClass(res, &all[res%4096])
					s.turn()
					res++
				}
			})
			b.Run("cancel/"+name, func(b *testing.B) {
				b.ReportAllocs()
				s, res := full(d, entries, all), uint32(entries+1)
				rng := rand.New(rand.NewPCG(1, 1))
				queued := make([]uint32, 0, entries)
				for i := range uint32(entries) {
					queued = append(queued, i+1)
				}
				for b.Loop() {
					k := rng.IntN(len(queued))
					s.out = s.core.Cancel(s.now, probe.SchedulerID(queued[k]%2), probe.Cancel{Ref: 7, Res: queued[k]}, s.out[:0])
					s.reserveClass(res, &all[res%4096])
					queued[k] = res
					res++
				}
				if n := s.core.Stats().StaleCancels; n > 0 {
					b.Fatalf("%d Cancels found nothing", n)
				}
			})
			b.Run("miss/"+name, func(b *testing.B) {
				s := full(d, entries, all)
				for b.Loop() {
					s.out = s.core.Cancel(s.now, 1, probe.Cancel{Ref: 8, Res: 1}, s.out[:0])
				}
			})
		}
		b.Run(fmt.Sprintf("drop/%v/queue=10000", d), func(b *testing.B) {
			s := full(d, 10_000, all)
			for b.Loop() {
				s.out = s.core.SchedulerDown(s.now, 1, s.out[:0])
				b.StopTimer()
				s.core.SchedulerUp(s.now, 1, 0, nil)
				for res := uint32(s.core.Load().Entries) | 1; s.core.Load().Entries < 10_000; res += 2 {
					s.reserveClass(res+20_000, &all[res%4096])
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/entry")
		})
	}
}

// TestMemoryOfReservations: what one that waits takes, whatever the discipline, also just when the memory for it has
// grown.
func TestMemoryOfReservations(t *testing.T) {
	const most = 128
	all := classes(1 << 10)
	for _, d := range everyDiscipline() {
		for _, entries := range []int{1025, 1 << 16, 1<<16 + 1, 56_816} { // the last one is behind a step of a quarter
			var b *bench
			grown := heapOf(func() { b = full(d, entries, all) })
			per := float64(grown) / float64(entries)
			t.Logf("%v, %d reservations: %.1f bytes each", d, entries, per)
			if b.core.Load().Entries != entries || per > most {
				t.Errorf("%v: %d reservations take %.1f bytes each, want %d of at most %d", d, b.core.Load().Entries, per, entries, most)
			}
		}
	}
}
