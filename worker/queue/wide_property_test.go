package queue

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
)

// yard is a worker whose calls are all answered with a task, and books of its own about what these take.
type yard struct {
	t       *rapid.T
	core    *Core
	slots   int
	has     []uint32
	now     time.Duration
	service func(need probe.Need) time.Duration
	wants   map[probe.Ref]*want
	runs    map[uint16]*want // by lane
	out     []Effect
	taken   map[string][]time.Duration // by user: slot time, and that of each resource
	waits   map[string]int             // by user
	starts  map[string]int
	answers int
	every   int // so many of them are the invariants looked at once
}

// want is a reservation.
type want struct {
	ref     probe.Ref
	user    string
	need    probe.Need
	came    time.Duration
	started time.Duration // -1: it waits
	ends    time.Duration
}

func newYard(t *rapid.T, cfg Config, service func(probe.Need) time.Duration) *yard {
	cfg.Forget = true
	y := &yard{
		t: t, core: New(cfg), slots: cfg.Slots, has: cfg.Resources, service: service, waits: map[string]int{}, starts: map[string]int{}, every: 1,
		wants: map[probe.Ref]*want{}, runs: map[uint16]*want{}, taken: map[string][]time.Duration{},
	}
	y.core.SchedulerUp(0, 1, 0, nil)
	return y
}

// reserve queues one reservation.
func (y *yard) reserve(user string, need probe.Need) *want {
	w := &want{ref: probe.Ref(len(y.wants) + 1), user: user, need: need, came: y.now, started: -1}
	w.need.Slots = max(w.need.Slots, 1)
	y.wants[w.ref] = w
	y.waits[user]++
	y.out = y.core.ReserveNeed(y.now, 1, probe.Reserve{Ref: w.ref, Res: 1, Count: 1}, &probe.Class{User: []byte(user)}, need, y.out)
	y.answer()
	return w
}

// answer launches a task for each call, and looks whether all of it is there.
func (y *yard) answer() {
	for len(y.out) > 0 {
		e := y.out[0]
		y.out = y.out[1:]
		if e.Kind == EffectRefuse {
			y.t.Fatalf("%+v was refused", y.wants[e.Ref])
		}
		if e.Kind != EffectGetTask {
			continue
		}
		w := y.wants[e.Ref]
		w.started, w.ends = y.now, y.now+y.service(w.need)
		y.runs[e.Slot] = w
		y.waits[w.user]--
		y.starts[w.user]++
		m := probe.Launch{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Attempt: 1, Deadline: time.Hour}
		y.out = append(y.out, y.core.Launch(y.now, 1, &m, nil)...)
	}
	y.check()
}

// check adds up what runs.
func (y *yard) check() {
	slots, took := 0, make([]uint32, len(y.has))
	for _, w := range y.runs {
		slots += int(w.need.Slots)
		for r := range took {
			took[r] += w.need.Resources[r]
		}
	}
	if slots > y.slots {
		y.t.Fatalf("at %v tasks of %d slots run on %d", y.now, slots, y.slots)
	}
	for r := range took {
		if took[r] > y.has[r] {
			y.t.Fatalf("at %v tasks that take %d of resource %d run beside each other, and there are %d", y.now, took[r], r, y.has[r])
		}
	}
	if len(y.runs) == 0 {
		for _, w := range y.wants {
			if w.started < 0 {
				y.t.Fatalf("at %v nothing runs, and a reservation waits: %+v", y.now, w)
			}
		}
	}
	if y.answers++; y.answers%y.every == 0 {
		if err := y.core.CheckInvariants(); err != nil {
			y.t.Fatal(err)
		}
	}
}

// step ends the attempt that ends first, and reports whether there was one.
func (y *yard) step() bool {
	lane, found := uint16(0), false
	for _, l := range slices.Sorted(maps.Keys(y.runs)) {
		if !found || y.runs[l].ends < y.runs[lane].ends {
			lane, found = l, true
		}
	}
	if !found {
		return false
	}
	w := y.runs[lane]
	delete(y.runs, lane)
	y.now = max(y.now, w.ends)
	y.account(w)
	y.out = y.core.Done(y.now, lane, y.core.Slot(int(lane)).Call, End{Status: probe.StatusOK}, y.out)
	y.answer()
	return true
}

func (y *yard) account(w *want) {
	took := y.taken[w.user]
	if took == nil {
		took = make([]time.Duration, 1+len(y.has))
		y.taken[w.user] = took
	}
	took[0] += time.Duration(w.need.Slots) * (w.ends - w.started)
	for r := range y.has {
		took[1+r] += time.Duration(w.need.Resources[r]) * (w.ends - w.started)
	}
}

