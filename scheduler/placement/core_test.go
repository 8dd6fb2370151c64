package placement

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
	"dunnock/task"
)

func newCore(cfg Config) *Core { return New(cfg, rand.New(rand.NewPCG(1, 1))) }

func TestProbesForgivesFloatNoise(t *testing.T) {
	for _, tt := range []struct {
		ratio float64
		tasks int
		want  int
	}{
		{1.1, 10, 11}, {2, 1, 2}, {1.5, 1, 2}, {1.5, 3, 5}, {1, 100_000, 100_000}, {1.05, 100, 105}, {1.1, 1_000_000, 1_100_000}, {16, 1_000_000, 16_000_000},
	} {
		if got := probes(tt.ratio, tt.tasks); got != tt.want {
			t.Errorf("probes(%v, %d) = %d, want %d", tt.ratio, tt.tasks, got, tt.want)
		}
	}
	// In exact arithmetic, for all ratios of two decimals.
	for cents := 100; cents <= 1600; cents++ {
		for _, tasks := range []int{1, 3, 10, 99, 1000, 99_999} {
			if got, want := probes(float64(cents)/100, tasks), (cents*tasks+99)/100; got != want {
				t.Fatalf("probes(%d/100, %d) = %d, want %d", cents, tasks, got, want)
			}
		}
	}
}

// A job of ten times the size leaves room that a small one does not take, and gets it back.
func TestPoolReusesByClass(t *testing.T) {
	var p pool[int]
	large, small := p.get(1000), p.get(3)
	if cap(large) < 1000 || cap(small) >= 1000 {
		t.Fatalf("capacities %d and %d", cap(large), cap(small))
	}
	for n := range 5000 {
		if room := cap(p.get(n)); room < n || n > 1<<fine && room > n+n/8+1 || n <= 1<<fine && room > max(2*n, 1) {
			t.Fatalf("room for %d where %d were asked for", room, n)
		}
	}
	p.put(large)
	if again := p.get(5); cap(again) >= 1000 {
		t.Error("a small slice took the large one's place")
	}
	if again := p.get(1024); &again[:1][0] != &large[:1][0] {
		t.Error("the large slice was not used again")
	}
	s := p.get(0)
	for i := range 100 {
		before := s
		if s = append(p.grow(s), i); i > 0 && cap(s) > cap(before) {
			if again := p.get(cap(before)); &again[:1][0] != &before[0] {
				t.Error("what a slice grew out of was not kept")
			}
		}
	}
	for i, v := range s {
		if v != i {
			t.Fatalf("element %d became %d while growing", i, v)
		}
	}
}

// What a pool keeps is a part of what was in use at once: most of the memory that many tasks had is not kept when they
// are gone.
func TestPoolsGiveBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pool[int]
		var out [][]int
		most := 0
		room := func(list [][]int) (n int) {
			for _, s := range list {
				n += cap(s)
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"get": func(t *rapid.T) { out = append(out, p.get(rapid.IntRange(0, 1<<16).Draw(t, "elements"))) },
			"put": func(t *rapid.T) {
				if len(out) == 0 {
					t.Skip()
				}
				p.put(out[len(out)-1])
				out = out[:len(out)-1]
			},
			"": func(t *rapid.T) {
				kept := 0
				for _, f := range p.free {
					kept += room(f)
				}
				used := room(out)
				most = max(most, used)
				if used != p.used || kept != p.spare || kept > max(spareElements, most/sparePart) {
					t.Fatalf("room for %d is in use and for %d kept, the pool counts %d and %d", used, kept, p.used, p.spare)
				}
			},
		})
	})
}

