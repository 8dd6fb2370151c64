package queue

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// crowded has a flood and, now and then, a quiet user at a worker whose slots are all taken in the same instant at
// first. It notes when slots are taken.
func crowded(t *testing.T, cfg Config, quiet time.Duration, service func(user string) time.Duration, until time.Duration) (f *field, starts []time.Duration) {
	t.Helper()
	cfg.Discipline = Fair
	f = newField(cfg)
	f.want("flood", 1, 1_000_000)
	f.run(0, func(user string) time.Duration { return service(user) })
	for i := 0; f.now < until; i++ {
		if quiet > 0 {
			f.want("quiet", 2, 1)
		}
		f.run(f.now+cmp.Or(quiet, time.Second), func(user string) time.Duration {
			starts = append(starts, f.now)
			return service(user)
		})
		if err := f.core.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	}
	return f, starts
}

// widest is the longest time without a start in the second half of the run.
func widest(starts []time.Duration) (gap time.Duration) {
	for i := len(starts)/2 + 1; i < len(starts); i++ {
		gap = max(gap, starts[i]-starts[i-1])
	}
	return gap
}

// TestFairStaggers fills a worker in an instant with tasks that all take as long. As they are, its slots would be free
// together for ever, and whoever comes in between waits for nearly a task's time. Instead they come to be free at
// different times, which costs no more than a task's time of each slot, once.
func TestFairStaggers(t *testing.T) {
	const service, end = 100 * time.Millisecond, 20 * time.Second
	for _, offers := range []bool{false, true} {
		for _, slots := range []int{2, 4, 16} {
			f, starts := crowded(t, Config{Slots: slots, Offers: offers}, 730*time.Millisecond, tasksOf(service), end)
			if gap := widest(starts); gap > service*7/10 || slots > 2 && gap > service*4/10 {
				t.Errorf("%d slots, offers %v: no slot was free for %v", slots, offers, gap)
			}
			if idle := time.Duration(slots)*f.now - f.had["flood"] - f.had["quiet"]; idle > time.Duration(slots)*service {
				t.Errorf("%d slots, offers %v: they stood empty for %v", slots, offers, idle)
			}
			if n := f.core.Staggered(); n != uint64(slots) {
				t.Errorf("%d slots, offers %v: %d times was one held back", slots, offers, n)
			}
		}
	}
}

// TestFairStaggersWorkers has many workers of one slot that were filled in the same instant: their slots come to be
// free in every tenth of a task's time.
func TestFairStaggersWorkers(t *testing.T) {
	const service = 100 * time.Millisecond
	var tenths [10]int
	for seed := range uint64(100) {
		_, starts := crowded(t, Config{Slots: 1, Seed: seed}, 730*time.Millisecond, tasksOf(service), 10*time.Second)
		tenths[starts[len(starts)-1]%service*10/service]++
	}
	if slices.Min(tenths[:]) == 0 {
		t.Errorf("slots are free in these tenths of a task's time: %v", tenths)
	}
}

// TestFairStaggersNoMoreThanItHasTo looks at who is not to wait for a slot that is free.
func TestFairStaggersNoMoreThanItHasTo(t *testing.T) {
	const service = 100 * time.Millisecond
	n := 0
	for _, tt := range []struct {
		name    string
		quiet   time.Duration
		service func(string) time.Duration
		until   time.Duration
	}{
		{"there is one user", 0, tasksOf(service), 20 * time.Second},
		{"tasks differ", 730 * time.Millisecond, func(string) time.Duration { n++; return service + time.Duration(n%7)*service/10 }, 20 * time.Second},
		{"tasks are short", 50 * time.Millisecond, tasksOf(leastStaggered - time.Microsecond), 2 * time.Second},
		{"it is not full for long", 50 * time.Millisecond, tasksOf(service), fullFor*service - time.Millisecond},
	} {
		f, _ := crowded(t, Config{Slots: 4}, tt.quiet, tt.service, tt.until)
		if n := f.core.Staggered(); n > 0 {
			t.Errorf("%s: %d times was a slot held back", tt.name, n)
		}
	}
}

// TestFairServesTheQuietWhileItStaggers has a quiet user come whenever slots are held back: it gets one at once, though
// the flood waits for them.
func TestFairServesTheQuietWhileItStaggers(t *testing.T) {
	for _, offers := range []bool{false, true} {
		f := newField(Config{Slots: 4, Discipline: Fair, Offers: offers})
		f.want("flood", 1, 1_000_000)
		f.want("quiet", 2, 1)
		met := 0
		for i := range 3000 {
			f.run(time.Duration(i)*time.Millisecond, tasksOf(100*time.Millisecond))
			if free := int(f.core.freeSlots()); free > 0 {
				met++
				before := f.had["quiet"]
				f.want("quiet", 2, 1)
				f.run(f.now, tasksOf(100*time.Millisecond))
				if f.had["quiet"] == before || int(f.core.freeSlots()) != free-1 {
					t.Fatalf("offers %v: at %v %d slots were free and the quiet user's task has none", offers, f.now, free)
				}
			} else if i%500 == 0 {
				f.want("quiet", 2, 1)
			}
			if err := f.core.CheckInvariants(); err != nil {
				t.Fatalf("offers %v, at %v: %v", offers, f.now, err)
			}
		}
		if met == 0 {
			t.Errorf("offers %v: no slot was ever held back", offers)
		}
	}
}

// TestFairStaggersOncePerFlood lets the flood end, and another come: what was filled in an instant again is staggered
// again, though not more often than every so many tasks.
func TestFairStaggersOncePerFlood(t *testing.T) {
	const service = 100 * time.Millisecond
	f := newField(Config{Slots: 4, Discipline: Fair})
	for round := range 40 {
		f.want("flood", 1, 80) // two seconds of work
		for range 4 {
			f.want("quiet", 2, 1)
			f.run(f.now+600*time.Millisecond, tasksOf(service))
		}
		if n := f.core.Staggered(); n > 4*(uint64(f.now/(staggerEvery*service))+1) {
			t.Fatalf("after %d floods in %v slots were held back %d times", round+1, f.now, n)
		}
	}
	if n := f.core.Staggered(); n < 4*4 {
		t.Errorf("after 40 floods in %v slots were held back %d times", f.now, n)
	}
}

// TestFairHoldsNothingBackForLong drains, and loses its scheduler, while slots are held back: nothing is left of it.
func TestFairHoldsNothingBackForLong(t *testing.T) {
	for name, leave := range map[string]func(f *field){
		"drain": func(f *field) { f.out = f.core.Drain(f.now, f.out) },
		"down":  func(f *field) { f.out = f.core.SchedulerDown(f.now, 1, f.out) },
	} {
		f := newField(Config{Slots: 4, Discipline: Fair})
		f.want("flood", 1, 1_000_000)
		for f.core.Load().Free == 0 && f.now < 20*time.Second {
			if f.now%(500*time.Millisecond) == 0 {
				f.want("quiet", 2, 1)
			}
			f.run(f.now+time.Millisecond, tasksOf(100*time.Millisecond))
		}
		if f.core.Load().Free == 0 {
			t.Fatalf("%s: no slot was ever held back", name)
		}
		f.out = nil
		leave(f)
		for range 10 {
			at, due := f.core.NextWake()
			if !due {
				break
			}
			f.now = max(f.now, at)
			f.out = f.core.Tick(f.now, f.out)
		}
		if at, due := f.core.NextWake(); due && at <= f.now {
			t.Errorf("%s: it wants to be woken at %v, and it is %v", name, at, f.now)
		}
		if err := f.core.CheckInvariants(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