// drawNeed is a need that a worker can meet.
func drawNeed(t *rapid.T, cfg *Config) (n probe.Need) {
	if rapid.IntRange(0, 2).Draw(t, "wide") == 0 {
		return n
	}
	n.Slots = uint16(rapid.IntRange(1, cfg.Slots).Draw(t, "slots"))
	for r := range cfg.Resources {
		n.Resources[r] = rapid.Uint32Range(0, cfg.Resources[r]).Draw(t, "amount")
	}
	return n
}

func drawWide(t *rapid.T) Config {
	cfg := Config{Slots: rapid.IntRange(1, 8).Draw(t, "has slots"), Offers: rapid.Bool().Draw(t, "offers")}
	for range rapid.IntRange(0, 3).Draw(t, "kinds") {
		cfg.Resources = append(cfg.Resources, rapid.Uint32Range(1, 6).Draw(t, "has"))
	}
	return cfg
}

// TestWideProperties draws workers, disciplines and needs. Never does more run than there is, never does all stand
// still while something waits, and all that waits has run in the end, without an endless flood to end.
func TestWideProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawWide(t)
		cfg.Discipline = rapid.SampledFrom(everyDiscipline()).Draw(t, "discipline")
		y := newYard(t, cfg, func(probe.Need) time.Duration {
			return time.Duration(rapid.IntRange(1, 20).Draw(t, "service")) * time.Millisecond
		})
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			if rapid.Bool().Draw(t, "comes") {
				y.reserve(rapid.SampledFrom([]string{"a", "b/x", "b/y"}).Draw(t, "user"), drawNeed(t, &cfg))
			} else {
				y.step()
			}
		}
		for y.step() {
			y.tick()
		}
		for _, w := range y.wants {
			if w.started < 0 {
				t.Fatalf("never started: %+v", w)
			}
		}
	})
}

// tick does what the worker wants to be woken for.
func (y *yard) tick() {
	if at, due := y.core.NextWake(); due && at <= y.now {
		y.out = y.core.Tick(y.now, y.out)
		y.answer()
	}
}

// TestWideIsOvertakenByFew has a flood that never ends, first in, first out. Once all that came before it has started,
// a reservation waits for attempts that run then and, if a resource was missing, for those that run when it is there:
// two of the longest attempts, however wide it is. If it lacks only slots, none that came later starts before it.
func TestWideIsOvertakenByFew(t *testing.T) {
	const longest = 20 * time.Millisecond
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawWide(t)
		y := newYard(t, cfg, func(probe.Need) time.Duration {
			return time.Duration(rapid.IntRange(1, 20).Draw(t, "service")) * time.Millisecond
		})
		var all []*want
		for range 3 * cfg.Slots {
			all = append(all, y.reserve("", drawNeed(t, &cfg)))
		}
		for range rapid.IntRange(1, 60).Draw(t, "ends") {
			y.step()
			for range 2 { // so that there are always more
				all = append(all, y.reserve("", drawNeed(t, &cfg)))
			}
		}
		turn := time.Duration(0) // when all before have started
		for i, w := range all {
			turn = max(turn, w.came)
			switch {
			case w.started >= 0 && w.started > turn+2*longest, w.started < 0 && y.now > turn+2*longest:
				t.Fatalf("at %v: it was the turn of %d at %v: %+v", y.now, i, turn, w)
			case w.started < 0:
				return // those behind it have not had their turn
			}
			if w.need.Resources == [probe.MaxResources]uint32{} {
				for _, later := range all[i+1:] {
					if later.started >= 0 && later.started < w.started && later.started > turn {
						t.Fatalf("%+v started before %+v, whose turn it was at %v", later, w, turn)
					}
				}
			}
			turn = max(turn, w.started)
		}
	})
}

// TestWideUnderFairIsOvertakenByFew has a user with tasks of all slots beside one with plain ones that never end: it
// has a start for about as much time of its own as the other had, in every part of the run.
func TestWideUnderFairIsOvertakenByFew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Slots: rapid.IntRange(2, 8).Draw(t, "slots"), Discipline: Fair, Offers: rapid.Bool().Draw(t, "offers")}
		service := time.Duration(rapid.IntRange(1, 30).Draw(t, "service")) * time.Millisecond
		y := newYard(t, cfg, func(probe.Need) time.Duration { return service })
		y.every = 10
		for range 3 * cfg.Slots {
			y.reserve("plain", probe.Need{})
		}
		width := uint16(rapid.IntRange(2, cfg.Slots).Draw(t, "width"))
		y.reserve("wide", probe.Need{Slots: width})
		since := 0
		for range 400 {
			before := y.starts["wide"]
			y.step()
			y.reserve("plain", probe.Need{})
			switch {
			case y.starts["wide"] > before:
				since = 0
				y.reserve("wide", probe.Need{Slots: width})
			case since > 2*int(width)+2*cfg.Slots+creditTurns*cfg.Slots:
				t.Fatalf("%d plain tasks ended since a task of %d slots of %d started", since, width, cfg.Slots)
			default:
				since++
			}
		}
	})
}