// At the bound of outstanding reservations a job waits for some to end instead of taking more.
func TestReservationsAreBounded(t *testing.T) {
	c := newCore(Config{})
	c.WorkerUp(0, 1, Worker{Slots: 1, Apps: []string{"app"}}, nil)
	ref, out, err := c.Submit(0, Spec{App: "app", Tasks: 2, ProbeRatio: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := c.find(ref)
	j.res = append(j.res, make([]reservation, indexMask+1-len(j.res))...)
	for i := 1; i < len(j.res); i++ { // outstanding, as far as the bound is concerned
		j.res[i].left = 1
	}
	out = c.reserve(j, &j.first, 1, 1, 0, out[:0])
	if len(out) != 0 {
		t.Fatalf("one reservation too many: %+v", out)
	}
	// Both are given back. Of the two that are sampled anew, in one Reserve, that fits; nothing else does.
	out = c.Refuse(0, 1, probe.Refuse{Ref: ref, Res: 0, Count: 1, Reason: probe.RefusedDraining}, out)
	if len(out) != 0 || j.deficit(&j.first) != 1 {
		t.Fatalf("a draining worker is sampled: %+v", out)
	}
	out = c.WorkerUp(0, 2, Worker{Slots: 1, Apps: []string{"app"}}, out)
	if len(out) != 0 || j.first.resampleAt == never {
		t.Fatalf("resample at %v, effects %+v", j.first.resampleAt, out)
	}
	j.res = j.res[:1] // the others end
	out = c.Tick(j.first.resampleAt, out)
	if len(out) != 1 || out[0].Worker != 2 || j.deficit(&j.first) != 0 {
		t.Fatalf("after the wait: %+v", out)
	}
}

// At that bound a task that is to go elsewhere gets no reservation of its own. Its job samples anew
// later, whether the call that found this out was answered with another task or with none.
func TestDisplacedTaskAtTheBound(t *testing.T) {
	for _, tasks := range []int{1, 2} {
		c := newCore(Config{})
		up := Worker{Slots: 2, Apps: []string{"app"}}
		c.WorkerUp(0, 1, up, nil)
		ref, _, err := c.Submit(0, Spec{App: "app", Tasks: tasks}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.GetTask(0, 1, probe.GetTask{Call: 1, Ref: ref}, nil)
		c.Finished(0, 1, probe.Finished{Call: 1, Ref: ref, Attempt: 1, Status: probe.StatusFailed}, nil)
		c.WorkerUp(0, 2, up, nil)
		j := c.find(ref)
		used := len(j.res)
		j.res = append(j.res, make([]reservation, indexMask+1-used)...)
		j.resFree = 0
		out := c.GetTask(0, 1, probe.GetTask{Call: 2, Ref: ref, Res: indexMask}, nil)
		want := map[int]EffectKind{1: EffectNoTask, 2: EffectLaunch}[tasks]
		if len(out) != 1 || out[0].Kind != want || j.first.bare != 1 || j.first.resampleAt == never {
			t.Errorf("%d tasks: %d without a reservation, next try at %v, effects %+v", tasks, j.first.bare, j.first.resampleAt, out)
		}
		j.res = j.res[:used]
		if out = c.Tick(j.first.resampleAt, out[:0]); len(out) != 1 || out[0].Worker != 2 || j.first.bare != 0 {
			t.Errorf("%d tasks: after the wait %+v", tasks, out)
		}
	}
}

// One GetTask looks at a bounded number of tasks that may not run at its worker. Those beyond still
// get to run, by the reservations that they have of their own.
func TestScanOfTheHeadIsBounded(t *testing.T) {
	c := newCore(Config{})
	const n = 3 * scanLimit
	up := Worker{Slots: n + 1, Apps: []string{"app"}}
	out := c.WorkerUp(0, 1, up, nil)
	ref, _, err := c.Submit(0, Spec{App: "app", Tasks: n, ProbeRatio: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for s := range uint16(n) {
		c.GetTask(0, 1, probe.GetTask{Slot: s, Call: 1, Ref: ref}, nil)
	}
	for s := range uint16(n) {
		c.Finished(0, 1, probe.Finished{Slot: s, Call: 1, Ref: ref, Task: uint32(s), Attempt: 1, Status: probe.StatusFailed}, nil)
	}
	j := c.find(ref)
	if j.first.returned.n != n {
		t.Fatalf("%d tasks returned to the only worker", j.first.returned.n)
	}
	out = c.WorkerUp(0, 2, up, out[:0])
	if len(out) != 1 {
		t.Fatalf("share of the new worker: %+v", out)
	}
	out = c.GetTask(0, 1, probe.GetTask{Slot: n, Call: 1, Ref: ref}, out[:0])
	if j.first.displaced.n != scanLimit || out[len(out)-1].Kind != EffectNoTask {
		t.Fatalf("%d tasks displaced by one call, and the answer is %+v", j.first.displaced.n, out[len(out)-1])
	}
	for s := range uint16(n) {
		out = c.GetTask(0, 2, probe.GetTask{Slot: s, Call: 1, Ref: ref, Res: math.MaxUint32}, out[:0])
		if out[0].Kind != EffectLaunch {
			t.Fatalf("call %d: %+v", s, out)
		}
		if err := c.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	}
}

// Call numbers count up over a worker's life and wrap around.
func TestCallNumbersWrap(t *testing.T) {
	c := newCore(Config{})
	c.WorkerUp(0, 1, Worker{Slots: 1, Apps: []string{"app"}}, nil)
	for i, call := range []uint32{math.MaxUint32 - 1, math.MaxUint32, 0, 1} {
		if out := c.GetTask(0, 1, probe.GetTask{Call: call, Ref: 7}, nil); len(out) != 1 {
			t.Errorf("call %d, the %d. in order, got %d answers", call, i, len(out))
		}
	}
	if out := c.GetTask(0, 1, probe.GetTask{Call: math.MaxUint32, Ref: 7}, nil); len(out) != 0 {
		t.Error("an older call was answered")
	}
}

// A Ref is not used again when the struct behind it is, and none is 0 when the generation wraps.
func TestRefsAreNotReused(t *testing.T) {
	c := newCore(Config{})
	c.WorkerUp(0, 1, Worker{Slots: 1, Apps: []string{"app"}}, nil)
	seen := map[probe.Ref]bool{}
	for range 5 {
		ref, _, err := c.Submit(0, Spec{App: "app", Tasks: 1}, nil)
		if err != nil || seen[ref] || uint32(ref) != 0 {
			t.Fatalf("Ref %#x: %v", ref, err)
		}
		seen[ref] = true
		c.Cancel(0, ref, nil)
		if _, ok := c.Job(ref); ok || len(c.Cancel(0, ref, nil)) > 0 {
			t.Errorf("Ref %#x is known after its end", ref)
		}
	}
	c.jobs[0].generation = math.MaxUint32
	if ref, _, err := c.Submit(0, Spec{App: "app", Tasks: 1}, nil); err != nil || ref == 0 {
		t.Errorf("Ref %#x after the last generation: %v", ref, err)
	}
}

// A million tasks that have come and gone leave the memory of those that were live at once.
func TestFinishedJobsLeaveNoMemory(t *testing.T) {
	c := newCore(Config{})
	c.WorkerUp(0, 1, Worker{Slots: 1, Apps: []string{"app"}}, nil)
	for range 1000 {
		ref, _, err := c.Submit(0, Spec{App: "app", Tasks: 1000}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Cancel(0, ref, nil)
	}
	kept := 0
	for _, f := range c.taskPool.free {
		kept += len(f)
	}
	if len(c.jobs) != 1 || kept != 1 {
		t.Errorf("%d job structs and %d task slices for one live job at a time", len(c.jobs), kept)
	}
}

// The constraint sets that are kept are those of live jobs, and the latest others.
func TestSetsKeepTheLatest(t *testing.T) {
	c := newCore(Config{MaxSets: 3})
	c.WorkerUp(0, 1, Worker{Slots: 1, Apps: []string{"a", "b", "c", "d"}}, nil)
	submit := func(app string) probe.Ref {
		ref, _, err := c.Submit(0, Spec{App: app, Tasks: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	submit("a") // stays live
	for _, tt := range []struct{ uses, kept string }{{"bcbd", "abd"}, {"bbcd", "acd"}} {
		for app := range strings.SplitSeq(tt.uses, "") {
			c.Cancel(0, submit(app), nil)
		}
		var kept []string
		for _, s := range c.sets {
			kept = append(kept, s.app)
		}
		slices.Sort(kept)
		if got := strings.Join(kept, ""); got != tt.kept {
			t.Errorf("after %s: kept %s, want %s", tt.uses, got, tt.kept)
		}
	}
	if err := c.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

func TestFarDeadlineNeverComes(t *testing.T) {
	c := newCore(Config{})
	c.WorkerUp(0, 1, Worker{Slots: 1, Apps: []string{"app"}}, nil)
	ref, _, err := c.Submit(time.Hour, Spec{App: "app", Tasks: 1, Deadline: math.MaxInt64}, nil)
	if at, due := c.NextWake(); err != nil || due {
		t.Errorf("wake at %v, %v", at, err)
	}
	if out := c.Tick(1000*time.Hour, nil); len(out) != 0 {
		t.Errorf("%+v", out)
	}
	if _, ok := c.Job(ref); !ok {
		t.Error("the job has ended")
	}
}

func TestCallersMistakesPanic(t *testing.T) {
	c := newCore(Config{})
	c.WorkerUp(0, 1, Worker{Slots: 1}, nil)
	for name, mistake := range map[string]func(){
		"connected already":   func() { c.WorkerUp(0, 1, Worker{Slots: 1}, nil) },
		"out of range":        func() { c.WorkerUp(0, maxWorkerID+1, Worker{Slots: 1}, nil) },
		"-1 slots":            func() { c.WorkerUp(0, 2, Worker{Slots: -1}, nil) },
		"policy: unknown":     func() { newCore(Config{Policy: 9}) },
		"min_backoff: want":   func() { newCore(Config{MinBackoff: time.Minute}) },
		"max_backoff: want":   func() { newCore(Config{MaxBackoff: time.Hour}) },
		"max_jobs: want 1 to": func() { newCore(Config{MaxJobs: -1}) },
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(r.(string), name) {
					t.Errorf("%s: panic %v", name, r)
				}
			}()
			mistake()
		}()
	}
}

func TestSubmitErrorsHaveCodes(t *testing.T) {
	c := newCore(Config{})
	_, _, err := c.Submit(0, Spec{App: "app", Tasks: 1}, nil)
	var e *task.Error
	if !errors.As(err, &e) || e.Code != task.CodeNoWorkers || e.RetryAfterMS <= 0 {
		t.Errorf("no workers: %v", err)
	}
	if _, _, err := c.Submit(0, Spec{App: "app", Tasks: 1, ProbeRatio: math.NaN()}, nil); !errors.Is(err, task.CodeInvalidJob) {
		t.Errorf("NaN: %v", err)
	}
	if c.Stats() != (Stats{}) {
		t.Errorf("refused jobs are counted: %+v", c.Stats())
	}
}

func TestPolicyNames(t *testing.T) {
	for _, p := range []Policy{LateBinding, LateBindingNoCancel} {
		if got, err := ParsePolicy(p.String()); err != nil || got != p {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := ParsePolicy("sparrow"); err == nil || !strings.Contains(err.Error(), "late-binding") {
		t.Errorf("unknown policy: %v", err)
	}
}