// filled is what progressive filling gives users of a worker (dominant resource fairness: Ghodsi et al., NSDI 2011,
// §4.1, with tasks that can be divided): all users' dominant shares grow together, and those stop of which something is
// used up. The parts are of what there is in all: of slots first.
func filled(has []float64, needs [][]float64) (dominant []float64) {
	dominant = make([]float64, len(needs))
	rate := make([][]float64, len(needs)) // of each part, by dominant share
	grows := make([]bool, len(needs))
	for u, need := range needs {
		most := 0.0
		for r := range need {
			most = max(most, need[r]/has[r])
		}
		for r := range need {
			rate[u] = append(rate[u], need[r]/has[r]/most)
		}
		grows[u] = true
	}
	left := make([]float64, len(has))
	for r := range left {
		left[r] = 1
	}
	for slices.Contains(grows, true) {
		step := 2.0
		for r := range left {
			sum := 0.0
			for u := range needs {
				if grows[u] {
					sum += rate[u][r]
				}
			}
			if sum > 0 {
				step = min(step, left[r]/sum)
			}
		}
		for u := range needs {
			if !grows[u] {
				continue
			}
			dominant[u] += step
			for r := range left {
				left[r] -= step * rate[u][r]
			}
		}
		for u := range needs {
			for r := range left {
				if rate[u][r] > 0 && left[r] < 1e-9 {
					grows[u] = false
				}
			}
		}
	}
	return dominant
}

// TestDominantSharesAreTheory gives two users without end what each one's tasks take most of another thing of. In a
// long run their dominant shares are those of progressive filling, but for what cannot be divided: a task of each of
// them stands in the way, and what collects is not used.
func TestDominantSharesAreTheory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Slots: 64, Discipline: Fair, Resources: []uint32{60, 120}, Offers: rapid.Bool().Draw(t, "offers")}
		needs := []probe.Need{
			{Slots: 1, Resources: [probe.MaxResources]uint32{rapid.Uint32Range(1, 6).Draw(t, "a0"), rapid.Uint32Range(0, 2).Draw(t, "a1")}},
			{Slots: 1, Resources: [probe.MaxResources]uint32{rapid.Uint32Range(0, 1).Draw(t, "b0"), rapid.Uint32Range(3, 12).Draw(t, "b1")}},
		}
		users := []string{"a", "b"}
		n := 0
		y := newYard(t, cfg, func(probe.Need) time.Duration { n++; return 10*time.Millisecond + time.Duration(n%7)*time.Millisecond })
		y.every = 100
		for range 40 {
			for u, user := range users {
				y.reserve(user, needs[u])
			}
		}
		const warm = 200
		var began time.Duration
		for i := range 1000 {
			if i == warm {
				began = y.now
				clear(y.taken)
			}
			y.step()
			for u, user := range users {
				for y.waits[user] < 40 {
					y.reserve(user, needs[u])
				}
			}
		}
		has := []float64{64, 60, 120}
		var theory [][]float64
		for _, need := range needs {
			theory = append(theory, []float64{1, float64(need.Resources[0]), float64(need.Resources[1])})
		}
		want := filled(has, theory)
		for u, user := range users {
			got := 0.0
			for r := range has {
				got = max(got, y.taken[user][r].Seconds()/(y.now-began).Seconds()/has[r])
			}
			most := 0.0
			for r := range has {
				most = max(most, theory[u][r]/has[r])
			}
			if got < want[u]-2*most-0.02 || got > want[u]+2*most+0.02 {
				t.Fatalf("%s, with tasks of %v beside %v, had %.3f of what it takes most of; in theory %.3f (of both: %.3f)", user, theory[u], theory[1-u], got, want[u], want)
			}
		}
	})
}

// TestFilled has the example of the paper: 9 CPUs and 18 GB, tasks of 1 and 4, and of 3 and 1; and one in which a user
// goes on alone.
func TestFilled(t *testing.T) {
	if got := fmt.Sprintf("%.3f", filled([]float64{9, 18}, [][]float64{{1, 4}, {3, 1}})); got != "[0.667 0.667]" {
		t.Error(got)
	}
	if got := fmt.Sprintf("%.3f", filled([]float64{10, 10, 10}, [][]float64{{1, 2, 0}, {1, 2, 0}, {1, 0, 1}})); got != "[0.500 0.500 0.500]" {
		t.Error(got)
	}
}
